"""`weft train`: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import weft
from golden import network_file
from golden.recipe import Recipe, read_recipe
from golden.training_scheme import Training
from tests.weft.small import Command, Files, small_network

RECIPE = """
rescale = "fixed16"
[weights]
bits = 4
[activations]
bits = 4
[training]
epochs = 2
batch_size = 16
activations = "clipping"
"""


@pytest.fixture(scope="module")
def folder(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("train")
    (path / "r.toml").write_text(RECIPE)
    x = np.load(files.calibration)["x"]
    np.savez(path / "data.npz", x=x, label=np.arange(len(x)) % 4)
    return path


def test_it_writes_a_network_and_says_what_came_of_it(command: Command, files: Files, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "n.weft"
    arguments = ("factories:small", "--data", folder / "data.npz", "--recipe", folder / "r.toml", "-o", output)
    result = command("train", *arguments, "--evaluation", files.test, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    graph = network_file.load(output)
    assert (found["output"], found["rescale"], len(found["losses"]), found["resumed"]) == (str(output), "fixed16", 2, 0)
    assert {op.weight_bits for op in graph.ops if hasattr(op, "weight_bits")} == {4}
    assert found["accuracy"] == weft.predict(graph, files.test).accuracy
    assert 0 <= found["start_accuracy"] <= 1
    assert 0 <= found["float_accuracy"] <= 1


def test_a_checkpoint_is_gone_on_from(command: Command, folder: Path, tmp_path: Path) -> None:
    arguments = ("train", "factories:small", "--data", folder / "data.npz", "--recipe", folder / "r.toml")
    assert command(*arguments, "-o", tmp_path / "a.weft").code == 0
    for output in ("b.weft", "c.weft"):
        result = command(*arguments, "-o", tmp_path / output, "--checkpoint", tmp_path / "c.pt")
        assert result.code == 0
    assert "went on after 2 of 2 epochs" in result.out
    assert len({(tmp_path / name).read_bytes() for name in ("a.weft", "b.weft", "c.weft")}) == 1
    other = command(*arguments, "-o", tmp_path / "d.weft", "--checkpoint", tmp_path / "c.pt", "--seed", 5)
    assert other.code == 2
    assert "the checkpoint of another training" in other.err
    assert not (tmp_path / "d.weft").exists()


def test_options_come_before_the_recipe(command: Command, folder: Path, tmp_path: Path) -> None:
    arguments = ("train", "factories:small", "--data", folder / "data.npz", "--recipe", folder / "r.toml", "--json")
    result = command(*arguments, "-o", tmp_path / "n.weft", "--epochs", 1, "--learning-rate", 0.01, "--seed", 3)
    assert len(json.loads(result.out)["losses"]) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--data", "DATA_WITHOUT_LABELS"), "there are no labels"),
        (("--data", "none.npz"), "no such file"),
        (("--learning-rate", "-1"), "learning_rate must be greater than 0"),
        (("--recipe", "none.toml"), "none.toml"),
        (("--checkpoint", "DATA_WITHOUT_LABELS"), "not a checkpoint"),
    ],
)
def test_bad_input(command: Command, files: Files, folder: Path, tmp_path: Path, change: tuple[str, str], message: str) -> None:
    options = {"--data": str(folder / "data.npz"), "--recipe": str(folder / "r.toml"), "-o": str(tmp_path / "n.weft")}
    options |= {change[0]: change[1].replace("DATA_WITHOUT_LABELS", str(files.calibration))}
    result = command("train", "factories:small", *(part for option in options.items() for part in option))
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written_is_found_before_the_training(command: Command, folder: Path, tmp_path: Path) -> None:
    arguments = ("train", "factories:small", "--data", folder / "data.npz", "--checkpoint", tmp_path / "c.pt")
    result = command(*arguments, "-o", tmp_path / "none" / "n.weft")
    assert result.code == 2
    assert "cannot write" in result.err
    assert not list(tmp_path.iterdir()), "no epoch was trained"


def test_a_recipe_with_distillation(folder: Path) -> None:
    """As a function of the API."""
    found = weft.train(small_network(), folder / "data.npz", recipe=Recipe(training=Training(epochs=1, distillation=0.5)))
    assert (len(found.losses), found.accuracy) == (1, None)
    plain = weft.train(small_network(), folder / "data.npz", recipe=Recipe(training=Training(epochs=1)))
    assert plain.losses != found.losses


def test_the_section_of_a_recipe(folder: Path) -> None:
    chosen = read_recipe(folder / "r.toml")
    assert chosen.training.epochs == 2
    assert chosen.to_toml().count("[training]") == 1
