"""Huffman coding of small integers, canonical: rare symbols get long codes (SPEC eq. 59; Huffman 1952).

The lengths of the codes say all about them, so nothing else has to be stored.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.errors import InputError

Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class HuffmanCode:
    """A prefix code for the symbols 0 to k - 1.

    lengths: uint8[k], bits of each symbol's code; 0 for a symbol that does not occur.
    """

    lengths: UInt8

    @staticmethod
    def of(symbols: Int64, count: int) -> HuffmanCode:
        """The shortest prefix code for these symbols, each from 0 to count - 1; a single one takes 1 bit."""
        frequencies = np.bincount(symbols, minlength=count)
        present = np.flatnonzero(frequencies)
        lengths = np.zeros(count, dtype=np.uint8)
        if present.size == 1:
            lengths[present] = 1
        # (frequency, tie-breaker, symbols below); merging two trees puts their symbols one level deeper.
        heap = [(int(frequencies[symbol]), int(symbol), [int(symbol)]) for symbol in present]
        heapq.heapify(heap)
        while len(heap) > 1:
            first, tie, left = heapq.heappop(heap)
            second, _, right = heapq.heappop(heap)
            lengths[left + right] += 1
            heapq.heappush(heap, (first + second, tie, left + right))
        return HuffmanCode(lengths)

    def codes(self) -> Int64:
        """The code of each symbol as an integer of its length, int64[k]: ascending with (length, symbol)."""
        codes = np.zeros(self.lengths.size, dtype=np.int64)
        code = length = 0
        for symbol in self._in_order():
            code <<= int(self.lengths[symbol]) - length
            length = int(self.lengths[symbol])
            codes[symbol] = code
            code += 1
        return codes

    def written(self, symbol: int) -> str:
        """A symbol's code in binary."""
        return f"{self.codes()[symbol]:0{self.lengths[symbol]}b}"

    def bits(self, symbols: Int64) -> int:
        """How many bits the symbols take."""
        return int(self.lengths[symbols].sum(dtype=np.int64))

    def encode(self, symbols: Int64) -> UInt8:
        """The codes one after the other, the first bit of each first, as bytes; the last byte is filled with 0."""
        lengths = self.lengths[symbols].astype(np.int64)
        ends = np.cumsum(lengths)
        place = np.repeat(ends, lengths) - np.arange(ends[-1] if ends.size else 0) - 1  # bits of the same code that follow
        return np.packbits((np.repeat(self.codes()[symbols], lengths) >> place) & 1)

    def decode(self, data: UInt8, count: int) -> Int64:
        """The first `count` symbols of encoded bytes, int64[count].  Raises InputError for bytes that do not hold them."""
        order = self._in_order()
        if count == 0:
            return np.zeros(0, dtype=np.int64)
        if not order.size:
            raise InputError(f"{count} symbols cannot be decoded with a code for none; the data is damaged")
        widest = int(self.lengths.max(initial=0))
        # Codes filled to the widest length ascend in canonical order, so a window of that length is found by bisection.
        starts = self.codes()[order] << (widest - self.lengths[order].astype(np.int64))
        padded = np.concatenate([np.unpackbits(data), np.zeros(widest, dtype=np.uint8)]).astype(np.int64)
        windows = np.zeros(8 * data.size + 1, dtype=np.int64)
        for offset in range(widest):
            windows = (windows << 1) | padded[offset : offset + windows.size]
        found = order[np.searchsorted(starts, windows, side="right") - 1]
        steps, position, places = self.lengths[found].tolist(), 0, []
        for _ in range(count):
            places.append(position)
            if position >= len(steps):
                break
            position += steps[position]
        if position > 8 * data.size:
            raise InputError(f"{data.size} bytes do not hold {count} symbols; the data is damaged")
        return np.asarray(found[places], dtype=np.int64)

    def _in_order(self) -> Int64:
        """Symbols with a code, by its length, then by themselves."""
        present = np.flatnonzero(self.lengths)
        return present[np.argsort(self.lengths[present], kind="stable")]
