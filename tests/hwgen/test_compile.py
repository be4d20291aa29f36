"""`compile_graph`: what does not fit, all at once; determinism; what a program says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden.errors import DoesNotFitError, InputError
from golden.graph import MaxPool2d, Padding, Window, op_macs
from golden.rescale import Rescale, RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.cycles import predict
from hwgen.descriptor import WORDS, encode
from hwgen.identity import HEADER_WORDS

LARGE = AcceleratorConfig(rows=4, cols=4, lanes=1, acc_depth=16)
LEAST = replace(LARGE, act_depth=16, weight_depth=16, param_depth=4, program_depth=32, max_layers=1)


def test_what_does_not_fit_says_need_and_have_all_at_once(digits_like):
    """Each need is the true one: memories of exactly these sizes hold the network."""
    graph = digits_like.graph()
    program = compile_graph(graph, LARGE)
    needs = {
        "act_depth": program.act_words,
        "weight_depth": len(program.weights),
        "param_depth": len(program.params),
        "program_depth": HEADER_WORDS + len(program.descriptors) * WORDS,
        "max_layers": len(program.layers),
    }
    with pytest.raises(DoesNotFitError) as caught:
        compile_graph(graph, LEAST)
    assert caught.value.exit_code == 3
    assert caught.value.message == "network test does not fit the accelerator; choose larger depths, or a smaller network"
    assert caught.value.problems == (
        f"activation memory (act_depth): {needs['act_depth']} words of 4 bytes are needed, 16 are there",
        f"weight memory (weight_depth): {needs['weight_depth']} words of 4 bytes are needed, 16 are there",
        f"parameter memory (param_depth): {needs['param_depth']} records are needed, 4 are there",
        f"program memory (program_depth): {needs['program_depth']} 32-bit words are needed, 32 are there",
        f"performance counters (max_layers): {needs['max_layers']} layers are needed, 1 is there",
    )
    exact = replace(LARGE, **needs)
    compile_graph(graph, exact)
    for name, need in needs.items():
        with pytest.raises(DoesNotFitError) as caught:
            compile_graph(graph, replace(exact, **{name: need - 1}))
        (problem,) = caught.value.problems
        assert f"({name}): {need} " in problem
        assert f" {need - 1} {'is' if need == 2 else 'are'} there" in problem


def test_a_layer_beyond_the_descriptor_is_named(network):
    """A kernel of 307 rows, which are a prime number, and more padding than the start has bits for."""
    config = replace(LARGE, act_depth=2**16, weight_depth=2**14)
    graph = network(307, 1, 4).fully_connected(2).graph()
    with pytest.raises(DoesNotFitError) as caught:
        compile_graph(graph, config)
    assert caught.value.problems == ("layer fc_1: kernel_y is 307, but the descriptor holds 0 to 255",)
    with pytest.raises(DoesNotFitError) as caught:
        compile_graph(network(1, 1, 4).conv(2, Window((1, 1), (255, 1), Padding(20000, 0, 0, 0))).graph(), config)
    assert caught.value.problems == ("layer conv_0: start_y is -20000, but the descriptor holds -16384 to 16383",)


def test_padding_beyond_the_feeders_counters_is_refused(network):
    """Counters of 18 bits wrap, and would find the map again behind so much padding."""
    config = replace(LARGE, acc_depth=2**16, act_depth=2**22)

    def compiled(bottom: int):
        return compile_graph(network(2, 1, 4).conv(1, Window((1, 1), (255, 1), Padding(0, bottom, 0, 0))).graph(), config)

    compiled(513 * 255)
    with pytest.raises(DoesNotFitError) as caught:
        compiled(515 * 255)
    assert caught.value.problems == ("layer conv_0: windows reach y = 131325, but the feeder counts to 131071",)


def test_shifts_that_the_hardware_lacks_are_refused_with_the_layer(network):
    format = RescaleFormat.parse("shift")
    config = LARGE.with_rescale(format)
    far = Rescale(format, np.zeros(2), np.array([32, 3]))
    graph = network(2, 2, 3, format=format).conv(2, Window((1, 1)), rescale=far).conv(2, Window((1, 1)), rescale=far).graph()
    with pytest.raises(InputError) as caught:
        compile_graph(graph, config)
    assert caught.value.message == "network test: the accelerator cannot run it exactly"
    assert caught.value.problems == tuple(
        f"layer {n}: right shifts from 3 to 32, but the hardware has 0 to 31" for n in ("conv_0", "conv_1")
    )


def test_the_same_input_gives_the_same_program(network):
    def made():
        window = Window((3, 3), padding=Padding(1, 1, 1, 1))
        return compile_graph(network(6, 6, 5, seed=3).conv(9, window).pool(MaxPool2d, Window((2, 2))).fully_connected(10).graph(), LARGE)

    first, second = made(), made()
    assert first.words == second.words
    assert first.params == second.params
    assert first.placements == second.placements
    assert first.layers == second.layers
    np.testing.assert_array_equal(first.weights, second.weights)


def test_what_a_program_says_of_itself(digits_like):
    graph = digits_like.graph()
    program = compile_graph(graph, LARGE)
    computing = [op for op in graph.ops if op.kind != "reshape"]
    assert [(layer.index, layer.name, layer.kind, layer.output) for layer in program.layers] == [
        (index, op.name, op.kind, op.output) for index, op in enumerate(computing)
    ]
    assert [layer.macs for layer in program.layers] == [op_macs(graph, op) for op in computing]
    assert [(layer.cycles, layer.busy) for layer in program.layers] == [(t.cycles, t.busy) for t in predict(LARGE, program.descriptors)]
    assert program.cycles == sum(layer.cycles for layer in program.layers)
    assert program.words[HEADER_WORDS:] == tuple(word for fields in program.descriptors for word in encode(fields))
    assert [fields["last"] for fields in program.descriptors] == [0] * (len(program.descriptors) - 1) + [1]


def test_tensors_lie_within_the_memory_that_is_counted(digits_like):
    program = compile_graph(digits_like.graph(), LARGE)
    assert max(place.base + place.words for place in program.placements.values()) == program.act_words
