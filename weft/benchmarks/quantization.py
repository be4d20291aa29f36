"""What quantization costs: accuracy of the reference networks beside other ways to quantize them, and the time and memory that it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from golden.errors import ToolFailedError
from golden.evaluation import Network, real_outputs, top_k
from golden.float_graph import FloatGraph
from golden.graph import Graph
from golden.importers.tflite_float import import_file
from golden.passes.pipeline import prepare
from golden.quantize import quantize
from golden.recipe import Recipe, Recovery
from golden.schemes import ActivationScheme, Calibrator, WeightRange, WeightScheme
from weft.benchmarks.reference_networks import NETWORKS, RESNET, ReferenceNetwork
from weft.benchmarks.registry import NotMeasuredError, Progress, Row, at_least, at_most, benchmark
from weft.comparison.data import Data
from weft.network import load_network

#: Inputs that calibrate, drawn with the seed; all others are evaluated.
CALIBRATED, SEED = 100, 0
#: The networks whose inputs have labels.
LABELLED = NETWORKS[:3]

MIN_MAX = Recipe(name="W8A8 min-max")
RECOVERED = Recipe(
    name="W4A8, rounded adaptively, biases corrected",
    weights=WeightScheme(4, range=WeightRange.MSE),
    recovery=(Recovery.ADAPTIVE_ROUNDING, Recovery.BIAS_CORRECTION),
)
MSE = Recipe(name="W8A8 MSE", activations=ActivationScheme(calibration=Calibrator.MSE), weights=WeightScheme(range=WeightRange.MSE))
SHIFT_ONLY = replace(MSE, name="W8A8 MSE, shift-only", rescale="shift")

#: Percentage points that W4A8 may lose against float, and shift-only rescaling against multipliers.
_W4A8_POINTS, _SHIFT_POINTS = 3.0, 1.0
_SECONDS = 30.0
#: Images whose peak memory is compared, about two batches of calibration and twice as many: these should not take more than this factor.
_IMAGES, _MEMORY_FACTOR = (224, 448), 1.1


@dataclass(frozen=True, eq=False)
class Labelled:
    """A reference network with real inputs: the float one, the int8 file that TensorFlow Lite's converter made of it, and the data."""

    floating: FloatGraph
    converted: Graph
    calibration: Data
    evaluation: Data

    def percent(self, network: Network) -> float:
        """Of the evaluation inputs, how many a network classifies as labelled."""
        assert self.evaluation.label is not None
        return 100 * top_k(real_outputs(network, self.evaluation.x, self.floating.outputs[0]), self.evaluation.label)

    def converted_percent(self) -> float:
        """The same of the int8 file, whose tensors have names of their own."""
        assert self.evaluation.label is not None
        (x,), (name,) = self.evaluation.x.values(), self.converted.inputs
        return 100 * top_k(real_outputs(self.converted, {name: x}, self.converted.outputs[0]), self.evaluation.label)


def labelled(network: ReferenceNetwork) -> Labelled:
    """A network's files.  The samples are int8 in the steps of the int8 file.  Raises NotMeasuredError where one is not there."""
    models = network.path.parent
    floating = models / network.file.replace("_int8", "_float")
    real = models.parent / "samples" / network.file.replace("_int8.tflite", "_real.npz")
    for path in (floating, real):
        if not path.is_file():
            raise NotMeasuredError(f"{path} is not there; CONTRIBUTING.md says where it comes from")
    graph, converted = prepare(import_file(floating)), load_network(network.path)
    with np.load(real, allow_pickle=False) as samples:
        integers, label = samples["x"].astype(np.float64), samples["label"]
    affine = converted.tensors[converted.inputs[0]].affine
    x = ((integers - affine.zero_point) * affine.scale).astype(np.float32)
    data = Data({graph.inputs[0]: x.reshape(-1, *graph.tensors[graph.inputs[0]].shape)}, label)
    order = np.random.default_rng(SEED).permutation(len(x))
    return Labelled(graph, converted, data.take(order[:CALIBRATED]), data.take(order[CALIBRATED:]))


@benchmark("quantization", f"Accuracy in percent, calibrated on {CALIBRATED} real inputs, the others evaluated")
def quantization(progress: Progress) -> list[Row]:
    """Static quantization beside the converter's, W4A8 with recovery beside float, shift-only beside multipliers for the same ranges."""
    rows: list[Row] = []
    for network in LABELLED:
        case = labelled(network)
        done = 0

        def made(recipe: Recipe, case: Labelled = case, name: str = network.name) -> float:
            nonlocal done
            percent = case.percent(quantize(case.floating, case.calibration.x, recipe=recipe))
            done += 1
            progress(name, done, 4)
            return percent

        floating, converted = case.percent(case.floating), case.converted_percent()
        rows.append(_beside(network, MIN_MAX, made(MIN_MAX), "TensorFlow Lite's int8", converted, 0.0))
        rows.append(_beside(network, SHIFT_ONLY, made(SHIFT_ONLY), MSE.name, made(MSE), _SHIFT_POINTS))
        rows.append(_beside(network, RECOVERED, made(RECOVERED), "float", floating, _W4A8_POINTS))
    return rows


def _beside(network: ReferenceNetwork, recipe: Recipe, percent: float, other: str, beside: float, points: float) -> Row:
    figures: Row = {"network": network.name, "method": recipe.name, "percent": percent, "beside": other, "beside_percent": beside}
    return {**figures, **at_least(percent, beside - points)}


@benchmark("calibration", f"{RESNET.name}, weft quantize with ranges of least squared error: the whole command")
def calibration(progress: Progress) -> list[Row]:
    """Seconds for 100 images, and peak memory, which the number of images should not change."""
    case = labelled(RESNET)
    images = np.concatenate([one for data in (case.calibration, case.evaluation) for one in data.x.values()])
    model = RESNET.path.with_name(RESNET.file.replace("_int8", "_float"))
    runs = []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as name:
        folder = Path(name)
        (folder / "mse.toml").write_text(MSE.to_toml(), encoding="utf-8")
        for done, count in enumerate((CALIBRATED, *_IMAGES)):
            np.savez(folder / "images.npz", x=images[:count])
            options = ["--calibration", "images.npz", "--recipe", "mse.toml", "-o", "net.weft"]
            runs.append(_measured(["quantize", str(model), *options], folder))
            progress("weft quantize", done + 1, 1 + len(_IMAGES))
    timed, fewer, more = runs
    return [
        {"figure": f"seconds, {CALIBRATED} images", "value": timed.seconds, **at_most(timed.seconds, _SECONDS)},
        {"figure": f"CPU seconds, {CALIBRATED} images", "value": timed.cpu_seconds, "target": "", "reached": ""},
        {"figure": f"MiB at the peak, {_IMAGES[0]} images", "value": fewer.mib, "target": "", "reached": ""},
        {"figure": f"MiB at the peak, {_IMAGES[1]} images", "value": more.mib, **at_most(more.mib, round(fewer.mib * _MEMORY_FACTOR))},
    ]


@dataclass(frozen=True)
class _Run:
    """One run of a command: wall clock, CPU seconds, and peak memory."""

    seconds: float
    cpu_seconds: float
    mib: float


def _measured(arguments: list[str], folder: Path) -> _Run:
    """Runs a `weft` command in a process of its own.  Raises ToolFailedError when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "weft", *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise ToolFailedError(f"weft {' '.join(arguments)} ended with exit code {process.returncode}: {said}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return _Run(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20)
