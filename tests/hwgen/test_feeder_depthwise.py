"""The feeder's streams for depthwise convolution: whatever overlaps, every pixel meets the taps of its own window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pytest

from golden.graph import DepthwiseConv2d, Padding, Window
from golden.rescale import Rescale
from hwgen.compiler.depthwise import lower_depthwise
from hwgen.compiler.placement import Placement
from hwgen.config import AcceleratorConfig
from hwgen.gateware.feeder import Feeder
from tests.hwgen.feeding import Fed, feed, memory_of, with_padding

SINGLE = AcceleratorConfig(rows=4, cols=4, lanes=2, acc_depth=32, depthwise_rows=3)
PAIRS = AcceleratorConfig(rows=8, cols=2, lanes=1, acc_depth=32, depthwise_rows=3)
WIDE = AcceleratorConfig(rows=3, cols=6, lanes=3, acc_depth=32, depthwise_rows=2)
PAD_VALUE = -7
SAME = Padding(1, 1, 1, 1)


@dataclass(frozen=True)
class Case:
    """A depthwise layer on an accelerator; with a zero point of its weights every kernel is walked twice."""

    config: AcceleratorConfig
    shape: tuple[int, int, int]
    window: Window
    paired: bool = False
    base: int = 9
    weight_zero_point: int = 0

    @property
    def walks(self) -> int:
        return 2 if self.weight_zero_point else 1

    def descriptors(self) -> list[dict[str, int]]:
        height, width, channels = self.shape
        words = -(-channels // self.config.rows)
        op = DepthwiseConv2d(
            "depthwise",
            ("x",),
            "y",
            weight=np.full((*self.window.kernel, channels), 100, np.int8),
            weight_zero_point=np.full(channels, self.weight_zero_point, np.int32),
            weight_scale=np.ones(channels),
            bias=np.zeros(channels, np.int32),
            rescale=Rescale.from_real(self.config.rescale, np.full(channels, 1 / 64)),
            window=self.window,
        )
        target = Placement(0, (*self.window.output_size(height, width), channels), words)
        lowered = lower_depthwise(op, (PAD_VALUE, 0), Placement(self.base, self.shape, words), target, self.config)
        (done,) = lowered.passes
        assert lowered.problems == ()
        made = [{**values, "layer": 0, "barrier": int(number == 0), "last": 0} for number, values in enumerate(done.descriptors)]
        assert {values["paired"] for values in made} == {int(self.paired)}
        assert {values["extra_walks"] for values in made} == {self.walks - 1}
        return made


CASES = {
    "one pixel": Case(SINGLE, (1, 1, 3), Window((1, 1))),
    "3x3": Case(SINGLE, (4, 5, 4), Window((3, 3))),
    "3x3, overlapping padding": Case(SINGLE, (3, 5, 6), Window((3, 3), padding=SAME)),
    "padding on the left only": Case(SINGLE, (2, 4, 4), Window((2, 3), padding=Padding(1, 0, 2, 0))),
    "padding on the right only": Case(SINGLE, (2, 4, 4), Window((2, 3), padding=Padding(0, 1, 0, 2))),
    "padding wider than the taps": Case(SINGLE, (2, 3, 5), Window((1, 2), padding=Padding(0, 0, 4, 3))),
    "rows and columns of padding alone": Case(SINGLE, (1, 1, 4), Window((3, 3), padding=Padding(3, 3, 3, 3))),
    "stride 2": Case(SINGLE, (5, 7, 7), Window((3, 3), (2, 2), SAME)),
    "stride 3": Case(SINGLE, (6, 9, 4), Window((3, 3), (3, 3), Padding(0, 0, 1, 1))),
    "stride beyond the taps": Case(SINGLE, (3, 9, 4), Window((1, 1), (2, 4))),
    "a kernel of two chunks": Case(SINGLE, (3, 8, 4), Window((2, 5), padding=Padding(0, 1, 2, 2))),
    "a kernel of three chunks at stride 2": Case(SINGLE, (2, 11, 5), Window((1, 7), (1, 2), Padding(0, 0, 3, 3))),
    "dilation": Case(SINGLE, (6, 9, 4), Window((3, 3), padding=Padding(2, 2, 2, 2), dilation=(2, 2))),
    "pixel tiles of rows": Case(SINGLE, (9, 10, 5), Window((3, 3), padding=SAME)),
    "pixel tiles of columns": Case(SINGLE, (2, 40, 4), Window((2, 3), padding=SAME)),
    "a tile of columns with padding on both sides": Case(SINGLE, (1, 24, 4), Window((1, 3), padding=Padding(0, 0, 1, 26))),
    "pixel tiles of columns at stride 2": Case(SINGLE, (1, 70, 4), Window((1, 3), (1, 2), SAME)),
    "more columns than rows": Case(WIDE, (4, 5, 7), Window((3, 2), (1, 1), Padding(1, 0, 1, 0))),
    "slices of a word": Case(PAIRS, (4, 4, 13), Window((3, 3), padding=SAME)),
    "pairs": Case(PAIRS, (5, 7, 8), Window((3, 3), (2, 2), SAME), paired=True),
    "pairs without padding": Case(PAIRS, (4, 6, 16), Window((2, 3), (1, 2)), paired=True),
    "pairs of one tap": Case(PAIRS, (3, 5, 4), Window((1, 1), (1, 2)), paired=True),
    "pairs of two taps": Case(PAIRS, (3, 6, 4), Window((1, 2), (2, 2), Padding(0, 0, 1, 0)), paired=True),
    "pairs of which one has no partner": Case(PAIRS, (4, 5, 13), Window((3, 3), (1, 2), SAME), paired=True),
    "pairs in pixel tiles": Case(PAIRS, (9, 11, 8), Window((3, 3), (1, 2), SAME), paired=True),
    "pairs in tiles of columns": Case(PAIRS, (1, 50, 4), Window((1, 3), (1, 2), SAME), paired=True),
    "kernels walked again": Case(SINGLE, (3, 4, 6), Window((2, 3), padding=SAME), weight_zero_point=-100),
    "kernels of several chunks walked again": Case(SINGLE, (2, 8, 4), Window((2, 5), padding=Padding(0, 0, 2, 2)), weight_zero_point=-100),
    "pairs walked again": Case(PAIRS, (5, 7, 8), Window((3, 3), (2, 2), SAME), paired=True, weight_zero_point=-100),
    "stride 2 with chunks is not paired": Case(PAIRS, (2, 9, 8), Window((1, 5), (1, 2))),
    "stride 2 of one slice is not paired": Case(PAIRS, (2, 9, 2), Window((1, 3), (1, 2))),
}


def total(descriptors: list[dict[str, int]]) -> int:
    """Words of the streams."""
    return sum((1 + d["extra_walks"]) * d["groups"] * d["kernel_y"] * d["kernel_x"] * d["pixels_y"] * d["stream_x"] for d in descriptors)


def pixels(case: Case, descriptors: list[dict[str, int]]) -> Iterator[tuple[int, int, int, int, int, dict[str, int]]]:
    """Every pixel in the order in which the accumulators count: first channel, kernel row, first tap, input row and column of the
    window in the map with its padding, and what comes beside it."""
    config, window = case.config, case.window
    share = 1 + case.paired
    extent = (window.kernel[1] - 1) * window.dilation[1] + 1
    taps = min(config.depthwise_taps, extent)
    chunks = -(-extent // taps)
    slot = 0
    for fields in descriptors:
        y0, x0 = fields["start_y"] + window.padding.top, fields["start_x"] + window.padding.left
        groups = -(-case.shape[2] // (share * config.pool_channels))
        for group in range(groups):
            steps = list(product(range(case.walks), range(window.kernel[0]), range(chunks)))
            for number, (_, ky, chunk) in enumerate(steps):
                places = list(product(range(fields["pixels_y"]), range(fields["pixels_x"]), range(share)))
                for position, (oy, ox, odd) in enumerate(places):
                    last = position == len(places) - 1
                    beside = {
                        "slot": (slot + odd) % config.slots,
                        "odd": odd,
                        **({"act_slice": group * share % config.slices} if config.slices > 1 else {}),
                        "first": int(number == 0),
                        "tile_last": int(last),
                        "group_last": int(last and number == len(steps) - 1),
                    }
                    y, x = y0 + oy * window.stride[0] + ky * window.dilation[0], x0 + ox * window.stride[1] + chunk * taps
                    yield (group * share + odd) * config.pool_channels, ky, chunk * taps, y, x, beside
                slot += share


def check(case: Case, descriptors: list[dict[str, int]], memory: np.ndarray, fed: Fed) -> None:
    config = case.config
    height, width, channels = case.shape
    words = -(-channels // config.rows)
    image = memory[case.base : case.base + height * width * words].reshape(height, width, words * config.rows)
    padded = with_padding(image, case.window, PAD_VALUE)
    extent = (case.window.kernel[1] - 1) * case.window.dilation[1] + 1
    expected = list(pixels(case, descriptors))
    assert len(fed.counting) == len(expected)
    for cycle, (channel, ky, first_tap, y, x, beside) in zip(fed.counting, expected, strict=True):
        assert fed.beside[cycle] == beside
        lowest = channel % config.rows
        # Row r of the array works r cycles later; a pair's odd pixels meet the slice after, one column late.
        for tap in range(min(config.depthwise_taps, extent - first_tap)):
            acts = fed.acts[cycle + tap - beside["odd"]][lowest : lowest + config.pool_channels]
            wanted = padded[y, x + tap, channel : channel + config.pool_channels].tolist()
            assert acts[: len(wanted)] == wanted, f"channel {channel}, kernel row {ky}, tap {first_tap + tap}, input {y}, {x}"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("ready", [1.0, 0.5], ids=["always ready", "waiting"])
def test_every_pixel_meets_its_taps(simulate, case, ready):
    descriptors = case.descriptors()
    memory = memory_of(1, case.config.rows)
    check(case, descriptors, memory, feed(simulate, case.config, descriptors, memory, words=total(descriptors), ready=ready))


@pytest.mark.parametrize("name", ["3x3, overlapping padding", "pixel tiles of rows", "pairs", "a kernel of two chunks"])
def test_no_bubble(simulate, name):
    """A word is issued in every cycle, across rows, kernel rows, chunks and groups, but the one in which the next pixel tile
    is taken."""
    case = CASES[name]
    descriptors = case.descriptors()
    fed = feed(simulate, case.config, descriptors, memory_of(0, case.config.rows), words=total(descriptors))
    gaps = [later - earlier for earlier, later in pairwise(fed.issues)]
    assert sum(gap - 1 for gap in gaps) == len(descriptors) - 1
    assert fed.counting[0] == fed.issues[0] + Feeder.latency(case.config)


def test_rows_share_their_padding():
    """The columns behind a row are the padding before the next: a row of W pixels takes W + 1 words instead of W + 2."""
    (fields,) = CASES["3x3, overlapping padding"].descriptors()
    assert fields["stream_x"] == 5 + 1
    for name, words in (("3x3", 5), ("padding on the left only", 6), ("padding on the right only", 6), ("pairs", 8)):
        assert CASES[name].descriptors()[0]["stream_x"] == words, name


def test_a_pair_takes_two_tiles_at_once(simulate):
    """And waits until both are there."""
    case = CASES["pairs without padding"]
    descriptors = case.descriptors()
    fed = feed(simulate, case.config, descriptors, memory_of(0, case.config.rows), words=total(descriptors), ready=0.3, seed=2)
    for pulses in fed.pulses.values():
        assert {number for _, number in pulses} == {2}
        assert len(pulses) == 4 * 2, "groups and kernel rows"
