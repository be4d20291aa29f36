"""Delay lines."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value


def delay(m: Module, value: Value, cycles: int, *, name: str, resets: bool = False) -> Value:
    """The value as it was `cycles` cycles ago.  `resets`: the line empties on reset (for valid flags); data lines keep no reset.

    The line is one register that moves up, so that a long one is not many lines of Verilog.
    """
    if cycles == 0:
        return value
    shape = value.shape()
    line = Signal(shape.width * cycles, name=f"{name}_line", reset_less=not resets)
    m.d.sync += line.eq(Cat(value, line))
    oldest = line[shape.width * (cycles - 1) :]
    return oldest.as_signed() if shape.signed else oldest
