"""The demonstration's steps: train, quantize, generate, verify.  All its files stay in one folder."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from golden.errors import InputError
from sim import tools
from sim.report import VerifyReport
from sim.tools import Simulator
from weft import api
from weft.demo.data import digits
from weft.demo.network import DigitsNet
from weft.demo.train import float_accuracy, train
from weft.output import new_file

#: Training images that calibrate the quantizer.
CALIBRATION = 512
#: Held-out images for each simulator; Icarus interprets, and is hundreds of times slower.
IMAGES = {Simulator.VERILATOR: None, Simulator.ICARUS: 4}

LEAST_FLOAT_ACCURACY = 0.97
GREATEST_LOSS = 0.01


@dataclass(frozen=True)
class DemoFiles:
    """Where everything is; the names say which command would write the same."""

    folder: Path

    @property
    def program(self) -> Path:
        """The trained network, as torch.export writes it."""
        return self.folder / "digits.pt2"

    @property
    def calibration(self) -> Path:
        """Real inputs for `weft quantize`."""
        return self.folder / "calibration.npz"

    @property
    def test(self) -> Path:
        """The held-out images with their labels."""
        return self.folder / "test.npz"

    @property
    def network(self) -> Path:
        """What `weft quantize` writes."""
        return self.folder / "digits.weft"

    @property
    def build(self) -> Path:
        """The folder that `weft generate` writes."""
        return self.folder / "accelerator"

    @property
    def results(self) -> Path:
        """The results as JSON."""
        return self.folder / "results.json"


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration came to.

    float_accuracy, int8_accuracy: over the held-out images.
    reports: of the simulators that ran.
    missing: what to do to get the others, by simulator.
    seconds: wall clock by step.
    """

    files: DemoFiles
    float_accuracy: float
    int8_accuracy: float
    reports: tuple[VerifyReport, ...]
    missing: dict[str, str]
    seconds: dict[str, float]

    @property
    def equal(self) -> bool:
        """Whether every bit was the golden model's, in every simulator that ran."""
        return all(report.equal for report in self.reports)

    @property
    def accurate(self) -> bool:
        """Whether the network has learnt its task and kept it through quantization."""
        return self.float_accuracy >= LEAST_FLOAT_ACCURACY and self.float_accuracy - self.int8_accuracy <= GREATEST_LOSS

    def layers(self) -> list[dict[str, Any]]:
        """Of the report of the first simulator; `equal` holds for all of them."""
        layers: list[dict[str, Any]] = self.reports[0].to_json()["layers"]
        for index, layer in enumerate(layers):
            layer["equal"] = all(report.layers[index].equal for report in self.reports)
        return layers

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "equal": self.equal,
            "accurate": self.accurate,
            "float_accuracy": self.float_accuracy,
            "int8_accuracy": self.int8_accuracy,
            "cycles": self.reports[0].cycles,
            "layers": self.layers(),
            "simulators": [simulator for report in self.reports for simulator in report.to_json()["simulators"]],
            "first_difference": next((r.to_json()["first_difference"] for r in self.reports if not r.equal), None),
            "missing": self.missing,
            "seconds": {step: round(seconds, 2) for step, seconds in self.seconds.items()},
            "folder": str(self.files.folder),
        }


def run(folder: Path, progress: api.Progress) -> DemoResult:
    """Runs every step and leaves the files in `folder`.

    Raises InputError for a folder that cannot be written, ToolMissingError where there is no simulator at all.
    """
    simulators = tools.simulators()
    if not simulators:
        tools.require(Simulator.VERILATOR)
    missing = {
        simulator.value: "; ".join(tool.problem() for tool in tools.missing(simulator))
        for simulator in Simulator
        if simulator not in simulators
    }
    files = DemoFiles(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write the folder {folder}: {error.strerror or error}; choose one that can be written") from error
    clock = _Clock()

    split = digits()
    network = train(split, lambda done, total: progress("training", done, total))
    accuracy = float_accuracy(network, split.test_x, split.test_label)
    _save_data(files.calibration, split.train_x[:CALIBRATION], split.train_label[:CALIBRATION])
    _save_data(files.test, split.test_x, split.test_label)
    clock.lap("train")
    _save_program(files.program, network)
    clock.lap("export")

    graph = api.quantize(str(files.program), files.calibration, output=files.network, progress=progress)
    prediction = api.predict(graph, files.test, progress=progress)
    assert prediction.accuracy is not None  # the images have labels
    clock.lap("quantize")
    api.generate(graph, files.build, force=True, progress=progress)
    clock.lap("generate")

    reports = []
    for simulator in simulators:
        reports.append(
            api.verify(graph, files.test, build=files.build, images=IMAGES[simulator], simulator=simulator.value, progress=progress)
        )
        clock.lap(simulator.value)
    result = DemoResult(files, accuracy, prediction.accuracy, tuple(reports), missing, clock.laps)
    with new_file(files.results) as draft:
        draft.write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
    return result


class _Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.laps[step], self._last = now - self._last, now


def _save_data(path: Path, x: np.ndarray[Any, np.dtype[np.float32]], label: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    with new_file(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, x=x, label=label, layout="nhwc", values="real")


def _save_program(path: Path, network: DigitsNet) -> None:
    batch = torch.export.Dim("batch")
    program = torch.export.export(network, (torch.zeros(2, 1, 8, 8),), dynamic_shapes={"x": {0: batch}})
    with new_file(path) as draft:
        torch.export.save(program, str(draft))
