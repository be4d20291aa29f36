"""The numbers behind the pictures, against what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from golden.evaluation import Noise, real_tensors
from golden.float_graph import FloatGraph
from golden.passes.pipeline import prepare
from golden.quantize import float_graph
from golden.recipe import Method, Recipe
from golden.schemes import ActivationScheme, Calibrator, WeightScheme
from golden.training.landscape import Landscape
from tests.weft.small import small_network
from weft.comparison.contenders import ByRecipe, Codebook, Contender, Task
from weft.comparison.data import Data
from weft.comparison.pictures import (
    accuracy_latency,
    accuracy_size,
    activation_histograms,
    feature_maps,
    filters,
    layer_noise,
    loss_landscape,
    weight_histograms,
)
from weft.comparison.pictures.subject import Subject
from weft.comparison.pictures.under_axis import strip, window
from weft.comparison.report.gallery import shown
from weft.comparison.row import Row
from weft.comparison.run import Comparison

INT8 = ByRecipe(Recipe(name="int8"))
CLIPPED = ByRecipe(
    Recipe(name="clipped", weights=WeightScheme(4), activations=ActivationScheme(4, calibration=Calibrator.PERCENTILE, percentile=90))
)
WEIGHT_ONLY = ByRecipe(Recipe(name="weight-only", method=Method.WEIGHT_ONLY))
CODEBOOK = Codebook(Recipe(name="codebook"))


@pytest.fixture(scope="module")
def data() -> Data:
    x = np.random.default_rng(0).normal(size=(32, 8, 8, 2)).astype(np.float32)
    return Data({"x": x}, None)


@pytest.fixture(scope="module")
def graph(data: Data) -> FloatGraph:
    return prepare(float_graph(small_network(), data.x["x"], "NHWC"))


@pytest.fixture(scope="module")
def subjects(graph: FloatGraph, data: Data) -> dict[str, Subject]:
    x = Data({graph.inputs[0]: data.x["x"]}, None)
    made: tuple[Contender, ...] = (INT8, CLIPPED, WEIGHT_ONLY, CODEBOOK)
    return {each.name: Subject(each.name, each.quantize(Task(graph, graph, x, None))) for each in made}


def row(name: str, accuracy: float | None, size: int, **more: object) -> Row:
    values: dict[str, object] = {
        "name": name,
        "accuracy": accuracy,
        "deviation": 0.0,
        "top5": None,
        "agreement": 0.5,
        "sqnr": {},
        "integer_only": True,
        "uniform": True,
        "trained": False,
        "weight_bits": 8.0,
        "activation_bits": 8.0,
        "size": size,
        "bops": 1,
        "cycles": 100,
        "latency": 2.0,
        "seconds": 0.0,
    }
    return Row(**{**values, **more})  # type: ignore[arg-type]


def test_weight_histograms_count_every_weight(graph: FloatGraph, subjects: dict[str, Subject]) -> None:
    layers = weight_histograms.gather(graph, list(subjects.values()))
    assert [layer.name for layer in layers] == [op.name for op in graph.weighted_ops()]
    for layer, op in zip(layers, graph.weighted_ops(), strict=True):
        assert layer.counts.sum() == op.weight.size
        assert (layer.edges[0], layer.edges[-1]) == (op.weight.min(), op.weight.max())
        assert {name: len(levels) for name, levels in layer.levels.items() if name != "codebook"} == {
            "int8": 255,
            "clipped": 15,
            "weight-only": 255,
        }
        assert len(layer.levels["codebook"]) <= 16


def test_weights_lie_on_their_levels(graph: FloatGraph, subjects: dict[str, Subject]) -> None:
    for op in graph.weighted_ops():
        for name in ("int8", "clipped", "weight-only"):
            weight, levels = subjects[name].weight(op), subjects[name].levels(op)
            assert weight.shape == op.weight.shape
            step = levels[1] - levels[0]
            assert np.abs(weight - op.weight).max() <= step / 2 * 1.0001  # the widest channel's; the range is that of all weights
            assert levels[-1] == pytest.approx(np.abs(op.weight).max(), rel=1e-2)


def test_activation_histograms_count_every_value_and_what_is_clipped(graph: FloatGraph, data: Data, subjects: dict[str, Subject]) -> None:
    tensors = real_tensors(graph, {graph.inputs[0]: data.x["x"]})
    chosen = [subjects[name] for name in ("int8", "clipped", "weight-only")]
    found = activation_histograms.gather(graph, tensors, chosen)
    outputs = {op.name: op.output for op in graph.ops}
    assert graph.inputs[0] in [tensor.name for tensor in found]
    for tensor in found:
        values = tensors[outputs.get(tensor.name, tensor.name)].astype(np.float64)
        assert tensor.counts.sum() == values.size
        assert set(tensor.ranges) == {"int8", "clipped"}  # weight-only activations are real
        one = tensor.ranges["clipped"]
        assert one.clipped == ((values < one.low) | (values > one.high)).sum() / values.size
    assert max(tensor.ranges["clipped"].clipped for tensor in found) > 0.02
    assert max(tensor.ranges["int8"].clipped for tensor in found) < max(tensor.ranges["clipped"].clipped for tensor in found)


def test_layer_noise_is_in_execution_order(graph: FloatGraph) -> None:
    names = [graph.inputs[0], *(op.output for op in graph.weighted_ops())]
    rows = [
        row("one", None, 1, sqnr=dict(zip(reversed(names), (1.0, 2.0, 3.0, 4.0), strict=True))),
        row("two", None, 1, sqnr={names[1]: 7.0}),
    ]
    noise = layer_noise.gather(graph, rows)
    assert list(noise.tensors) == [graph.inputs[0], *(op.name for op in graph.weighted_ops())]
    np.testing.assert_array_equal(noise.ratios, [[4, np.nan], [3, 7], [2, np.nan], [1, np.nan]])


def test_feature_maps_are_the_networks_own(graph: FloatGraph, data: Data, subjects: dict[str, Subject]) -> None:
    inputs = {graph.inputs[0]: data.x["x"][:1]}
    found = feature_maps.gather(graph, inputs, [subjects["int8"]])
    assert found is not None
    assert found.channels == (0, 1, 2, 3, 4)
    output = graph.weighted_ops()[0].output
    exact, made = real_tensors(graph, inputs)[output], real_tensors(subjects["int8"].quantized.network, inputs)[output]
    np.testing.assert_array_equal(found.maps["float"], exact[0].transpose(2, 0, 1))
    np.testing.assert_array_equal(found.maps["int8"], made[0].transpose(2, 0, 1))
    noise = Noise()
    noise.update({"y": exact}, {"y": made})
    assert found.ratios == {"int8": noise.sqnr()["y"]}


def test_filters_of_the_first_and_the_last_layer(graph: FloatGraph, subjects: dict[str, Subject]) -> None:
    first, last = filters.gather(graph, [subjects["clipped"]])
    convolution, linear = graph.weighted_ops()[0], graph.weighted_ops()[-1]
    np.testing.assert_array_equal(first.kernels["float"], convolution.weight[:, :, :, 0])
    np.testing.assert_array_equal(last.kernels["float"], linear.weight[None])
    np.testing.assert_array_equal(last.kernels["clipped"], subjects["clipped"].weight(linear)[None])
    difference = subjects["clipped"].weight(linear) - linear.weight
    assert last.errors["clipped"] == pytest.approx(np.linalg.norm(difference) / np.linalg.norm(linear.weight))


def test_the_front_of_accuracy_against_bytes() -> None:
    rows = [row("float", 0.9, 400), row("good", 0.9, 100), row("worse", 0.8, 100), row("small", 0.7, 25), row("large", 0.85, 200)]
    found = accuracy_size.gather(rows)
    assert [found.points[index].name for index in found.front] == ["small", "good"]


def test_without_labels_the_agreement_counts() -> None:
    assert [point.accuracy for point in accuracy_size.gather([row("float", None, 4, agreement=1.0), row("one", None, 1)]).points] == [
        1.0,
        0.5,
    ]


def test_latencies_of_what_runs() -> None:
    rows = (row("float", 1.0, 4, cycles=None), row("one", 1.0, 1, cycles=70, latency=3.0))
    found = accuracy_latency.gather(Comparison("net", "small", 1, 1, 1, 0, rows))
    assert [(point.name, point.cost) for point in found.cycles] == [("one", 70.0)]
    assert [(point.name, point.cost) for point in found.host] == [("float", 2.0), ("one", 3.0)]


def test_a_loss_landscape_says_what_it_shows() -> None:
    steps = np.array([-1.0, 0.0, 1.0])
    one = Landscape(steps, np.array([3.0, 1.0, 5.0]), np.ones((3, 3)))
    alt = loss_landscape.loss_landscape({"float": one}, 8, labelled=True).alt
    assert "float from 1 to 4" in alt


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ((row("int8", 0.9, 1),), ("int8",)),
        ((row("int8", 0.9, 1), row("four", 0.5, 1, weight_bits=4), row("two", 0.3, 1, weight_bits=2)), ("int8", "two")),
        (
            (
                row("int8", 0.9, 1),
                row("four", 0.5, 1, weight_bits=4),
                row("better four", 0.6, 1, weight_bits=4),
                row("two", 0.3, 1, weight_bits=2),
                row("trained", 0.8, 1, weight_bits=4, trained=True),
            ),
            ("int8", "better four", "trained"),
        ),
        ((row("dynamic", 0.9, 1, integer_only=False),), ("dynamic",)),
    ],
)
def test_which_methods_are_shown(rows: tuple[Row, ...], names: tuple[str, ...]) -> None:
    assert shown((row("float", 0.9, 4, integer_only=False), *rows)) == names


def test_strips_lie_below_the_axis_and_beside_each_other() -> None:
    first, second = strip(10.0, 0), strip(10.0, 1)
    assert second[0] < second[1] < first[0] < first[1] < 0


def test_a_histogram_stays_readable_beside_far_wider_strips() -> None:
    assert window(0.0, 1.0, [-0.1, 1.2]) == pytest.approx((-0.12, 1.22))
    assert window(0.0, 1.0, [-100.0, 100.0]) == pytest.approx((-0.62, 1.62))
