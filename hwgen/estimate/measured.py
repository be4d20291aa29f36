"""What synthesis made of a design: one measurement of those that the estimates are fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwgen.config import AcceleratorConfig


@dataclass(frozen=True)
class Measured:
    """A synthesized design.

    name:        for people.
    held_out:    whether the estimate is checked with it, and not fitted to it.
    components:  cells by kind ("lut", "ff", "dsp", "block_ram", "big_ram") by component.
    packed_luts: tables of the device, after packing.
    """

    name: str
    config: AcceleratorConfig
    held_out: bool
    components: Mapping[str, Mapping[str, float]]
    packed_luts: int

    def total(self, kind: str) -> float:
        """Cells of a kind in the whole design."""
        return sum(use.get(kind, 0) for use in self.components.values())

    def to_json(self) -> dict[str, Any]:
        """The fields; `from_json` reads them back."""
        return {
            "name": self.name,
            "config": self.config.to_json(),
            "held_out": self.held_out,
            "components": {name: {kind: value for kind, value in use.items() if value} for name, use in self.components.items()},
            "packed_luts": self.packed_luts,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measured:
        """Reads what `to_json` wrote."""
        return cls(data["name"], AcceleratorConfig.from_json(data["config"]), data["held_out"], data["components"], data["packed_luts"])
