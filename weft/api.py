"""The Python API: the command line's verbs as functions.

Networks are given as `golden.graph.Graph` or as the path of a network file; data as arrays or as the path of an npz file
(`weft.arrays` has its keys).  Failures are `golden.errors.WeftError`, with an exit code of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from golden import interpreter, network_file
from golden.errors import InputError
from golden.graph import Float64, Graph, Int8
from golden.input_data import dequantize_output
from golden.rescale import RescaleFormat
from weft.arrays import Layout, Samples, Values, choice, make_samples, named, read_samples
from weft.configuration import configuration
from weft.network import load_network
from weft.output import new_file
from weft.summary import NetworkSummary, summarize

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from golden.float_graph import FloatGraph
    from hwgen.compiler.analysis import Analysis, Place
    from hwgen.compiler.program import Program
    from hwgen.config import AcceleratorConfig
    from sim.report import VerifyReport
    from sim.tools import Tool

Path_ = str | os.PathLike[str]
#: Called with (what is being done, steps done, steps in all).
Progress = Callable[[str, int, int], None]

#: Random inputs that the testbench of an emitted folder plays.
_VECTORS, _VECTOR_SEED = 2, 1


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network makes of its inputs.

    y:        int8[N, *output shape], as the accelerator gives it.
    real:     float64[N, *output shape], the same in real units.
    classes:  int64[N], the index of the largest output, or None where the output is a map.
    accuracy: share of the inputs whose class is the labelled one, or None without labels.
    """

    y: Int8
    real: Float64
    classes: npt.NDArray[np.int64] | None
    accuracy: float | None


def quantize(
    model: nn.Module | ExportedProgram | FloatGraph | str,
    calibration: npt.NDArray[np.floating] | Path_,
    *,
    output: Path_ | None = None,
    rescale: str = "tflite",
    layout: str | None = None,
    values: str | None = None,
    name: str | None = None,
    progress: Progress = _silent,
) -> Graph:
    """Quantizes a trained network to int8.

    model:       a module, an exported program, a float graph, the path of a .pt2, .tflite or .onnx file, or "package.module:factory".
    calibration: typical real inputs, float32[N, ...], or the path of an npz file.
    output:      a network file to write.
    rescale:     "tflite", "shift" or "fixedB" with B from 4 to 32.
    layout:      "nhwc" or "nchw"; by default what the file says, else what fits the network.
    name:        of the network; by default that of the model.

    Raises InputError for unsupported operators, all at once, and for data that cannot be used.
    """
    from golden import quantize as quantizer

    format = RescaleFormat.parse(rescale)
    samples = _samples(calibration, "calibration data", layout, values)
    x = samples.real("calibration")
    if isinstance(model, str):
        from weft.model import load_model

        progress("reading the network", 0, 1)
        model, default_name = load_model(model)
        name = name or default_name
        progress("reading the network", 1, 1)
    floating = _float_graph(model, x, samples.layout, name)
    if len(floating.inputs) != 1:
        names = list(floating.inputs)
        raise InputError(f"network {floating.name!r} has {len(names)} inputs {names}; only networks of one can be quantized here")
    fitting = samples.layout_for(floating.tensors[floating.inputs[0]].shape)
    with named(samples.source):
        graph = quantizer.quantize(
            floating, x, format=format, layout=fitting.name, progress=lambda done, total: progress("calibrating", done, total)
        )
    if output is not None:
        network_file.save(graph, output)
    return graph


def inspect(network: Graph | Path_) -> NetworkSummary:
    """What a quantized network consists of."""
    return summarize(_graph(network))


def predict(
    network: Graph | Path_,
    inputs: npt.NDArray[Any] | Path_,
    *,
    output: Path_ | None = None,
    images: int | None = None,
    layout: str | None = None,
    values: str | None = None,
    progress: Progress = _silent,
) -> Prediction:
    """Runs a network in the golden model; `output` is an npz file to write, with `y`, `real` and `prediction`."""
    graph = _graph(network)
    samples = _samples(inputs, "inputs", layout, values).first(images)
    x = samples.as_int8(graph)
    if len(graph.outputs) != 1:
        raise InputError(
            f"network {graph.name!r} has {len(graph.outputs)} outputs {list(graph.outputs)}; use golden.interpreter.run for its tensors"
        )
    y = interpreter.run(graph, x, progress=lambda done, total: progress("predicting", done, total))
    classes = y.argmax(axis=1).astype(np.int64) if y.ndim == 2 else None
    accuracy = None if classes is None or samples.label is None else float((classes == samples.label).mean())
    prediction = Prediction(y, dequantize_output(graph, y), classes, accuracy)
    if output is not None:
        arrays: dict[str, npt.NDArray[Any]] = {"y": y, "real": prediction.real}
        if classes is not None:
            arrays["prediction"] = classes
        with new_file(Path(output)) as draft, draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    return prediction


def generate(
    network: Graph | Path_,
    output: Path_,
    *,
    config: str | AcceleratorConfig | None = None,
    force: bool = False,
    progress: Progress = _silent,
    **parameters: int,
) -> Program:
    """Writes the folder with the accelerator's Verilog, memory images and documentation; returns the compiled program.

    config:     a named configuration, or an AcceleratorConfig to take as it is.
    parameters: fields of AcceleratorConfig instead; `rows` and `cols` are needed then.
    force:      replace a folder that was generated from another network or for another configuration.
    A configuration that is not given as an object takes the network's rescale format.

    Raises InputError for what the accelerator cannot run, DoesNotFitError for what is larger than it.
    """
    from hwgen.compiler.fitting import compile_fitted
    from hwgen.emit import emit
    from sim.standalone import add_testbench
    from sim.verilog import accelerator_verilog

    graph = _graph(network)
    progress("compiling the network", 0, 1)
    program = compile_fitted(graph, *_configuration(graph, config, parameters))
    progress("compiling the network", 1, 1)
    progress("writing Verilog", 0, 1)
    rng = np.random.default_rng(_VECTOR_SEED)
    vectors = rng.integers(-128, 128, (_VECTORS, *graph.tensors[graph.inputs[0]].shape)).astype(np.int8)
    verilog = accelerator_verilog(program.config)
    emit(program, Path(output), verilog=verilog, complete=lambda folder: add_testbench(folder, graph, vectors), force=force)
    progress("writing Verilog", 1, 1)
    return program


def verify(
    network: Graph | Path_,
    inputs: npt.NDArray[Any] | Path_,
    *,
    build: Path_ | None = None,
    config: str | AcceleratorConfig | None = None,
    images: int | None = None,
    first: int = 0,
    simulator: str = "verilator",
    compare_layers: bool = True,
    seed: int | None = None,
    waves: Path_ | None = None,
    junit: Path_ | None = None,
    layout: str | None = None,
    values: str | None = None,
    progress: Progress = _silent,
    **parameters: int,
) -> VerifyReport:
    """Runs the Verilog in a simulator and compares every layer of every image with the golden model, bit for bit.

    build:              a folder that `generate` wrote, verified as it is on disk; without it, one is made for the purpose.
    config, parameters: of that one, as in `generate`.
    images, first:      how many inputs, from which on.
    simulator:          "verilator", "icarus" or "both".
    waves:              a waveform to write, .vcd or .fst.
    junit:              a JUnit XML file to write.

    Raises ToolMissingError without the simulator; a difference is no error: `VerifyReport.equal` says it.
    """
    from hwgen.compiler.fitting import compile_fitted
    from sim import verify as verification

    graph = _graph(network)
    x = _samples(inputs, "inputs", layout, values).as_int8(graph)
    if build is not None and (config is not None or parameters):
        raise InputError("a folder has its own configuration: give a build folder or a configuration, not both")
    chosen = None
    if build is None:
        chosen, free = _configuration(graph, config, parameters)
        chosen = compile_fitted(graph, chosen, free).config if free else chosen
    with ExitStack() as outputs:
        junit_draft, waves_draft = (None if path is None else outputs.enter_context(new_file(Path(path))) for path in (junit, waves))
        report = verification.verify(
            graph,
            x,
            build=None if build is None else Path(build),
            config=chosen,
            simulator=simulator,
            images=images,
            first=first,
            compare_layers=compare_layers,
            seed=verification.DEFAULT_SEED if seed is None else seed,
            waves=waves_draft,
            progress=progress,
        )
        if junit_draft is not None:
            junit_draft.write_text(report.to_junit(), encoding="utf-8")
    return report


def doctor() -> tuple[Tool, ...]:
    """Every tool that Weft uses: whether it is there, in which version, and what to do if it is not good enough."""
    from weft.tools import all_tools

    return all_tools()


# --- arguments ------------------------------------------------------------------------------------


def check(network: Graph | FloatGraph | Path_) -> tuple[Place, ...]:
    """Every operator of a network, quantized or float, and where it runs (after quantization); nothing is compiled.

    Operators that Weft cannot import are among them, as "unsupported" and with the reason.  Raises InputError for a file that
    cannot be read.
    """
    from golden.float_graph import FloatGraph
    from weft.survey import survey

    return survey(network if isinstance(network, Graph | FloatGraph) else Path(network)).places


def analyze(network: Graph | Path_, *, config: str | AcceleratorConfig | None = None, **parameters: int) -> Analysis:
    """Cycles, utilization and memory of a network on an accelerator, exactly those of the hardware, without generating it; and whether
    it fits that one (`fit`) and every named configuration (`configurations`, `lacks`).  What is too small is no error.

    config, parameters: as in `generate`.
    """
    from hwgen.compiler.analysis import analyze as analyze_graph
    from hwgen.config import NAMED

    graph = _graph(network)
    chosen, free = _configuration(graph, config, parameters)
    named = {name: other.with_rescale(graph.format) for name, other in NAMED.items()}
    return analyze_graph(graph, chosen, named, free)


def _graph(network: Graph | Path_) -> Graph:
    return network if isinstance(network, Graph) else load_network(Path(network))


def _samples(data: npt.NDArray[Any] | Path_, what: str, layout: str | None, values: str | None) -> Samples:
    stated = None if layout is None else choice(Layout, layout)
    kind = None if values is None else choice(Values, values)
    if isinstance(data, np.ndarray):
        return make_samples(what, data, layout=stated, values=kind)
    return read_samples(Path(data), stated, kind)


def _float_graph(
    model: nn.Module | ExportedProgram | FloatGraph, x: npt.NDArray[np.float32], layout: Layout | None, name: str | None
) -> FloatGraph:
    """The model as a float graph.  A module without a stated layout is fed NCHW, as PyTorch does; where it refuses that, NHWC."""
    from torch import nn

    from golden import quantize as quantizer

    layouts = [layout] if layout else [Layout.NCHW, Layout.NHWC]
    try:
        return quantizer.float_graph(model, x, layouts[0].name, name)
    except InputError as first_error:
        if len(layouts) > 1 and isinstance(model, nn.Module) and x.ndim == 4:
            with suppress(InputError):
                return quantizer.float_graph(model, x, layouts[1].name, name)
        raise first_error


def _configuration(graph: Graph, config: str | AcceleratorConfig | None, parameters: dict[str, int]) -> tuple[AcceleratorConfig, set[str]]:
    """The accelerator that is meant, and which of its parameters may grow with the network.

    One of the user's own has memories that hold the network, but for those whose size is given.
    """
    if config is None or isinstance(config, str):
        chosen = configuration(graph.format, config, **parameters)
        return chosen, set(asdict(chosen)) - set(parameters) if parameters else set()
    if parameters:
        raise InputError(f"give a configuration or parameters ({', '.join(parameters)}), not both")
    return config, set()
