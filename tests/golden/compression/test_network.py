"""Whole networks: compressed, quantized, stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from golden import float_interpreter, interpreter
from golden.compression.network import CompressedNetwork, Settings, compress, store_weights
from golden.compression.pruning import Scope, sparsity_of
from golden.compression.weight_storage import restore
from golden.errors import InputError
from golden.float_graph import FloatGraph, FloatTensor
from golden.graph import WeightedOp
from golden.recipe import Recipe
from golden.schemes import Granularity, WeightScheme
from tests.golden.compression.graphs import inputs, small_graph

X = inputs(64)
SCORES = float_interpreter.run(small_graph(), {"x": X})["y"]
#: A task with four classes of similar size, which the network has to learn.
LABEL = (SCORES - SCORES.mean(axis=0)).argmax(axis=1).astype(np.int64)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a network trains fastest, and always alike, on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weighted(network: CompressedNetwork) -> list[WeightedOp]:
    return [op for op in network.graph.ops if isinstance(op, WeightedOp)]


@pytest.mark.parametrize("granularity", [Granularity.TENSOR, Granularity.CHANNEL])
@pytest.mark.parametrize("rescale", ["tflite", "fixed16", "shift"])
@pytest.mark.parametrize("epochs", [0, 1])
def test_few_values_and_zeros(granularity: Granularity, rescale: str, epochs: int) -> None:
    recipe = Recipe(weights=WeightScheme(granularity=granularity), rescale=rescale)
    settings = Settings(sparsity=0.5, scope=Scope.LAYER, epochs=epochs)
    network = compress(small_graph(), {"x": X}, recipe, settings, label=LABEL)
    for op, bits in zip(weighted(network), (4, 4, 2), strict=True):
        assert sparsity_of(op.weight) >= 0.5
        assert np.unique(op.weight[op.weight != 0]).size <= 2**bits
        assert np.array_equal(restore(network.stored[op.name]), op.weight)
    y = interpreter.run(network.graph, np.zeros((2, 6, 6, 3), np.int8))
    assert y.shape == (2, 4)


def test_the_float_graph_has_the_integers_values() -> None:
    network = compress(small_graph(), {"x": X}, Recipe(), Settings())
    for real, op in zip(network.floating.weighted_ops(), weighted(network), strict=True):
        scale = op.weight_scale.reshape(-1, *[1] * (op.weight.ndim - 1))
        assert real.weight == pytest.approx(op.weight * scale)


def test_without_codebooks_weights_are_those_of_plain_quantization() -> None:
    settings = Settings(sparsity=0.0, conv_bits=None, linear_bits=None)
    network = compress(small_graph(), {"x": X}, Recipe(), settings)
    expected = store_weights(network.graph)
    assert [np.unique(op.weight).size > 16 for op in weighted(network)] == [True, True, True]
    assert {name: each.coded_bytes for name, each in network.stored.items()} == {n: each.coded_bytes for n, each in expected.items()}


def test_sizes_shrink_from_stage_to_stage() -> None:
    network = compress(small_graph(), {"x": X}, Recipe(), Settings(sparsity=0.8))
    sizes = network.sizes()
    assert [layer.name for layer in sizes] == ["first", "second", "classes"]
    second = sizes[1]
    assert (second.weights, second.float32, second.int8) == (864, 4 * 864, 864)
    assert second.values <= 16
    assert second.float32 > second.pruned > second.shared
    assert second.int8 > second.coded
    assert second.coded == network.stored["second"].coded_bytes


def test_fine_tuning_wins_back_what_pruning_lost() -> None:
    messages = []

    def agreement(epochs: int) -> float:
        settings = Settings(epochs=epochs, learning_rate=1e-2)
        network = compress(small_graph(), {"x": X}, Recipe(), settings, label=LABEL, progress=lambda *step: messages.append(step))
        scores = float_interpreter.run(network.floating, {"x": X})["y"]
        return float((scores.argmax(axis=1) == LABEL).mean())

    assert agreement(30) > agreement(0) + 0.1
    assert messages[-1] == ("fine-tuning the codebooks", 30, 30)
    assert ("fine-tuning what is left", 30, 30) in messages


def test_the_same_seed_gives_the_same_network() -> None:
    first, second = (compress(small_graph(), {"x": X}, Recipe(), Settings(epochs=2), label=LABEL) for _ in range(2))
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(weighted(first), weighted(second), strict=True))


def test_impossible_settings_are_refused_all_at_once() -> None:
    with pytest.raises(InputError) as found:
        Settings(sparsity=1.0, conv_bits=9, linear_bits=0, epochs=-1, learning_rate=0.0)
    assert len(found.value.problems) == 5


def test_impossible_runs_are_refused() -> None:
    graph, data = small_graph(), {"x": X}
    with pytest.raises(InputError, match="symmetric weights of 8 bits"):
        compress(graph, data, Recipe(weights=WeightScheme(bits=4)), Settings())
    with pytest.raises(InputError, match="needs the class of every input"):
        compress(graph, data, Recipe(), Settings(epochs=1))
    with pytest.raises(InputError, match="labels must be from 0 to 3, but they go from 0 to 9"):
        compress(graph, data, Recipe(), Settings(epochs=1), label=np.arange(64) % 10)
    with pytest.raises(InputError, match="one label for each input"):
        compress(graph, data, Recipe(), Settings(epochs=1), label=LABEL[:5])
    ops = graph.ops[:1]
    map_graph = FloatGraph("map", {name: FloatTensor(name, graph.tensors[name].shape) for name in ("x", "a")}, ("x",), ("a",), ops)
    with pytest.raises(InputError, match="one output that is a vector"):
        compress(map_graph, data, Recipe(), replace(Settings(), epochs=1), label=LABEL)
