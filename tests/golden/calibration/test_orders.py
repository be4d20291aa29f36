"""Orders of calibration: forward sees what quantization has done so far, the others what the outputs make of a range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden import fake_quantize, float_interpreter
from golden.calibration import Range, calibrate
from golden.calibration.output_error import SHARES
from golden.float_graph import FloatAdd, FloatFullyConnected, FloatGraph, FloatOp, FloatReshape, FloatSoftmax, FloatTensor
from golden.parameters import Parameters, choose
from golden.recipe import Order, Recipe
from golden.schemes import ActivationScheme, Calibrator, WeightScheme

RNG = np.random.default_rng(0)
X = {"x": RNG.standard_t(4, (150, 12)).astype(np.float32)}
#: A weak quantization, so that errors are large.
COARSE = Recipe(weights=WeightScheme(3), activations=ActivationScheme(3))


def network() -> FloatGraph:
    """x -> fc, ReLU -> a -> reshape -> r -> fc -> b; b + x -> s -> fc -> l -> softmax -> y."""
    shapes = {"x": (12,), "a": (12,), "r": (12,), "b": (12,), "s": (12,), "l": (5,), "y": (5,)}

    def layer(name: str, source: str, target: str, outputs: int, low: float = -np.inf) -> FloatOp:
        weight = RNG.normal(size=(outputs, 12)) / 3
        return FloatFullyConnected(name, (source,), target, weight=weight, bias=RNG.normal(size=outputs) / 5, low=low)

    ops = (
        layer("first", "x", "a", 12, 0.0),
        FloatReshape("same", ("a",), "r"),
        layer("second", "r", "b", 12),
        FloatAdd("sum", ("b", "x"), "s"),
        layer("third", "s", "l", 5),
        FloatSoftmax("softmax", ("l",), "y"),
    )
    return FloatGraph("g", {name: FloatTensor(name, shape) for name, shape in shapes.items()}, ("x",), ("y",), ops)


GRAPH = network()


def logit_error(ranges: dict[str, Range], recipe: Recipe) -> float:
    """Of the whole network, quantized, relative to the logits' energy."""
    parameters = choose(GRAPH, ranges, recipe)
    near = fake_quantize.run(fake_quantize.quantized_weights(GRAPH, parameters), parameters, X)["l"]
    exact = float_interpreter.run(GRAPH, X)["l"]
    return float(((near - exact).astype(np.float64) ** 2).sum() / (exact.astype(np.float64) ** 2).sum())


def test_forward_observes_each_tensor_behind_quantized_layers() -> None:
    found = calibrate(GRAPH, X, replace(COARSE, order=Order.FORWARD))
    assert found["x"] == calibrate(GRAPH, X, COARSE)["x"]
    known = calibrate(GRAPH, X, COARSE)
    for name, before in (("a", {"x"}), ("b", {"x", "a", "r"}), ("s", {"x", "a", "r", "b"}), ("l", {"x", "a", "r", "b", "s"})):
        # Computed once more: what is before the tensor in its steps, with the weights of all layers up to it, the tensor itself not.
        parameters = choose(GRAPH, known, COARSE)
        values = fake_quantize.run(fake_quantize.quantized_weights(GRAPH, parameters), parameters, X, tensors=before)[name]
        assert np.isclose(found[name].low, values.min(), rtol=1e-5)
        assert np.isclose(found[name].high, values.max(), rtol=1e-5)
        assert found[name] != known[name]
        known[name] = found[name]


@pytest.mark.parametrize("calibrator", [Calibrator.MIN_MAX, Calibrator.MSE])
def test_coordinate_descent_lowers_the_error_of_the_outputs(calibrator: Calibrator) -> None:
    recipe = replace(COARSE, activations=ActivationScheme(3, calibration=calibrator))
    errors = {order: logit_error(calibrate(GRAPH, X, replace(recipe, order=order)), recipe) for order in Order}
    assert errors[Order.OUTPUT_ERROR] < 0.97 * errors[Order.TOGETHER]
    assert errors[Order.OUTPUT_ERROR] <= min(errors.values())


def test_backward_weighs_the_last_tensor_in_an_otherwise_real_network() -> None:
    """The logits come first: everything before them is real, so the best range of theirs is that with the least squared error."""
    together = calibrate(GRAPH, X, COARSE)
    found = calibrate(GRAPH, X, replace(COARSE, order=Order.BACKWARD))
    logits = float_interpreter.run(GRAPH, X)["l"]

    def error(range_: Range) -> float:
        quantizer = COARSE.activations.quantizer(range_.low, range_.high)
        return float(((quantizer.dequantize(quantizer.quantize(logits)) - logits) ** 2).sum())

    start = together["l"]
    high = min((Range(start.low, share * start.high) for share in (1.0, *SHARES)), key=error)
    both = min((Range(share * high.low, high.high) for share in (1.0, *SHARES)), key=error)
    assert found["l"] == both
    assert found["l"] != start


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("rescale", ["tflite", "shift"])
def test_batches_do_not_matter_and_every_image_counts(order: Order, rescale: str) -> None:
    recipe = replace(COARSE, order=order, rescale=rescale, activations=ActivationScheme(4, calibration=Calibrator.MSE))
    calls: list[tuple[int, int]] = []
    one = calibrate(GRAPH, X, recipe, batch_size=40, progress=lambda *call: calls.append(call))
    whole = calibrate(GRAPH, X, recipe, batch_size=150)
    assert all(np.allclose([one[n].low, one[n].high], [whole[n].low, whole[n].high], rtol=1e-5) for n in GRAPH.tensors)
    assert calls == sorted(calls)
    assert calls[-1][0] == calls[-1][1]


@pytest.mark.parametrize("order", Order)
def test_symmetric_ranges_stay_so(order: Order) -> None:
    recipe = replace(COARSE, order=order, activations=ActivationScheme(4, symmetric=True))
    parameters: Parameters = choose(GRAPH, calibrate(GRAPH, X, recipe), recipe)
    assert {quantizer.zero_point for name, quantizer in parameters.tensors.items() if name != "y"} == {0}
    assert parameters.tensors["r"] == parameters.tensors["a"]


def test_in_the_shift_format_only_what_is_added_is_tied() -> None:
    parameters = choose(GRAPH, calibrate(GRAPH, X), Recipe(rescale="shift"))
    exact = choose(GRAPH, calibrate(GRAPH, X), Recipe())
    ratios = {name: parameters.tensors[name].scale / parameters.tensors["x"].scale for name in "xbs"}
    assert all(2.0 ** round(np.log2(ratio)) == ratio for ratio in ratios.values())
    assert parameters.tensors["l"] == exact.tensors["l"]
    assert parameters.tensors["a"] == exact.tensors["a"]
    assert all(parameters.tensors[name].scale < 2 * exact.tensors[name].scale for name in "xbs")
