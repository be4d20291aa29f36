"""Verification of the small network's Verilog in both simulators, and of what is wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.errors import DoesNotFitError, InputError, ToolMissingError
from golden.graph import Graph, Int8
from hwgen.descriptor import BY_NAME, WORDS
from hwgen.identity import HEADER_WORDS
from sim import network_bench, tools
from sim.network_bench import Outcome, play
from sim.scoreboard import Kind
from sim.tools import Simulator
from sim.verify import parse_simulators, verify
from tests.sim.small import SMALL


@pytest.fixture
def folder(build_path: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(build_path, tmp_path / "copy"))


def flip(path: Path, line: int, bit: int) -> None:
    """Inverts a bit of a word of an image."""
    lines = path.read_text().splitlines()
    lines[line] = f"{int(lines[line], 16) ^ (1 << bit):0{len(lines[line])}x}"
    path.write_text("\n".join(lines) + "\n")


def flip_descriptor(folder: Path, descriptor: int, field: str, bit: int) -> None:
    item = BY_NAME[field]
    flip(folder / "program.hex", HEADER_WORDS + descriptor * WORDS + item.word, item.offset + bit)


def test_equal(graph: Graph, images: Int8, build_path: Path, simulator: Simulator) -> None:
    seen: list[tuple[str, int, int]] = []
    report = verify(graph, images[:3], build=build_path, simulator=simulator, progress=lambda *step: seen.append(step))
    assert report.equal
    assert report.verdict == "equal"
    assert report.reproduce() is None
    assert (report.images, report.first_image, report.seed, report.build) == (3, 0, 1, build_path)
    assert [layer.equal for layer in report.layers] == [True] * 5
    assert [layer.shape for layer in report.layers] == [(5, 4, 6), (3, 2, 9), (2, 2, 9), (1, 2, 9), (5,)]
    # Measured, and exactly as predicted; the counters add up.
    assert [layer.cycles for layer in report.layers] == [layer.predicted_cycles for layer in report.layers]
    assert report.cycles == sum(layer.cycles or 0 for layer in report.layers)
    assert all(sum(layer.counters.values()) == layer.cycles for layer in report.layers)
    assert report.layers[0].utilization == report.layers[0].macs / ((report.layers[0].cycles or 0) * 16)
    assert [found.simulator for found in report.simulators] == [simulator]
    assert seen[0] == (f"compiling for {simulator.value}", 0, 1)
    assert seen[-1] == (f"simulating in {simulator.value}", 3, 3)
    json.dumps(report.to_json())


def test_both_simulators_at_another_image(graph: Graph, images: Int8, build_path: Path) -> None:
    report = verify(graph, {"x": images}, build=build_path, simulator="both", first=4, images=2, seed=5)
    assert report.equal
    assert [found.images for found in report.simulators] == [2, 2]
    assert (report.images, report.first_image, report.seed) == (2, 4, 5)
    assert report.simulators[0].cycles == report.simulators[1].cycles, "the simulators agree on every cycle"


def test_without_a_folder_and_of_the_outputs_alone(graph: Graph, images: Int8, simulator: Simulator) -> None:
    report = verify(graph, images[:2], config=SMALL, simulator=simulator, compare_layers=False)
    assert report.equal
    assert [layer.equal for layer in report.layers] == [None] * 5
    assert report.cycles is not None
    assert report.build is None
    assert not report.layers_compared


def test_many_images_in_several_recordings(graph: Graph, images: Int8, build_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[int] = []

    def counted(bench: network_bench.Bench, recording: object, *arguments: object, **options: object) -> Outcome:
        played.append(recording.images)  # type: ignore[attr-defined]
        return play(bench, recording, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(network_bench, "play", counted)
    monkeypatch.setitem(network_bench._DEPTHS, Simulator.ICARUS, 128)
    report = verify(graph, images, build=build_path, simulator=Simulator.ICARUS)
    assert report.equal
    assert report.images == 12
    assert played[0] == 1, "one image first"
    assert len(played) > 3
    assert sum(played) == 12


def test_the_first_divergent_layer(graph: Graph, images: Int8, folder: Path, simulator: Simulator) -> None:
    flip(folder / "params.hex", 8, 12)  # the bias of a channel of the second layer
    report = verify(graph, images[:2], build=folder, simulator=simulator)
    assert not report.equal
    assert report.layers[0].equal
    difference = report.first_difference
    assert difference is not None
    assert (difference.layer, difference.tensor, difference.kind) == ("second", "b", Kind.VALUE)
    assert report.verdict.startswith("not equal: layer 1 (second), tensor b, image 0, index [")
    assert f"--build {folder} --first 0 --images 1 --simulator {simulator.value} --seed 1" in str(report.reproduce())


def test_outputs_alone_name_the_output(graph: Graph, images: Int8, folder: Path, simulator: Simulator) -> None:
    flip(folder / "params.hex", 8, 14)
    report = verify(graph, images[:2], build=folder, simulator=simulator, compare_layers=False)
    assert not report.equal
    assert report.first_difference is not None
    assert (report.first_difference.layer, report.first_difference.tensor) == ("last", "y")
    assert report.first_difference.detail == "read over the bus"


def test_what_verification_says_can_be_reproduced_with_a_waveform(graph: Graph, images: Int8, folder: Path, tmp_path: Path) -> None:
    flip(folder / "weights.hex", 3, 6)
    found = verify(graph, images, build=folder, simulator=Simulator.ICARUS).first_difference
    assert found is not None
    waves = tmp_path / "difference.fst"
    again = verify(graph, images, build=folder, simulator=Simulator.ICARUS, first=found.image, images=1, waves=waves)
    assert again.first_difference is not None
    assert replace(again.first_difference, count=0) == replace(found, count=0)
    assert waves.stat().st_size > 1000


@pytest.mark.parametrize("compare_layers", [True, False])
def test_a_program_that_does_not_end(graph: Graph, images: Int8, folder: Path, simulator: Simulator, compare_layers: bool) -> None:
    """The last layer waits for weight tiles that are never loaded."""
    descriptors = (len((folder / "program.hex").read_text().splitlines()) - HEADER_WORDS) // WORDS
    flip_descriptor(folder, descriptors - 1, "tiles", 2)  # 8 of its 12
    report = verify(graph, images[:1], build=folder, simulator=simulator, compare_layers=compare_layers)
    assert not report.equal
    difference = report.first_difference
    assert difference is not None
    assert difference.kind is Kind.NO_COMPLETION
    if compare_layers:
        assert difference.layer == "last"
        assert [layer.equal for layer in report.layers] == [True, True, True, True, False]
        assert "no completion" in report.verdict
    assert report.cycles is None


def test_early_stop(graph: Graph, images: Int8, folder: Path) -> None:
    flip(folder / "params.hex", 8, 12)
    stopped = verify(graph, images, build=folder, simulator=Simulator.ICARUS)
    assert stopped.simulators[0].images == 1
    going_on = verify(graph, images, build=folder, simulator=Simulator.ICARUS, stop_early=False)
    assert going_on.simulators[0].images == 2, "of the second recording, too, one image"
    assert going_on.first_difference is not None
    assert going_on.first_difference.image == 0


def test_the_logs_stay_where_one_asks_for_it(graph: Graph, images: Int8, build_path: Path, tmp_path: Path) -> None:
    verify(graph, images[:1], build=build_path, simulator=Simulator.ICARUS, directory=tmp_path / "logs")
    assert {"results.xml", "simulation.log", "tap.txt", "reads.txt"} <= {path.name for path in (tmp_path / "logs" / "icarus").iterdir()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simulator": "modelsim"}, "simulator must be verilator, icarus or both, not 'modelsim'"),
        ({"images": 0}, "at least 1, not 0"),
        ({"images": 13}, "13 images from number 0 on are asked for, but there are 12"),
        ({"first": 12}, "there are 12 images, so there is none"),
        ({"first": -1}, "there are 12 images"),
        ({"first": 10, "images": 3}, "3 images from number 10 on"),
        ({"waves": Path("a.png")}, r"ends in \.vcd or \.fst"),
        ({"waves": Path("a.vcd"), "simulator": "both"}, "written by one simulator"),
    ],
)
def test_options_that_make_no_sense(graph: Graph, images: Int8, build_path: Path, options: Mapping[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        verify(graph, images, build=build_path, **options)  # type: ignore[arg-type]


def test_inputs_that_do_not_fit_the_network(graph: Graph, images: Int8, build_path: Path) -> None:
    with pytest.raises(InputError, match="there are no images"):
        verify(graph, images[:0], build=build_path)
    with pytest.raises(InputError, match="cannot take this input") as error:
        verify(graph, images[:, :2], build=build_path)
    assert "[N, 5, 4, 3]" in error.value.problems[0]
    with pytest.raises(InputError, match="cannot take this input"):
        verify(graph, images.astype(np.float32), build=build_path)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"takes the inputs \['x'\], not \['z'\]"):
        verify(graph, {"z": images}, build=build_path)


def test_a_configuration_that_is_not_the_folders(graph: Graph, images: Int8, build_path: Path) -> None:
    with pytest.raises(InputError, match="another configuration"):
        verify(graph, images, build=build_path, config=replace(SMALL, acc_depth=33))


def test_a_network_that_does_not_fit(graph: Graph, images: Int8) -> None:
    with pytest.raises(DoesNotFitError, match="does not fit"):
        verify(graph, images, config=replace(SMALL, weight_depth=16))


def test_a_damaged_folder_is_refused_before_anything_is_simulated(graph: Graph, images: Int8, folder: Path) -> None:
    (folder / "program.hex").unlink()
    with pytest.raises(InputError, match="not a complete accelerator folder"):
        verify(graph, images, build=folder)


def test_a_simulator_that_is_missing(graph: Graph, images: Int8, build_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    with pytest.raises(ToolMissingError, match="apt-get install iverilog"):
        verify(graph, images, build=build_path, simulator="icarus")


def test_simulators_by_name() -> None:
    assert parse_simulators("both") == (Simulator.VERILATOR, Simulator.ICARUS)
    assert parse_simulators("icarus") == (Simulator.ICARUS,)


def test_a_waveform_of_more_images_than_go_into_one(graph: Graph, images: Int8, build_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(network_bench._DEPTHS, Simulator.ICARUS, 256)
    with pytest.raises(InputError, match="a waveform of 12 images is asked for, but at most"):
        verify(graph, images, build=build_path, simulator="icarus", waves=Path("a.vcd"))
