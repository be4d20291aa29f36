"""The Python API's functions on boards: builds, their reports and weights, projects for Vivado, loading, and what a device has room for.

They are part of `weft.api`, which is where users find them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import InputError
from golden.graph import Graph
from weft.configuration import named_configuration
from weft.network import Path_, graph_of
from weft.output import new_file
from weft.progress import Progress, silent

if TYPE_CHECKING:
    from boards.budget import Candidate
    from boards.record import BuildRecord
    from boards.report.report import BuildReport
    from boards.unit_sizes import UnitSizes
    from hwgen.compiler.program import Program
    from hwgen.config import AcceleratorConfig
    from weft.vivado_project import VivadoProject


def build(
    network: Graph | Path_,
    output: Path_,
    *,
    board: str,
    top: str = "uart",
    mhz: float | None = None,
    seeds: int = 4,
    jobs: int | None = None,
    allow_timing_failure: bool = False,
    config: str | None = None,
    force: bool = False,
    progress: Progress = silent,
    **parameters: int | str,
) -> BuildRecord:
    """Builds a bitstream for a board, with open tools; writes the folder with it, the design, the netlist and the reports, whole or not
    at all.  Stages that ran before with the same inputs come from the cache.

    board:                by name (`boards.definitions.BOARDS`).
    top:                  "uart", or "flash", the same with the weights of an iCE40 from the board's flash, or "selftest": recorded inputs
                          and outputs in memory, and LEDs for the result.
    mhz:                  the clock; the board's by default.
    seeds, jobs:          placements to try until one meets the clock, and how many at once; by default one for every core.
    allow_timing_failure: whether a bitstream whose clock is not met is a result too.
    config, parameters:   a named configuration, or parameters that are to differ from the board's; the memories follow the network.
    force:                replace the build of another network or board.

    Raises InputError, DoesNotFitError, ToolMissingError, ToolFailedError, and TimingError where no placement meets the clock.
    """
    from boards.build import Request
    from boards.definitions import find_board
    from boards.top import find_top
    from golden.interpreter import cores
    from weft.board_build import build_for_board

    chosen_jobs = cores() if jobs is None else jobs
    request = Request(find_board(board), find_top(top), mhz, seeds, chosen_jobs, allow_timing_failure)
    return build_for_board(graph_of(network), Path(output), request, config=config, parameters=parameters, force=force, progress=progress)


def project(
    network: Graph | Path_,
    output: Path_,
    *,
    board: str,
    top: str = "uart",
    mhz: float | None = None,
    config: str | None = None,
    force: bool = False,
    progress: Progress = silent,
    **parameters: int | str,
) -> VivadoProject:
    """Writes a project for Vivado, for a board whose device the open tools make no bitstreams for: Verilog, constraints, Tcl, and for a
    Zynq the Python that runs on it; whole or not at all.  It is checked as far as Yosys' synthesis goes.

    Parameters as of `build`; no design reads the flash, and the "uart" top of a Zynq hangs on its processor.

    Raises InputError, DoesNotFitError, ToolMissingError, ToolFailedError.
    """
    from boards.definitions import find_board
    from boards.top import find_top
    from weft.vivado_project import project_for_board

    return project_for_board(
        graph_of(network),
        Path(output),
        find_board(board),
        top=find_top(top),
        mhz=mhz,
        config=config,
        parameters=parameters,
        force=force,
        progress=progress,
    )


def report(folder: Path_, *, html: Path_ | None = None) -> BuildReport:
    """What a build came to: the folder that `build` wrote, by component; `html` is a page to write, which needs no other files.

    Raises InputError for a folder that is no finished build, or damaged.
    """
    from boards.report.report import read_report

    found = read_report(Path(folder))
    if html is not None:
        from weft.build_report import write_page

        with new_file(Path(html)) as draft:
            write_page(found, draft)
    return found


def replace_weights(network: Graph | Path_, folder: Path_, *, progress: Progress = silent) -> BuildRecord:
    """Puts a network into the bitstream of a finished build in place of the one that is there, without synthesis or place and route.

    Only the contents of memories change, so the result is what a whole build with the same placement would be.  For ECP5 boards, and
    networks that the build's accelerator holds, with the same rescale format; DoesNotFitError or InputError otherwise.
    """
    from weft.board_build import replace_weights as replace_in

    return replace_in(graph_of(network), Path(folder), progress=progress)


def flash(folder: Path_, memory: str | None = None, *, progress: Progress = silent) -> tuple[BuildRecord, str]:
    """Loads a build's bitstream onto its board, by openFPGALoader; returns the build and where it went: "sram" or "flash".

    memory: one of these; by default the device itself ("sram") where that works.
    Raises InputError, ToolMissingError, and ToolFailedError, which says what to check, where the board cannot be reached.
    """
    from boards.definitions import find_board
    from boards.flash import Memory
    from boards.flash import flash as load
    from boards.record import read_record

    record = read_record(Path(folder))
    progress("loading the bitstream", 0, 1)
    chosen = load(record, find_board(record.board), None if memory is None else Memory(memory))
    progress("loading the bitstream", 1, 1)
    return record, chosen.value


def units(config: str, *, family: str | None = None, flash: bool = False) -> UnitSizes:
    """What each unit of a named configuration takes of a device, behind a serial line, synthesized apart.

    family: of the device; by default the configuration's.  flash: with a loader of weights from an SPI flash.
    Raises InputError for a configuration or family that there is not, ToolMissingError without Yosys, ToolFailedError when it fails.
    """
    from boards.unit_sizes import unit_sizes
    from hwgen.family import Family

    chosen = named_configuration(config)
    if family is not None:
        chosen = replace(chosen, family=Family(family))
    return unit_sizes(chosen, flash_offset=0x100000 if flash else None)


def budget(network: Graph | Path_, board: str, *, percent: float = 100) -> tuple[Candidate, ...]:
    """The configurations for a network on a board, the largest array first, and whether the device, or so much of it, has room for each.

    Raises InputError for an unknown board or a percentage that is none.
    """
    from boards.budget import candidates
    from boards.definitions import find_board

    return candidates(find_board(board), graph_of(network), percent)


def within_budget(
    graph: Graph, board: str | None, percent: float, config: str | AcceleratorConfig | None, parameters: Mapping[str, int | str]
) -> Program:
    """The program on the largest configuration that fits so much of a board's device."""
    from boards.budget import largest
    from boards.definitions import find_board

    if board is None:
        raise InputError("a budget is a share of a board's device: name the board too")
    if config is not None or parameters:
        raise InputError("a budget chooses the configuration: leave out the configuration and its parameters, or the budget")
    chosen, _ = largest(find_board(board), graph, percent)
    assert chosen.program is not None
    return chosen.program


def on_board(graph: Graph, board: str, config: str | AcceleratorConfig | None, parameters: Mapping[str, int | str]) -> Program:
    """The program on a board's accelerator, or on another with the cells of the board's family."""
    from boards.definitions import find_board
    from weft.board_build import board_config, compile_for

    found = find_board(board)
    if isinstance(config, str) or config is None:
        config = board_config(found, graph, config, parameters)
    elif parameters:
        raise InputError(f"give a configuration or parameters ({', '.join(parameters)}), not both")
    return compile_for(found, graph, config)
