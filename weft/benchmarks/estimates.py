"""Resource estimates against synthesis: what `weft calibrate` measured last, design by design."""

from __future__ import annotations

import json
from importlib.resources import files

from boards.calibration.errors import errors
from hwgen.estimate.estimate import FAMILIES
from hwgen.estimate.measured import Measured
from weft.benchmarks.registry import Progress, Row, at_most, benchmark

#: Relative error of tables and flip-flops that an estimate may have, of a design that it is not fitted to.
HELD_OUT = 0.08


@benchmark("estimates", "Resource estimates: tables and flip-flops, synthesized and estimated; multipliers and memory blocks are exact")
def estimates(progress: Progress) -> list[Row]:
    """Every measured design; the target is of the larger error."""
    data = json.loads(files("boards.calibration").joinpath("measured.json").read_text(encoding="utf-8"))
    rows: list[Row] = []
    for done, family in enumerate(FAMILIES):
        progress("fitting", done, len(FAMILIES))
        for each in errors(family, [Measured.from_json(design) for design in data[family.value]["designs"]]):
            error = max(abs(each.lut), abs(each.ff))
            rows.append(
                {
                    "family": family.value,
                    "design": each.design.name,
                    "fitted_to": not each.design.held_out,
                    "luts": each.design.packed_luts,
                    "luts_estimated": round(each.luts),
                    "ffs": round(each.design.total("ff")),
                    "ffs_estimated": round(each.ffs),
                    "error": round(error, 3),
                    **at_most(error, HELD_OUT),
                }
            )
    progress("fitting", len(FAMILIES), len(FAMILIES))
    return rows
