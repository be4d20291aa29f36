"""Quantized networks that are not of integers alone: they run in the golden model only (SPEC section 13)."""

from golden.simulated.network import SimulatedNetwork, simulate

__all__ = ["SimulatedNetwork", "simulate"]
