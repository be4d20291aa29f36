"""Moving channels: with weights that are 0 and 1 the array puts any channel that it reads at any channel of the output (SPEC section 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from golden.graph import Window
from hwgen.compiler.lowered import fixed_fields
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile, tiles
from hwgen.compiler.walk import ADDRESS_SPACE, store, walk
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation

#: For an output channel that comes from nowhere: its parameter record alone says what it is.
NOTHING = -1


@dataclass(eq=False)
class Selections:
    """The descriptors and weight tiles of selections, in which tiles that are equal are stored once."""

    config: AcceleratorConfig
    descriptors: list[Mapping[str, int]] = field(default_factory=list)
    _tiles: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    _addresses: dict[bytes, int] = field(default_factory=dict)

    @property
    def weights(self) -> npt.NDArray[np.uint8]:
        """uint8[words, L * C]."""
        return np.concatenate(self._tiles)

    def add(
        self,
        positions: Sequence[int],
        source: Placement,
        window: Window,
        target: Placement,
        size: tuple[int, int],
        *,
        channel: int = 0,
        pad_value: int = 0,
        param_address: int = 0,
        param_step: int = 0,
    ) -> None:
        """Fills channels `channel` and on, a multiple of the lanes, of the first `size` rows and columns of the target.

        positions: for each of these channels which one it is of the window's row of taps, side by side: R * (tap * words of a pixel + word)
                   + byte; or NOTHING.
        A group of output channels reads the words that it needs and no others, so it has a descriptor of its own where those differ from
        the group's before.
        """
        config = self.config
        lanes, cols = config.lanes, config.cols
        for first, count, span in _runs(positions, source.pixel_words, config):
            part = positions[first : first + count]
            tiles_address, tile_count = self._store(part, span, source.pixel_words)
            word, byte = divmod(target.first_byte + channel + first, config.rows)
            reading = Window((1, span.taps), window.stride, window.padding)
            for tile in tiles(Tile(0, 0, *size), config.acc_depth):
                there = walk(source, reading, tile, channel_words=span.words, first_tap=(0, span.tap))
                to = store(target, tile, channels=count, group_channels=cols, lanes=lanes)
                self.descriptors.append(
                    {
                        **fixed_fields(Operation.CONV, pad_value=pad_value),
                        "param_step": param_step,
                        "param_address": param_address + param_step * first,
                        "weight_address": tiles_address,
                        "tiles": tile_count,
                        **there,
                        "act_address": (there["act_address"] + span.word) % ADDRESS_SPACE,
                        **to,
                        "output_address": to["output_address"] + word,
                        "lane_place": byte // lanes,
                    }
                )

    def _store(self, positions: Sequence[int], span: _Span, pixel_words: int) -> tuple[int, int]:
        """Address and number of the tiles for a run of groups."""
        config = self.config
        rows, cols = config.rows, config.cols
        groups = -(-len(positions) // cols)
        made = np.zeros((groups, span.taps * span.words * rows, cols), np.uint8)
        start = (span.tap * pixel_words + span.word) * rows
        for channel, position in enumerate(positions):
            if position != NOTHING:
                made[channel // cols, position - start, channel % cols] = 1
        image = made.reshape(-1, config.weight_rows_per_cycle * cols)
        key = image.tobytes()
        if key not in self._addresses:
            self._addresses[key] = sum(map(len, self._tiles))
            self._tiles.append(image)
        return self._addresses[key], len(image) // config.words_per_tile


@dataclass(frozen=True)
class _Span:
    """Words that a group reads: `words` of each of `taps`, from word `word` of tap `tap` on."""

    tap: int
    taps: int
    word: int
    words: int


def _span(positions: Sequence[int], pixel_words: int, rows: int) -> _Span:
    used = [position // rows for position in positions if position != NOTHING] or [0]
    (first_tap, first_word), (last_tap, last_word) = divmod(min(used), pixel_words), divmod(max(used), pixel_words)
    if first_tap == last_tap:
        return _Span(first_tap, 1, first_word, last_word - first_word + 1)
    return _Span(first_tap, last_tap - first_tap + 1, 0, pixel_words)


def _runs(positions: Sequence[int], pixel_words: int, config: AcceleratorConfig) -> Iterator[tuple[int, int, _Span]]:
    """First channel, number of channels and words of each run of groups that read the same."""
    first, span = 0, None
    for start in range(0, len(positions), config.cols):
        here = _span(positions[start : start + config.cols], pixel_words, config.rows)
        if span is not None and here != span:
            yield first, start - first, span
            first = start
        span = here
    if span is not None:
        yield first, len(positions) - first, span
