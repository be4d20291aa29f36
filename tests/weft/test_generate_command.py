"""`weft generate`: the folder it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from golden import network_file
from golden.affine import Affine
from golden.checker import SOFTMAX_OUTPUT
from golden.graph import Graph, MaxPool2d, Softmax, Tensor, Window
from golden.rescale import TFLITE
from hwgen import emit
from hwgen.config import NAMED
from sim import verilog
from tests.weft.small import Command, Files

SMALL = ["--rows", "4", "--cols", "4", "--lanes", "1"]


def test_folder(command: Command, files: Files, tmp_path: Path) -> None:
    result = command("generate", files.network, *SMALL, "-o", tmp_path / "out", "--json")
    assert (result.code, result.err) == (0, "")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written >= {"accelerator.v", "weights.hex", "params.hex", "program.hex", "program.lst", "config.json"}
    report = json.loads(result.out)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert report["config"] == config["config"]
    assert report["configuration"] == "4 x 4"
    assert report["predicted_cycles"] == sum(layer["predicted_cycles"] for layer in report["layers"]) > 0


def test_the_verilog_of_a_known_configuration_is_not_emitted_again(
    command: Command, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(verilog, "_loaded_sources", lambda: "the sources")
    for name in ("accelerator_verilog", "selftest_verilog"):
        emission = getattr(emit, name)
        monkeypatch.setattr(emit, name, lambda *of, name=name, emission=emission, **and_: (made.append(name), emission(*of, **and_))[1])
    for folder in ("first", "second"):
        assert command("generate", files.network, "--rows", 4, "--cols", 4, "-o", tmp_path / folder).code == 0
        assert made == ["accelerator_verilog", "selftest_verilog"]
    texts = [(tmp_path / folder / "accelerator.v").read_bytes() for folder in ("first", "second")]
    assert texts[0] == texts[1]


def test_the_accelerator_takes_the_networks_rescale_format(command: Command, files: Files, tmp_path: Path) -> None:
    network = tmp_path / "shift.weft"
    options = ["--calibration", files.calibration, "-o", network, "--rescale", "shift"]
    assert command("quantize", "factories:small", *options).code == 0
    result = command("generate", network, "--config", "tiny-4x4", "-o", tmp_path / "out")
    assert result.code == 0
    assert "tiny-4x4, with the network's rescale format shift" in result.out
    config = json.loads((tmp_path / "out" / "config.json").read_text())["config"]
    assert config == {**NAMED["tiny-4x4"].to_json(), "rescale": "shift"}


def test_a_generated_folder_is_replaced_and_another_is_not(command: Command, files: Files, tmp_path: Path) -> None:
    assert command("generate", files.network, *SMALL, "-o", tmp_path / "out").code == 0
    assert command("generate", files.network, *SMALL, "-o", tmp_path / "out").code == 0
    refused = command("generate", files.network, "--rows", 8, "--cols", 4, "-o", tmp_path / "out")
    assert (refused.code, refused.out) == (2, "")
    assert "in another configuration; name another folder, or replace it with --force" in refused.err
    assert "rows is 4 there, and would be 8" in refused.err
    assert json.loads((tmp_path / "out" / "config.json").read_text())["config"]["rows"] == 4
    assert command("generate", files.network, "--rows", 8, "--cols", 4, "-o", tmp_path / "out", "--force").code == 0
    assert json.loads((tmp_path / "out" / "config.json").read_text())["config"]["rows"] == 8
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    result = command("generate", files.network, *SMALL, "-o", tmp_path / "thesis")
    assert result.code == 2
    assert "thesis" in result.err
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter1.tex"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rows", "3", "--cols", "4"], "one of rows and cols must divide the other, but rows is 3 and cols is 4"),
        (["--rows", "1", "--cols", "128"], "rows must be an integer from 2 to 64, not 1"),
        (["--rows", "4"], "need cols too"),
        (["--lanes", "2"], "need rows and cols too"),
        (["--rows", "4", "--cols", "4", "--lanes", "3"], "lanes must divide rows and cols (4 and 4), but it is 3"),
        (["--config", "tiny-4x4", "--rows", "4"], "not both"),
        (["--config", "huge"], "'huge' is not one of"),
        (["--rows", "four", "--cols", "4"], "'four' is not a valid integer"),
    ],
)
def test_invalid_configuration(command: Command, files: Files, tmp_path: Path, options: list[str], message: str) -> None:
    result = command("generate", files.network, *options, "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert not list(tmp_path.iterdir())


def test_all_problems_of_a_configuration_at_once(command: Command, files: Files, tmp_path: Path) -> None:
    result = command("generate", files.network, "--rows", 1, "--cols", 4, "--act-depth", 1, "-o", tmp_path / "out")
    assert "rows must be" in result.err
    assert "act_depth must be" in result.err


def test_network_too_large(command: Command, files: Files, tmp_path: Path) -> None:
    sizes = ["--weight-depth", 16, "--param-depth", 4, "--act-depth", 16, "--program-depth", 32]
    result = command("generate", files.network, *SMALL, *sizes, "-o", tmp_path / "out")
    assert (result.code, result.out) == (3, "")
    for memory in ("weight memory (weight_depth)", "parameter memory (param_depth)", "activation memory (act_depth)"):
        assert memory in result.err
    assert "are needed, 16 are there" in result.err
    assert not list(tmp_path.iterdir())


def test_what_the_accelerator_has_no_hardware_for(command: Command, tmp_path: Path) -> None:
    affines = {"x": Affine(1.0, 0), **dict.fromkeys(("a", "b", "c", "y"), SOFTMAX_OUTPUT)}
    tensors = {name: Tensor(name, (2, 2, 4), affine) for name, affine in affines.items()}
    window = Window((1, 1))
    ops = (
        Softmax("first", ("x",), "a", multiplier=1 << 30, left_shift=27),
        MaxPool2d("pool", ("a",), "b", window=window),
        Softmax("second", ("b",), "c", multiplier=1 << 30, left_shift=19),
        MaxPool2d("last", ("c",), "y", window=window),
    )
    network_file.save(Graph("inside", TFLITE, tensors, ("x",), ("y",), ops), tmp_path / "inside.weft")
    result = command("generate", tmp_path / "inside.weft", *SMALL, "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert "layer first: softmax runs in the golden model only" in result.err
    assert "layer second: softmax" in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"inside.weft"}


def test_output_that_cannot_be_written(command: Command, files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", tmp_path / "file" / "out"):
        result = command("generate", files.network, *SMALL, "-o", output)
        assert (result.code, result.out) == (2, "")
        assert str(output) in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
