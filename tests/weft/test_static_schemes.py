"""Every static way to quantize, on digits: a sound graph, an accuracy that makes sense, and Verilog that computes the same bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from golden.calibration import Range, calibrate
from golden.checker import violations
from golden.compression.network import Settings, compress
from golden.float_graph import FloatGraph
from golden.graph import Graph, WeightedOp
from golden.importers.torch_export import import_module
from golden.input_data import quantize_input
from golden.interpreter import run
from golden.passes.pipeline import prepare
from golden.quantize import quantize, quantize_graph
from golden.recipe import LayerBits, Order, Recipe, Recovery
from golden.schemes import ActivationScheme, Calibrator, Granularity, WeightRange, WeightScheme
from hwgen.config import AcceleratorConfig
from sim.verify import verify
from weft.demo.data import Split, digits

#: One accelerator for all; only the rescale format differs, so that there is one simulator for each of those.
CONFIG = AcceleratorConfig(
    rows=4, cols=4, lanes=2, acc_depth=64, act_depth=256, weight_depth=1024, param_depth=64, program_depth=256, max_layers=12, add_tables=1
)
#: Images of the simulations.
SIMULATED = 3

WEIGHTS, ACTIVATIONS = WeightScheme(), ActivationScheme()
MSE_WEIGHTS = replace(WEIGHTS, range=WeightRange.MSE)
#: By name: the recipe, and how many of 100 held-out digits may be lost against the float network.
SCHEMES: dict[str, tuple[Recipe, int]] = {
    "int8": (Recipe(), 2),
    "weights per tensor": (Recipe(weights=replace(WEIGHTS, granularity=Granularity.TENSOR)), 3),
    "weights asymmetric": (Recipe(weights=replace(WEIGHTS, symmetric=False)), 2),
    "weights asymmetric, 4 bits, mse": (Recipe(weights=replace(MSE_WEIGHTS, symmetric=False, bits=4)), 12),
    "weights to -128": (Recipe(weights=replace(WEIGHTS, narrow=False)), 2),
    "weights of 4 bits, mse": (Recipe(weights=replace(MSE_WEIGHTS, bits=4)), 12),
    "activations of 6 bits": (Recipe(activations=replace(ACTIVATIONS, bits=6)), 6),
    "activations unsigned": (Recipe(activations=replace(ACTIVATIONS, signed=False)), 2),
    "activations unsigned, 5 bits": (Recipe(activations=replace(ACTIVATIONS, signed=False, bits=5)), 12),
    "activations symmetric": (Recipe(activations=replace(ACTIVATIONS, symmetric=True)), 3),
    "activations symmetric and narrow": (Recipe(activations=replace(ACTIVATIONS, symmetric=True, narrow=True)), 3),
    "activations by powers of two": (Recipe(activations=replace(ACTIVATIONS, power_of_two=True, calibration=Calibrator.MSE)), 3),
    "moving average": (Recipe(activations=replace(ACTIVATIONS, calibration=Calibrator.MOVING_AVERAGE)), 4),
    "percentile": (Recipe(activations=replace(ACTIVATIONS, calibration=Calibrator.PERCENTILE, percentile=99.9)), 3),
    "squared error": (Recipe(weights=MSE_WEIGHTS, activations=replace(ACTIVATIONS, calibration=Calibrator.MSE)), 2),
    "cross-entropy": (Recipe(activations=replace(ACTIVATIONS, calibration=Calibrator.CROSS_ENTROPY)), 3),
    "divergence": (Recipe(activations=replace(ACTIVATIONS, calibration=Calibrator.KL)), 4),
    "forward": (Recipe(order=Order.FORWARD, activations=replace(ACTIVATIONS, bits=5)), 12),
    "backward": (Recipe(order=Order.BACKWARD, activations=replace(ACTIVATIONS, bits=5)), 12),
    "output error": (Recipe(order=Order.OUTPUT_ERROR, activations=replace(ACTIVATIONS, bits=5)), 12),
    "bits by layer, ends of 8": (
        Recipe(weights=replace(MSE_WEIGHTS, bits=4), eight_bit_ends=True, layers={"pointwise": LayerBits(3, 6)}),
        15,
    ),
    "shift": (Recipe(rescale="shift"), 4),
    "shift, squared error": (
        Recipe(rescale="shift", weights=MSE_WEIGHTS, activations=replace(ACTIVATIONS, calibration=Calibrator.MSE)),
        4,
    ),
    "shift, powers of two": (Recipe(rescale="shift", activations=replace(ACTIVATIONS, power_of_two=True)), 4),
    "fixed8": (Recipe(rescale="fixed8"), 3),
    "recovery": (Recipe(weights=replace(WEIGHTS, bits=5), recovery=(Recovery.EQUALIZATION, Recovery.BIAS_CORRECTION)), 8),
}


class Residual(nn.Module):
    """A classifier of digits with a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU())
        self.branch = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.pointwise = nn.Conv2d(8, 8, 1)
        self.head = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        out: torch.Tensor = self.head(torch.relu(x + self.pointwise(self.branch(x))))
        return out


@dataclass(frozen=True, eq=False)
class Trained:
    """The network, the data, and how many of the held-out digits it gets right."""

    graph: FloatGraph
    split: Split
    right: int


@pytest.fixture(scope="module")
def trained() -> Trained:
    split = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Residual()
        images, labels = torch.from_numpy(split.train_x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(split.train_label)
        optimizer = torch.optim.Adam(module.parameters(), lr=4e-3)
        for _ in range(25):
            for batch in torch.split(torch.randperm(len(images)), 64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(images[batch]), labels[batch]).backward()
                optimizer.step()
    with torch.no_grad():
        scores = module(torch.from_numpy(split.test_x.transpose(0, 3, 1, 2).copy())).numpy()
    graph = prepare(import_module(module.eval(), (torch.zeros(2, 1, 8, 8),)))
    return Trained(graph, split, int((scores.argmax(1) == split.test_label).sum()))


@pytest.fixture(scope="module")
def quantized(trained: Trained) -> dict[str, Graph]:
    """The integer graph of each scheme."""
    return {name: _quantized(trained, recipe) for name, (recipe, _) in SCHEMES.items()}


def _quantized(trained: Trained, recipe: Recipe) -> Graph:
    return quantize(trained.graph, trained.split.train_x[:100], recipe=recipe)


def right(trained: Trained, graph: Graph) -> int:
    """How many of the held-out digits a quantized network gets right."""
    scores = run(graph, np.asarray(quantize_input(graph, trained.split.test_x)))
    return int((scores.argmax(axis=1) == trained.split.test_label).sum())


def test_the_float_network_has_learned(trained: Trained) -> None:
    assert trained.right >= 0.93 * len(trained.split.test_label)


@pytest.mark.parametrize("name", SCHEMES)
def test_sound_and_about_as_right_as_the_float_network(trained: Trained, quantized: dict[str, Graph], name: str) -> None:
    recipe, lost = SCHEMES[name]
    graph = quantized[name]
    assert violations(graph) == []
    assert str(graph.format) == recipe.rescale
    assert right(trained, graph) >= trained.right - lost / 100 * len(trained.split.test_label)


def test_schemes_are_what_they_say(quantized: dict[str, Graph]) -> None:
    def layers(name: str) -> list[WeightedOp]:
        return [op for op in quantized[name].ops if isinstance(op, WeightedOp)]

    assert all(len(np.unique(op.weight_scale)) == 1 for op in layers("weights per tensor"))
    assert any(op.weight_zero_point.any() for op in layers("weights asymmetric"))
    assert min(op.weight.min() for op in layers("weights asymmetric, 4 bits, mse")) == -8
    assert max(np.abs(op.weight).max() for op in layers("weights of 4 bits, mse")) == 7
    assert {tensor.affine.zero_point for tensor in quantized["activations symmetric"].tensors.values()} == {0}
    unsigned = quantized["activations unsigned, 5 bits"]
    assert {tensor.bits for tensor in unsigned.tensors.values()} == {5}
    assert unsigned.tensors[unsigned.inputs[0]].affine.zero_point == -16  # digits begin at 0, which is the least integer
    assert [op.weight_bits for op in layers("bits by layer, ends of 8")] == [8, 4, 3, 8]


#: Their integers are of the same kinds as those of "int8": other ranges are no other arithmetic.
RANGES_ALONE = {"moving average", "percentile", "squared error", "cross-entropy", "divergence", "forward", "backward", "output error"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in RANGES_ALONE else []) for name in SCHEMES])
def test_the_verilog_computes_the_same(trained: Trained, quantized: dict[str, Graph], name: str) -> None:
    graph = quantized[name]
    images = np.asarray(quantize_input(graph, trained.split.test_x[:SIMULATED]))
    report = verify(graph, images, config=CONFIG.with_rescale(graph.format))
    assert report.equal
    assert report.images == SIMULATED


def test_orders_give_other_ranges_and_the_last_the_least_error(trained: Trained) -> None:
    """Coordinate descent never ends with more error than it began with, and every order moves something."""
    data = {trained.graph.inputs[0]: trained.split.train_x[:100]}
    base = Recipe(weights=replace(MSE_WEIGHTS, bits=4), activations=replace(ACTIVATIONS, bits=4))
    found: dict[Order, dict[str, Range]] = {order: calibrate(trained.graph, data, replace(base, order=order)) for order in Order}
    assert all(found[order] != found[Order.TOGETHER] for order in Order if order is not Order.TOGETHER)
    rights = {order: right(trained, quantize_graph(trained.graph, ranges, base)) for order, ranges in found.items()}
    assert rights[Order.OUTPUT_ERROR] > rights[Order.TOGETHER]


@pytest.mark.slow
def test_the_verilog_computes_the_same_with_chosen_integers(trained: Trained) -> None:
    """Rounded adaptively, and shared in codebooks: int8 like all others, but no nearest ones."""
    few = Recipe(weights=replace(MSE_WEIGHTS, bits=4), recovery=(Recovery.ADAPTIVE_ROUNDING, Recovery.BIAS_CORRECTION))
    data = {trained.graph.inputs[0]: trained.split.train_x[:100]}
    for graph in (_quantized(trained, few), compress(trained.graph, data, Recipe(), Settings()).graph):
        images = np.asarray(quantize_input(graph, trained.split.test_x[:SIMULATED]))
        assert verify(graph, images, config=CONFIG.with_rescale(graph.format)).equal
