"""What a network makes of its inputs in the golden model, and the npz file of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from golden import interpreter
from golden.errors import InputError
from golden.graph import Float64, Graph, Int8
from golden.input_data import dequantize_output
from weft.output import new_file

Int64 = npt.NDArray[np.int64]

#: Inputs that are run at once where a network has several outputs.
_PART = 64


@dataclass(frozen=True, eq=False)
class Output:
    """One output of a network.

    y:       int8[N, *shape], as the accelerator and the host give it.
    real:    float64[N, *shape], the same in real units.
    classes: int64[N], the index of the largest element, or None where the output is no vector of several.
    """

    name: str
    y: Int8
    real: Float64
    classes: Int64 | None


@dataclass(frozen=True, eq=False)
class Prediction:
    """Every output of a network, in its order.

    accuracy: share of the inputs whose class is the labelled one; None without labels, and where not exactly one output has classes.
    """

    outputs: tuple[Output, ...]
    accuracy: float | None

    @property
    def images(self) -> int:
        """How many inputs there were."""
        return len(self.outputs[0].y)

    @property
    def y(self) -> Int8:
        """int8[N, *shape] of the one output.  Raises InputError where there are several, as the next two do."""
        return self._only().y

    @property
    def real(self) -> Float64:
        """float64[N, *shape] of the one output."""
        return self._only().real

    @property
    def classes(self) -> Int64 | None:
        """int64[N] of the one output, or None."""
        return self._only().classes

    def _only(self) -> Output:
        if len(self.outputs) != 1:
            names = ", ".join(repr(output.name) for output in self.outputs)
            raise InputError(f"the network has {len(self.outputs)} outputs, {names}; take one of Prediction.outputs")
        return self.outputs[0]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the npz file: `y`, `real` and `prediction` of one output, `y.NAME` and so on of several."""
        found: dict[str, npt.NDArray[Any]] = {}
        for output in self.outputs:
            suffix = "" if len(self.outputs) == 1 else f".{output.name}"
            found |= {f"y{suffix}": output.y, f"real{suffix}": output.real}
            if output.classes is not None:
                found[f"prediction{suffix}"] = output.classes
        return found

    def save(self, path: Path) -> None:
        """Writes the npz file, whole or not at all."""
        with new_file(path) as draft, draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **self.arrays())


def predict(graph: Graph, inputs: Mapping[str, Int8], label: Int64 | None, progress: Callable[[int, int], None]) -> Prediction:
    """Runs a network in the golden model.

    inputs: int8[N, *shape] for each input.
    label:  int64[N], the right classes, or None.
    """
    if len(graph.outputs) == 1:
        values = {graph.outputs[0]: interpreter.run(graph, inputs, progress=progress)}
    else:
        values = _several(graph, inputs, progress)
    outputs = tuple(_output(graph, name, values[name]) for name in graph.outputs)
    classified = [output.classes for output in outputs if output.classes is not None]
    accuracy = None if label is None or len(classified) != 1 else float((classified[0] == label).mean())
    return Prediction(outputs, accuracy)


def _several(graph: Graph, inputs: Mapping[str, Int8], progress: Callable[[int, int], None]) -> dict[str, Int8]:
    """Every output; in parts, because the interpreter hands over all other tensors as well."""
    count = len(next(iter(inputs.values())))
    parts: dict[str, list[Int8]] = {name: [] for name in graph.outputs}
    for start in range(0, count, _PART):
        found = interpreter.run(graph, {name: array[start : start + _PART] for name, array in inputs.items()}, tensors=True)
        for name, each in parts.items():
            each.append(found[name])
        progress(min(start + _PART, count), count)
    return {name: np.concatenate(each) for name, each in parts.items()}


def _output(graph: Graph, name: str, y: Int8) -> Output:
    classes = y.argmax(axis=1).astype(np.int64) if y.ndim == 2 and y.shape[1] > 1 else None
    return Output(name, y, dequantize_output(graph, y, name), classes)
