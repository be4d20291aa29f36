"""Coefficients of the estimates, by family: what `boards.calibration` fitted to synthesized designs."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from hwgen.config import AcceleratorConfig
from hwgen.estimate.terms import terms
from hwgen.family import Family

FILE = "coefficients.json"
#: What is fitted; blocks are counted.
KINDS = ("lut", "ff")


@dataclass(frozen=True)
class Coefficients:
    """Of a family.

    parts:   by part, kind and term, cells for each unit of the term.
    packing: tables of the device for each cell of a kind in the netlist, once it is packed.
    """

    parts: Mapping[str, Mapping[str, Mapping[str, float]]]
    packing: Mapping[str, float]

    def cells(self, config: AcceleratorConfig, family: Family, kind: str) -> dict[str, float]:
        """Cells of a kind by part, in the netlist."""
        values = terms(config, family)
        return {part: sum(value * values[part][name] for name, value in kinds[kind].items()) for part, kinds in self.parts.items()}

    def packed(self, luts: float, ffs: float) -> float:
        """Tables of the device that so many tables and flip-flops of the netlist take."""
        return self.packing["lut"] * luts + self.packing["ff"] * ffs

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


@functools.cache
def coefficients() -> Mapping[Family, Coefficients]:
    """The coefficients that come with Weft."""
    data = json.loads(files("hwgen.estimate").joinpath(FILE).read_text(encoding="utf-8"))
    return {Family(name): Coefficients(each["parts"], each["packing"]) for name, each in data.items()}
