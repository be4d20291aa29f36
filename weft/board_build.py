"""A network becomes a bitstream: compiled for the board's accelerator, emitted, built, and put into one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from boards.board import Board
from boards.budget import BOARDS_OWN, candidates
from boards.build import Request, build, toolchain, write_record
from boards.definitions import BOARDS, find_board
from boards.fit import shortages
from boards.placement import WAYS_OUT
from boards.record import DESIGN, RECORD, BuildRecord, is_build, read_record
from boards.report.report import read_report
from boards.reweight import check_replaceable as check_contents
from boards.reweight import replace_contents
from boards.stages import StageResult
from boards.top import EmitTops, Top, replay_depth
from golden import network_file
from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph
from hwgen.compiler.fitting import compile_fitted, compile_least
from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.estimate.blocks import Memory, mapping
from hwgen.estimate.estimate import estimate
from hwgen.gateware.replay import RECORD_BITS
from sim.verilog import selftest_verilog, uart_verilog
from weft.build_report import REPORT_PAGE, write_page
from weft.configuration import named_configuration
from weft.design_folder import write_design
from weft.output import make_parents, new_folder
from weft.progress import Progress
from weft.version import VERSION


def board_config(board: Board, graph: Graph, config: str | None, parameters: Mapping[str, int | str]) -> AcceleratorConfig:
    """The accelerator to compile for: the board's, a named one or the board's with other parameters; its memories are set by the network.

    Raises InputError for an unknown name or invalid parameters.
    """
    if config is not None:
        if parameters:
            raise InputError(f"give the configuration {config!r} or parameters ({', '.join(parameters)}), not both")
        return replace(named_configuration(config).with_rescale(graph.format), family=board.family)
    chosen = {**board.config.to_json(), "rescale": str(graph.format), **parameters}
    return AcceleratorConfig.from_json(chosen)


def compile_for(board: Board, graph: Graph, config: AcceleratorConfig) -> Program:
    """The program on the accelerator with the least memories; activations and weights keep the configuration's where they lie in large
    memory blocks, which nothing else uses.  Raises DoesNotFitError where the network is too large for the accelerator.
    """
    try:
        program = compile_least(graph, config)
        if board.capacity.big_ram and not config.overlap:
            kept = {name: max(getattr(config, name), getattr(program.config, name)) for name in ("act_depth", "weight_depth")}
            program = compile_fitted(graph, replace(program.config, **kept), ())
    except DoesNotFitError as error:
        raise DoesNotFitError(f"{error.message} (on {board.title})", error.problems) from error
    return program


def check_blocks(board: Board, graph: Graph, program: Program, *, bridge: bool) -> None:
    """Raises DoesNotFitError, with what would fit, where the device has too few multipliers or memory blocks: those are known exactly."""
    need = estimate(program.config, bridge=bridge).total.to_json()
    lacks = shortages({**need, "lut": 0, "ff": 0}, board.capacity)
    if not lacks:
        return
    smaller = WAYS_OUT[0] if need["dsp"] > board.capacity.dsp else "a smaller network needs less memory"
    problems = [*lacks, *_where_it_fits(board, graph, program.config), smaller]
    raise DoesNotFitError(f"{graph.name} on {program.config.rows} x {program.config.cols} does not fit {board.title}", problems)


def _where_it_fits(board: Board, graph: Graph, config: AcceleratorConfig) -> list[str]:
    """Other configurations on the board, and other boards' own, which a network is estimated to fit, as sentences."""

    def fits_on(other: Board) -> bool:
        return any(each.fits for each in candidates(other, graph) if each.name == BOARDS_OWN)

    here = [
        each.name
        for each in candidates(board, graph)
        if each.fits and each.name != BOARDS_OWN and (each.config.rows, each.config.cols) != (config.rows, config.cols)
    ]
    others = [other for other in BOARDS.values() if other is not board and fits_on(other)]
    found = [
        ("it should fit as", "config", here),
        ("it should fit", "board", [other.name for other in others if other.buildable]),
        ("it should fit, with Vivado,", "board", [other.name for other in others if not other.buildable]),
    ]
    return [f"{sentence} {', '.join(f'--{option} {name}' for name in names)}" for sentence, option, names in found if names]


def build_for_board(
    graph: Graph,
    output: Path,
    request: Request,
    *,
    config: str | None,
    parameters: Mapping[str, int | str],
    force: bool,
    progress: Progress,
) -> BuildRecord:
    """Builds and writes the folder, whole or not at all; see `weft.api.build`."""
    board = request.board
    toolchain(board)
    request.clock()
    check_replaceable(output, graph, board, force)

    chosen = board_config(board, graph, config, parameters)
    program, compiled = _compiled(lambda: compile_for(board, graph, chosen), progress)
    check_blocks(board, graph, program, bridge=request.top.serial)
    make_parents(output)
    with new_folder(output, written) as draft:
        emitted = _emit(program, graph, draft / DESIGN, progress)
        if request.top is Top.SELFTEST and not _room_for_recording(board, program, draft / DESIGN):
            write_design(program, graph, draft / DESIGN, vectors=1)
        tops = EmitTops(uart_verilog, selftest_verilog)
        try:
            record = build(request, draft, version=VERSION, verilog=tops, before=(compiled, emitted), progress=progress)
        except DoesNotFitError as error:
            plain = [problem for problem in error.problems if problem not in WAYS_OUT]
            raise DoesNotFitError(error.message, [*plain, *_where_it_fits(board, graph, program.config), *WAYS_OUT]) from error
        record = _report(record, board, progress)
    return BuildRecord(output, record.data)


def _room_for_recording(board: Board, program: Program, design: Path) -> bool:
    """Whether the device has the memory blocks for a self-test's recording, beside those of the accelerator."""
    recording = mapping(Memory(RECORD_BITS, replay_depth(design), RECORD_BITS), board.family).blocks
    return estimate(program.config, bridge=False).total.block_ram + recording <= board.capacity.block_ram


def replace_weights(graph: Graph, folder: Path, *, progress: Progress) -> BuildRecord:
    """Puts another network into the bitstream of a finished build; see `weft.api.replace_weights`."""
    finished = read_record(folder)
    board, config = find_board(finished.board), AcceleratorConfig.from_json(finished.data["config"])
    check_contents(board, finished)
    if graph.format != config.rescale:
        raise InputError(
            f"the accelerator in {folder} rescales as {config.rescale}, and {graph.name!r} as {graph.format}; quantize it with --rescale "
            f"{config.rescale}, or build anew without --weights-only"
        )
    try:
        program, compiled = _compiled(lambda: compile_fitted(graph, config, ()), progress)
    except DoesNotFitError as error:
        message = f"{graph.name!r} does not fit the accelerator of the build in {folder}; build it anew, without --weights-only"
        raise DoesNotFitError(message, error.problems) from error
    with new_folder(folder, written) as draft:
        emitted = _emit(program, graph, draft / DESIGN, progress)
        record = replace_contents(board, finished, draft, version=VERSION, before=(compiled, emitted), progress=progress)
        record = _report(record, board, progress)
    return BuildRecord(folder, record.data)


def _compiled(compilation: Callable[[], Program], progress: Progress) -> tuple[Program, StageResult]:
    start = time.monotonic()
    progress("compiling the network", 0, 1)
    program = compilation()
    progress("compiling the network", 1, 1)
    return program, StageResult("compile", time.monotonic() - start, False)


def _emit(program: Program, graph: Graph, folder: Path, progress: Progress) -> StageResult:
    """Writes the design as `weft generate` does."""
    start = time.monotonic()
    progress("writing Verilog", 0, 1)
    write_design(program, graph, folder)
    progress("writing Verilog", 1, 1)
    return StageResult("emit", time.monotonic() - start, False)


def _report(record: BuildRecord, board: Board, progress: Progress) -> BuildRecord:
    """Writes the page with the report into a build's folder."""
    progress("writing the report", 0, 1)
    write_page(read_report(record.folder), record.folder / REPORT_PAGE)
    record = write_record(record.folder, record.data, board)
    progress("writing the report", 1, 1)
    return record


def written(folder: Path) -> Collection[str]:
    """The entries of a folder that an earlier build wrote."""
    if not is_build(folder):
        return ()
    files: Any = read_record(folder).data["files"]
    return {RECORD, *files}


def check_replaceable(output: Path, graph: Graph, board: Board, force: bool) -> None:
    """Raises InputError where a folder holds the build of another network or board, unless it may be replaced."""
    if force or not is_build(output):
        return
    data = read_record(output).data
    way_out = "name another folder, or replace it with --force"
    if data["board"]["name"] != board.name:
        raise InputError(f"{output} holds a build for {data['board']['title']}, and not for {board.title}; {way_out}")
    if data["network"]["sha256"] != network_file.sha256(graph):
        raise InputError(f"{output} holds a build of another network, {data['network']['name']!r}, and not of {graph.name!r}; {way_out}")
