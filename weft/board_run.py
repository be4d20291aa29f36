"""Inferences on a board behind a serial port, from the folder that its bitstream was made of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from boards.host import Accelerator, Results
from boards.host.serial_port import DEFAULT_BAUD
from boards.record import serial_design
from golden import network_file
from golden.errors import InputError
from golden.graph import Int8, Tensor
from hwgen.design import Design, read_design
from weft.arrays import Layout, Values, choice
from weft.network import load_network
from weft.network_inputs import Data, int8_samples, network_samples
from weft.output import new_file
from weft.prediction import Output, Prediction, predict


@dataclass(frozen=True, eq=False)
class BoardRun:
    """What a board made of a batch.

    prediction: the outputs, in the form in which the golden model gives them.
    results:    the driver's own, with cycles and times.
    clock_hz:   the accelerator's clock, from the baud rate, as exact as that.
    repeated:   requests that had to be sent again.
    different:  inputs of which an output is not what the golden model gives; None where that was not asked for.
    """

    prediction: Prediction
    results: Results
    clock_hz: float
    repeated: int
    different: int | None

    @property
    def equal(self) -> bool | None:
        """Whether every output is the golden model's, bit for bit; None where that was not asked for."""
        return None if self.different is None else not self.different

    @property
    def accelerator_seconds(self) -> float:
        """Seconds that the accelerator computes: cycles of all inferences, by its clock."""
        return self.results.cycles * self.prediction.images / self.clock_hz

    def to_json(self) -> dict[str, Any]:
        """Everything but the outputs."""
        times = self.results.times
        return {
            "images": self.prediction.images,
            "accuracy": self.prediction.accuracy,
            "cycles": self.results.cycles,
            "clock_hz": self.clock_hz,
            "seconds": {
                "load": times.load,
                "transfer": times.transfer,
                "compute": times.compute,
                "accelerator": self.accelerator_seconds,
            },
            "repeated_requests": self.repeated,
            "different": self.different,
        }


def run_on_board(
    folder: Path,
    port: str,
    inputs: Data | Path,
    *,
    baud: int = DEFAULT_BAUD,
    images: int | None = None,
    compare: Path | None = None,
    output: Path | None = None,
    loaded: bool | None = None,
    timeout_s: float = 10.0,
    layout: str | None = None,
    values: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> BoardRun:
    """Runs inputs on the board at a port; data and files are looked at before the port is opened.

    compare: the network that the folder was generated of, to compare with the golden model.
    loaded:  as of `boards.host.Accelerator`: None refuses another network, True also an empty accelerator, False replaces what is there.
    output:  an npz file to write, with `y`, `real` and `prediction`.
    Raises InputError for what is given, BusError for a port that cannot be used, DeviceError for an accelerator that is not the folder's
    or does not do what it should.
    """
    design = read_design(serial_design(folder))
    names = [tensor.name for tensor in design.inputs]
    lie = None if layout is None else choice(Layout, layout)
    kind = None if values is None else choice(Values, values)
    samples = {name: each.first(images) for name, each in network_samples(inputs, names, "inputs", lie, kind).items()}
    batch = int8_samples({tensor.name: tensor for tensor in design.inputs}, samples)
    expected = None if compare is None else _expected(design, compare, batch)
    # A file that cannot be written is noticed before the first inference, not after the last.
    with nullcontext() if output is None else new_file(output) as draft:
        with Accelerator.open(port, design, baud=baud, loaded=loaded, timeout_s=timeout_s) as accelerator:
            results = accelerator.run(batch, progress=progress)
            clock_hz, repeated = accelerator.clock_hz, accelerator.repeated
        assert clock_hz is not None  # a serial bus knows it
        outputs = tuple(_output(tensor, results) for tensor in design.outputs)
        classified = [each.classes for each in outputs if each.classes is not None]
        label = next(iter(samples.values())).label
        accuracy = None if label is None or len(classified) != 1 else float((classified[0] == label).mean())
        found = Prediction(outputs, accuracy)
        different = None
        if expected is not None:
            wrong = [(results.outputs[name] != y).reshape(len(y), -1).any(axis=1) for name, y in expected.items()]
            different = int(np.any(wrong, axis=0).sum())
        if draft is not None:
            found.save(draft)
    return BoardRun(found, results, clock_hz, repeated, different)


def _output(tensor: Tensor, results: Results) -> Output:
    y = results.outputs[tensor.name]
    return Output(tensor.name, y, results.real(tensor.name), y.argmax(axis=1).astype(np.int64) if y.ndim == 2 and y.shape[1] > 1 else None)


def _expected(design: Design, compare: Path, batch: dict[str, Int8]) -> dict[str, Int8]:
    """What the golden model gives.  Raises InputError for another network than the folder's."""
    graph = load_network(compare)
    if network_file.sha256(graph) != design.network_sha256:
        raise InputError(
            f"{design.path} was generated of another network, {design.network_name!r}, than {compare}, {graph.name!r}: "
            f"name the network file that belongs to the folder"
        )
    return {each.name: each.y for each in predict(graph, batch, None, lambda done, total: None).outputs}
