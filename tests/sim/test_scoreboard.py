"""The scoreboard: tensors rebuilt from a log, and each kind of difference."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from golden.errors import InputError
from golden.graph import Int8
from sim.build_folder import Layer, Placement
from sim.scoreboard import Difference, Kind, LayerComparison, compare
from sim.tap import TapLog

ROWS, LANES = 4, 2
#: Two layers; the second tensor lies where the first was, as memory is reused.
LAYERS = (Layer(0, "conv", "conv2d", "a", 100, 10), Layer(1, "dense", "fully_connected", "b", 50, 5))
TENSORS = {"a": Placement(3, 2, (2, 3, 5), False, 6), "b": Placement(3, 2, (1, 1, 7), False, 2)}
RUNS = 3


def expected_tensors(runs: int = RUNS) -> dict[str, Int8]:
    rng = np.random.default_rng(3)
    return {"a": rng.integers(-128, 128, (runs, 2, 3, 5)).astype(np.int8), "b": rng.integers(-128, 128, (runs, 7)).astype(np.int8)}


def log_of(tensors: dict[str, Int8]) -> TapLog:
    """What the hardware writes: every lane group of every pixel, padding lanes with anything."""
    rows = []
    for run in range(len(tensors["a"])):
        for layer in LAYERS:
            place = TENSORS[layer.output]
            values = tensors[layer.output][run].reshape(place.pixels, place.channels)
            # The order in which the post-processor works: lane groups outside, pixels inside.
            for group in range(-(-place.channels // LANES)):
                for pixel in range(place.pixels):
                    word, offset = divmod(group * LANES, ROWS)
                    data = [int(values[pixel, c]) if c < place.channels else 99 for c in range(group * LANES, group * LANES + LANES)]
                    rows.append((run, layer.index, place.base + pixel * place.words_per_pixel + word, offset, data))
    columns = [np.array([row[i] for row in rows], np.int64) for i in range(4)]
    data = np.array([row[4] for row in rows], np.int64).astype(np.int8)
    return TapLog(*columns, data, np.zeros(data.shape, np.bool_))


def check(log: TapLog, *, runs: int = RUNS, first_image: int = 0) -> tuple[LayerComparison, ...]:
    return compare(log, LAYERS, TENSORS, expected_tensors(), word_bytes=ROWS, runs=runs, first_image=first_image)


def without(log: TapLog, index: int) -> TapLog:
    return take(log, np.delete(np.arange(len(log)), index))


def take(log: TapLog, order: object) -> TapLog:
    return TapLog(log.run[order], log.layer[order], log.address[order], log.offset[order], log.data[order], log.unknown[order])  # type: ignore[index]


def find(log: TapLog, run: int, layer: int, address: int, offset: int) -> int:
    found = np.flatnonzero((log.run == run) & (log.layer == layer) & (log.address == address) & (log.offset == offset))
    assert len(found) == 1
    return int(found[0])


@pytest.fixture
def log() -> TapLog:
    return log_of(expected_tensors())


def only(results: tuple[LayerComparison, ...], layer: int) -> Difference:
    """The difference of one layer, where the others are equal."""
    assert [result.equal for result in results] == [i != layer for i in range(len(results))]
    difference = results[layer].difference
    assert difference is not None
    return difference


def test_equal(log: TapLog) -> None:
    assert all(result.equal for result in check(log))
    assert [result.layer for result in check(log)] == list(LAYERS)


def test_the_order_of_the_writes_does_not_matter(log: TapLog) -> None:
    assert all(result.equal for result in check(take(log, np.random.default_rng(1).permutation(len(log)))))


def test_value(log: TapLog) -> None:
    # Image 1, pixel (1, 2) is the sixth; channel 3 is byte 3 of its first word: lane 1 at offset 2.
    at = find(log, 1, 0, 3 + 5 * 2, 2)
    expected = int(log.data[at, 1])
    log.data[at, 1] ^= 0x40
    difference = only(check(log, first_image=10), 0)
    assert difference == Difference("conv", 0, "a", 11, (1, 2, 3), expected, int(log.data[at, 1]), Kind.VALUE, 1)
    assert f"image 11, index [1, 2, 3]: expected {expected}, got {int(log.data[at, 1])}" in difference.describe()


def test_the_first_image_and_index_are_named_and_all_are_counted(log: TapLog) -> None:
    for run, address in ((2, 3), (1, 3 + 4), (1, 3 + 2)):
        log.data[find(log, run, 0, address, 0)] ^= 1
    difference = only(check(log), 0)
    assert (difference.image, difference.index, difference.count) == (1, (0, 1, 0), 6)


def test_vector_index(log: TapLog) -> None:
    log.data[find(log, 2, 1, 4, 2), 0] ^= 1
    assert only(check(log), 1).index == (6,)


def test_padding_lanes_do_not_matter(log: TapLog) -> None:
    log.data[find(log, 0, 1, 4, 2), 1] ^= 1
    assert all(result.equal for result in check(log))


def test_missing(log: TapLog) -> None:
    at = find(log, 2, 1, 3, 2)
    difference = only(check(without(log, at)), 1)
    assert (difference.kind, difference.index, difference.got, difference.count) == (Kind.MISSING, (2,), None, 2)
    assert "never written" in difference.describe()


def test_a_missing_zero_is_missing() -> None:
    tensors = expected_tensors()
    tensors["b"][0, :2] = 0
    log = log_of(tensors)
    results = compare(without(log, find(log, 0, 1, 3, 0)), LAYERS, TENSORS, tensors, word_bytes=ROWS, runs=RUNS)
    assert only(results, 1).kind is Kind.MISSING


def test_written_twice_with_the_right_value(log: TapLog) -> None:
    at = find(log, 0, 0, 4, 0)
    difference = only(check(take(log, [*range(len(log)), at])), 0)
    assert (difference.kind, difference.index, difference.count, difference.detail) == (Kind.DUPLICATE, (0, 0, 4), 1, "written 2 times")
    assert difference.got == difference.expected


def test_unknown(log: TapLog) -> None:
    at = find(log, 1, 1, 3, 2)
    log.unknown[at, 1] = True
    log.data[at, 1] = 0
    difference = only(check(log), 1)
    assert (difference.kind, difference.index, difference.got) == (Kind.UNKNOWN, (3,), None)
    assert "got x" in difference.describe()


def test_unknown_where_zero_is_expected() -> None:
    tensors = expected_tensors()
    tensors["b"][0, 0] = 0
    log = log_of(tensors)
    log.unknown[find(log, 0, 1, 3, 0), 0] = True
    assert only(compare(log, LAYERS, TENSORS, tensors, word_bytes=ROWS, runs=RUNS), 1).kind is Kind.UNKNOWN


@pytest.mark.parametrize("address", [2, 3 + 6 * 2, 0, 4095])
def test_a_write_outside_the_tensor(log: TapLog, address: int) -> None:
    log.address[find(log, 1, 0, 3, 0)] = address
    difference = only(check(log), 0)
    assert (difference.kind, difference.image, difference.index) == (Kind.STRAY, 1, None)
    assert f"word {address}" in difference.describe()


@pytest.mark.parametrize(("field", "value"), [("run", -1), ("run", RUNS), ("layer", -1), ("layer", 2), ("address", -1), ("offset", -1)])
def test_a_write_that_names_nothing_of_the_program(log: TapLog, field: str, value: int) -> None:
    extra = take(log, [*range(len(log)), 0])
    getattr(extra, field)[-1] = value
    difference = only(check(extra), 1)
    assert difference.kind is Kind.STRAY
    assert "names no run, layer or address" in difference.describe()


def test_runs_that_were_not_made_are_not_compared(log: TapLog) -> None:
    first = take(log, log.run < 2)
    assert all(result.equal for result in check(first, runs=2))
    assert only_missing(check(first)) == [Kind.MISSING, Kind.MISSING]


def only_missing(results: tuple[LayerComparison, ...]) -> list[Kind]:
    return [result.difference.kind for result in results if result.difference is not None]


def test_expected_tensors_of_another_size(log: TapLog) -> None:
    tensors = expected_tensors()
    tensors["a"] = tensors["a"][:, :1]
    with pytest.raises(InputError, match=r"tensor a: .* 30 elements"):
        compare(log, LAYERS, TENSORS, tensors, word_bytes=ROWS, runs=RUNS)


def test_a_tensor_under_another_shape_names_its_own_index(log: TapLog) -> None:
    tensors = {**expected_tensors(), "a": expected_tensors()["a"].reshape(RUNS, 30)}
    log.data[find(log, 0, 0, 3 + 2, 0), 1] ^= 1
    results = compare(log, LAYERS, TENSORS, tensors, word_bytes=ROWS, runs=RUNS)
    assert only(results, 0).index == (6,)


def test_fast_enough() -> None:
    """360 images of about 700 writes each, in well under a second."""
    layers = tuple(replace(LAYERS[0], index=i, output=f"t{i}") for i in range(4))
    place = Placement(0, 2, (7, 7, 14), False, 14)
    tensors = {layer.output: np.random.default_rng(layer.index).integers(-128, 128, (360, 7, 7, 14)).astype(np.int8) for layer in layers}
    parts = []
    for layer in layers:
        values = tensors[layer.output].reshape(360, 49, 14)
        padded = np.zeros((360, 49, 16), np.int8)
        padded[:, :, :14] = values
        run, pixel, group = (axis.reshape(-1) for axis in np.meshgrid(np.arange(360), np.arange(49), np.arange(4), indexing="ij"))
        parts.append((run, np.full_like(run, layer.index), pixel * 2 + group // 2, group % 2 * 4, padded.reshape(-1, 4)))
    columns = [np.concatenate([part[i] for part in parts]) for i in range(5)]
    log = TapLog(*columns, np.zeros(columns[4].shape, np.bool_))
    assert len(log) == 360 * 784
    started = time.process_time()
    results = compare(log, layers, {layer.output: place for layer in layers}, tensors, word_bytes=8, runs=360)
    assert time.process_time() - started < 0.8
    assert all(result.equal for result in results)


#: A map of 6 + 2 channels with a row of another before it and a column behind it; "inner" is its last two channels, in word 1 from byte 2.
WHOLE = Placement(10, 3, (2, 2, 8), False, 9)
INNER = Placement(11, 3, (2, 2, 2), False, 9, 2)
SPLIT = (
    Layer(0, "made", "conv2d", "inner", 10, 10),
    Layer(1, "copied", "concatenation", "whole", 0, 10, (((0, 0, 0), (2, 2, 6)),)),
)


def split_log(values: Int8) -> TapLog:
    """The first layer writes channels 6 and 7, the second the others; values: int8[2, 2, 8]."""
    rows = [
        (0, int(group < 3), 10 + y * 9 + x * 3 + group // 2, 2 * (group % 2), [int(values[y, x, 2 * group + i]) for i in range(2)])
        for group in (3, 0, 1, 2)
        for y in range(2)
        for x in range(2)
    ]
    data = np.array([row[4] for row in rows], np.int64).astype(np.int8)
    return TapLog(*(np.array([row[i] for row in rows], np.int64) for i in range(4)), data, np.zeros(data.shape, np.bool_))


def split(log: TapLog, values: Int8) -> list[Difference | None]:
    places, expected = {"whole": WHOLE, "inner": INNER}, {"whole": values[None], "inner": values[None, :, :, 6:]}
    return [result.difference for result in compare(log, SPLIT, places, expected, word_bytes=ROWS, runs=1)]


def test_a_tensor_that_two_layers_write() -> None:
    """Each is compared in its part; the one that lies inside the other, at its place there."""
    values = np.random.default_rng(0).integers(-128, 128, (2, 2, 8)).astype(np.int8)
    log = split_log(values)
    assert split(log, values) == [None, None]
    log.data[0, 1] ^= 1
    inner, whole = split(log, values)
    assert whole is None
    assert inner is not None
    assert (inner.kind, inner.tensor, inner.index) == (Kind.VALUE, "inner", (0, 0, 1))
    changed = split_log(values)
    changed.data[5, 0] ^= 1
    inner, whole = split(changed, values)
    assert inner is None
    assert whole is not None
    assert (whole.kind, whole.tensor, whole.index) == (Kind.VALUE, "whole", (0, 1, 0))
    missing = take(split_log(values), np.arange(15))
    whole = split(missing, values)[1]
    assert whole is not None
    assert (whole.kind, whole.count) == (Kind.MISSING, 2)


def test_writes_outside_the_own_part() -> None:
    """What belongs to another layer of the same tensor, and what lies between a map's pixels and rows."""
    values = np.random.default_rng(1).integers(-128, 128, (2, 2, 8)).astype(np.int8)
    log = split_log(values)
    log.layer[2] = 1
    inner, whole = split(log, values)
    assert inner is not None
    assert inner.kind is Kind.MISSING
    assert whole is not None
    assert (whole.kind, whole.count) == (Kind.STRAY, 1)
    assert whole.detail.endswith("word 20, byte 2: [1, 0, 6] is not of the part that the layer writes")
    for address, offset in ((11, 0), (12, 0), (16, 2), (10, 2)):  # before it, behind the pixel, behind the row, in the pixel's first word
        log = split_log(values)
        log.address[0], log.offset[0] = address, offset
        inner = split(log, values)[0]
        assert inner is not None
        assert inner.kind is Kind.STRAY
