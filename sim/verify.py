"""Verification: a network's Verilog in a simulator against its golden model, every layer of every image, bit for bit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from golden import interpreter, network_file
from golden.errors import InputError
from golden.graph import Graph, Int8
from hwgen.compiler import compile_graph
from hwgen.config import DEFAULT, NAMED, AcceleratorConfig
from hwgen.emit import emit
from hwgen.family import Family
from sim import network_bench, runner, tools, verilog
from sim.build_folder import BuildFolder, read_build
from sim.diagnosis import bus_difference, compare_layers, measured_counters, measured_cycles, no_completion, runs_made, unknown_difference
from sim.netlist import Netlist, family_of, synthesize
from sim.network_bench import TAP_FILE, Bench, Outcome
from sim.replay import Recording, record
from sim.report import LayerReport, NetlistReport, SimulatorReport, VerifyReport
from sim.scoreboard import Difference, LayerComparison
from sim.tap import TapLog, last_run, read_tap
from sim.tools import Simulator

#: Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]

DEFAULT_SEED = 1

#: A recording is given up after this multiple of the predicted cycles, which are exact, and this many for each access to the bus.
_LIMIT_FACTOR, _CYCLES_PER_RECORD, _CYCLES_EXTRA = 2, 16, 2000
#: What takes no more cycles than this, some ten seconds, is played at once; of more, the first image comes alone.
_AT_ONCE = {Simulator.VERILATOR: 3_000_000, Simulator.ICARUS: 10_000}
#: Characters of a log of activation writes, about, that one recording may make.
_TAP_LIMIT = 1 << 26


def parse_simulators(text: str) -> tuple[Simulator, ...]:
    """Reads "verilator", "icarus" or "both".  Raises InputError for anything else."""
    if text == "both":
        return tuple(Simulator)
    try:
        return (Simulator(text),)
    except ValueError:
        raise InputError(f"simulator must be verilator, icarus or both, not {text!r}") from None


def verify(
    graph: Graph,
    inputs: Int8 | Mapping[str, Int8],
    *,
    build: Path | None = None,
    config: AcceleratorConfig | None = None,
    simulator: Simulator | str = Simulator.VERILATOR,
    images: int | None = None,
    first: int = 0,
    netlist: Family | Netlist | bool = False,
    compare_layers: bool = True,
    stop_early: bool = True,
    seed: int = DEFAULT_SEED,
    waves: Path | None = None,
    directory: Path | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Runs images through a network's Verilog and compares with the golden model.

    inputs:         int8[N, *input shape], or a dict of one such array per input.
    build:          a folder that `emit` wrote, verified as it is on disk; without one, the network is compiled for `config` (the
                    default configuration, with the network's rescale format, if None) into a temporary folder.
    simulator:      one of them, or "verilator", "icarus", "both".
    images, first:  how many images, from which on; all if None.
    netlist:        synthesize the accelerator, for this family or (True) for its own, and simulate the netlist in its place; or one that
                    `synthesize` made of the folder.
    compare_layers: compare every layer's tensor, not the outputs alone; a netlist has outputs alone to compare.
    stop_early:     stop after the first recording with a difference.
    seed:           COCOTB_RANDOM_SEED, and the seed of what the design leaves uninitialized.
    waves:          waveform to write, .vcd or .fst; for one simulator, and few images.
    directory:      where the simulations run and leave their logs; a temporary folder if None.
    progress:       called as things proceed.

    Raises InputError for unusable inputs or a damaged folder, DoesNotFitError when the network does not fit, ToolMissingError without
    the simulator or, for a netlist, Yosys, ToolFailedError when the Verilog does not compile or the simulator ends without a result.
    """
    simulators = (simulator,) if isinstance(simulator, Simulator) else parse_simulators(simulator)
    if waves is not None:
        runner.wave_format(waves)
        if len(simulators) != 1:
            raise InputError("a waveform is written by one simulator: name it")
    batch = _select(graph, inputs, first, images)
    for each in simulators:
        tools.require(each)
    report = progress or (lambda what, done, total: None)
    with tempfile.TemporaryDirectory(prefix="weft-verify-") as temporary:
        folder = _folder(graph, build, config, netlist, Path(temporary) / "accelerator")
        made = _synthesize(folder, netlist, report)
        session = _Session(graph, folder, batch, first, compare_layers and made is None, stop_early, seed, waves, report, made)
        found = [session.simulate(each, (directory or Path(temporary)) / each.value) for each in simulators]
    return _report(graph, folder, found, session, build)


def _select(graph: Graph, inputs: Int8 | Mapping[str, Int8], first: int, images: int | None) -> dict[str, Int8]:
    """The images to verify, by input; the interpreter checks names, types and shapes."""
    if isinstance(inputs, Mapping):
        named = dict(inputs)
    elif len(graph.inputs) == 1:
        named = {graph.inputs[0]: inputs}
    else:
        raise InputError(f"network {graph.name!r} has {len(graph.inputs)} inputs: hand over a dict with the keys {list(graph.inputs)}")
    available = min((len(value) for value in named.values() if np.ndim(value)), default=0)
    if images is not None and images < 1:
        raise InputError(f"the number of images must be at least 1, not {images}")
    if first < 0 or first >= available:
        raise InputError(
            f"there are {available} images, so there is none to verify from number {first} on"
            if available
            else "there are no images to verify"
        )
    if images is not None and first + images > available:
        raise InputError(f"{images} images from number {first} on are asked for, but there are {available}")
    end = available if images is None else first + images
    batch = {name: np.ascontiguousarray(value[first:end]) for name, value in named.items()}
    interpreter.run(graph, {name: value[:1] for name, value in batch.items()}, tensors=True)
    return batch


def _folder(
    graph: Graph, build: Path | None, config: AcceleratorConfig | None, netlist: Family | Netlist | bool, temporary: Path
) -> BuildFolder:
    """The folder to verify, emitted for the purpose where none is given."""
    if build is not None:
        folder = read_build(build, graph)
        if config is not None and config != folder.config:
            raise InputError(
                f"{build} was generated for another configuration than the one asked for; leave the configuration out, or generate again"
            )
        return folder
    chosen = config or NAMED[DEFAULT].with_rescale(graph.format)
    if isinstance(netlist, Family) and chosen.family is Family.PORTABLE:
        chosen = replace(chosen, family=netlist)
    program = compile_graph(graph, chosen)
    emit(program, temporary, verilog=verilog.accelerator_verilog)
    return read_build(temporary, graph)


def _synthesize(folder: BuildFolder, netlist: Family | Netlist | bool, progress: Progress) -> Netlist | None:
    """The netlist to simulate; None where the Verilog itself is."""
    if netlist is False:
        return None
    if isinstance(netlist, Netlist):
        return netlist
    family = family_of(folder, netlist if isinstance(netlist, Family) else None)
    what = f"synthesizing for {family.value}"
    progress(what, 0, 1)
    made = synthesize(folder, family)
    progress(what, 1, 1)
    return made


@dataclass
class _Found:
    """What a simulator has shown so far."""

    simulator: Simulator
    layers: dict[int, LayerComparison] = field(default_factory=dict)
    difference: Difference | None = None
    counters: dict[int, dict[str, int]] = field(default_factory=dict)
    inference_cycles: int | None = None
    images: int = 0
    cycles: int = 0
    seconds: float = 0.0
    build_seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class _Session:
    """One verification: what all simulators share."""

    graph: Graph
    folder: BuildFolder
    batch: dict[str, Int8]
    first: int
    compare: bool
    stop_early: bool
    seed: int
    waves: Path | None
    progress: Progress
    netlist: Netlist | None

    @property
    def count(self) -> int:
        return len(next(iter(self.batch.values())))

    def simulate(self, simulator: Simulator, directory: Path) -> _Found:
        """Builds, and plays all images in recordings; of what takes long the first image alone, which shows most faults soon."""
        found = _Found(simulator)
        self.progress(f"compiling for {simulator.value}", 0, 1)
        started = time.perf_counter()
        bench = network_bench.build_bench(
            self.folder,
            simulator,
            trace=runner.wave_format(self.waves) if self.waves else None,
            netlist=self.netlist,
            seed=self.seed,
        )
        found.build_seconds = time.perf_counter() - started
        self.progress(f"compiling for {simulator.value}", 1, 1)
        size = min(bench.images, self._images_in_log())
        if self.waves is not None and self.count > size:
            raise InputError(f"a waveform of {self.count} images is asked for, but at most {size} go into one; name fewer images")
        start = 0
        while start < self.count:
            alone = start == 0 and self.waves is None and self.count * self.folder.predicted_cycles > _AT_ONCE[simulator]
            end = min(self.count, start + (1 if alone else size))
            self._play(bench, found, start, end, directory)
            start = end
            if found.difference is not None and self.stop_early:
                break
        return found

    def _images_in_log(self) -> int:
        """How many inferences make a log of activation writes that is still handy."""
        if not self.compare:
            return self.count
        lanes = self.folder.config.lanes
        lines = sum(-(-self.folder.tensors[layer.output].size // lanes) for layer in self.folder.layers)
        return max(1, _TAP_LIMIT // (lines * (24 + 2 * lanes)))

    def _play(self, bench: Bench, found: _Found, start: int, end: int, directory: Path) -> None:
        """Plays the images from start to end and compares."""
        inputs = {name: value[start:end] for name, value in self.batch.items()}
        expected = interpreter.run(self.graph, inputs, tensors=True)
        outputs = {name: expected[name] for name in self.folder.outputs}
        recording = record(self.folder, inputs, outputs, counters=start == 0, load=self.netlist is not None)
        limit = (
            recording.images * _LIMIT_FACTOR * self.folder.predicted_cycles + len(recording.records) * _CYCLES_PER_RECORD + _CYCLES_EXTRA
        )
        what = f"simulating in {found.simulator.value}"

        def watch() -> None:
            self.progress(what, start + max(0, last_run(directory / TAP_FILE, self.folder.config.lanes)), self.count)

        self.progress(what, start, self.count)
        outcome = network_bench.play(
            bench, recording, directory, limit_cycles=limit, tap=self.compare, seed=self.seed, waves=self.waves, watch=watch
        )
        image = self.first + start
        log = None if outcome.tap is None else read_tap(outcome.tap, self.folder.config.lanes)
        difference = self._compare(found, recording, outcome, log, expected, image)
        if found.difference is None:
            found.difference = difference
        found.images += runs_made(recording, outcome, log)
        found.cycles += outcome.cycles
        found.seconds += outcome.seconds
        cycles = measured_cycles(recording, outcome)
        if cycles is not None:
            found.inference_cycles = max(cycles, found.inference_cycles or 0)
        if start == 0:
            found.counters = measured_counters(self.folder, recording, outcome)
        self.progress(what, end, self.count)

    def _compare(
        self, found: _Found, recording: Recording, outcome: Outcome, log: TapLog | None, expected: Mapping[str, Int8], image: int
    ) -> Difference | None:
        """The first difference of a recording, the first divergent layer's where layers are compared."""
        if log is not None:
            for result in compare_layers(self.folder, recording, outcome, log, expected, image):
                known = found.layers.get(result.layer.index)
                if known is None or known.equal:
                    found.layers[result.layer.index] = result
            first = next((result.difference for result in found.layers.values() if result.difference is not None), None)
            if first is not None:
                return first
        elif not outcome.done:
            return no_completion(self.folder, outcome, image, None, "compare the layers to see where it stops")
        if outcome.fail:
            return bus_difference(self.folder, recording, outcome, image)
        return unknown_difference(self.folder, recording, outcome, image)


def _report(graph: Graph, folder: BuildFolder, found: list[_Found], session: _Session, build: Path | None) -> VerifyReport:
    counters = next((each.counters for each in found if each.counters), {})
    config = folder.config
    layers = []
    for layer in folder.layers:
        measured = counters.get(layer.index, {})
        cycles = sum(measured.values()) if measured else None
        results = [each.layers[layer.index].equal for each in found if layer.index in each.layers]
        layers.append(
            LayerReport(
                index=layer.index,
                name=layer.name,
                kind=layer.kind,
                shape=folder.tensors[layer.output].shape if layer.output not in graph.tensors else graph.tensors[layer.output].shape,
                macs=layer.macs,
                cycles=cycles,
                predicted_cycles=layer.predicted_cycles,
                counters=measured,
                utilization=layer.macs / (cycles * config.rows * config.cols) if cycles else None,
                equal=all(results) if results else None,
            )
        )
    reports = tuple(
        SimulatorReport(
            simulator=each.simulator,
            version=tools.version_of(each.simulator),
            equal=each.difference is None,
            images=each.images,
            cycles=each.cycles,
            seconds=each.seconds,
            build_seconds=each.build_seconds,
            first_difference=each.difference,
        )
        for each in found
    )
    return VerifyReport(
        network=graph.name,
        network_sha256=network_file.sha256(graph),
        config=config.to_json(),
        equal=all(report.equal for report in reports),
        images=min(report.images for report in reports),
        first_image=session.first,
        cycles=max((each.inference_cycles for each in found if each.inference_cycles is not None), default=None),
        layers=tuple(layers),
        layers_compared=session.compare,
        first_difference=next((report.first_difference for report in reports if report.first_difference is not None), None),
        simulators=reports,
        seed=session.seed,
        build=build,
        netlist=None
        if session.netlist is None
        else NetlistReport(session.netlist.family.value, session.netlist.yosys, session.netlist.seconds, dict(session.netlist.cells)),
    )
