"""What all PLLs have in common, and the clock that needs none."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from amaranth.hdl import Module


class PllSettings(Protocol):
    """Dividers of a PLL, and how its cell is made."""

    @property
    def mhz(self) -> Fraction:
        """The clock that comes out, in MHz, exactly."""

    def to_json(self) -> dict[str, Any]:
        """The cell and its dividers."""

    def add_to(self, m: Module, source: Any, clock: Any, locked: Any) -> None:
        """Adds the cell to a module.  source: the platform's port of the clock pin; clock, locked: signals to drive."""


@dataclass(frozen=True)
class Direct:
    """The board's clock as it is."""

    mhz: Fraction

    def to_json(self) -> dict[str, Any]:
        return {"cell": None}

    def add_to(self, m: Module, source: Any, clock: Any, locked: Any) -> None:
        m.d.comb += [clock.eq(input_buffer(m, source)), locked.eq(1)]


def input_buffer(m: Module, source: Any) -> Any:
    """The signal of an input pin."""
    from amaranth.lib import io

    m.submodules.clock_buffer = buffer = io.Buffer("i", source)
    return buffer.i
