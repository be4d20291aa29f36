"""The Python API: the command line's verbs as functions.

Networks are given as `golden.graph.Graph` or as the path of a network file; data as arrays or as the path of an npz file
(`weft.arrays` has its keys).  Failures are `golden.errors.WeftError`, with an exit code of their own.

The functions on boards and their builds are written in `weft.board_api`, and are had from here too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from golden.rescale import RescaleFormat
from weft import prediction
from weft.arrays import Layout, Samples, Values, choice
from weft.board_api import budget, build, flash, on_board, project, replace_weights, report, units, within_budget
from weft.configuration import CELLS, configuration
from weft.network import Path_, graph_of
from weft.network_inputs import Data, int8_inputs, network_samples
from weft.output import new_file
from weft.prediction import Prediction
from weft.progress import Progress, silent
from weft.recipe_argument import recipe_of
from weft.summary import NetworkSummary, summarize

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from golden.float_graph import FloatGraph
    from golden.recipe import Recipe
    from hwgen.compiler.analysis import Analysis, Place
    from hwgen.compiler.program import Program
    from hwgen.config import AcceleratorConfig
    from hwgen.estimate.estimate import Estimate
    from hwgen.tool import Tool
    from sim.report import VerifyReport

__all__ = [
    "Progress",
    "analyze",
    "budget",
    "build",
    "check",
    "doctor",
    "estimates",
    "flash",
    "generate",
    "inspect",
    "predict",
    "project",
    "quantize",
    "replace_weights",
    "report",
    "units",
    "verify",
]


def quantize(
    model: nn.Module | ExportedProgram | FloatGraph | str,
    calibration: Data | Path_,
    *,
    output: Path_ | None = None,
    recipe: Recipe | Path_ | None = None,
    rescale: str | None = None,
    layout: str | None = None,
    values: str | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> Graph:
    """Quantizes a trained network to integers, int8 by default.

    model:       a module, an exported program, a float graph, the path of a .pt2, .tflite or .onnx file, or "package.module:factory".
    calibration: typical real inputs, float32[N, ...], or the path of an npz file; for several inputs a mapping by their names.
    output:      a network file to write.
    recipe:      how, as an object or the path of a TOML file; static int8 with min-max ranges by default.
    rescale:     "tflite", "shift" or "fixedB" with B from 4 to 32, in place of the recipe's.
    layout:      "nhwc" or "nchw"; by default what the file says, else what fits the network.
    name:        of the network; by default that of the model.

    Raises InputError for unsupported operators, all at once, and for data that cannot be used; warns (DataWarning) of data that can
    hardly be right.
    """
    from golden import quantize as quantizer
    from weft import calibration_data

    chosen, format = recipe_of(recipe), None if rescale is None else RescaleFormat.parse(rescale)
    if isinstance(model, str):
        from weft.model import load_named

        model, name = load_named(model, name, progress)
    prepared = calibration_data.prepare(model, calibration, layout, values, name)
    graph = quantizer.quantize(
        prepared.network, prepared.x, recipe=chosen, format=format, progress=lambda done, total: progress("calibrating", done, total)
    )
    prepared.warn_about(graph)
    if output is not None:
        network_file.save(graph, output)
    return graph


def inspect(network: Graph | Path_) -> NetworkSummary:
    """What a quantized network consists of."""
    return summarize(graph_of(network))


def predict(
    network: Graph | Path_,
    inputs: Data | Path_,
    *,
    output: Path_ | None = None,
    images: int | None = None,
    layout: str | None = None,
    values: str | None = None,
    progress: Progress = silent,
) -> Prediction:
    """Runs a network in the golden model; `output` is an npz file to write, with `y`, `real` and `prediction` (`Prediction.arrays`)."""
    graph = graph_of(network)
    samples = {name: each.first(images) for name, each in _samples(inputs, graph.inputs, "inputs", layout, values).items()}
    label = next(iter(samples.values())).label
    found = prediction.predict(graph, int8_inputs(graph, samples), label, lambda done, total: progress("predicting", done, total))
    if output is not None:
        found.save(Path(output))
    return found


def generate(
    network: Graph | Path_,
    output: Path_,
    *,
    config: str | AcceleratorConfig | None = None,
    board: str | None = None,
    percent: float | None = None,
    clock_mhz: float | None = None,
    baud: int = 1_000_000,
    force: bool = False,
    progress: Progress = silent,
    **parameters: int | str,
) -> Program:
    """Writes the folder with the accelerator's Verilog, memory images and documentation; returns the compiled program.

    config:     a named configuration, or an AcceleratorConfig to take as it is.
    parameters: fields of AcceleratorConfig instead; `rows` and `cols` are needed then.
    board:      the accelerator is the one that `build` makes for this board.
    percent:    with a board: the largest named configuration that is estimated to fit so much of its device.
    clock_mhz:  the clock of a design that shall drive the accelerator over a serial line of `baud`; without it there is no uart.v.
    force:      replace a folder that was generated from another network or for another configuration.
    A configuration that is not given as an object takes the network's rescale format.

    Raises InputError for what the accelerator cannot run, or a baud rate that the clock cannot give, DoesNotFitError for what is larger
    than the accelerator.
    """
    from hwgen.compiler.fitting import compile_fitted
    from hwgen.uart_link import divisor
    from weft.design_folder import write_design

    cycles_per_bit = None if clock_mhz is None else divisor(clock_mhz * 1e6, baud)
    graph = graph_of(network)
    progress("compiling the network", 0, 1)
    if percent is not None:
        program = within_budget(graph, board, percent, config, parameters)
    elif board is not None:
        program = on_board(graph, board, config, parameters)
    else:
        program = compile_fitted(graph, *_configuration(graph, config, parameters))
    progress("compiling the network", 1, 1)
    progress("writing Verilog", 0, 1)
    write_design(program, graph, Path(output), cycles_per_bit=cycles_per_bit, force=force)
    progress("writing Verilog", 1, 1)
    return program


def verify(
    network: Graph | Path_,
    inputs: Data | Path_,
    *,
    build: Path_ | None = None,
    config: str | AcceleratorConfig | None = None,
    images: int | None = None,
    first: int = 0,
    simulator: str = "verilator",
    netlist: str | bool = False,
    compare_layers: bool = True,
    seed: int | None = None,
    waves: Path_ | None = None,
    junit: Path_ | None = None,
    layout: str | None = None,
    values: str | None = None,
    progress: Progress = silent,
    **parameters: int | str,
) -> VerifyReport:
    """Runs the Verilog in a simulator and compares every layer of every image with the golden model, bit for bit.

    build:              a folder that `generate` wrote, verified as it is on disk; without it, one is made for the purpose.
    config, parameters: of that one, as in `generate`.
    images, first:      how many inputs, from which on.
    simulator:          "verilator", "icarus" or "both".
    netlist:            simulate what synthesis makes of it, for this family ("ecp5", "ice40" or "gowin") or, with True, for its own.
    waves:              a waveform to write, .vcd or .fst.
    junit:              a JUnit XML file to write.

    Raises ToolMissingError without the simulator or, for a netlist, Yosys; a difference is no error: `VerifyReport.equal` says it.
    """
    from hwgen.compiler.fitting import compile_fitted
    from hwgen.family import Family
    from sim import verify as verification

    graph = graph_of(network)
    x = int8_inputs(graph, _samples(inputs, graph.inputs, "inputs", layout, values))
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
            netlist=Family(netlist) if isinstance(netlist, str) else netlist,
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


def check(network: Graph | FloatGraph | Path_) -> tuple[Place, ...]:
    """Every operator of a network, quantized or float, and where it runs (after quantization); nothing is compiled.

    Operators that Weft cannot import are among them, as "unsupported" and with the reason.  Raises InputError for a file that
    cannot be read.
    """
    from golden.float_graph import FloatGraph
    from weft.survey import survey

    return survey(network if isinstance(network, Graph | FloatGraph) else Path(network)).places


def analyze(
    network: Graph | Path_, *, config: str | AcceleratorConfig | None = None, board: str | None = None, **parameters: int | str
) -> Analysis:
    """Cycles, utilization and memory of a network on an accelerator, exactly those of the hardware, without generating it; and whether
    it fits that one (`fit`) and every named configuration (`configurations`, `lacks`).  What is too small is no error.

    config, parameters: as in `generate`.
    board:              as in `build`: the accelerator is the board's, its memories the least that hold the network.
    """
    from hwgen.compiler.analysis import analyze as analyze_graph
    from hwgen.config import NAMED

    graph = graph_of(network)
    if board is not None:
        chosen, free = on_board(graph, board, config, parameters).config, set[str]()
    else:
        chosen, free = _configuration(graph, config, parameters)
    named = {name: other.with_rescale(graph.format) for name, other in NAMED.items()}
    return analyze_graph(graph, chosen, named, free)


def estimates(config: AcceleratorConfig) -> tuple[Estimate, ...]:
    """What an accelerator with a serial bridge takes of a device: multipliers and memory blocks exactly, tables and flip-flops estimated.

    Of the configuration's family; of every family for a portable one.
    """
    from hwgen.estimate.estimate import FAMILIES, estimate

    return tuple(estimate(config, family) for family in ((config.family,) if config.family in FAMILIES else FAMILIES))


# --- arguments ------------------------------------------------------------------------------------


def _samples(data: Data | Path_, names: Sequence[str], what: str, layout: str | None, values: str | None) -> dict[str, Samples]:
    stated = None if layout is None else choice(Layout, layout)
    kind = None if values is None else choice(Values, values)
    return network_samples(Path(data) if isinstance(data, str | os.PathLike) else data, names, what, stated, kind)


def _configuration(
    graph: Graph, config: str | AcceleratorConfig | None, parameters: Mapping[str, int | str]
) -> tuple[AcceleratorConfig, set[str]]:
    """The accelerator that is meant, and which of its parameters may grow with the network.

    One of the user's own has memories that hold the network, but for those whose size is given.
    """
    if config is None or isinstance(config, str):
        chosen = configuration(graph.format, config, **parameters)
        own = set(parameters) - set(CELLS)
        return chosen, set(asdict(chosen)) - own if own else set()
    if parameters:
        raise InputError(f"give a configuration or parameters ({', '.join(parameters)}), not both")
    return config, set()
