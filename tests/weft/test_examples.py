"""The programs in examples/ do what they say."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from sim import tools
from sim.tools import Simulator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_own_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tools.require(Simulator.VERILATOR)
    assert load("own_network").main(tmp_path / "own")
    assert capsys.readouterr().out.splitlines()[-1] == "equal"
    assert (tmp_path / "own" / "own.weft").is_file()
    assert (tmp_path / "own" / "accelerator" / "accelerator.v").is_file()


@pytest.mark.reference
def test_calibration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = Path(os.environ["WEFT_REFERENCE"])
    int8 = folder / "models" / "kws_dscnn_int8.tflite"
    with np.load(folder / "samples" / "kws_dscnn_random.npz") as samples:
        x, label = samples["x"][:40], samples["y_tflm"][:40].reshape(40, -1).argmax(axis=1)
    np.savez(tmp_path / "data.npz", x=x.reshape(40, 49, 10, 1), label=label)
    network = folder / "models" / "kws_dscnn_float.tflite"
    words = [network, tmp_path / "data.npz", "--int8", int8, "--only", "shift", "--images", 10, "--draws", 2]
    load("calibration").main([str(word) for word in words])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "int8 file without the first 10 images: 100.0 %"
    rows = [line for line in lines if line.startswith(("| tflite", "| shift, "))]
    assert len(rows) == 5
    assert all(20 <= float(row.split("|")[2].split("±")[0]) <= 100 for row in rows)


@pytest.mark.slow
def test_digits_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One seed and two epochs: every row is there, trained networks equal their integers, few bits need training."""
    threads = torch.get_num_threads()
    try:
        found = load("digits_training").main(tmp_path / "r.json", 1, 2)
    finally:
        torch.set_num_threads(threads)
    assert json.loads((tmp_path / "r.json").read_text())["recipes"] == found["recipes"]
    rows = {row["recipe"]: row for row in found["recipes"]}
    assert list(rows) == ["W8A8", "W4A8", "W4A8, distilled", "W5A5", "W4A4", "W2A4", "ternary, A8", "ternary, A4", "1 bit, A8"]
    assert all(row["equal_outputs"] == 1 for row in rows.values())
    assert all("unexplained" not in row["causes_textbook"] for row in rows.values())
    for name in ("W2A4", "ternary, A8", "ternary, A4", "1 bit, A8"):
        assert rows[name]["trained"][0] > rows[name]["post_training"] + 0.1
    assert [row["activation"] for row in found["activations"]] == ["ReLU", "ReLU6"]
    assert [row["network"] for row in found["minima"]] == ["float", "W4A4 quantized", "W4A4 trained"]
    assert "ternary" in capsys.readouterr().out


def test_reference_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("WEFT_REFERENCE", raising=False)
    load("reference_data").main(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["digits_train.npz"]
    assert "1437 inputs" in capsys.readouterr().out
