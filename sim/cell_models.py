"""Behavioural models of the cells that emitted Verilog of a family holds, for its simulation."""

from __future__ import annotations

from pathlib import Path

from hwgen.family import Family

_FOLDER = Path(__file__).parent / "cells"


def cell_models(family: Family) -> tuple[Path, ...]:
    """Verilog files to add to a design of that family; none for one whose Verilog holds no cells."""
    path = _FOLDER / f"{family.value}.v"
    return (path,) if path.is_file() else ()
