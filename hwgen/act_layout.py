"""How the host sees a tensor in activation memory: which 32-bit words hold it, and which byte of them each element is (SPEC section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.regmap import HOST_BYTES, Window

Int64 = npt.NDArray[np.int64]


class Stored(Protocol):
    """A tensor's place in activation memory.

    Channel c of pixel (y, x) is byte c % R of word base + y * words_per_row + x * words_per_pixel + c // R; of a dense map it is byte
    b % R of word base + y * words_per_row + b // R, with b = x * C + c.
    """

    @property
    def base(self) -> int:
        """Its first word."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) as stored."""

    @property
    def words_per_pixel(self) -> int:
        """Words from a pixel to the next, unless it is dense."""

    @property
    def dense(self) -> bool:
        """Whether it is stored without gaps."""

    @property
    def words_per_row(self) -> int:
        """Words from a row to the next."""


@dataclass(frozen=True, eq=False)
class HostLayout:
    """The 32-bit words that hold a tensor's elements, and maybe the gaps between them.

    addresses: int64[W], ascending byte addresses.
    masks:     int64[W], bit i for byte i of a word being an element.
    places:    int64[elements], the byte of each element, in C order, among the 4 W bytes of these words.
    """

    addresses: Int64
    masks: Int64
    places: Int64

    def pack(self, values: npt.NDArray[np.int8]) -> npt.NDArray[np.uint32]:
        """int8[N, *shape] to uint32[N, W]; bytes that are no element are 0."""
        data = np.zeros((len(values), len(self.addresses) * HOST_BYTES), np.uint8)
        data[:, self.places] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
        return data.view("<u4").astype(np.uint32)

    def unpack(self, words: npt.NDArray[np.uint32]) -> npt.NDArray[np.int8]:
        """uint32[N, W] to int8[N, elements]."""
        data = np.ascontiguousarray(words, "<u4").view(np.uint8).reshape(len(words), -1)
        return data[:, self.places].view(np.int8)


def host_layout(place: Stored, config: AcceleratorConfig, *, gaps: bool = False) -> HostLayout:
    """Where the host finds a tensor.

    gaps: with the words that have no element, between the last of an activation word and the first of the next, where both are the
          tensor's: what they hold does not matter (SPEC section 8), and the words around them become neighbours.
    """
    height, width, channels = place.shape
    y, x, channel = np.ogrid[:height, :width, :channels]
    if place.dense:
        byte = x * channels + channel
        word = y * place.words_per_row + byte // config.rows
    else:
        byte = np.broadcast_to(channel, (height, width, channels))
        word = y * place.words_per_row + x * place.words_per_pixel + byte // config.rows
    chunks = regmap.MEMORIES[Window.ACT].chunks(config)
    places = (word * (chunks * HOST_BYTES) + byte % config.rows).reshape(-1).astype(np.int64)
    words = np.unique(places // HOST_BYTES)
    if gaps:
        own = np.unique(word)
        inner = own[:-1][np.diff(own) == 1]
        words = np.union1d(words, (inner[:, None] * chunks + np.arange(chunks)).reshape(-1))
    inverse = np.searchsorted(words, places // HOST_BYTES)
    masks = np.bincount(inverse, 1 << places % HOST_BYTES, minlength=len(words)).astype(np.int64)
    first = regmap.host_address(Window.ACT, 0, 0, config) + place.base * chunks * HOST_BYTES
    return HostLayout(first + HOST_BYTES * words, masks, inverse.astype(np.int64) * HOST_BYTES + places % HOST_BYTES)
