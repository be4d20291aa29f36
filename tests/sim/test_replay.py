"""Recordings: words of activation memory, records, and what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from golden import interpreter
from golden.graph import Graph, Int8
from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.gateware.replay import Op
from sim.build_folder import BuildFolder, Placement, read_build
from sim.replay import host_words, record, records_per_image


def decode(word: int) -> tuple[Op, int, int, int]:
    """(op, byte address, mask, data) of a record, as the documentation of the replay host lays it out."""
    return Op((word >> 30) & 3), (word & 0x3FFFFFF) << 2, (word >> 26) & 0xF, word >> 32


@pytest.fixture
def build(build_path: Path, graph: Graph) -> BuildFolder:
    return read_build(build_path, graph)


def where(place: Placement, rows: int, y: int, x: int, c: int) -> tuple[int, int]:
    """(memory word, byte in it) of an element, as the documentation of the emitted folder says."""
    if place.dense:
        b = x * place.channels + c
        return place.base + y * place.words_per_row + b // rows, b % rows
    return place.base + (y * place.shape[1] + x) * place.words_per_pixel + c // rows, c % rows


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize(
    ("rows", "shape", "base"),
    [
        (4, (2, 3, 5), 7),
        (16, (1, 2, 3), 0),
        (16, (2, 2, 33), 5),
        (2, (3, 1, 5), 9),
        (6, (2, 2, 7), 1),
        (64, (1, 1, 10), 2),
        (3, (2, 1, 3), 0),
    ],
)
def test_host_words(rows: int, shape: tuple[int, int, int], base: int, dense: bool) -> None:
    """Every real byte is where the memory map says it is; everything else is 0 and not in the mask."""
    config = AcceleratorConfig(rows=rows, cols=rows, lanes=1, act_depth=256)
    words_per_row = -(-shape[1] * shape[2] // rows) + 1 if dense else shape[1] * -(-shape[2] // rows)
    place = Placement(base, -(-shape[2] // rows), shape, dense, words_per_row)
    values = np.random.default_rng(rows).integers(-128, 128, (2, *shape)).astype(np.int8)
    words = host_words(place, values, config)
    chunks = regmap.chunks(8 * rows)
    memory = {int(a): (words.data[:, i], int(words.masks[i])) for i, a in enumerate(words.addresses)}
    real: dict[int, int] = {}
    for (y, x, c), _ in np.ndenumerate(values[0]):
        word, byte = where(place, rows, y, x, c)
        address = (1 << 25) | (word * chunks + byte // 4) * 4
        data, mask = memory[address]
        assert mask >> (byte % 4) & 1
        assert ((data >> np.uint32(8 * (byte % 4))) & 0xFF).astype(np.uint8).view(np.int8).tolist() == values[:, y, x, c].tolist()
        real[address] = real.get(address, 0) | 1 << (byte % 4)
    assert {address: mask for address, (_, mask) in memory.items()} == real
    for data, mask in memory.values():
        padding = sum(0xFF << 8 * byte for byte in range(4) if not mask >> byte & 1)
        assert not (data & np.uint32(padding)).any()


def test_the_records_of_two_inferences(build: BuildFolder, graph: Graph, images: Int8) -> None:
    x = images[:2]
    y = interpreter.run(graph, x)
    recording = record(build, {"x": x}, {"y": y}, counters=True)
    records = [decode(int(word)) for word in recording.records]
    inputs, outputs = host_words(build.tensors["x"], x, build.config), host_words(build.tensors["y"], y, build.config)

    def inference(image: int) -> list[tuple[Op, int, int, int]]:
        writes = [(Op.WRITE, int(a), 0xF, int(d)) for a, d in zip(inputs.addresses, inputs.data[image], strict=True)]
        control = [(Op.WRITE, 0x8, 0xF, 3), (Op.WAIT_IRQ, 0, 0xF, 0), (Op.WRITE, 0x10, 0xF, 1)]
        compares = [
            (Op.COMPARE, int(a), int(m), int(d)) for a, d, m in zip(outputs.addresses, outputs.data[image], outputs.masks, strict=True)
        ]
        return [*writes, *control, *compares, (Op.COMPARE, 0x14, 0, 0)]

    counters = [(Op.COMPARE, 0x1000 + 16 * layer + 4 * i, 0, 0) for layer in range(5) for i in range(4)]
    assert records == [*inference(0), *counters, *inference(1), (Op.END, 0, 0xF, 0)]
    reads = [(address, image) for (op, address, _, _), image in zip(records, recording.record_images, strict=True) if op is Op.COMPARE]
    assert list(zip(recording.read_addresses.tolist(), recording.read_images.tolist(), strict=True)) == reads
    assert recording.images == 2
    assert recording.record_images.tolist() == [0] * (len(inference(0)) + len(counters)) + [1] * (len(inference(1)) + 1)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_records_per_image(build: BuildFolder, graph: Graph, images: Int8, count: int) -> None:
    following, first = records_per_image(build)
    x = images[:count]
    recording = record(build, {"x": x}, {"y": interpreter.run(graph, x)}, counters=True)
    assert len(recording.records) == first + (count - 1) * following


def test_write(build: BuildFolder, graph: Graph, images: Int8, tmp_path: Path) -> None:
    recording = record(build, {"x": images[:1]}, {"y": interpreter.run(graph, images[:1])})
    depth = len(recording.records) + 3
    recording.write(tmp_path / "replay.hex", depth)
    lines = (tmp_path / "replay.hex").read_text().splitlines()
    assert [int(line, 16) for line in lines] == [*recording.records.tolist(), 0, 0, 0]
    assert {len(line) for line in lines} == {16}
