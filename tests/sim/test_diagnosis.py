"""Naming what went wrong, from outcomes that are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden import interpreter
from golden.graph import Graph, Int8
from hwgen import regmap
from sim.build_folder import BuildFolder, read_build
from sim.diagnosis import bus_difference, compare_layers, measured_counters, measured_cycles, no_completion, unknown_difference
from sim.network_bench import Outcome
from sim.replay import Recording, host_words, record
from sim.scoreboard import Kind
from sim.tap import TapLog

DONE = Outcome(True, False, 0, 0, 0, 0, 5000, np.zeros(0, np.int64), np.zeros(0, np.int64), None, 1.0)


@pytest.fixture
def build(build_path: Path, graph: Graph) -> BuildFolder:
    return read_build(build_path, graph)


@pytest.fixture
def tensors(graph: Graph, images: Int8) -> dict[str, Int8]:
    return interpreter.run(graph, images[:3], tensors=True)


@pytest.fixture
def recording(build: BuildFolder, tensors: dict[str, Int8]) -> Recording:
    return record(build, {"x": tensors["x"]}, {"y": tensors["y"]}, counters=True)


def sound_log(build: BuildFolder, tensors: dict[str, Int8], runs: int) -> TapLog:
    """The log of runs in which everything is right."""
    rows, lanes = build.config.rows, build.config.lanes
    found = []
    for run in range(runs):
        for layer in build.layers:
            place = build.tensors[layer.output]
            values = tensors[layer.output][run].reshape(place.pixels, place.channels)
            padded = np.zeros((place.pixels, -(-place.channels // lanes) * lanes), np.int8)
            padded[:, : place.channels] = values
            for group in range(padded.shape[1] // lanes):
                word, offset = divmod(group * lanes, rows)
                for pixel in range(place.pixels):
                    address = place.base + pixel * place.words_per_pixel + word
                    found.append((run, layer.index, address, offset, padded[pixel, group * lanes : (group + 1) * lanes]))
    columns = [np.array([row[i] for row in found], np.int64) for i in range(4)]
    data = np.array([row[4] for row in found], np.int8)
    return TapLog(*columns, data, np.zeros(data.shape, np.bool_))


def cut(log: TapLog, count: int) -> TapLog:
    return TapLog(log.run[:count], log.layer[:count], log.address[:count], log.offset[:count], log.data[:count], log.unknown[:count])


def record_at(recording: Recording, image: int, address: int, *, write: bool) -> int:
    """Index of the record that writes or reads an address in an inference."""
    words = recording.records.tolist()
    found = [
        i
        for i, word in enumerate(words)
        if recording.record_images[i] == image and (word & 0x3FFFFFF) << 2 == address and (word >> 30) & 3 == (1 if write else 2)
    ]
    return found[0]


def test_equal(build: BuildFolder, recording: Recording, tensors: dict[str, Int8]) -> None:
    results = compare_layers(build, recording, DONE, sound_log(build, tensors, 3), tensors, 0)
    assert [result.equal for result in results] == [True] * 5


def test_only_the_runs_before_a_failure_are_compared(build: BuildFolder, recording: Recording, tensors: dict[str, Int8]) -> None:
    """The second image's output differs on the bus, so the third was never run: its layers are not missing."""
    y = host_words(build.tensors["y"], tensors["y"], build.config)
    failed = replace(DONE, fail=True, fail_index=record_at(recording, 1, int(y.addresses[0]), write=False))
    results = compare_layers(build, recording, failed, sound_log(build, tensors, 2), tensors, 0)
    assert all(result.equal for result in results)
    # A start that is refused is an image that was not run.
    refused = replace(DONE, fail=True, fail_index=record_at(recording, 1, 0x8, write=True), fail_response=2)
    results = compare_layers(build, recording, refused, sound_log(build, tensors, 1), tensors, 0)
    assert all(result.equal for result in results)


@pytest.mark.parametrize(("layer", "name"), [(0, "first"), (2, "largest"), (4, "last")])
def test_stuck_in_a_layer(build: BuildFolder, recording: Recording, tensors: dict[str, Int8], layer: int, name: str) -> None:
    log = sound_log(build, tensors, 2)
    stuck = cut(log, int(np.flatnonzero((log.run == 1) & (log.layer == layer))[0]) + 1)
    results = compare_layers(build, recording, replace(DONE, done=False), stuck, tensors, 10)
    difference = results[layer].difference
    assert difference is not None
    assert [result.equal for result in results[:layer]] == [True] * layer
    assert (difference.kind, difference.layer, difference.image) == (Kind.NO_COMPLETION, name, 11)
    assert "no completion" in difference.describe()
    assert "given up after 5000 cycles" in difference.describe()
    assert "were never written" in difference.describe()


def test_stuck_before_the_first_write(build: BuildFolder, recording: Recording, tensors: dict[str, Int8]) -> None:
    results = compare_layers(build, recording, replace(DONE, done=False), cut(sound_log(build, tensors, 1), 0), tensors, 0)
    assert results[0].difference is not None
    assert (results[0].difference.kind, results[0].difference.layer) == (Kind.NO_COMPLETION, "first")


def test_stuck_after_the_last_write(build: BuildFolder, recording: Recording, tensors: dict[str, Int8]) -> None:
    results = compare_layers(build, recording, replace(DONE, done=False), sound_log(build, tensors, 1), tensors, 0)
    assert results[4].difference is not None
    assert results[4].difference.kind is Kind.NO_COMPLETION
    assert "no interrupt came" in results[4].difference.describe()


def test_a_wrong_value_comes_before_the_end_that_does_not(build: BuildFolder, recording: Recording, tensors: dict[str, Int8]) -> None:
    log = sound_log(build, tensors, 1)
    log.data[0, 0] ^= 1
    stuck = cut(log, int(np.flatnonzero(log.layer == 3)[0]))
    results = compare_layers(build, recording, replace(DONE, done=False), stuck, tensors, 0)
    assert results[0].difference is not None
    assert results[0].difference.kind is Kind.VALUE


@pytest.mark.parametrize("channel", range(5))
def test_a_byte_on_the_bus(build: BuildFolder, recording: Recording, tensors: dict[str, Int8], channel: int) -> None:
    """Every channel of the output is named as what it is, wherever in its 32-bit word it lies."""
    y = host_words(build.tensors["y"], tensors["y"], build.config)
    word, byte = divmod(channel, 4)
    expected = int(y.data[2, word])
    got = expected ^ (0x81 << 8 * byte)
    index = record_at(recording, 2, int(y.addresses[word]), write=False)
    failed = replace(DONE, fail=True, fail_index=index, fail_expected=expected, fail_got=got)
    difference = bus_difference(build, recording, failed, 20)
    assert (difference.layer, difference.tensor, difference.image, difference.kind) == ("last", "y", 22, Kind.VALUE)
    assert difference.index == (channel,)
    assert difference.expected == int(tensors["y"][2, channel])
    assert difference.got is not None
    assert (difference.got ^ difference.expected) & 0xFF == 0x81


def test_an_error_on_the_bus(build: BuildFolder, recording: Recording) -> None:
    failed = replace(DONE, fail=True, fail_index=record_at(recording, 1, 0x8, write=True), fail_response=2)
    difference = bus_difference(build, recording, failed, 0)
    assert (difference.kind, difference.image) == (Kind.BUS, 1)
    assert "the bus answered the write to address 0x8 with SLVERR" in difference.describe()


def test_another_answer_than_an_output(build: BuildFolder, recording: Recording) -> None:
    failed = replace(DONE, fail=True, fail_index=record_at(recording, 0, 0x14, write=False), fail_expected=1, fail_got=2)
    assert "the read of address 0x14: expected 0x1, got 0x2" in bus_difference(build, recording, failed, 0).describe()


@pytest.mark.parametrize(("index", "message"), [(-1, "are x"), (10**6, "record 1000000, which does not exist")])
def test_a_replay_host_that_makes_no_sense(build: BuildFolder, recording: Recording, index: int, message: str) -> None:
    assert message in bus_difference(build, recording, replace(DONE, fail=True, fail_index=index), 0).describe()


def test_no_completion_without_layers(build: BuildFolder) -> None:
    difference = no_completion(build, replace(DONE, done=False), 4, None, "somewhere")
    assert (difference.layer, difference.image, difference.kind) == ("unknown", 4, Kind.NO_COMPLETION)


def test_measurements(build: BuildFolder, recording: Recording) -> None:
    reads = np.arange(len(recording.read_addresses), dtype=np.int64)
    cycles = reads[recording.read_addresses == regmap.register_address("CYCLES")]
    outcome = replace(DONE, reads=reads)
    assert measured_cycles(recording, outcome) == cycles.max()
    counters = measured_counters(build, recording, outcome)
    at = {int(address): i for i, address in enumerate(recording.read_addresses)}
    assert counters[2]["stall_post"] == at[regmap.counter_address(2, "stall_post")]
    assert list(counters) == [0, 1, 2, 3, 4]


def test_measurements_that_were_not_made(build: BuildFolder, recording: Recording) -> None:
    assert measured_cycles(recording, DONE) is None
    assert measured_counters(build, recording, DONE) == {}
    unknown = replace(DONE, reads=np.full(len(recording.read_addresses), -1))
    assert measured_cycles(recording, unknown) is None
    assert measured_counters(build, recording, unknown) == {}


def test_an_output_that_is_read_as_x(build: BuildFolder, recording: Recording) -> None:
    """The replay host compares it in Verilog, where x differs from nothing."""
    reads = np.zeros(len(recording.read_addresses), np.int64)
    unknown = reads.copy()
    assert unknown_difference(build, recording, replace(DONE, reads=reads, unknown=unknown), 4) is None
    second = int(np.flatnonzero(recording.read_images == 1)[1])
    unknown[second] = 0b0001
    found = unknown_difference(build, recording, replace(DONE, reads=reads, unknown=unknown), 4)
    assert found is not None
    assert (found.image, found.kind, found.count) == (5, Kind.BUS, 1)
    assert "gave x" in found.detail


def test_padding_that_is_read_as_x_is_no_difference(build: BuildFolder, recording: Recording) -> None:
    """The output has 5 channels: of its second word one byte is real.  Registers that are only read are not compared."""
    unknown = np.zeros(len(recording.read_addresses), np.int64)
    unknown[1] = 0b1110
    unknown[recording.read_addresses == regmap.register_address("CYCLES")] = 0b1111
    assert unknown_difference(build, recording, replace(DONE, reads=unknown, unknown=unknown), 0) is None
    unknown[1] = 0b1111
    assert unknown_difference(build, recording, replace(DONE, reads=unknown, unknown=unknown), 0) is not None
