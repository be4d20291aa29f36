"""Huffman coding: optimal, free of prefixes, without loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.compression.huffman import HuffmanCode
from golden.errors import InputError

SYMBOLS = st.lists(st.integers(0, 11), max_size=200).map(lambda values: np.array(values, dtype=np.int64))


@given(SYMBOLS)
def test_round_trip(symbols: np.ndarray) -> None:
    code = HuffmanCode.of(symbols, 12)
    data = code.encode(symbols)
    assert data.size == -(-code.bits(symbols) // 8)
    assert np.array_equal(code.decode(data, symbols.size), symbols)


@given(SYMBOLS)
def test_no_code_begins_another(symbols: np.ndarray) -> None:
    code = HuffmanCode.of(symbols, 12)
    written = [code.written(symbol) for symbol in np.unique(symbols)]
    assert not any(a != b and b.startswith(a) for a in written for b in written)
    if len(written) > 1:
        assert sum(2.0 ** -len(each) for each in written) == 1


@given(SYMBOLS.filter(lambda values: values.size > 0))
def test_as_short_as_a_prefix_code_can_be(symbols: np.ndarray) -> None:
    """Between the entropy and the entropy plus one bit (Shannon 1948), and rare symbols have codes that are no shorter."""
    code = HuffmanCode.of(symbols, 12)
    counts = np.bincount(symbols, minlength=12)
    shares = counts[counts > 0] / symbols.size
    entropy = float(-(shares * np.log2(shares)).sum())
    assert entropy - 1e-9 <= code.bits(symbols) / symbols.size <= entropy + 1
    present = np.flatnonzero(counts)
    for a in present:
        for b in present:
            assert counts[a] >= counts[b] or code.lengths[a] >= code.lengths[b]


def test_worked_example() -> None:
    """The indices of Deep Compression's figure 3: five of 1, four of 0 and of 3, three of 2 take 2 bits each."""
    indices = np.array([3, 0, 2, 1, 1, 1, 0, 3, 0, 3, 1, 0, 3, 1, 2, 2])
    assert HuffmanCode.of(indices, 4).bits(indices) == 32
    rare = np.array([1] * 13 + [0, 2, 3])
    code = HuffmanCode.of(rare, 4)
    assert [len(code.written(symbol)) for symbol in range(4)] == [3, 1, 3, 2]
    assert code.bits(rare) == 13 + 3 + 3 + 2


def test_powers_of_two_reach_the_entropy() -> None:
    symbols = np.repeat(np.arange(6), [32, 16, 8, 4, 2, 2])
    shares = np.bincount(symbols) / symbols.size
    assert HuffmanCode.of(symbols, 6).bits(symbols) == symbols.size * -sum(p * math.log2(p) for p in shares)


def test_very_unequal_counts() -> None:
    """Counts that grow like the Fibonacci numbers make the longest codes."""
    counts = [1, 1]
    while len(counts) < 22:
        counts.append(counts[-1] + counts[-2])
    symbols = np.repeat(np.arange(22), counts)
    code = HuffmanCode.of(symbols, 22)
    assert code.lengths.max() == 21
    assert np.array_equal(code.decode(code.encode(symbols), symbols.size), symbols)


def test_one_symbol_and_none() -> None:
    same = np.full(9, 4)
    code = HuffmanCode.of(same, 5)
    assert code.bits(same) == 9
    assert np.array_equal(code.decode(code.encode(same), 9), same)
    empty = np.zeros(0, dtype=np.int64)
    assert HuffmanCode.of(empty, 0).decode(HuffmanCode.of(empty, 0).encode(empty), 0).size == 0


def test_damaged_data_is_refused() -> None:
    symbols = np.arange(200) % 5
    code = HuffmanCode.of(symbols, 5)
    with pytest.raises(InputError, match="do not hold 200 symbols"):
        code.decode(code.encode(symbols)[:10], 200)
    with pytest.raises(InputError, match="a code for none"):
        HuffmanCode(np.zeros(3, dtype=np.uint8)).decode(np.zeros(1, dtype=np.uint8), 1)
