"""Ranges by what they do to the network's outputs: backward sequential calibration, and coordinate descent over all ranges.

An observer sees a tensor and what is before it.  Whoever wants to know what comes after it has to look at the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from golden import float_interpreter
from golden.calibration.collect import Progress
from golden.calibration.ranges import Range
from golden.fake_quantize import fake_quantize, quantized_weights
from golden.float_graph import FloatGraph, FloatOp, FloatSoftmax
from golden.formats import Quantizer
from golden.parameters import Chooser, has_own_range
from golden.recipe import Recipe
from golden.tied_scales import KEEPS_INTEGERS

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Shares of an end that compete with the end as it is: each end by itself, the high one first.
SHARES = (0.6, 0.75, 0.9, 1.1)
#: How often coordinate descent visits each tensor, after a first time from the outputs back.
PASSES = 2


def backward(
    graph: FloatGraph,
    data: Mapping[str, Float32],
    recipe: Recipe,
    ranges: Mapping[str, Range],
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> dict[str, Range]:
    """From the outputs back, each tensor's range for the least error of the outputs, with all after it quantized and all before it real.

    ranges: where the search starts from.
    """
    search = _Search(graph, data, recipe, ranges, batch_size)
    return search.improve(search.tensors[::-1], all_quantized=False, progress=progress)


def least_output_error(
    graph: FloatGraph,
    data: Mapping[str, Float32],
    recipe: Recipe,
    ranges: Mapping[str, Range],
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> dict[str, Range]:
    """Coordinate descent from what `backward` finds: in PASSES rounds each range for the least error with everything quantized.

    With the weights as they are, no step makes the error larger.
    """
    search = _Search(graph, data, recipe, ranges, batch_size)
    parts = 1 + PASSES

    def part(number: int) -> Progress:
        return lambda done, total: progress(number * total + done, parts * total) if progress is not None else None

    search.improve(search.tensors[::-1], all_quantized=False, progress=part(0))
    for number in range(1, parts):
        search.improve(search.tensors, all_quantized=True, progress=part(number))
    return search.ranges


class _Search:
    """Looks at one range after the other and keeps what makes the outputs' error smaller (SPEC eq. 73); weights stay as chosen at first."""

    def __init__(
        self, graph: FloatGraph, data: Mapping[str, Float32], recipe: Recipe, ranges: Mapping[str, Range], batch_size: int
    ) -> None:
        self.graph, self.recipe, self.data, self.batch_size = graph, recipe, data, batch_size
        self.ranges = dict(ranges)
        self.chooser = Chooser(graph, self.ranges, recipe)
        parameters = self.chooser.parameters()
        self.quantizers = dict(parameters.tensors)
        self.quantized_ops = quantized_weights(graph, parameters).ops
        self.position = dict.fromkeys(graph.inputs, -1) | {op.output: number for number, op in enumerate(graph.ops)}
        self.tensors = sorted((name for name in graph.tensors if has_own_range(graph, name)), key=self.position.__getitem__)
        self.followers = {name: [name] for name in self.tensors}
        for op in graph.ops:
            if isinstance(op, KEEPS_INTEGERS):
                source = next((names for names in self.followers.values() if op.inputs[0] in names), [])
                source.append(op.output)
        self.count = next(iter(data.values())).shape[0]
        self.measured = _measured(graph)
        self.wanted = [self._measure(self._continued(graph.ops, self._inputs(start, {}), {})) for start in range(0, self.count, batch_size)]
        self.energy = np.sum([_energy(batch) for batch in self.wanted], axis=0)

    def improve(self, order: list[str], *, all_quantized: bool, progress: Progress | None) -> dict[str, Range]:
        """Visits tensors in an order; `all_quantized`: those before it too, not only those after it."""
        for visit, name in enumerate(order):
            for low_end in (False, True):
                tried = {self.quantizers[name]: self.ranges[name]}
                for share in SHARES:
                    range_ = self._scaled(name, share, low_end)
                    tried.setdefault(self._quantizer(name, range_), range_)
                if len(tried) > 1:
                    best = list(tried)[int(np.argmin(self._errors(name, list(tried), all_quantized)))]
                    self.ranges[name] = tried[best]
                    self.quantizers |= dict.fromkeys(self.followers[name], best)
            if progress is not None:
                progress((visit + 1) * self.count, len(order) * self.count)
        return self.ranges

    def _scaled(self, name: str, share: float, low_end: bool) -> Range:
        """The range with a share of one end; a symmetric one has a single end."""
        low, high = min(self.ranges[name].low, 0.0), max(self.ranges[name].high, 0.0)
        if self.recipe.activation_scheme(self.graph, name).symmetric:
            bound = max(-low, high) * (1.0 if low_end else share)
            return Range(-bound, bound)
        return Range(low * share, high) if low_end else Range(low, high * share)

    def _quantizer(self, name: str, range_: Range) -> Quantizer:
        """What the chooser would take for a range."""
        before, self.ranges[name] = self.ranges[name], range_
        try:
            return self.chooser.activation(name)
        finally:
            self.ranges[name] = before

    def _errors(self, name: str, candidates: list[Quantizer], all_quantized: bool) -> Float64:
        """For each quantizer of one tensor the error of the outputs, relative to their energy, float64[candidates]."""
        here = self.position[name]
        fixed = {n: q for n, q in self.quantizers.items() if n not in self.followers[name] and (all_quantized or self.position[n] > here)}
        before = (self.quantized_ops if all_quantized else self.graph.ops)[: here + 1]
        errors = np.zeros((len(candidates), len(self.measured)))
        for batch, start in enumerate(range(0, self.count, self.batch_size)):
            values = self._continued(before, self._inputs(start, fixed), fixed)
            for number, candidate in enumerate(candidates):
                quantizers = fixed | dict.fromkeys(self.followers[name], candidate)
                known = values | {name: fake_quantize(values[name], candidate)}
                results = self._measure(self._continued(self.quantized_ops[here + 1 :], known, quantizers))
                errors[number] += _energy([y - wanted for y, wanted in zip(results, self.wanted[batch], strict=True)])
        return np.asarray((errors / np.maximum(self.energy, np.finfo(np.float64).tiny)).sum(axis=1))

    def _inputs(self, start: int, quantizers: Mapping[str, Quantizer]) -> dict[str, torch.Tensor]:
        """A batch of the network's inputs."""
        values = {name: torch.from_numpy(array[start : start + self.batch_size]) for name, array in self.data.items()}
        return {name: fake_quantize(value, quantizers[name]) if name in quantizers else value for name, value in values.items()}

    def _continued(
        self, ops: tuple[FloatOp, ...], values: dict[str, torch.Tensor], quantizers: Mapping[str, Quantizer]
    ) -> dict[str, torch.Tensor]:
        """The values, and the outputs of operators that follow from them."""
        with torch.no_grad():
            return values | float_interpreter.run_ops(
                self.graph, ops, values, change=lambda n, v: fake_quantize(v, quantizers[n]) if n in quantizers else v
            )

    def _measure(self, values: Mapping[str, torch.Tensor]) -> list[Float64]:
        """What is compared, float64[N, ...] each."""
        return [values[name].numpy().astype(np.float64) for name in self.measured]


def _energy(values: list[Float64]) -> Float64:
    """The sum of squares of each array."""
    return np.array([(array**2).sum() for array in values])


def _measured(graph: FloatGraph) -> list[str]:
    """The outputs; of a softmax what it reads, for its own output hides errors as soon as one class prevails."""
    softmax = {op.output: op.inputs[0] for op in graph.ops if isinstance(op, FloatSoftmax)}
    return list(dict.fromkeys(softmax.get(name, name) for name in graph.outputs))
