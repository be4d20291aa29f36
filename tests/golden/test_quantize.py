"""Post-training quantization: sound graphs from any network, in every format, degenerate ones included.

How near the integers come to the real network is a matter of accuracy, judged with a tolerance; what the integers are, once the
scales are chosen, is checked exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from golden.calibration import Range
from golden.checker import violations
from golden.errors import InputError
from golden.float_graph import FloatClamp, FloatGraph, FloatTensor
from golden.formats import INT8, Quantizer, power_of_two_up
from golden.graph import Add, Conv2d, Graph, MaxPool2d, WeightedOp
from golden.importers.torch_export import import_module
from golden.input_data import dequantize_output, quantize_input
from golden.integer_graph import clamp_range
from golden.interpreter import run
from golden.parameters import LEAST_FACTOR, expressible, least_weight_scales, weight_scales
from golden.quantize import quantize, quantize_graph
from golden.recipe import Recipe
from golden.rescale import SHIFT, TFLITE, Rescale, RescaleFormat, RescaleKind
from golden.schemes import ActivationScheme, WeightScheme
from golden.weight_ranges import weight_ranges

FIXED = {bits: RescaleFormat(RescaleKind.FIXED, bits) for bits in (4, 6, 8, 16, 32)}
FORMATS = [TFLITE, SHIFT, *FIXED.values()]


class Residual(nn.Module):
    """A network with every supported kind of layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU(), nn.Conv2d(8, 8, 1))
        self.down = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        out: torch.Tensor = self.head(self.down(torch.relu(x + self.depthwise(x))))
        return out


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, Any, Any]:
    """A module, NHWC inputs, and the module's own outputs."""
    torch.manual_seed(0)
    module = Residual().eval()
    x = np.random.default_rng(0).uniform(-1, 2, (64, 8, 8, 2)).astype(np.float32)
    with torch.no_grad():
        y = module(torch.tensor(x).permute(0, 3, 1, 2)).numpy()
    return module, x, y


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_quantized_outputs_are_near_the_real_ones(trained: tuple[nn.Module, Any, Any], format: RescaleFormat) -> None:
    module, x, y = trained
    graph = quantize(module, x, format=format)
    assert violations(graph) == []
    assert graph.format == format
    error = dequantize_output(graph, run(graph, np.asarray(quantize_input(graph, x)))) - y
    limit = {4: 0.35, 6: 0.12}.get(format.bits, 0.12 if format is SHIFT else 0.08)
    assert np.sqrt((error**2).mean()) < limit * y.std()


def test_layouts_and_sources_give_the_same_network(trained: tuple[nn.Module, Any, Any]) -> None:
    module, x, _ = trained
    nchw = torch.tensor(x).permute(0, 3, 1, 2)
    sources = [
        quantize(module, x, name="n"),
        quantize(module, nchw.numpy(), layout="NCHW", name="n"),
        quantize(torch.export.export(module, (nchw[:2],)), x, name="n"),
        quantize(import_module(module, (nchw[:2],)), x, name="n"),
        quantize(module, {"x": x}, name="n"),
    ]
    outputs = [run(graph, np.asarray(quantize_input(graph, x))).tolist() for graph in sources]
    assert all(output == outputs[0] for output in outputs)
    assert {graph.name for graph in sources} == {"n"}
    assert quantize(module, x).name == "Residual"


def test_weights_are_narrow_symmetric_and_per_channel(trained: tuple[nn.Module, Any, Any]) -> None:
    module, x, _ = trained
    graph = quantize(module, x)
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            rows = op.weight.reshape(-1, op.weight.shape[-1]).T if op.kind == "depthwise_conv2d" else op.weight.reshape(len(op.bias), -1)
            assert np.abs(rows.astype(int)).max(axis=1).tolist() == [127] * len(rows)
            assert not op.weight_zero_point.any()
            factors = op.weight_scale * graph.op_inputs(op)[0].affine.scale / graph.op_output(op).affine.scale
            assert np.array_equal(Rescale.from_real(TFLITE, factors).multiplier, op.rescale.multiplier)


def test_relu_clamps_at_the_zero_point(trained: tuple[nn.Module, Any, Any]) -> None:
    module, x, _ = trained
    graph = quantize(module, x)
    stem = graph.ops[0]
    assert isinstance(stem, Conv2d)
    assert stem.act_min == graph.op_output(stem).affine.zero_point == -128


@pytest.mark.parametrize("op_scale", [0.03, 6 / 255, 0.05, 0.04])
def test_relu6_rounds_its_end_half_away_in_float32(op_scale: float) -> None:
    op = FloatClamp("c", ("x",), "y", low=0.0, high=6.0)
    steps = float(np.float32(6) / np.float32(op_scale))
    assert clamp_range(op, Quantizer(INT8, op_scale, -128)) == (-128, min(127, -128 + int(np.floor(steps + 0.5))))
    assert clamp_range(op, Quantizer(INT8, op_scale, 20)) == (20, min(127, 20 + int(np.floor(steps + 0.5))))


def test_clamps_of_the_other_ends() -> None:
    quantizer = Quantizer(INT8, 0.5, 10)
    assert clamp_range(FloatClamp("c", ("x",), "y"), quantizer) == (-128, 127)
    assert clamp_range(FloatClamp("c", ("x",), "y", low=-1.25, high=1.25), quantizer) == (7, 13)  # ties, away from zero
    assert clamp_range(FloatClamp("c", ("x",), "y", low=1000.0), quantizer) == (127, 127)


@pytest.mark.parametrize("power_of_two", [False, True])
def test_every_factor_of_a_shift_network_is_a_power_of_two(trained: tuple[nn.Module, Any, Any], power_of_two: bool) -> None:
    module, x, _ = trained
    recipe = Recipe(rescale="shift", activations=ActivationScheme(power_of_two=power_of_two))
    graph = quantize(module, x, recipe=recipe)
    powers = [power_of_two_up(tensor.affine.scale) == tensor.affine.scale for tensor in graph.tensors.values()]
    assert all(powers) if power_of_two else not any(powers)
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            exact = op.weight_scale * graph.op_inputs(op)[0].affine.scale / graph.op_output(op).affine.scale
            assert np.allclose(op.rescale.real(), exact, rtol=1e-15, atol=0)
        if isinstance(op, Add):
            a, b = (tensor.affine.scale for tensor in graph.op_inputs(op))
            common = 2 * max(a, b)
            assert op.rescale_a.real().tolist() == [a / common]
            assert op.rescale_b.real().tolist() == [b / common]
            assert op.rescale_out.real().tolist() == [common / 2**20 / graph.op_output(op).affine.scale]


@given(st.sampled_from([SHIFT, *FIXED.values()]), st.lists(st.floats(2.0**-24, 0.5), min_size=1, max_size=5))
def test_expressible_factors_are_exact_and_the_least(format: RescaleFormat, factors: list[float]) -> None:
    wanted = np.array(factors)
    found = expressible(wanted, format)
    assert np.array_equal(Rescale.from_real(format, found).real(), found)
    assert (found >= wanted).all()
    step = 2.0 ** -(max(format.bits, 2) - 2)
    assert (found <= wanted * (1 + step) * (1 + 1e-15)).all() or format is SHIFT
    assert (found < 2 * wanted).all()


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2), st.floats(1e-12, 1e12), st.floats(1e-6, 1e3))
def test_weight_scales_leave_room_for_the_bias(row: list[float], bias: float, input_scale: float) -> None:
    low, high = weight_ranges(np.array([row]), WeightScheme())
    least = least_weight_scales(np.array([bias]), len(row), input_scale, WeightScheme(), "layer")
    scales = weight_scales(low, high, np.array([bias]), input_scale, WeightScheme(), least)
    assert abs(bias) / (scales[0] * input_scale) + 2 * 127 * 255 <= 2**31 - 1
    assert np.abs(row).max() / scales[0] <= 127 * (1 + 1e-15)


# --- degenerate networks --------------------------------------------------------------------------


def quantized(module: nn.Module, x: Any) -> Iterator[tuple[Graph, Any, Any]]:
    """In each format: the graph, its real outputs, and the module's."""
    nchw = torch.tensor(x).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = module.eval()(nchw).permute(0, 2, 3, 1).numpy()
    imported = import_module(module, (nchw,))
    for format in FORMATS:
        graph = quantize(imported, x, format=format)
        assert violations(graph) == []
        yield graph, dequantize_output(graph, run(graph, np.asarray(quantize_input(graph, x)))), expected


def conv(weights: list[float], bias: list[float]) -> nn.Conv2d:
    """A 1 x 1 convolution of one channel."""
    layer = nn.Conv2d(1, len(weights), 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights).view(-1, 1, 1, 1))
        layer.bias.copy_(torch.tensor(bias))  # type: ignore[union-attr]
    return layer


X = np.linspace(-1, 2, 64, dtype=np.float32).reshape(4, 4, 4, 1)

DEGENERATE: dict[str, nn.Module] = {
    "zero-channel": conv([1.0, 0.0], [0.5, -0.25]),
    "zero-layer": conv([0.0, 0.0], [0.5, -0.25]),
    "zero-layer-tiny-bias": conv([0.0], [1e-9]),
    "all-zero": conv([0.0], [0.0]),
    "dead-relu": nn.Sequential(conv([1.0], [-100.0]), nn.ReLU()),
    "dead-then-bias": nn.Sequential(conv([1.0], [-100.0]), nn.ReLU(), conv([1.0], [0.75])),
    "tiny-weight-large-bias": conv([1e-30, 1.0], [1.0, 1.0]),
    "tiny-channel": conv([1e-12, 1.0], [0.0, 0.0]),
    "huge-bias": conv([1.0], [1e12]),
    "huge": conv([1e20], [1e19]),
    "tiny": conv([1e-20], [1e-21]),
    "cancelling": nn.Sequential(conv([1.0], [0.0]), nn.Hardtanh(0.49999, 0.50001), conv([1.0], [-0.5])),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_networks_stay_sound_and_near(name: str) -> None:
    for graph, got, expected in quantized(DEGENERATE[name], X):
        largest = max(np.abs(expected).max(), 1e-30)
        if name == "cancelling":  # what is left is below one step of the tensor before
            largest = 1.0
        assert np.abs(got - expected).max() <= largest * (0.05 if graph.format is SHIFT else 0.03)
        for op in graph.ops:
            if isinstance(op, WeightedOp):
                assert (op.rescale.real() >= LEAST_FACTOR).all()
                assert (op.rescale.real() <= 0.5).all()


class Sum(nn.Module):
    """factor * x + x."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.a = conv([factor], [0.0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.a(x) + x
        return out


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_adds_of_very_unequal_scales(factor: float) -> None:
    for graph, got, expected in quantized(Sum(factor), X):
        assert np.abs(got - expected).max() <= np.abs(expected).max() * {4: 0.15, 6: 0.06}.get(graph.format.bits, 0.05)


def test_an_add_that_cancels() -> None:
    for _, got, expected in quantized(Sum(-1.0), X):
        assert np.abs(expected).max() == 0
        assert np.abs(got).max() < 0.1


def test_a_layer_with_too_many_products_is_refused() -> None:
    with pytest.raises(InputError, match="layer 'fc' sums 70000 products"):
        least_weight_scales(np.zeros(1), 70000, 1.0, WeightScheme(), "fc")


def test_pools_keep_the_affine_parameters_and_a_lone_clamp_becomes_one() -> None:
    graph, got, expected = next(quantized(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2)), X))
    assert len({tensor.affine for tensor in graph.tensors.values()}) == 1
    assert isinstance(graph.ops[0], MaxPool2d)
    assert graph.ops[0].act_min == graph.tensors[graph.inputs[0]].affine.zero_point
    assert np.abs(got - expected).max() <= graph.tensors[graph.inputs[0]].affine.scale


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (np.full((4, 8, 8, 2), np.nan, np.float32), "NaN or infinite"),
        (np.zeros((0, 8, 8, 2), np.float32), "is empty"),
        (np.zeros((4, 8, 8, 2), np.int8), "must hold real values"),
        (np.zeros((8, 8, 2), np.float32), "a single channel needs its own axis too"),
        (np.zeros((4, 1, 8, 8, 2), np.float32), r"must have the shape \[N, H, W, C\]"),
        (np.zeros((4, 2, 8, 8), np.float32), "cannot trace Residual with inputs of shape"),
        (np.zeros((4, 0, 8, 2), np.float32), r"must have the shape \[N, H, W, C\]"),
    ],
)
def test_bad_calibration_data_is_refused(trained: tuple[nn.Module, Any, Any], calibration: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        quantize(trained[0], calibration)


def test_other_objects_are_refused() -> None:
    with pytest.raises(InputError, match=r"a network must be a torch.nn.Module, .* not str"):
        quantize("network", X)  # type: ignore[arg-type]


def test_operators_without_an_integer_form_are_refused() -> None:
    tensors = {name: FloatTensor(name, (2,)) for name in "xy"}
    graph = FloatGraph("g", tensors, ("x",), ("y",), (FloatClamp("c", ("x",), "y"),))
    with pytest.raises(InputError, match="run the passes"):
        quantize_graph(graph, dict.fromkeys(tensors, Range(0.0, 1.0)), Recipe())
