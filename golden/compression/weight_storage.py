"""Integer weights stored small: a codebook, indices and gaps, each Huffman coded, and back without loss (SPEC eq. 61)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.compression.huffman import HuffmanCode
from golden.compression.sparse_index import gaps, positions
from golden.errors import InputError

Int8 = npt.NDArray[np.int8]
UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

#: Widths of gaps that are tried; with 0 every weight is stored, the zeros too.
GAP_BITS = range(9)


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """The weights of one layer as they are stored; where nothing makes them smaller, they are the index data, and all else is empty.

    shape:        of the weights.
    codebook:     int8[k], the values that occur, ascending; without 0 where gaps tell the zeros.
    count:        how many indices there are: of the nonzero weights, or of all where gap_bits is 0.
    gap_bits:     bits of a gap before it is coded.
    gap_count:    how many gaps there are.
    index_lengths, gap_lengths: the Huffman codes.
    index_data, gap_data:       the coded indices and gaps.
    """

    shape: tuple[int, ...]
    codebook: Int8
    count: int
    gap_bits: int
    gap_count: int
    index_lengths: UInt8
    gap_lengths: UInt8
    index_data: UInt8
    gap_data: UInt8

    @property
    def weights(self) -> int:
        """How many weights there are."""
        return math.prod(self.shape)

    @property
    def coded_bytes(self) -> int:
        """Size: codebook, lengths of the codes, coded indices and gaps."""
        return sum(array.nbytes for array in (self.codebook, self.index_lengths, self.gap_lengths, self.index_data, self.gap_data))


def store(weights: Int8, gap_bits: int | None = None) -> StoredWeights:
    """Stores integer weights of any shape, without loss.

    gap_bits: bits of a gap, 0 to 8; by default the width with the least size.
    """
    if gap_bits is not None:
        return _store(weights, gap_bits)
    return min((_as_they_are(weights), *(_store(weights, bits) for bits in GAP_BITS)), key=lambda stored: stored.coded_bytes)


def restore(stored: StoredWeights) -> Int8:
    """The weights again, int8.  Raises InputError for data that is damaged."""
    if not stored.codebook.size and stored.index_data.size:
        return stored.index_data.view(np.int8).reshape(stored.shape)
    indices = HuffmanCode(stored.index_lengths).decode(stored.index_data, stored.count)
    flat = np.zeros(stored.weights, dtype=np.int8)
    if stored.gap_bits == 0:
        flat[:] = stored.codebook[indices]
        return flat.reshape(stored.shape)
    found = HuffmanCode(stored.gap_lengths).decode(stored.gap_data, stored.gap_count)
    places = positions(found, stored.gap_bits, flat.size)
    if places.size != stored.count:
        raise InputError(f"{stored.count} weights have {places.size} places; the data is damaged")
    flat[places] = stored.codebook[indices]
    return flat.reshape(stored.shape)


def _as_they_are(weights: Int8) -> StoredWeights:
    nothing = np.zeros(0, dtype=np.uint8)
    data = weights.reshape(-1).view(np.uint8)
    return StoredWeights(weights.shape, nothing.view(np.int8), weights.size, 0, 0, nothing, nothing, data, nothing)


def pruned_bytes(weights: Int8) -> float:
    """Size with float32 weights: those that are not 0, and gaps of the best width; or all of them, where that is less."""
    return min(_gap_bytes(weights, 32), weights.size * 4)


def shared_bytes(weights: Int8) -> float:
    """Size with a codebook of int8 values, an index for each weight that is not 0, and gaps of the best width; or for all of them;
    or the int8 weights as they are, where that is less."""
    values = np.unique(weights)
    nonzero = int(np.count_nonzero(values))
    sparse = _gap_bytes(weights, _index_bits(nonzero)) + nonzero
    return min(sparse, values.size + weights.size * _index_bits(values.size) / 8, weights.size)


def _gap_bytes(weights: Int8, bits: int) -> float:
    """Size of the nonzero weights at so many bits each, and gaps of the best width."""
    nonzero = weights.reshape(-1) != 0
    gap_bits = min(width * gaps(nonzero, width).size for width in GAP_BITS if width)
    return (int(np.count_nonzero(nonzero)) * bits + gap_bits) / 8


def _index_bits(values: int) -> int:
    return (max(values, 1) - 1).bit_length()


def _store(weights: Int8, gap_bits: int) -> StoredWeights:
    flat = weights.reshape(-1)
    kept = flat if gap_bits == 0 else flat[flat != 0]
    codebook, indices = np.unique(kept, return_inverse=True)
    symbols = indices.reshape(-1).astype(np.int64)
    code = HuffmanCode.of(symbols, codebook.size)
    between = gaps(flat != 0, gap_bits) if gap_bits else np.zeros(0, dtype=np.int64)
    gap_code = HuffmanCode.of(between, int(between.max(initial=-1)) + 1)
    return StoredWeights(
        weights.shape,
        codebook.astype(np.int8),
        kept.size,
        gap_bits,
        between.size,
        code.lengths,
        gap_code.lengths,
        code.encode(symbols),
        gap_code.encode(between),
    )
