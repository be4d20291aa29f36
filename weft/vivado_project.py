"""A network becomes a project for Vivado: compiled for the board's accelerator, emitted, and put into one folder with what Vivado needs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards.board import Board
from boards.top import EmitTops, Top
from boards.vivado import Resource, write_project
from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from hwgen.compiler.program import Program
from sim.verilog import selftest_verilog, uart_verilog
from weft.board_build import board_config, check_blocks, compile_for
from weft.design_folder import write_design
from weft.output import make_parents, new_folder
from weft.progress import Progress

DESIGN, VIVADO, RECORD = "design", "vivado", "project.json"
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class VivadoProject:
    """A project that was written.

    folder:    has `DESIGN`, as `weft generate` writes it, and `VIVADO`.
    resources: what Yosys' synthesis finds that the design takes, and what the device has; nothing is placed or routed.
    """

    folder: Path
    board: Board
    top: Top
    program: Program
    resources: tuple[Resource, ...]

    def to_json(self) -> dict[str, Any]:
        """What the record in the folder says."""
        return {
            "format": _FORMAT,
            "board": {"name": self.board.name, "title": self.board.title, "part": self.board.part},
            "top": self.top.value,
            "network": {"name": self.program.graph.name, "sha256": self.program.identity.network},
            "config": self.program.config.to_json(),
            "cycles": self.program.cycles,
            "synthesis": {each.name: {"used": each.used, "available": each.there} for each in self.resources},
            "placed_and_routed": False,
            "files": [DESIGN, VIVADO, RECORD],
        }


def project_for_board(
    graph: Graph,
    output: Path,
    board: Board,
    *,
    top: Top = Top.UART,
    mhz: float | None = None,
    config: str | None = None,
    parameters: Mapping[str, int | str] | None = None,
    force: bool = False,
    progress: Progress,
) -> VivadoProject:
    """Writes the folder, whole or not at all; see `weft.api.project`."""
    _check_replaceable(output, graph, board, force)
    progress("compiling the network", 0, 1)
    program = compile_for(board, graph, board_config(board, graph, config, parameters or {}))
    progress("compiling the network", 1, 1)
    # Of 64 x 64 multipliers Yosys would not find out for an hour.
    check_blocks(board, graph, program, bridge=top.serial and board.uart is not None)
    make_parents(output)
    with new_folder(output, _written) as draft:
        progress("writing Verilog", 0, 1)
        write_design(program, graph, draft / DESIGN)
        progress("writing Verilog", 1, 1)
        progress("synthesis, as a check", 0, 1)
        tops = EmitTops(uart_verilog, selftest_verilog)
        found = write_project(board, draft / DESIGN, draft / VIVADO, mhz=mhz, top=top, tops=tops)
        progress("synthesis, as a check", 1, 1)
        project = VivadoProject(output, board, top, program, found)
        (draft / RECORD).write_text(json.dumps(project.to_json(), indent=1) + "\n", encoding="utf-8")
    return project


def _record(folder: Path) -> dict[str, Any] | None:
    """The record in a folder; None in one that has none."""
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and data.get("format") == _FORMAT else None


def _written(folder: Path) -> Collection[str]:
    data = _record(folder)
    return () if data is None else [str(name) for name in data["files"]]


def _check_replaceable(output: Path, graph: Graph, board: Board, force: bool) -> None:
    """Raises InputError where a folder holds the project of another network or board, unless it may be replaced."""
    data = None if force else _record(output)
    if data is None:
        return
    way_out = "name another folder, or replace it with --force"
    if data["board"]["name"] != board.name:
        raise InputError(f"{output} holds a project for {data['board']['title']}, and not for {board.title}; {way_out}")
    if data["network"]["sha256"] != network_file.sha256(graph):
        raise InputError(f"{output} holds a project of another network, {data['network']['name']!r}, and not of {graph.name!r}; {way_out}")
