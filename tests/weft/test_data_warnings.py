"""Warnings about data that can be used but can hardly be right, and silence about data that can."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import weft
from golden.errors import DataWarning
from golden.graph import Graph
from tests.weft.small import Command, small_network

RNG = np.random.default_rng(8)
GOOD = RNG.normal(size=(32, 2, 8, 8)).astype(np.float32)

#: Calibration data, and what is said about them.
CALIBRATION: dict[str, tuple[np.ndarray, str]] = {
    "zeros": (np.zeros_like(GOOD), "every value of x is 0; calibration needs typical inputs"),
    "constant": (np.full_like(GOOD, 0.5), "every value of x is 0.5"),
    "one input": (np.broadcast_to(GOOD[:1], GOOD.shape), "all 32 inputs are the same"),
    "pixels": (RNG.integers(0, 256, GOOD.shape).astype(np.float32), "as pixels do before they are scaled"),
    "quantized": (RNG.integers(-128, 128, GOOD.shape).astype(np.float32), "as quantized inputs do"),
}


@pytest.mark.parametrize("case", CALIBRATION)
def test_calibration_that_cannot_be_typical(command: Command, tmp_path: Path, case: str) -> None:
    x, message = CALIBRATION[case]
    np.savez(tmp_path / "data.npz", x=x)
    result = command("quantize", "factories:small", "--calibration", tmp_path / "data.npz", "-o", tmp_path / "n.weft")
    assert result.code == 0  # it works
    assert f"weft: warning: {tmp_path / 'data.npz'}: " in result.err
    assert message in result.err
    assert (tmp_path / "n.weft").exists()


@pytest.mark.parametrize(
    "x",
    [
        GOOD,
        RNG.uniform(0, 1, GOOD.shape).astype(np.float32),
        RNG.uniform(0, 255, GOOD.shape).astype(np.float32),
        RNG.integers(0, 17, GOOD.shape).astype(np.float32),  # the digits that scikit-learn comes with
        RNG.integers(0, 2, GOOD.shape).astype(np.float32),
        GOOD[:1],
    ],
)
def test_calibration_that_may_be_right(x: np.ndarray) -> None:
    weft.quantize(small_network(), x)  # warnings are errors


def test_a_network_that_tells_nothing_apart() -> None:
    network = small_network()
    for parameter in network.parameters():
        parameter.data.zero_()
    with pytest.warns(DataWarning, match="the same output for different inputs"):
        weft.quantize(network, GOOD)


def test_warnings_leave_json_alone(command: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.zeros_like(GOOD))
    result = command("quantize", "factories:small", "--calibration", tmp_path / "data.npz", "-o", tmp_path / "n.weft", "--json")
    assert json.loads(result.out)["output"] == str(tmp_path / "n.weft")
    assert "weft: warning:" in result.err


@pytest.mark.parametrize(
    ("scale", "message"),
    [(100.0, "are beyond what the input can hold"), (0.001, "become no more than")],
)
def test_inputs_in_other_units(command: Command, tmp_path: Path, scale: float, message: str) -> None:
    np.savez(tmp_path / "in.npz", x=GOOD * np.float32(scale))
    result = command("predict", "small.weft", "--inputs", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert result.code == 0
    assert message in result.err
    assert "give data in the units in which it was trained" in result.err


@pytest.mark.parametrize("scale", [0.2, 1.0, 1.1])
def test_inputs_in_the_right_units(graph: Graph, scale: float) -> None:
    weft.predict(graph, GOOD * np.float32(scale))
    weft.predict(graph, np.zeros_like(GOOD))  # a blank input is an input
