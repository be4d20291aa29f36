"""Where the numbers of resource estimates come from: designs and memories are synthesized, and coefficients fitted to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from boards.calibration.designs import cases, measure
from boards.calibration.errors import markdown
from boards.calibration.fit import fit
from boards.calibration.memory_shapes import measure_memories
from boards.tools import require
from hwgen.estimate.estimate import FAMILIES
from hwgen.estimate.measured import Measured
from hwgen.family import Family
from hwgen.yosys import YOSYS

Progress = Callable[[str, int, int], None]

#: Files, from the root of the sources: measurements, coefficients fitted to them, and the document that shows their errors.
MEASURED = "boards/calibration/measured.json"
COEFFICIENTS = "hwgen/estimate/coefficients.json"
DOCUMENT = "docs/resources.md"
#: Between these lines the document has the table of errors.
BEGIN, END = "<!-- weft calibrate writes this table -->\n", "<!-- until here -->\n"


def calibrate(root: Path, families: Sequence[Family] = FAMILIES, *, progress: Progress) -> None:
    """Measures families anew and fits their coefficients; those of other families stay.  What the cache has is not synthesized again.

    root: of the sources.
    Raises ToolMissingError and ToolFailedError.
    """
    yosys = require(YOSYS)[YOSYS]
    todo = [(family, case) for family in families for case in cases(family)]
    found: dict[Family, list[Any]] = {family: [] for family in families}
    for number, (family, case) in enumerate(todo):
        progress(f"synthesis of {case.name} for {family.value}", number, len(todo))
        found[family].append(measure(case, family, yosys))
    memories = {family: measure_memories(family, yosys) for family in families}
    measured, coefficients = (_read(root / name) for name in (MEASURED, COEFFICIENTS))  # as another family's calibration may have left them
    for family in families:
        measured[family.value] = {
            "yosys": yosys.label,
            "designs": [each.to_json() for each in found[family]],
            "memories": [[*asdict(memory).values(), kind, count] for memory, kind, count in memories[family]],
        }
        coefficients[family.value] = fit(found[family]).to_json()
    _write(root / MEASURED, measured)
    _write(root / COEFFICIENTS, coefficients)
    _document(root / DOCUMENT, read_measured(root))


def read_measured(root: Path) -> dict[Family, tuple[Measured, ...]]:
    """The measured designs by family."""
    data = _read(root / MEASURED)
    return {
        family: tuple(Measured.from_json(each) for each in data[family.value]["designs"]) for family in FAMILIES if family.value in data
    }


def table(text: str) -> str:
    """The table that a document has between BEGIN and END."""
    return text.partition(BEGIN)[2].partition(END)[0]


def _document(path: Path, measured: Mapping[Family, tuple[Measured, ...]]) -> None:
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}{markdown(measured)}{END}{after}", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _write(path: Path, data: Mapping[str, Any]) -> None:
    """One line for each entry of the lists within, so that changes are seen line by line."""
    path.write_text(_lines(data) + "\n", encoding="utf-8")


def _lines(value: Any, depth: int = 0, deepest: int = 3) -> str:
    if depth == deepest or not isinstance(value, dict | list) or not value:
        return json.dumps(value)
    indent, close = " " * (depth + 1), " " * depth
    if isinstance(value, list):
        return "[\n" + ",\n".join(indent + _lines(each, depth + 1, deepest) for each in value) + f"\n{close}]"
    return (
        "{\n"
        + ",\n".join(f"{indent}{json.dumps(name)}: {_lines(each, depth + 1, deepest)}" for name, each in value.items())
        + f"\n{close}}}"
    )
