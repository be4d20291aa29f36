"""Networks of few bits that training made: as accurate as promised, and the same in Verilog."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from torch import nn

import weft
from golden.input_data import quantize_input
from golden.interpreter import run
from golden.recipe import Recipe
from golden.schemes import ActivationScheme, Granularity, WeightScheme
from golden.training import agreement, convert, prepare
from golden.training.trainer import train
from golden.training_scheme import ActivationSteps, Training, WeightSteps
from sim import tools
from sim.tools import Simulator
from tests.golden.training.networks import recipe, small_data, small_graph
from weft.demo.data import Split, digits
from weft.demo.train import float_accuracy, shifted
from weft.demo.train import train as train_float


@pytest.mark.parametrize("rescale", ["tflite", pytest.param("shift", marks=pytest.mark.slow)])
def test_a_small_one_is_the_same_in_verilog(rescale: str) -> None:
    tools.require(Simulator.VERILATOR)
    x, label = small_data(64)
    network = prepare(small_graph(), x, recipe(4, 4, rescale, epochs=2, batch_size=16))
    train(network, x, label)
    report = weft.verify(convert(network), x[:4], layout="nchw", rows=4, cols=4, lanes=1)
    assert report.equal


@cache
def float_digits() -> tuple[Split, nn.Module]:
    split = digits()
    return split, train_float(split)


CASES = {
    "W4A4": Recipe(weights=WeightScheme(4), activations=ActivationScheme(4), training=Training()),
    "W4A4, shift": Recipe(
        weights=WeightScheme(4), activations=ActivationScheme(4), rescale="shift", training=Training(activations=ActivationSteps.CLIPPING)
    ),
    "ternary, A4": Recipe(
        weights=WeightScheme(2, granularity=Granularity.TENSOR),
        activations=ActivationScheme(4),
        training=Training(weights=WeightSteps.TERNARY, activations=ActivationSteps.CLIPPING),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_digits(name: str) -> None:
    """4 bits within a point and a half of floating point, ternary within three; equal in evaluation, in integers and in Verilog."""
    tools.require(Simulator.VERILATOR)
    split, floating = float_digits()
    chosen = replace(CASES[name], training=replace(CASES[name].training, epochs=10))
    train_x, test_x = (np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x in (split.train_x, split.test_x))
    network = prepare(floating, train_x[:512], chosen)
    train(network, train_x, split.train_label, augmentation=shifted)
    graph = convert(network)
    accuracy = float((run(graph, quantize_input(graph, split.test_x)).argmax(1) == split.test_label).mean())
    assert accuracy >= float_accuracy(floating, split.test_x, split.test_label) - (0.015 if name.startswith("W4A4") else 0.03)
    found = agreement(network, test_x)
    assert (found.outputs, found.causes) == (1.0, {})
    assert weft.verify(graph, split.test_x[:24], layout="nhwc", rows=8, cols=8).equal
