"""Networks of several inputs and outputs, from the data file to the testbench."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import weft
from golden import interpreter, network_file
from golden.errors import InputError
from golden.graph import Graph
from golden.input_data import dequantize_output, quantize_input
from tests.weft.small import Command

FACTORY = """
import torch
from torch import nn


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.head, self.side = nn.Linear(4, 5), nn.Linear(4, 3)

    def forward(self, left, right):
        x = torch.relu(self.a(left) + self.b(right))
        return self.head(x.mean([2, 3])), self.side(x.mean([2, 3])), x


def two():
    return Two().eval()
"""


@dataclass(frozen=True)
class Two:
    """Folder and data of the network; the arrays are stored in another order than the inputs."""

    folder: Path
    left: np.ndarray
    right: np.ndarray
    network: Graph


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    folder = tmp_path_factory.mktemp("two")
    (folder / "pairs.py").write_text(FACTORY)
    rng = np.random.default_rng(5)
    left, right = (rng.normal(size=(24, channels, 6, 6)).astype(np.float32) for channels in (2, 3))
    np.savez(folder / "data.npz", right=right, left=left, label=rng.integers(0, 5, 24))
    namespace: dict[str, object] = {}
    exec(FACTORY, namespace)
    module: nn.Module = namespace["two"]()  # type: ignore[operator]
    torch.export.save(torch.export.export(module, (torch.zeros(2, 2, 6, 6), torch.zeros(2, 3, 6, 6))), str(folder / "two.pt2"))
    network = weft.quantize(module, {"right": right, "left": left}, output=folder / "two.weft", name="two")
    return Two(folder, left, right, network)


@pytest.fixture
def here(two: Two, command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(two.folder)
    return command


@pytest.mark.parametrize("model", ["two.pt2", "pairs:two"])
def test_the_command_quantizes_as_the_function_does(here: Command, two: Two, tmp_path: Path, model: str) -> None:
    result = here("quantize", model, "--calibration", "data.npz", "-o", tmp_path / "n.weft", "--name", "two")
    assert (result.code, result.err) == (0, "")
    assert network_file.sha256(network_file.load(tmp_path / "n.weft")) == network_file.sha256(two.network)


def test_every_output_is_written(here: Command, two: Two, tmp_path: Path) -> None:
    result = here("predict", "two.weft", "--inputs", "data.npz", "-o", tmp_path / "out.npz", "--json")
    assert (result.code, result.err) == (0, "")
    head, side, x = two.network.outputs
    steps = quantize_input(two.network, {"left": two.left, "right": two.right}, layout="NCHW")
    expected = interpreter.run(two.network, steps, tensors=True)
    with np.load(tmp_path / "out.npz") as written:
        keys = {f"{kind}.{name}" for kind in ("y", "real") for name in (head, side, x)} | {f"prediction.{name}" for name in (head, side)}
        assert set(written.files) == keys
        for name in (head, side, x):
            assert np.array_equal(written[f"y.{name}"], expected[name])
            assert np.array_equal(written[f"real.{name}"], dequantize_output(two.network, expected[name], name))
        assert np.array_equal(written[f"prediction.{side}"], expected[side].argmax(axis=1))
    assert json.loads(result.out) == {
        "output": str(tmp_path / "out.npz"),
        "images": 24,
        "accuracy": None,  # of which output?
        "outputs": [{"name": head, "shape": [5]}, {"name": side, "shape": [3]}, {"name": x, "shape": [6, 6, 4]}],
    }


def test_outputs_for_people(here: Command, two: Two, tmp_path: Path) -> None:
    result = here("predict", "two.weft", "--inputs", "data.npz", "-o", tmp_path / "out.npz", "--images", 3)
    assert result.code == 0
    assert all(f"y.{name}" in result.out for name in two.network.outputs)
    assert "3 outputs" in result.out


def test_many_inputs_are_run_in_parts(two: Two) -> None:
    left, right = (np.tile(array, (4, 1, 1, 1)) for array in (two.left, two.right))  # more than are run at once
    found = weft.predict(two.network, {"left": left, "right": right})
    assert [len(output.y) for output in found.outputs] == [96, 96, 96]
    assert all(np.array_equal(output.y[:24], output.y[72:]) for output in found.outputs)
    with pytest.raises(InputError, match=r"take one of Prediction\.outputs"):
        _ = found.y


def test_the_testbench_of_the_folder_passes(here: Command, two: Two, tmp_path: Path) -> None:
    result = here("generate", "two.weft", "-o", tmp_path / "folder", "--rows", 4, "--cols", 4)
    assert (result.code, result.err) == (0, "")
    sources = ["accelerator.v", "selftest.v", "testbench.v"]
    subprocess.run(["iverilog", "-g2012", "-o", "bench.vvp", *sources], cwd=tmp_path / "folder", check=True, capture_output=True)
    done = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=tmp_path / "folder", check=True, capture_output=True, text=True)
    assert "PASS: 2 inference(s)" in done.stdout


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 2, 6, 6), np.float32)}, "there is no data for 'left', 'right'; store an array for each input under its name"),
        ({"left": np.zeros((2, 2, 6, 6), np.float32)}, "there is no data for 'right'"),
        (
            {"left": np.zeros((2, 2, 6, 6), np.float32), "right": np.zeros((3, 3, 6, 6), np.float32)},
            "the inputs differ in their number: 2 of 'left', 3 of 'right'",
        ),
        (
            {"left": np.zeros((2, 5, 6, 6), np.float32), "right": np.zeros((2, 3, 6, 6), np.float32)},
            "'left': x has inputs of the shape (5, 6, 6), but the network takes (6, 6, 2) in nhwc or (2, 6, 6) in nchw",
        ),
    ],
)
def test_data_that_do_not_fit(here: Command, tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "in.npz", **arrays)
    for arguments in (
        ("predict", "two.weft", "--inputs", tmp_path / "in.npz", "-o", tmp_path / "out.npz"),
        ("quantize", "two.pt2", "--calibration", tmp_path / "in.npz", "-o", tmp_path / "out.weft"),
    ):
        result = here(*arguments)
        assert (result.code, result.out) == (2, "")
        assert message in result.err


def test_one_array_for_two_inputs(two: Two) -> None:
    with pytest.raises(InputError, match="the network has 2 inputs; give one array for each of 'left', 'right'"):
        weft.predict(two.network, two.left)
