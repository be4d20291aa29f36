"""What a network lacks on an accelerator, and the accelerator that has it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.errors import DoesNotFitError
from golden.graph import DepthwiseConv2d, Padding, Window
from golden.importers.tflite import import_file
from hwgen.compiler import compile_graph
from hwgen.compiler.compile import translate
from hwgen.compiler.fitting import compile_fitted, compile_least, fit, fit_of, fitted, memory_bytes
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.family import Family
from tests.hwgen.conftest import NetworkBuilder

LEAST = AcceleratorConfig(rows=4, cols=4, lanes=1, act_depth=16, weight_depth=16, param_depth=4, program_depth=32, max_layers=1)
MEMORIES = ("act_depth", "weight_depth", "param_depth", "program_depth", "add_tables", "max_layers")


def test_a_program_does_not_depend_on_the_memories(digits_like: NetworkBuilder) -> None:
    graph = digits_like.graph()
    least, roomy = translate(graph, LEAST), translate(graph, replace(LEAST, act_depth=4096, weight_depth=4096, param_depth=512))
    assert least.words == roomy.words
    assert least.cycles == roomy.cycles
    assert least.placements == roomy.placements


def test_memories_grow_to_whole_blocks_and_no_further(digits_like: NetworkBuilder) -> None:
    graph = digits_like.graph()
    found = fit_of(graph, LEAST)
    assert not found.fits
    assert len(found.lacks) == 5
    assert found.enough is not None
    for demand in found.memory:
        size = getattr(found.enough, demand.parameter)
        if demand.fits:
            assert size == demand.have
        else:
            assert size == demand.need if demand.parameter == "max_layers" else demand.need <= size < demand.need + 512
    assert fit_of(graph, found.enough).fits
    assert memory_bytes(found.enough) > memory_bytes(LEAST)


def test_a_size_that_is_given_stays(digits_like: NetworkBuilder) -> None:
    graph = digits_like.graph()
    assert fitted(translate(graph, LEAST), {"act_depth"}).weight_depth == 16
    with pytest.raises(DoesNotFitError) as caught:
        compile_fitted(graph, LEAST, set(MEMORIES) - {"weight_depth"})
    (problem,) = caught.value.problems
    assert problem.startswith("weight memory (weight_depth): ")
    program = compile_fitted(graph, LEAST, MEMORIES)
    assert program.config == fit_of(graph, LEAST).enough
    assert program.words == compile_graph(graph, program.config).words


@pytest.mark.parametrize("family", [Family.ECP5, Family.ICE40])
def test_the_least_memories_are_whole_blocks_and_one_block_less_is_too_little(digits_like: NetworkBuilder, family: Family) -> None:
    graph = digits_like.graph()
    template = replace(NAMED["small-8x8"], family=family)
    program = compile_least(graph, template)
    assert program.cycles == translate(graph, template).cycles
    assert program.words == compile_graph(graph, program.config).words
    block = 256 if family is Family.ICE40 else 512
    assert program.config.acc_depth == 32  # the 30 pixels of the first layer
    assert program.config.max_layers == len(program.layers)
    for demand in fit(program).memory:
        if demand.parameter not in ("max_layers", "add_tables"):
            assert demand.have == getattr(program.config, demand.parameter)
            assert demand.have % block == 0
            assert demand.need <= demand.have < demand.need + block
    # The units are the template's.
    depths = {name: getattr(template, name) for name in (*MEMORIES, "acc_depth")}
    assert replace(program.config, **depths) == template


def test_the_least_accumulators_hold_both_halves_of_a_pair(network: type[NetworkBuilder]) -> None:
    """A depthwise convolution at stride 2 on R = 2 C: a group is two slices, each pixel takes two accumulators."""
    window = Window((3, 3), (2, 2), Padding(1, 1, 1, 1))
    built = network(12, 12, 8)
    weight = built.rng.integers(-127, 128, (3, 3, 8)).astype(np.int8)
    constants = {**built.weighted(np.moveaxis(weight, 2, 0), {}), "weight": weight}
    graph = built.add(DepthwiseConv2d("depthwise", ("input",), "out", window=window, **constants), (6, 6, 8)).graph()
    template = AcceleratorConfig(rows=8, cols=4, lanes=2, acc_depth=1024)
    assert compile_least(graph, template).config.acc_depth == 512  # 36 pixels take 72, more than lie in LUT RAM
    assert compile_least(graph, replace(template, acc_depth=80)).config.acc_depth == 80


def test_what_no_memory_helps_is_a_reason_and_no_error(network: type[NetworkBuilder]) -> None:
    """Sums that the accumulators cannot hold; those of another accelerator may."""
    graph = network(4, 4, 4).conv(4, Window((1, 1)), bias=np.full(4, 600_000, np.int32)).graph()
    found = fit_of(graph, replace(LEAST, acc_bits=20))
    assert (found.fits, found.cycles, found.memory, found.enough) == (False, None, (), None)
    assert "layer conv_0" in found.lacks[0]
    assert "the accumulators have 20" in found.lacks[0]
    assert fit_of(graph, LEAST).cycles


def test_bytes_of_all_memories() -> None:
    """Of tiny-4x4, counted by hand: activations, weights, records of 9 bytes, program, tables for four columns, two banks."""
    assert memory_bytes(NAMED["tiny-4x4"]) == 4096 * 4 + 8704 * 4 + 1024 * 9 + 1024 * 4 + 2 * 2048 * 4 + 2 * 128 * 16


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("tiny-4x4", {"kws_dscnn"}),
        ("small-8x8", {"kws_dscnn", "ic_resnet8"}),
        ("ulx3s-16x8", {"kws_dscnn", "ic_resnet8", "vww_mobilenet", "ad_autoencoder"}),
        ("base-16x16", {"kws_dscnn", "ic_resnet8", "vww_mobilenet", "ad_autoencoder"}),
    ],
)
def test_the_named_configurations_hold_the_networks_that_they_are_sized_for(name: str, holds: set[str]) -> None:
    folder = Path(os.environ["WEFT_REFERENCE"]) / "models"
    found = set()
    for network in ("kws_dscnn", "ic_resnet8", "vww_mobilenet", "ad_autoencoder"):
        program = translate(import_file(folder / f"{network}_int8.tflite"), NAMED[name])
        if fit(program).fits:
            found.add(network)
    assert found == holds
