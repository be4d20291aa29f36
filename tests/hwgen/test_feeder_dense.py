"""Dense inputs: the feeder's windows over a narrow map without gaps, and pack passes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pytest

from golden.graph import Padding, Window
from hwgen.compiler.lowered import UNUSED
from hwgen.compiler.packing import dense_walk, pack_descriptors
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile, tiles
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, Operation
from tests.hwgen.feeding import DEPTH, Fed, feed, memory_of, with_padding

EIGHT = AcceleratorConfig(rows=8, cols=4, lanes=2, acc_depth=16)
ONE_LANE = AcceleratorConfig(rows=8, cols=4, lanes=1, acc_depth=16)
SIX = AcceleratorConfig(rows=6, cols=6, lanes=1, acc_depth=16)  # no power of two
SEVEN = AcceleratorConfig(rows=7, cols=7, lanes=1, acc_depth=16)
PAD_VALUE = -7


@dataclass(frozen=True)
class Case:
    """A window over a dense map."""

    config: AcceleratorConfig
    shape: tuple[int, int, int]
    window: Window
    groups: int = 1
    base: int = 9

    @property
    def source(self) -> Placement:
        width, channels = self.shape[1:]
        return Placement(self.base, self.shape, 1, -(-width * channels // self.config.rows))

    def descriptors(self) -> list[dict[str, int]]:
        area = Tile(0, 0, *self.window.output_size(*self.shape[:2]))
        fixed = dict.fromkeys(BY_NAME, 0) | UNUSED | {"operation": int(Operation.CONV), "pad_value": PAD_VALUE, "groups": self.groups}
        return [
            {**fixed, "barrier": int(number == 0), **dense_walk(self.source, self.window, tile, self.config)}
            for number, tile in enumerate(tiles(area, self.config.acc_depth))
        ]

    def image(self, memory: np.ndarray) -> np.ndarray:
        """The map as it lies in memory: int8[H, W, C]."""
        height, width, channels = self.shape
        rows = memory[self.base : self.base + self.source.words].reshape(height, -1)
        return rows[:, : width * channels].reshape(self.shape)


CASES = {
    "one pixel": Case(EIGHT, (1, 1, 3), Window((1, 1))),
    "3 of 1 channel": Case(EIGHT, (3, 11, 1), Window((3, 3))),
    "3 of 1 channel, padding": Case(EIGHT, (3, 11, 1), Window((3, 3), padding=Padding(1, 1, 1, 1)), groups=2),
    "8 of 1 channel: a whole word": Case(EIGHT, (2, 12, 1), Window((1, 8), padding=Padding(0, 0, 7, 7))),
    "2 of 3 channels at stride 2": Case(EIGHT, (5, 9, 3), Window((2, 2), (2, 2), Padding(1, 0, 1, 2))),
    "2 of 4 channels": Case(EIGHT, (3, 5, 4), Window((2, 2), padding=Padding(0, 1, 1, 1)), groups=3),
    "stride of a whole word": Case(EIGHT, (2, 9, 4), Window((1, 1), (1, 2))),
    "stride of a whole word, odd": Case(SEVEN, (2, 15, 1), Window((2, 3), (1, 7), Padding(0, 0, 2, 1))),
    "stride beyond the window": Case(EIGHT, (1, 20, 1), Window((1, 2), (1, 7), Padding(0, 0, 1, 3))),
    "padding much wider on the right": Case(EIGHT, (2, 3, 2), Window((2, 3), padding=Padding(0, 0, 0, 12))),
    "rows of padding alone": Case(EIGHT, (1, 6, 2), Window((3, 2), padding=Padding(3, 3, 1, 1))),
    "dilated rows": Case(EIGHT, (6, 5, 2), Window((3, 3), padding=Padding(2, 2, 2, 0), dilation=(2, 1))),
    "six bytes a word": Case(SIX, (4, 8, 3), Window((2, 2), padding=Padding(1, 0, 1, 1)), groups=2),
    "six bytes a word, stride 5": Case(SIX, (2, 13, 1), Window((2, 4), (2, 5), Padding(1, 0, 3, 3))),
    "seven bytes a word": Case(SEVEN, (3, 9, 3), Window((3, 2), (1, 1), Padding(1, 1, 1, 0))),
    "pixel tiles of rows": Case(EIGHT, (9, 7, 2), Window((3, 3), padding=Padding(1, 1, 1, 1)), groups=2),
}


def words(descriptors: list[dict[str, int]]) -> int:
    return sum(math.prod(d[name] for name in ("groups", "kernel_y", "pixels_y", "pixels_x")) for d in descriptors)


def expected(case: Case, memory: np.ndarray) -> list[list[int]]:
    """The bytes of every window, in the feeder's order: pixel tiles, groups, kernel rows, pixels."""
    window, channels = case.window, case.shape[2]
    padded = with_padding(case.image(memory), window, PAD_VALUE)
    found = []
    for tile in tiles(Tile(0, 0, *window.output_size(*case.shape[:2])), case.config.acc_depth):
        for _, ky, oy, ox in product(range(case.groups), range(window.kernel[0]), range(tile.y, tile.y + tile.rows), range(tile.cols)):
            y, x = oy * window.stride[0] + ky * window.dilation[0], ox * window.stride[1]
            found.append(padded[y, x : x + window.kernel[1]].reshape(window.kernel[1] * channels).tolist())
    return found


def windows(case: Case, fed: Fed) -> list[list[int]]:
    size = case.window.kernel[1] * case.shape[2]
    return [fed.acts[cycle][:size] for cycle in fed.counting]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("ready", [1.0, 0.5], ids=["always ready", "waiting"])
def test_windows(simulate, case, ready):
    """Every window of every kernel row, the zero point in place of what lies outside; no word is lost between tiles."""
    descriptors = case.descriptors()
    memory = memory_of(2, case.config.rows)
    fed = feed(simulate, case.config, descriptors, memory, words=words(descriptors), ready=ready, seed=3)
    assert windows(case, fed) == expected(case, memory)
    if ready == 1.0:
        gaps = [later - earlier for earlier, later in pairwise(fed.issues)]
        assert sum(gap != 1 for gap in gaps) == len(descriptors) - 1  # the cycles in which a descriptor is taken


@pytest.mark.parametrize("config", [EIGHT, SIX, SEVEN], ids=["8 bytes a word", "6 bytes a word", "7 bytes a word"])
def test_every_stride_and_padding(simulate, config):
    """One channel: every kernel and stride that a word holds, with the most padding on the left and less."""
    for stride in range(1, config.rows + 1):
        cases = [
            Case(config, (1, 2 * config.rows + 3, 1), Window((1, size), (1, stride), Padding(0, 0, left, 2)))
            for size in (1, 2, config.rows // 2, config.rows - 1, config.rows)
            for left in {0, size // 2, size - 1}
        ]
        cases = [case for case in cases if case.window.output_size(*case.shape[:2])[1] <= config.acc_depth]
        descriptors = [{**fields, "barrier": 1} for case in cases for fields in case.descriptors()]
        memory = memory_of(stride, config.rows)
        fed = feed(simulate, config, descriptors, memory, words=words(descriptors))
        at = 0
        for case in cases:
            wanted = expected(case, memory)
            got = [fed.acts[cycle][: case.window.kernel[1]] for cycle in fed.counting[at : at + len(wanted)]]
            assert got == wanted, case.window
            at += len(wanted)
        assert at == len(fed.counting)


PACKED = {
    "3 rows of 3": Case(ONE_LANE, (4, 7, 1), Window((3, 3), padding=Padding(1, 1, 1, 1))),
    "2 rows of 2 of 2 channels": Case(EIGHT, (5, 4, 2), Window((2, 2), (2, 1), Padding(1, 0, 0, 1))),
    "dilated rows, six bytes a word": Case(SIX, (7, 5, 1), Window((3, 4), (1, 2), Padding(2, 1, 3, 0), (2, 1))),
}


@pytest.mark.parametrize("case", PACKED.values(), ids=PACKED.keys())
def test_pack_passes_gather_whole_windows(simulate, case):
    """Past the array into the packed map: where the descriptors put each kernel row's bytes, the pixel's whole window lies in order."""
    config, window = case.config, case.window
    out = window.output_size(*case.shape[:2])
    size = math.prod(window.kernel) * case.shape[2]
    row_bytes = window.kernel[1] * case.shape[2]
    packed = Placement(300, (*out, size), -(-size // config.rows))
    made = pack_descriptors(case.source, packed, window, PAD_VALUE, config, param_address=5)
    descriptors = [{**fields, "layer": 0, "barrier": int(number == 0), "last": 0} for number, fields in enumerate(made)]
    memory = memory_of(4, config.rows)
    fed = feed(simulate, config, descriptors, memory, words=words(descriptors))
    assert fed.pulses["take_tile"] == [], "no weights"

    written = np.full((DEPTH, config.rows), 99, np.int8)
    cycles = iter(fed.counting)
    for fields in descriptors:
        assert (fields["operation"], fields["groups"], fields["param_address"]) == (Operation.MAX_POOL, 1, 5)
        assert fields["lane_groups_last"] * config.lanes == row_bytes
        for oy, ox in product(range(fields["pixels_y"]), range(fields["pixels_x"])):
            first = (fields["output_address"] + oy * fields["output_step_y"] + ox * fields["output_step_x"]) * config.rows
            place = first + fields["lane_place"] * config.lanes
            assert np.all(written.reshape(-1)[place : place + row_bytes] == 99), "written twice"
            written.reshape(-1)[place : place + row_bytes] = fed.acts[next(cycles)][:row_bytes]
    assert next(cycles, None) is None
    pixels = written[packed.base : packed.base + packed.words].reshape(*out, -1)
    padded = with_padding(case.image(memory), window, PAD_VALUE)
    for oy, ox in product(*map(range, out)):
        taps = [
            padded[oy * window.stride[0] + ky * window.dilation[0], ox * window.stride[1] + kx]
            for ky, kx in product(*map(range, window.kernel))
        ]
        np.testing.assert_array_equal(pixels[oy, ox, :size], np.concatenate(taps))
