"""`weft compress`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from golden import network_file
from golden.graph import WeightedOp
from tests.weft.small import Command, Files

MODEL = "factories:small"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibration data with labels, for fine-tuning."""
    random = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("labelled") / "labelled.npz"
    np.savez(path, x=random.normal(size=(32, 2, 8, 8)).astype(np.float32), label=random.integers(0, 4, 32), layout="nchw")
    return path


def test_an_ordinary_network_with_few_values(command: Command, files: Files, tmp_path: Path) -> None:
    output = tmp_path / "c.weft"
    result = command("compress", MODEL, "--calibration", files.calibration, "--evaluation", files.test, "-o", output, "--scope", "layer")
    assert (result.code, result.err) == (0, "")
    for word in ("bytes of the weights at each stage", "coded", "ranks before compression", "without compression", "times smaller"):
        assert word in result.out
    weights = [op.weight for op in network_file.load(output).ops if isinstance(op, WeightedOp)]
    assert all(np.count_nonzero(weight) <= np.ceil(weight.size / 2) for weight in weights)
    assert [np.unique(weight[weight != 0]).size <= limit for weight, limit in zip(weights, (16, 16, 4), strict=True)] == [True] * 3
    assert command("predict", output, "--inputs", files.test, "-o", tmp_path / "y.npz").code == 0


def test_json(command: Command, labelled: Path, tmp_path: Path) -> None:
    options = ["--sparsity", 0.7, "--epochs", 1, "--conv-bits", 2, "--low-rank", "0=3"]
    result = command("compress", MODEL, "--calibration", labelled, "-o", tmp_path / "c.weft", *options, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert found["sparsity"] == pytest.approx(0.7, abs=0.05)
    assert found["bytes"]["float32"] == 4 * found["bytes"]["int8"] == 4 * sum(layer["weights"] for layer in found["layers"])
    assert found["bytes"]["coded"] < found["bytes"]["int8"]
    assert [report["name"] for report in found["ranks"]][:2] == ["0.rank3", "0"]
    assert found["ranks"][0]["rank"] == 3
    assert found["accuracy"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sparsity", "1"], "the sparsity must be at least 0 and below 1, not 1.0"),
        (["--epochs", "-1", "--learning-rate", "0"], "the learning rate must be above 0"),
        (["--epochs", "1"], "there are no labels"),
        (["--conv-bits", "9"], "9 is not in the range"),
        (["--low-rank", "0"], "a factorization must be LAYER=RANK"),
        (["--low-rank", "7=9"], "layer '7': the rank must be from 1 to 4, not 9"),
        (["--low-rank", "nowhere=2"], "no convolution or fully connected layer 'nowhere'"),
        (["--recipe", "none.toml"], "none.toml"),
        (["--evaluation", "none.npz"], "no such file"),
    ],
)
def test_bad_input(command: Command, files: Files, tmp_path: Path, options: list[str], message: str) -> None:
    output = tmp_path / "c.weft"
    result = command("compress", MODEL, "--calibration", files.calibration, "-o", output, *options)
    assert result.code == 2
    assert message in result.err
    assert not output.exists()


def test_what_a_recipe_asks_for_is_not_passed_over(command: Command, files: Files, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('method = "weight-only"\nrecovery = ["adaptive-rounding"]\n')
    result = command("compress", MODEL, "--calibration", files.calibration, "-o", tmp_path / "c.weft", "--recipe", tmp_path / "r.toml")
    assert result.code == 2
    assert "the method is 'weight-only'" in result.err
    assert "'adaptive-rounding'" in result.err
    assert not (tmp_path / "c.weft").exists()
