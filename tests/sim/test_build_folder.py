"""Emitted folders, sound and damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import InputError
from golden.graph import Graph
from hwgen.emit import image_depths
from sim.build_folder import read_build
from tests.sim.small import SMALL

IMAGES = tuple(image_depths(SMALL))


@pytest.fixture
def folder(build_path: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(build_path, tmp_path / "copy"))


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)


def change_config(folder: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    data = json.loads((folder / "config.json").read_text())
    change(data)
    (folder / "config.json").write_text(json.dumps(data))


def test_sound(build_path: Path, graph: Graph) -> None:
    build = read_build(build_path, graph)
    assert build.config == SMALL
    assert (build.network_name, build.inputs, build.outputs) == ("small", ("x",), ("y",))
    assert [(layer.index, layer.name, layer.kind, layer.output) for layer in build.layers] == [
        (0, "first", "conv2d", "a"),
        (1, "second", "conv2d", "b"),
        (2, "largest", "max_pool2d", "c"),
        (3, "mean", "average_pool2d", "d"),
        (4, "last", "fully_connected", "y"),
    ]
    assert build.layers[0].macs == 5 * 4 * 6 * 27
    assert build.predicted_cycles == sum(layer.predicted_cycles for layer in build.layers) > 0
    assert build.tensors["a"].shape == (5, 4, 6)
    assert (build.tensors["a"].words_per_pixel, build.tensors["a"].pixels, build.tensors["a"].channels) == (2, 20, 6)
    assert build.tensors["y"].shape == (1, 1, 5)
    assert build.tensors["e"] == build.tensors["d"], "a reshape shares its storage"
    assert build.verilog == build_path / "accelerator.v"


def test_without_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        read_build(tmp_path / "none")


@pytest.mark.parametrize("name", ["accelerator.v", "config.json", *IMAGES])
def test_a_file_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match="weft generate") as error:
        read_build(folder)
    assert error.value.problems == (f"{name} is missing",)


def test_everything_is_said_at_once(folder: Path) -> None:
    (folder / "weights.hex").unlink()
    (folder / "params.hex").write_text("")
    edit(folder / "accelerator.v", lambda text: text.replace("module weft_accelerator", "module something"))
    with pytest.raises(InputError) as error:
        read_build(folder)
    assert error.value.problems == ("weights.hex is missing", "params.hex is empty", "accelerator.v has no module weft_accelerator")


@pytest.mark.parametrize("name", IMAGES)
def test_a_damaged_image(folder: Path, name: str) -> None:
    lines = (folder / name).read_text().splitlines()
    (folder / name).write_text("\n".join([*lines[:4], "xyzzy", *lines[5:]]) + "\n")
    with pytest.raises(InputError) as error:
        read_build(folder)
    assert error.value.problems == (f"{name}, line 5: not a hexadecimal number",)


@pytest.mark.parametrize("name", IMAGES)
def test_a_cut_off_image(folder: Path, name: str) -> None:
    text = (folder / name).read_text()
    (folder / name).write_text(text[: len(text) // 2 - 3 if text[len(text) // 2 - 4] != "\n" else len(text) // 2 - 2])
    with pytest.raises(InputError) as error:
        read_build(folder)
    assert f"{name} is cut off" in error.value.problems[0]


def test_an_image_larger_than_its_memory(folder: Path) -> None:
    path = folder / "weights.hex"
    line = path.read_text().splitlines()[0]
    path.write_text(f"{line}\n" * (SMALL.weight_depth + 1))
    with pytest.raises(InputError) as error:
        read_build(folder)
    assert error.value.problems == (f"weights.hex has {SMALL.weight_depth + 1} words, but the memory has {SMALL.weight_depth}",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "JSONDecodeError"),
        (lambda text: "[]", "damaged"),
        (lambda text: text.replace('"tensors"', '"tensor"'), "tensors"),
        (lambda text: text.replace('"rows"', '"bows"'), "unknown accelerator parameters"),
    ],
)
def test_a_damaged_description(folder: Path, change: Callable[[str], str], message: str) -> None:
    edit(folder / "config.json", change)
    with pytest.raises(InputError, match=message):
        read_build(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(format=1), "format 1 is not 3"),
        (lambda data: data["tensors"].pop("a"), "no place is given for the tensors \\['a'\\]"),
        (lambda data: data["tensors"]["a"].update(shape=[5, 4]), "one or three sizes"),
        (lambda data: data["layers"][0].pop("macs"), "KeyError: 'macs'"),
    ],
)
def test_an_inconsistent_description(folder: Path, change: Callable[[dict], object], message: str) -> None:  # type: ignore[type-arg]
    change_config(folder, change)
    with pytest.raises(InputError, match=message):
        read_build(folder)


def test_another_network(folder: Path, graph: Graph) -> None:
    other = replace(graph, name="other")
    with pytest.raises(InputError, match="was generated from another network") as error:
        read_build(folder, other)
    assert "'small'" in str(error.value)
    assert "'other'" in str(error.value)
