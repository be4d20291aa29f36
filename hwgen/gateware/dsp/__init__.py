"""Multipliers made of the DSP cells of a family, one module each, behind the one interface of `hwgen.gateware.multiplier`."""
