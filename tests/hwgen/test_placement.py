"""Activation memory: no two tensors that are needed at the same time overlap, and memory is used again."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.affine import Affine
from golden.graph import Graph, MaxPool2d, Padding, Reshape, Tensor, Window
from golden.rescale import TFLITE
from hwgen.compiler.placement import Buffer, arrange, map_shape, place, stored_as
from hwgen.config import AcceleratorConfig

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=1)


def together(a: Buffer, b: Buffer) -> bool:
    return a.first <= b.last and b.first <= a.last


def check_apart(buffers: list[Buffer], bases: dict[str, int]) -> None:
    for a, b in combinations(buffers, 2):
        if together(a, b):
            assert bases[a.name] + a.words <= bases[b.name] or bases[b.name] + b.words <= bases[a.name], (a, b)


lifetimes = st.tuples(st.integers(-1, 12), st.integers(-1, 12)).map(sorted)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(1, 50), lifetimes), min_size=1, max_size=15))
def test_buffers_that_are_needed_together_lie_apart(drawn):
    buffers = [Buffer(f"b{i}", words, *life) for i, (words, life) in enumerate(drawn)]
    bases = arrange(buffers)
    check_apart(buffers, bases)
    assert set(bases) == {buffer.name for buffer in buffers}
    assert min(bases.values()) == 0
    # Each buffer touches the bottom or the top of another that is needed with it: nothing lies higher than it must.
    ends = {bases[b.name] + b.words for b in buffers}
    assert all(base == 0 or base in ends for base in bases.values())


@given(st.permutations([Buffer("a", 5, 0, 1), Buffer("b", 5, 1, 2), Buffer("c", 5, 2, 3), Buffer("d", 2, 0, 3)]))
def test_the_order_in_which_buffers_come_does_not_matter(buffers):
    assert arrange(list(buffers)) == arrange(sorted(buffers, key=lambda b: b.name))


def test_a_chain_needs_its_two_largest_neighbours_alone():
    sizes = [30, 40, 20, 10, 40, 30, 5]
    buffers = [Buffer(f"t{i}", size, i - 1, i) for i, size in enumerate(sizes)]
    bases = arrange(buffers)
    check_apart(buffers, bases)
    assert max(bases[b.name] + b.words for b in buffers) == max(a + b for a, b in pairwise(sizes)) == 70


def chain(network):
    same = Padding(1, 1, 1, 1)
    return network(6, 5, 3).conv(6, Window((3, 3), padding=same)).conv(5, Window((3, 3), padding=same)).conv(9, Window((1, 1)))


def test_tensors_of_a_network(network):
    graph = chain(network).pool(MaxPool2d, Window((2, 2), (2, 2))).fully_connected(10).graph()
    placements, peak = place(graph, CONFIG)
    assert set(placements) == set(graph.tensors)
    for name, tensor in graph.tensors.items():
        if len(tensor.shape) == 3:
            assert placements[name].shape == tensor.shape
            assert placements[name].words_per_pixel == -(-tensor.shape[2] // CONFIG.rows)
            assert placements[name].words == tensor.shape[0] * tensor.shape[1] * placements[name].words_per_pixel
    owner = stored_as(graph)
    sizes = {name: placements[name].words for name in owner.values()}
    assert peak < sum(sizes.values()), "memory is used again"
    for op in graph.ops:  # an operator's output never lies where it still reads
        source, target = placements[op.inputs[0]], placements[op.output]
        if owner[op.output] == op.output:
            assert source.base + source.words <= target.base or target.base + target.words <= source.base
    assert peak == max(place.base + place.words for place in placements.values())


def test_a_flattened_map_stays_where_it_is(network):
    graph = chain(network).fully_connected(10).graph()
    placements, _ = place(graph, CONFIG)
    flat = next(op for op in graph.ops if op.kind == "reshape")
    assert placements[flat.output] == placements[flat.inputs[0]]
    assert placements[graph.outputs[0]].shape == (1, 1, 10)


def test_a_map_reshaped_to_a_map_keeps_its_words_in_its_own_shape(network):
    """The same channels: pixels in raster order stay where they are, in rows of another length."""
    graph = chain(network).reshape(3, 10, 9).conv(2, Window((2, 2))).graph()
    placements, _ = place(graph, CONFIG)
    reshaped = next(op for op in graph.ops if op.kind == "reshape")
    assert placements[reshaped.output].base == placements[reshaped.inputs[0]].base
    assert placements[reshaped.output].shape == (3, 10, 9)
    assert placements[reshaped.inputs[0]].shape == (6, 5, 9)


def test_the_memory_of_a_reshape_is_kept_until_its_last_reader():
    """b is a reshape of a and an output: a's memory is needed to the end."""
    shapes = {"a": (2, 2, 4), "b": (16,), "c": (2, 2, 4), "e": (2, 2, 4)}
    tensors = {name: Tensor(name, shape, Affine(1.0, 0)) for name, shape in shapes.items()}
    ops = (
        Reshape("r", ("a",), "b"),
        MaxPool2d("p", ("a",), "c", window=Window((1, 1))),
        MaxPool2d("q", ("c",), "e", window=Window((1, 1))),
    )
    graph = Graph("g", TFLITE, tensors, ("a",), ("b", "e"), ops)
    placements, peak = place(graph, CONFIG)
    assert placements["b"] == placements["a"]
    assert peak == 12, "three maps of 4 words lie apart"


@pytest.mark.parametrize("names", [("e",), ("c", "e"), ("a", "e")])
def test_outputs_hold_to_the_end(names):
    shapes = dict.fromkeys("abcde", (2, 2, 4))
    tensors = {name: Tensor(name, shape, Affine(1.0, 0)) for name, shape in shapes.items()}
    ops = tuple(MaxPool2d(f"p{b}", (a,), b, window=Window((1, 1))) for a, b in zip("abcd", "bcde", strict=True))
    placements, peak = place(Graph("g", TFLITE, tensors, ("a",), names, ops), CONFIG)
    kept = [placements[name].base for name in names]
    assert len(set(kept)) == len(kept)
    assert peak == {1: 8, 2: 12}[len(names)]


def test_map_shape():
    assert map_shape(Tensor("v", (7,), Affine(1.0, 0))) == (1, 1, 7)
    assert map_shape(Tensor("m", (2, 3, 4), Affine(1.0, 0))) == (2, 3, 4)


@pytest.mark.parametrize(("shape", "words_per_row"), [((3, 5, 2), 3), ((2, 4, 2), 2), ((1, 1, 1), 1), ((4, 7, 1), 2)])
def test_a_dense_input_has_rows_without_gaps(network, shape, words_per_row):
    graph = network(*shape).conv(3, Window((1, 1))).graph()
    placements, peak = place(graph, CONFIG, dense={"input"})
    dense = placements["input"]
    assert (dense.dense, dense.dense_row, dense.words_per_row, dense.words) == (
        True,
        words_per_row,
        words_per_row,
        shape[0] * words_per_row,
    )
    assert (dense.shape, dense.words_per_pixel) == (shape, 1)
    out = placements[graph.outputs[0]]
    assert (out.dense, out.words_per_row) == (False, shape[1])
    assert dense.base + dense.words <= out.base or out.base + out.words <= dense.base
    assert peak == dense.words + out.words
    sparse, more = place(graph, CONFIG)
    assert not sparse["input"].dense
    assert sparse["input"].words == shape[0] * shape[1]
    assert more >= peak


def test_a_scratch_map_holds_while_its_operator_runs(network):
    """Apart from the operator's input and output, and used again by what comes after."""
    graph = chain(network).graph()
    second = graph.ops[1]
    placements, peak = place(graph, CONFIG, scratch={"extra": (second.name, (4, 4, 9))})
    assert set(placements) == {*graph.tensors, "extra"}
    extra = placements["extra"]
    assert (extra.shape, extra.words_per_pixel, extra.words, extra.dense) == ((4, 4, 9), 3, 48, False)
    for name in (*second.inputs, second.output):
        other = placements[name]
        assert extra.base + extra.words <= other.base or other.base + other.words <= extra.base, name
    sizes = {name: placements[name].words for name in placements}
    live = [sizes["extra"] + sum(sizes[name] for name in (*op.inputs, op.output)) - (op is not second) * sizes["extra"] for op in graph.ops]
    assert max(live) <= peak < sum(sizes.values())
    plain, less = place(graph, CONFIG)
    assert set(plain) == set(graph.tensors)
    assert less <= peak
