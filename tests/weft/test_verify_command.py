"""`weft verify`: equal is 0, a corrupted folder is 1 and names the layer, and every report has one form for people and one for programs."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import click
import numpy as np
import pytest

from sim import tools
from sim.netlist import FAMILIES
from tests.weft.small import Command, Files
from weft.cli.verify import verify as cli

SMALL = ["--rows", 4, "--cols", 4, "--lanes", 1]
#: The simulator that is quickest to build for, of those there are.
SIMULATOR = [simulator.value for simulator in tools.simulators()][-1]


@pytest.fixture(scope="module")
def build(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import weft

    folder = tmp_path_factory.mktemp("build") / "accelerator"
    weft.generate(files.network, folder, rows=4, cols=4, lanes=1)
    return folder


def copied(build: Path, target: Path) -> Path:
    target.mkdir()
    for path in build.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def swap(folder: Path, image: str, first: int, second: int) -> None:
    """Exchanges two words of a memory image."""
    lines = (folder / image).read_text().splitlines()
    words = [index for index, text in enumerate(lines) if text and not text.startswith(("//", "@"))]
    a, b = words[first], words[second]
    assert lines[a] != lines[b]
    lines[a], lines[b] = lines[b], lines[a]
    (folder / image).write_text("\n".join(lines) + "\n")


def test_equal(command: Command, files: Files, build: Path, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    options = ["--build", build, "--images", 3, "--simulator", SIMULATOR, "--junit", junit, "--json"]
    result = command("verify", files.network, "--inputs", files.test, *options)
    assert (result.code, result.err) == (0, "")
    report = json.loads(result.out)
    assert report["equal"] is True
    assert report["images"] == 3
    assert report["first_difference"] is None
    assert report["reproduce"] is None
    assert report["cycles"] == sum(layer["cycles"] for layer in report["layers"])
    assert all(layer["equal"] and layer["cycles"] == layer["predicted_cycles"] for layer in report["layers"])
    suites = ElementTree.parse(junit).getroot()
    assert [suite.get("failures") for suite in suites] == ["0"]


def test_table(command: Command, files: Files, build: Path) -> None:
    result = command("verify", files.network, "--inputs", files.test, "--build", build, "--images", 1, "--simulator", SIMULATOR)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1] == "equal"
    for word in ("conv2d", "fully_connected", SIMULATOR, "cycles per inference"):
        assert word in result.out


@pytest.mark.parametrize(("image", "words", "layer"), [("weights.hex", (0, 1), 0), ("params.hex", (-1, -2), -1)])
def test_a_corrupted_image_is_found_in_its_layer(
    command: Command, files: Files, build: Path, tmp_path: Path, image: str, words: tuple[int, int], layer: int
) -> None:
    junit = tmp_path / "junit.xml"
    folder = copied(build, tmp_path / "corrupted")
    swap(folder, image, *words)
    options = ["--build", folder, "--images", 4, "--simulator", SIMULATOR, "--junit", junit]
    result = command("verify", files.network, "--inputs", files.test, *options, "--json")
    assert (result.code, result.err) == (1, "")
    report = json.loads(result.out)
    assert report["equal"] is False
    difference = report["first_difference"]
    assert difference["layer"] == report["layers"][layer]["name"]
    assert difference["expected"] != difference["got"]
    assert f"--build {folder}" in report["reproduce"]
    assert [suite.get("failures") for suite in ElementTree.parse(junit).getroot()] == ["1"]

    result = command("verify", files.network, "--inputs", files.test, *options)
    assert (result.code, result.err) == (1, "")
    assert "NOT EQUAL" in result.out
    assert f"not equal: layer {difference['layer_index']} ({difference['layer']})" in result.out


def test_the_reproducing_command_writes_a_waveform(command: Command, files: Files, build: Path, tmp_path: Path) -> None:
    folder = copied(build, tmp_path / "corrupted")
    swap(folder, "weights.hex", 0, 1)
    options = ["--build", folder, "--simulator", SIMULATOR, "--json"]
    reproduce = json.loads(command("verify", files.network, "--inputs", files.test, *options).out)["reproduce"].split()
    assert reproduce[0] == "weft"
    waves = files.folder / reproduce[reproduce.index("--waves") + 1]
    waves.unlink(missing_ok=True)
    result = command(*reproduce[1:])
    assert result.code == 1
    assert waves.stat().st_size > 0


def test_without_a_folder_one_is_made(command: Command, files: Files) -> None:
    result = command(
        "verify", files.network, "--inputs", files.test, *SMALL, "--images", 1, "--simulator", SIMULATOR, "--outputs-only", "--json"
    )
    assert (result.code, result.err) == (0, "")
    report = json.loads(result.out)
    assert report["layers_compared"] is False
    assert (report["config"]["rows"], report["config"]["cols"]) == (4, 4)


def test_a_folder_of_another_network(command: Command, files: Files, build: Path, tmp_path: Path) -> None:
    network = tmp_path / "other.weft"
    options = ["--calibration", files.calibration, "-o", network, "--rescale", "fixed16"]
    assert command("quantize", "factories:small", *options).code == 0
    result = command("verify", network, "--inputs", files.test, "--build", build, "--simulator", SIMULATOR)
    assert (result.code, result.out) == (2, "")
    assert "was generated from another network" in result.err


def test_an_incomplete_folder(command: Command, files: Files, build: Path, tmp_path: Path) -> None:
    folder = copied(build, tmp_path / "incomplete")
    (folder / "weights.hex").unlink()
    (folder / "params.hex").write_text("not numbers\n")
    result = command("verify", files.network, "--inputs", files.test, "--build", folder, "--simulator", SIMULATOR)
    assert (result.code, result.out) == (2, "")
    assert "weights.hex is missing" in result.err
    assert "params.hex, line 1: not a hexadecimal number" in result.err


def test_verilog_that_does_not_compile(command: Command, files: Files, build: Path, tmp_path: Path) -> None:
    folder = copied(build, tmp_path / "broken")
    verilog = folder / "accelerator.v"
    verilog.write_text(verilog.read_text().replace("endmodule", "endmodul", 1))
    result = command("verify", files.network, "--inputs", files.test, "--build", folder, "--simulator", SIMULATOR, "--json")
    assert (result.code, result.err) == (6, "")
    assert json.loads(result.out)["error"]["exit_code"] == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images", "17"], "there are 16"),
        (["--first", "16"], "none to verify from number 16 on"),
        (["--build", "nowhere"], "there is no folder nowhere"),
        (["--build", "nowhere", "--config", "tiny-4x4"], "not both"),
        (["--waves", "waves.txt"], "a waveform file ends in .vcd or .fst"),
        (["--simulator", "modelsim"], "'modelsim' is not one of"),
        (["--images", "0"], "--images"),
        (["--netlist", "xilinx7"], "'xilinx7' is not one of"),
        (["--netlist", "--rows", "4", "--cols", "4"], "for no family of FPGAs; name the one to synthesize for: ecp5, ice40, gowin"),
    ],
)
def test_bad_usage(command: Command, files: Files, options: list[str], message: str) -> None:
    result = command("verify", files.network, "--inputs", files.test, *options)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_netlists_of_every_family_with_models_can_be_asked_for() -> None:
    (option,) = (parameter for parameter in cli.params if parameter.name == "netlist")
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == ["own", *(family.value for family in FAMILIES)]


def test_unwritable_results_are_noticed_before_the_simulation(command: Command, files: Files, build: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for option, name in (("--junit", "junit.xml"), ("--waves", "waves.vcd")):
        options = ["--build", build, "--simulator", SIMULATOR, option, tmp_path / "file" / name]
        result = command("verify", files.network, "--inputs", files.test, *options)
        assert (result.code, result.out) == (2, "")
        assert f"cannot write {tmp_path / 'file' / name}" in result.err


def test_missing_simulator(command: Command, files: Files, build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = command("verify", files.network, "--inputs", files.test, "--build", build, "--simulator", "icarus", "--json")
    assert (result.code, result.err) == (4, "")
    error = json.loads(result.out)["error"]
    assert "Icarus Verilog is not installed" in error["problems"][0]
    assert "apt-get install iverilog" in error["problems"][0]


def test_inputs_with_nan(command: Command, files: Files, build: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "nan.npz", x=np.full((1, 8, 8, 2), np.nan, np.float32))
    result = command("verify", files.network, "--inputs", tmp_path / "nan.npz", "--build", build)
    assert result.code == 2
    assert "NaN or infinite" in result.err
