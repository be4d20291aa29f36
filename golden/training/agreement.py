"""How well a network with fake quantization agrees with its integer graph, and what each difference comes from (SPEC section 16)."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from golden import interpreter
from golden.float_graph import FloatAdd, FloatAveragePool2d, FloatFunction, FloatOp, FloatSoftmax
from golden.graph import Graph, Int8
from golden.input_data import RealData, checked_data, quantize_input
from golden.rescale import RescaleKind
from golden.training.convert import convert, unwrapped
from golden.training.layer import Folded
from golden.training.network import QuantizedNetwork
from golden.training.resolution import Steps
from golden.training.rounding import half_up

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

#: Real steps this near to a half count as one: double precision is finer by far, and factors of 31 bits are not.
_HALF = 1e-6

TIE = "tie"  #: a half, which the two round to different sides
SINGLE_PRECISION = "single precision"  #: a sum or a division in float32 ended on the other side of a half
DOUBLE_ROUNDING = "double rounding"  #: TensorFlow Lite's first rounding made a half of what is less than one
AVERAGE = "average rounding"  #: a half of an average, away from zero with its zero point in it
ADD = "add rescale"  #: the factors of an add and the rounding of its inputs
FUNCTION = "fixed-point function"  #: the integer softmax; a table of a function, which is made in double precision
UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class LayerAgreement:
    """One operator, computed by both on the integer graph's own inputs to it.

    elements: compared.
    equal:    of them.
    largest:  difference, in steps.
    causes:   how many of the differences each cause has.
    """

    name: str
    kind: str
    elements: int
    equal: int
    largest: int
    causes: Mapping[str, int]


@dataclass(frozen=True)
class Agreement:
    """What `agreement` found.

    images:  compared.
    outputs: share of the network's output elements that are equal, after the differences of all layers.
    classes: share of the images whose largest output is at the same place.
    largest: difference of an output, in steps.
    layers:  the network's inputs, then each operator by itself.
    """

    images: int
    outputs: float
    classes: float
    largest: int
    layers: tuple[LayerAgreement, ...]

    @property
    def causes(self) -> dict[str, int]:
        """How many differences each cause has in all layers."""
        return dict(sum((Counter(layer.causes) for layer in self.layers), Counter()))


@torch.no_grad()
def agreement(
    network: nn.Module, x: RealData, *, exact_rounding: bool = True, dtype: torch.dtype = torch.float32, batch_size: int = 256
) -> Agreement:
    """Compares a network in evaluation with its integer graph.

    x:              real inputs in the network's layout.
    exact_rounding: as in `QuantizedNetwork`; without it, the fake quantization of textbooks.
    dtype:          what the fake quantization computes in: torch.float32 or torch.float64.
    """
    original, graph = unwrapped(network), convert(network)
    steps = copy.deepcopy(original).cpu().resolve()
    compared, exact = (_Evaluation(original, steps, *choice) for choice in ((dtype, exact_rounding), (torch.float64, True)))
    data = checked_data({name: graph.tensors[name].shape for name in graph.inputs}, x, original.layout, "data")
    tally = _Tally(compared, exact, graph)
    count = len(next(iter(data.values())))
    for start in range(0, count, batch_size):
        tally.add({name: array[start : start + batch_size] for name, array in data.items()})
    return tally.result(count)


class _Evaluation:
    """A network that computes in one precision, with the integers of another one."""

    def __init__(self, network: QuantizedNetwork, steps: Steps, dtype: torch.dtype, exact_rounding: bool) -> None:
        self.network = copy.deepcopy(network).to("cpu", dtype).eval()
        self.network.exact_rounding = exact_rounding
        self.dtype = dtype
        folded = {}
        for name, own in steps.folded.items():
            quantizer = steps.weights[name]
            rows = self.network.layer(name).centred(own, quantizer).to(dtype) * torch.from_numpy(quantizer.scale).to(dtype)[:, None]
            folded[name] = Folded(rows, own.bias.to(dtype))
        self.steps = Steps(steps.tensors, steps.weights, folded, {name: wanted.to(dtype) for name, wanted in steps.wanted.items()})

    def reals(self, op: FloatOp, integers: Mapping[str, Int8]) -> list[Tensor]:
        """The real values of an operator's inputs, from the integer graph's."""
        values = []
        for name in op.inputs:
            quantizer = self.steps.tensors[name]
            centred = integers[name].astype(np.int64) - quantizer.affine().zero_point
            values.append(torch.from_numpy(centred).to(self.dtype) * torch.tensor(quantizer.scale, dtype=self.dtype))
        return values

    def integers(self, tensor: str, real: Tensor) -> Int64:
        """The int8 values that real ones in a tensor's steps stand for."""
        quantizer = self.steps.tensors[tensor]
        return np.rint(real.double().numpy() / quantizer.scale).astype(np.int64) + quantizer.affine().zero_point

    def operator(self, op: FloatOp, integers: Mapping[str, Int8]) -> Int64:
        """An operator's integers, from the integer graph's own inputs to it."""
        return self.integers(op.output, self.network.operator(op, self.reals(op, integers), self.steps))


@dataclass
class _Count:
    """Of one operator."""

    kind: str
    elements: int = 0
    equal: int = 0
    largest: int = 0
    causes: Counter[str] = field(default_factory=Counter)

    def add(self, ours: Int64, theirs: Int8, causes: Callable[[Bool], Mapping[str, int]]) -> None:
        different = ours != theirs
        self.elements += ours.size
        self.equal += int(ours.size - different.sum())
        if different.any():
            self.largest = max(self.largest, int(np.abs(ours - theirs).max()))
            self.causes.update({cause: count for cause, count in causes(different).items() if count})


class _Tally:
    """Counts over batches."""

    def __init__(self, compared: _Evaluation, exact: _Evaluation, graph: Graph) -> None:
        self.compared, self.exact, self.graph = compared, exact, graph
        self.inputs = {name: _Count("input") for name in graph.inputs}
        self.ops = {op.name: _Count(op.kind) for op in compared.network.graph.ops}
        self.outputs, self.same_class = _Count("output"), 0

    def result(self, images: int) -> Agreement:
        """Everything so far."""
        layers = (LayerAgreement(name, *vars(count).values()) for name, count in (*self.inputs.items(), *self.ops.items()))
        shares = self.outputs.equal / self.outputs.elements, self.same_class / images
        return Agreement(images, *shares, self.outputs.largest, tuple(layers))

    def add(self, data: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """One batch, NHWC."""
        network, steps = self.compared.network, self.compared.steps
        quantized = quantize_input(self.graph, data)
        assert isinstance(quantized, dict)
        integers = interpreter.run(self.graph, quantized, tensors=True)
        reals = {name: torch.from_numpy(array).to(self.compared.dtype) for name, array in data.items()}
        whole = network.run(reals, steps)
        for name in self.graph.outputs:
            self.outputs.add(self.compared.integers(name, whole[name]), integers[name], lambda different: {})
        first = self.graph.outputs[0]
        ours, theirs = self.compared.integers(first, whole[first]), integers[first]
        self.same_class += int((_largest(ours) == _largest(theirs)).sum())
        for name, x in reals.items():
            found = self.compared.integers(name, network.quantized_input(name, x, steps))
            self.inputs[name].add(found, integers[name], lambda different: {SINGLE_PRECISION: int(different.sum())})
        for op in network.graph.ops:
            self._operator(op, integers)

    def _operator(self, op: FloatOp, integers: Mapping[str, Int8]) -> None:
        ours = self.compared.operator(op, integers)
        self.ops[op.name].add(ours, integers[op.output], lambda different: self._causes(op, ours, integers, different))

    def _causes(self, op: FloatOp, ours: Int64, integers: Mapping[str, Int8], different: Bool) -> dict[str, int]:
        """Why elements differ; the first cause in this order that applies."""
        if isinstance(op, FloatSoftmax | FloatFunction):
            return {FUNCTION: int(different.sum())}
        network, steps, theirs = self.exact.network, self.exact.steps, integers[op.output]
        quantizer = steps.tensors[op.output]
        exact = network.real(op, self.exact.reals(op, integers), steps).numpy() / quantizer.scale
        nearest = np.clip(half_up(torch.from_numpy(exact)).numpy(), *network.ends(op, steps)) + quantizer.affine().zero_point
        half = np.abs(exact - np.floor(exact) - 0.5) < _HALF
        rounded_twice = self.graph.format.kind is RescaleKind.TFLITE and not isinstance(op, FloatAdd | FloatAveragePool2d)
        causes = {
            AVERAGE: half & isinstance(op, FloatAveragePool2d),
            TIE: half,
            SINGLE_PRECISION: nearest == theirs,
            DOUBLE_ROUNDING: (self.exact.operator(op, integers) == theirs) & rounded_twice,
            ADD: np.full_like(half, isinstance(op, FloatAdd)) & (np.abs(ours - theirs) <= 1),
            UNEXPLAINED: np.ones_like(half),
        }
        count, left = {}, different.copy()
        for cause, applies in causes.items():
            count[cause] = int((left & applies).sum())
            left &= ~applies
        return count


def _largest(values: npt.NDArray[np.integer]) -> Int64:
    """The place of each image's largest element."""
    return np.asarray(values.reshape(len(values), -1).argmax(axis=1), np.int64)
