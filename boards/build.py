"""The flow from an emitted design to a bitstream: top, synthesis, place and route, packing, each stage cached by content."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards import packing, placement, synthesis
from boards.board import Board
from boards.fit import check_cells
from boards.placement import Placement
from boards.pll import PllSettings, solve
from boards.record import DESIGN, FORMAT, RECORD, BuildRecord
from boards.stages import StageResult, run_stage
from boards.tools import TOOLCHAINS, require
from boards.top import CONSTRAINTS, SELFTEST_FILE, UART_FILE, EmitTops, Top, replay_depth, top_sources
from golden.errors import InputError, TimingError
from hwgen.config import AcceleratorConfig
from hwgen.design import Design, read_design
from hwgen.gateware.selftest import REPLAY_FILE
from hwgen.programs import FoundProgram, Program
from hwgen.regmap import volatile
from hwgen.uart_link import divisor
from hwgen.yosys import YOSYS

#: Called with (what is being done, steps done, steps in all).
Progress = Callable[[str, int, int], None]

_MEGA = 1e6


@dataclass(frozen=True)
class Request:
    """What to build.

    board:                what for.
    top:                  what drives the accelerator.
    mhz:                  the clock to ask for; the board's by default.
    seeds, jobs:          placements to try at most, and how many at once.
    allow_timing_failure: whether a bitstream whose clock is not met is a result too.

    Raises InputError for counts below 1.
    """

    board: Board
    top: Top = Top.UART
    mhz: float | None = None
    seeds: int = 4
    jobs: int = 1
    allow_timing_failure: bool = False

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.jobs < 1:
            raise InputError(f"seeds and jobs must be at least 1, not {self.seeds} and {self.jobs}")

    def clock(self) -> PllSettings:
        """The clock, as near to what is asked for as the PLL can make it.  Raises InputError where that is not near."""
        board = self.board
        return solve(board.family, board.platform().default_clk_frequency / _MEGA, board.clock_mhz if self.mhz is None else self.mhz)


def toolchain(board: Board) -> dict[Program, FoundProgram]:
    """The programs that build for a board.  Raises InputError where no open ones do, ToolMissingError for what is not installed."""
    if board.family not in TOOLCHAINS:
        raise InputError(
            f"the open tools make no bitstreams for {board.title} ({board.part}): its project goes to Vivado; "
            f"`weft build` or weft.api.project writes it"
        )
    return require(YOSYS, *TOOLCHAINS[board.family])


def build(
    request: Request,
    folder: Path,
    *,
    version: str,
    verilog: EmitTops,
    before: tuple[StageResult, ...] = (),
    progress: Progress,
) -> BuildRecord:
    """Builds a bitstream in a folder whose subfolder DESIGN is an emitted design; what else it leaves there is in `BuildRecord.data`.

    version: of Weft, for the record.
    verilog: gives uart.v or selftest.v.
    before:  stages that led to the design.
    Raises InputError, DoesNotFitError, ToolMissingError, ToolFailedError, and TimingError where no seed meets the clock.
    """
    board, design = request.board, read_design(folder / DESIGN)
    tools, pll = toolchain(board), request.clock()
    mhz = float(pll.mhz)
    _write_top(request, pll, design, folder, verilog)

    netlist = _synthesize(request, design, folder, tools[YOSYS], progress)
    check_cells(board, synthesis.cell_counts(folder / synthesis.NETLIST))
    nextpnr, packer = (tools[program] for program in TOOLCHAINS[board.family])
    chosen, tried = _place(request, folder, nextpnr, mhz, progress)
    if not chosen.timing.meets(mhz) and not request.allow_timing_failure:
        raise timing_error(board, chosen, tried, mhz)
    packed = pack_stage(board, packer, folder, progress)
    if _flash_offset(request, design.config) is not None:
        packing.append_weights(board, design, folder)

    path = chosen.timing.path
    data = {
        "format": FORMAT,
        "weft": version,
        "board": {"name": board.name, "title": board.title, "family": board.family.value, "part": board.part},
        "top": request.top.value,
        "network": {"name": design.network_name, "sha256": design.network_sha256},
        "config": design.config.to_json(),
        "cycles": design.cycles,
        "clock": {
            "asked_mhz": board.clock_mhz if request.mhz is None else request.mhz,
            "mhz": mhz,
            "reached_mhz": chosen.timing.mhz,
            "met": chosen.timing.meets(mhz),
            "slack_ns": chosen.timing.slack_ns(mhz),
            "pll": pll.to_json(),
        },
        "baud": board.baud if request.top.serial else None,
        "seed": chosen.seed,
        "seeds": [each.to_json(mhz) for each in tried],
        "stages": [stage.to_json() for stage in (*before, netlist, chosen.stage, packed)],
        "tools": {program.name: found.label for program, found in tools.items()},
        "utilization": {name: {"used": used, "available": there} for name, (used, there) in chosen.timing.utilization.items()},
        "critical_path": None if path is None else [step.to_json() for step in path.steps],
    }
    return write_record(folder, data, board)


def write_record(folder: Path, data: Mapping[str, Any], board: Board) -> BuildRecord:
    """Writes build.json with the bitstream's digest and the files of the folder."""
    name = packing.bitstream_file(board)
    content = (folder / name).read_bytes()
    bitstream = {"file": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    complete = {**data, "bitstream": bitstream, "files": sorted({RECORD, *(path.name for path in folder.iterdir())})}
    (folder / RECORD).write_text(json.dumps(complete, indent=1) + "\n", encoding="utf-8")
    return BuildRecord(folder, complete)


def _write_top(request: Request, pll: PllSettings, design: Design, folder: Path, verilog: EmitTops) -> None:
    """top.il, the constraints and the Verilog between top and accelerator."""
    offset = _flash_offset(request, design.config)
    if request.top is Top.SELFTEST:
        text = verilog.selftest(design.config, replay_depth(folder / DESIGN), flash_offset=offset)
        (folder / SELFTEST_FILE).write_text(text, encoding="utf-8")
    else:
        bit = divisor(float(pll.mhz) * _MEGA, request.board.baud)
        (folder / UART_FILE).write_text(verilog.uart(design.config, bit, flash_offset=offset), encoding="utf-8")
    sources = top_sources(request.board, pll, request.top, flash=offset is not None)
    (folder / "top.il").write_text(sources.rtlil, encoding="utf-8")
    (folder / sources.constraints_file).write_text(sources.constraints, encoding="utf-8")


def _flash_offset(request: Request, config: AcceleratorConfig) -> int | None:
    """Where the flash has the weights, for a top that loads them from there.  Raises InputError where that makes no sense."""
    board, top = request.board, request.top
    if top is Top.UART:
        return None
    if not volatile(config):
        if top is Top.FLASH:
            raise InputError(f"the bitstream of this accelerator for {board.title} holds its weights: use --top uart")
        return None
    if board.flash is None:
        raise InputError(f"bitstreams for {board.title} do not hold the weights of this accelerator, nor does its flash: use --top uart")
    return board.flash.offset


def _synthesize(request: Request, design: Design, folder: Path, yosys: FoundProgram, progress: Progress) -> StageResult:
    between = SELFTEST_FILE if request.top is Top.SELFTEST else UART_FILE
    images = [*design.images.values(), *([REPLAY_FILE] if request.top is Top.SELFTEST else [])]
    inputs = {name: folder / DESIGN / name for name in ("accelerator.v", *images)}
    inputs |= {name: folder / name for name in (between, "top.il")}
    text = synthesis.script(request.board.family, ["accelerator.v", between])
    with _Step("synthesis", progress) as step:
        return run_stage(
            "synthesis",
            inputs,
            synthesis.settings(yosys, text),
            (synthesis.NETLIST, synthesis.LOG),
            folder,
            lambda scratch: synthesis.synthesize(yosys, scratch, text, request.board.family, step.compiling),
        )


def _place(request: Request, folder: Path, nextpnr: FoundProgram, mhz: float, progress: Progress) -> tuple[Placement, list[Placement]]:
    """Tries seeds; the files of the one to keep come into the folder, those of the others go."""
    board = request.board
    constraints = f"top.{CONSTRAINTS[board.family]}"
    sources = {name: folder / name for name in (synthesis.NETLIST, constraints)}
    trials = folder / "seeds"
    ended = 0
    with _Step("place and route", progress, request.seeds) as step:

        def attempt(seed: int, cancel: threading.Event) -> Placement:
            into = trials / str(seed)
            return placement.place(board, nextpnr, sources, constraints, mhz, seed, into, cancel=cancel, compiling=step.compiling)

        def tried(result: Placement) -> None:
            nonlocal ended
            ended += 1
            step.at(ended)

        chosen, all_tried = placement.place_seeds(request.seeds, request.jobs, mhz, attempt, tried)
    for name in placement.outputs(board.family):
        (chosen.folder / name).replace(folder / name)
    shutil.rmtree(trials)
    return chosen, all_tried


def pack_stage(board: Board, packer: FoundProgram, folder: Path, progress: Progress) -> StageResult:
    """The bitstream of the placement that is in a folder."""
    source = packing.source_file(board)
    with _Step("packing the bitstream", progress) as step:
        return run_stage(
            "packing",
            {source: folder / source},
            [packer.label, *packing.options(board)],
            (packing.bitstream_file(board),),
            folder,
            lambda scratch: packing.pack(board, packer, scratch, step.compiling),
        )


def timing_error(board: Board, chosen: Placement, tried: list[Placement], mhz: float) -> TimingError:
    """What to say where no seed meets the clock."""
    timing = chosen.timing
    seeds = "seed 1" if len(tried) == 1 else f"{len(tried)} seeds, {', '.join(f'{each.timing.mhz:.1f}' for each in tried)} MHz"
    message = (
        f"the design does not meet its clock on {board.title}: {timing.mhz:.1f} MHz of {mhz:g} MHz ({seeds}); "
        f"the slowest path is {-timing.slack_ns(mhz):.2f} ns too long"
    )
    problems = []
    path = timing.path
    if path is not None:
        head = f"the path takes {path.logic_ns:.2f} ns in cells and {path.routing_ns:.2f} ns on wires:"
        problems.append("\n      ".join([head, *path.lines()]))
    problems += [
        f"--freq {int(timing.mhz)} asks for a clock that this placement reaches" if timing.mhz >= 1 else "the design has a loop",
        f"--seeds {2 * len(tried)} tries more placements; a few per cent are in it",
        "fewer rows, columns or lanes (--rows, --cols, --lanes) have shorter wires",
        "--allow-timing-failure makes the bitstream nevertheless; what it computes on a board is then anybody's guess",
    ]
    return TimingError(message, problems)


class _Step:
    """Progress of a stage."""

    def __init__(self, what: str, progress: Progress, total: int = 1) -> None:
        self.what, self._progress, self._total = what, progress, total
        self._compiled = False

    def __enter__(self) -> _Step:
        self.at(0)
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.at(self._total)
            if self._compiled:
                self._progress(self._compilation, 1, 1)

    def at(self, done: int) -> None:
        """So many steps are done."""
        self._progress(self.what, done, self._total)

    @property
    def _compilation(self) -> str:
        return f"first use of the tool for {self.what}: it is compiled, which takes a minute and is done once"

    def compiling(self) -> None:
        """The tool is being compiled."""
        self._compiled = True
        self._progress(self._compilation, 0, 1)
