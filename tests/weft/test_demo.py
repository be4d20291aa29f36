"""The demonstration: its data, its training, and the command in the quickest simulator there is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sim import tools
from sim.tools import Simulator
from tests.weft.small import Command
from weft.demo import run as demo
from weft.demo.data import digits
from weft.demo.train import float_accuracy, train


def test_data_are_split_once_and_for_all() -> None:
    split = digits()
    assert split.train_x.shape == (1437, 8, 8, 1)
    assert split.test_x.shape == (360, 8, 8, 1)
    assert (split.train_x.min(), split.train_x.max()) == (0, 1)
    assert np.bincount(split.test_label).tolist() == np.bincount(digits().test_label).tolist()
    assert np.bincount(split.test_label).min() >= 34  # stratified: the 1,797 scans have 174 to 183 of each digit


def test_training_is_repeatable_and_good_and_leaves_no_trace() -> None:
    split = digits()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    first, second = train(split), train(split)
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True))
    assert float_accuracy(first, split.test_x, split.test_label) >= 0.97


def test_command(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one simulator alone, it says which comparison was not made, and how to get the other one."""
    there, absent = tools.simulators()[-1], next(simulator for simulator in Simulator if simulator is not tools.simulators()[-1])
    problem = tools.Tool("The other simulator", None, None, False, "the comparison", "install it")
    monkeypatch.setattr(demo.tools, "simulators", lambda: (there,))
    monkeypatch.setattr(demo.tools, "missing", lambda simulator: (problem,) if simulator is absent else ())
    monkeypatch.setattr(demo, "IMAGES", {there: 1})
    result = command("demo", "-o", tmp_path / "demo")
    assert (result.code, result.err) == (0, "")
    assert (
        f"not compared in {absent.value}: The other simulator is not installed; it is needed for the comparison: install it" in result.out
    )
    assert f"verdict: every bit of every layer is equal, 1 inputs in {there.value}" in result.out
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {"digits.pt2", "calibration.npz", "test.npz", "digits.weft", "accelerator", "results.json"}
    results = json.loads((tmp_path / "demo" / "results.json").read_text())
    assert results["equal"]
    assert results["float_accuracy"] >= 0.97
    assert results["float_accuracy"] - results["int8_accuracy"] <= 0.01
    assert sum(layer["kind"] == "conv2d" for layer in results["layers"]) >= 3
    assert all(layer["equal"] for layer in results["layers"])
    assert list(results["missing"]) == [absent.value]


def test_no_simulator_at_all(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = command("demo", "-o", tmp_path / "demo", "--json")
    assert (result.code, result.err) == (4, "")
    assert json.loads(result.out)["error"]["exit_code"] == 4
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = command("demo", "-o", tmp_path / "file" / "demo")
    assert (result.code, result.out) == (2, "")
    assert "cannot write the folder" in result.err
