"""Place and route by nextpnr: several seeds, at once where there are cores for it, and the one to keep."""

from __future__ import annotations

import concurrent.futures
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from boards import macro_placement, register_copies
from boards.board import Board
from boards.macro_placement import fills, place_macros
from boards.macro_sites import Sites
from boards.register_copies import copy_registers
from boards.stages import StageResult, run_stage
from boards.synthesis import NETLIST
from boards.timing import TimingReport, read_timing
from golden.errors import DoesNotFitError, ToolFailedError
from hwgen import netlist
from hwgen.family import Family
from hwgen.process import CancelledError, log_end, run
from hwgen.programs import FoundProgram

PLACED, TIMING, LOG = "placed.json", "timing.json", "place.log"
#: What the packer takes besides the placement.
CONFIGURATION = {Family.ECP5: "chip.config", Family.ICE40: "chip.asc"}


@dataclass(frozen=True)
class Placement:
    """A seed's result.

    folder: that has PLACED, TIMING, LOG and CONFIGURATION.
    timing: what TIMING says.
    """

    seed: int
    stage: StageResult
    folder: Path
    timing: TimingReport

    def to_json(self, mhz: float) -> dict[str, Any]:
        """Seed, clock reached and time."""
        return {"seed": self.seed, "reached_mhz": round(self.timing.mhz, 3), "met": self.timing.meets(mhz), **self.stage.to_json()}


def outputs(family: Family) -> tuple[str, ...]:
    """The files that place and route leaves."""
    return tuple(filter(None, (PLACED, TIMING, LOG, CONFIGURATION.get(family))))


def options(board: Board, constraints: str, mhz: float, seed: int) -> list[str]:
    """nextpnr's command line, without the program."""
    # Late nets have more than the usual weight in placing, where that is of use.
    family = {
        Family.ECP5: ["--lpf", constraints, "--textcfg", CONFIGURATION[Family.ECP5], "--placer-heap-timingweight", "150"],
        Family.ICE40: ["--pcf", constraints, "--asc", CONFIGURATION[Family.ICE40], "--placer-heap-timingweight", "40"],
        Family.GOWIN: ["--vopt", f"cst={constraints}"],
    }[board.family]
    # The usual router, router1, does not come to an end on some dense designs, of every family.
    common = ["--json", NETLIST, "--write", PLACED, "--report", TIMING, "--freq", f"{mhz:.6f}", "--seed", str(seed), "--router", "router2"]
    # Whether the clock is met is judged from the report, so that there is one in either case.
    return [*board.options, *common, *family, "--timing-allow-fail"]


#: Lets the router take up nets again that are late.  Where a clock is out of reach that hardly ever ends.
_LATE_NETS_AGAIN = "--tmg-ripup"


def place(
    board: Board,
    nextpnr: FoundProgram,
    sources: Mapping[str, Path],
    constraints: str,
    mhz: float,
    seed: int,
    into: Path,
    *,
    cancel: threading.Event | None = None,
    compiling: Callable[[], None] | None = None,
) -> Placement:
    """Places and routes with one seed.  A placement for ECP5 that would have met the clock, had no net taken a detour, is routed once
    more, late nets again and again.

    sources: NETLIST and the constraints.
    Raises DoesNotFitError for a design that is too large, ToolFailedError for any other failure.
    """
    words = options(board, constraints, mhz, seed)

    def attempt(name: str, words: list[str], into: Path) -> Placement:
        def make(folder: Path) -> None:
            if board.sites:
                _prepare(folder / NETLIST, board.sites, seed)
            try:
                run([nextpnr.path, *words], folder, folder / LOG, "place and route", cancel=cancel, compiling=compiling)
            except ToolFailedError as error:
                lacks = _shortage(folder / LOG)
                if lacks:
                    raise DoesNotFitError(f"the design does not fit {board.title}", [*lacks, *WAYS_OUT]) from error
                raise

        into.mkdir(parents=True, exist_ok=True)
        stage = run_stage(name, sources, [nextpnr.label, *words, *_preparation(board)], outputs(board.family), into, make)
        return Placement(seed, stage, into, read_timing(into / TIMING))

    first = attempt(f"place and route, seed {seed}", words, into)
    if board.family is not Family.ECP5 or first.timing.meets(mhz) or placed_mhz(into / LOG) < mhz:
        return first
    try:
        again = attempt(f"{first.stage.name}, late nets again", [*words, _LATE_NETS_AGAIN], into / "again")
    except ToolFailedError:
        return first
    if again.timing.mhz <= first.timing.mhz:
        return first
    stage = StageResult(again.stage.name, first.stage.seconds + again.stage.seconds, first.stage.cached and again.stage.cached)
    return replace(again, stage=stage)


def _prepare(file: Path, sites: Sites, seed: int) -> None:
    """Where they fill the device, gives the memory blocks and multipliers of a netlist their sites, and copies registers that drive cells
    far apart."""
    design = json.loads(file.read_text(encoding="utf-8"))
    if fills(Counter(cell["type"] for cell in design["modules"]["top"]["cells"].values()), sites):
        placed = place_macros(design, "top", sites, seed)
        copy_registers(design, "top", placed.at, seed)
        file.write_text(json.dumps(design), encoding="utf-8")


def _preparation(board: Board) -> list[str]:
    """What `_prepare` makes depends on this besides netlist and seed."""
    if not board.sites:
        return []
    files = (macro_placement.__file__, register_copies.__file__, netlist.__file__)
    return [repr(sorted((kind, tuple(places)) for kind, places in board.sites.items())), *(Path(each).read_text("utf-8") for each in files)]


#: What makes a design smaller.
WAYS_OUT = (
    "smaller: fewer rows, columns or lanes (--rows, --cols, --lanes), or no depthwise hardware (--depthwise-rows 0) where none is needed",
    "or another board, or a smaller network",
)

_SIGNS = ("no BELs remaining", "Unable to find a placement", "failed to place", "Unable to place cell", "unable to place", "ran out of")


def _shortage(log: Path) -> list[str]:
    """What nextpnr lacked, from its log; empty if it failed for another reason."""
    text = log.read_text(encoding="utf-8", errors="replace")
    if not any(sign.lower() in text.lower() for sign in _SIGNS):
        return []
    over = [f"{name}: {used} needed, {there} there" for name, used, there in utilization_lines(text) if used > there]
    return over or log_end(log, 3)


def utilization_lines(text: str) -> list[tuple[str, int, int]]:
    """(resource, used, available) of the lines in which nextpnr says what a design takes."""
    found = []
    for line in text.splitlines():
        words = line.replace("/", " ").split()
        # Info:   TRELLIS_COMB: 12/ 83640     0%
        if len(words) >= 4 and words[0] == "Info:" and words[1].endswith(":") and words[2].isdigit() and words[3].isdigit():
            found.append((words[1][:-1], int(words[2]), int(words[3])))
    return found


_FREQUENCY = re.compile(r"Max frequency for clock\s+'([^']+)':\s+([\d.]+) MHz")


def placed_mhz(log: Path) -> float:
    """The clock that a placement would allow before it is routed, by nextpnr's estimate in its log: of the slowest clock, 0 without any."""
    found: dict[str, float] = {}
    for clock, mhz in _FREQUENCY.findall(log.read_text(encoding="utf-8", errors="replace")):
        found.setdefault(clock, float(mhz))  # what comes later is of the routed design
    return min(found.values(), default=0.0)


def place_seeds(
    seeds: int, jobs: int, mhz: float, attempt: Callable[[int, threading.Event], Placement], tried: Callable[[Placement], None]
) -> tuple[Placement, list[Placement]]:
    """Tries the seeds 1, 2 and so on, `jobs` at a time; gives the one to keep, and all that came to an end.

    The lowest seed that meets the clock is kept, so that the result does not depend on which ended first, or else the fastest.
    attempt: places with a seed, until the event ends it; tried: told of every end.
    """
    cancels: dict[int, threading.Event] = {}
    running: dict[concurrent.futures.Future[Placement], int] = {}
    done: dict[int, Placement] = {}
    enough = seeds  # seeds above it are not needed
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        try:
            while True:
                while len(running) < max(1, jobs) and len(cancels) < enough:
                    seed = len(cancels) + 1
                    cancels[seed] = threading.Event()
                    running[pool.submit(attempt, seed, cancels[seed])] = seed
                if not running:
                    break
                for future in concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED).done:
                    seed = running.pop(future)
                    try:
                        done[seed] = found = future.result()
                    except CancelledError:
                        continue
                    tried(found)
                    if found.timing.meets(mhz) and seed < enough:
                        enough = seed
                        for other in range(seed + 1, len(cancels) + 1):
                            cancels[other].set()
        except BaseException:
            for cancel in cancels.values():
                cancel.set()
            raise
    ended = [done[seed] for seed in sorted(done)]
    meeting = [each for each in ended if each.timing.meets(mhz)]
    return (meeting[0] if meeting else max(ended, key=lambda each: (each.timing.mhz, -each.seed))), ended
