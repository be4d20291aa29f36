"""The network bench from outside: builds an accelerator with its replay host for a simulator, and plays recordings on it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.errors import ToolFailedError
from sim import runner, verilog
from sim.build_folder import BuildFolder
from sim.cell_models import cell_models
from sim.netlist import Netlist, for_simulator
from sim.replay import Recording, records_per_image
from sim.results import Status, tail
from sim.runner import Built, Design
from sim.tools import Simulator

MODULE = "sim.benches.network"
TOP = "weft_bench"
TOP_FILE = Path(__file__).parent / "benches" / "weft_bench.v"
TAP_FILE, READS_FILE, OUTCOME_FILE, REPLAY_FILE = "tap.txt", "reads.txt", "outcome.json", "replay.hex"

#: Records of the replay memory; a recording that is longer is played in parts.  Icarus takes its time to fill a large memory.
_DEPTHS = {Simulator.VERILATOR: 1 << 16, Simulator.ICARUS: 1 << 12}

#: A simulation that takes this long for a cycle hangs: the slowest one measured, 64 x 64 in Icarus, takes a tenth.
_SECONDS_PER_CYCLE = 0.2
_START_SECONDS = 120.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """How playing a recording ended.

    done:     it came to its end, or to a failure, within the limit of cycles.
    fail:     an answer differed, or the bus answered with an error (response not 0); then the record's index, what it expected and what
              it got.  -1 stands for x.
    cycles:   simulated from the end of reset.
    reads:    int64[reads]: the data of every read, in order; -1 where a digit is unknown.
    unknown:  int64[reads]: bit i for byte i of a read having an unknown digit.
    tap:      the log of activation writes, or None where none was asked for.
    seconds:  wall clock.
    """

    done: bool
    fail: bool
    fail_index: int
    fail_expected: int
    fail_got: int
    fail_response: int
    cycles: int
    reads: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]
    tap: Path | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Bench:
    """An accelerator with its replay host, compiled.  depth: records of the replay memory; images: inferences that it holds."""

    build: BuildFolder
    built: Built
    depth: int
    images: int


def build_bench(
    build: BuildFolder, simulator: Simulator, *, trace: str | None = None, netlist: Netlist | None = None, seed: int = 0
) -> Bench:
    """Compiles the accelerator of a folder, as it is on disk, with a replay host.  Errors as those of `runner.build`.

    netlist: takes the place of the accelerator's Verilog.  seed: of what a netlist leaves uninitialized in a simulator that knows x.
    """
    following, first = records_per_image(build, load=netlist is not None)
    depth = max(_DEPTHS[simulator], 1 << (first - 1).bit_length())
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as name:
        selftest = Path(name) / "selftest.v"
        selftest.write_text(verilog.selftest_verilog(build.config, depth), encoding="utf-8")
        if netlist is None:
            sources = (build.verilog, selftest, TOP_FILE, *cell_models(build.config.family))
            design = Design(TOP, sources, defines=("WEFT_TAP",))
        else:
            texts = {"models.v": netlist.models, "netlist.v": for_simulator(netlist, simulator, seed), "memories.v": netlist.support}
            for file, text in texts.items():
                (Path(name) / file).write_text(text, encoding="utf-8")
            design = Design(TOP, (*(Path(name) / file for file in texts), selftest, TOP_FILE), random_x=True)
        built = runner.build(design, simulator, trace=trace)
    return Bench(build, built, depth, 1 + (depth - first) // following)


def play(
    bench: Bench,
    recording: Recording,
    directory: Path,
    *,
    limit_cycles: int,
    tap: bool,
    seed: int,
    waves: Path | None = None,
    watch: Callable[[], None] | None = None,
) -> Outcome:
    """Plays a recording in `directory`, which gets the memory images and the logs.

    limit_cycles: after which it is given up.  watch: called every now and then while it plays.
    Raises ToolFailedError when the simulation ends without an outcome.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in bench.build.images:
        shutil.copyfile(bench.build.path / name, directory / name)
    for name in (TAP_FILE, READS_FILE, OUTCOME_FILE):
        (directory / name).unlink(missing_ok=True)
    recording.write(directory / REPLAY_FILE, bench.depth)
    result = runner.run(
        bench.built,
        MODULE,
        directory,
        seed=seed,
        plusargs=["+weft_random_memory", f"+weft_reads={READS_FILE}", *([f"+weft_tap={TAP_FILE}"] if tap else [])],
        environment={"WEFT_LIMIT_CYCLES": str(limit_cycles), "WEFT_OUTCOME": OUTCOME_FILE},
        waves=waves,
        limit_s=_START_SECONDS + limit_cycles * _SECONDS_PER_CYCLE,
        watch=watch,
    )
    try:
        outcome = json.loads((directory / OUTCOME_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        messages = "; ".join(test.message for test in result.failures) or str(error)
        raise ToolFailedError(f"the network bench ended without an outcome: {messages}\n{tail(result.log)}") from error
    equal = outcome["done"] == 1 and outcome["fail"] == 0
    if equal != all(test.status is Status.PASSED for test in result.tests):
        raise ToolFailedError(f"the network bench's outcome {outcome} contradicts its result\n{tail(result.log)}")
    reads, unknown = _read_reads(directory / READS_FILE)
    if equal and len(reads) != len(recording.read_addresses):
        raise ToolFailedError(
            f"the network bench ended well after {len(reads)} reads of the bus, but the recording has {len(recording.read_addresses)}\n"
            f"{tail(result.log)}"
        )
    return Outcome(
        done=outcome["done"] == 1,
        fail=outcome["fail"] != 0,
        fail_index=outcome["fail_index"],
        fail_expected=outcome["fail_expected"],
        fail_got=outcome["fail_got"],
        fail_response=outcome["fail_response"],
        cycles=outcome["cycles"],
        reads=reads,
        unknown=unknown,
        tap=directory / TAP_FILE if tap else None,
        seconds=result.seconds,
    )


def _read_reads(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The data column of the log of reads, and which of its bytes have unknown digits."""
    words = path.read_text(encoding="ascii").split()[1::2] if path.is_file() else []
    unknown = [sum(1 << byte for byte in range(4) if set(word.zfill(8)[6 - 2 * byte : 8 - 2 * byte]) & set("xXzZ")) for word in words]
    values = [-1 if mask else int(word, 16) for word, mask in zip(words, unknown, strict=True)]
    return np.array(values, np.int64), np.array(unknown, np.int64)
