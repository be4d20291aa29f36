"""Multiplier blocks of an accelerator: those of the array, and those of the rescalers."""

from __future__ import annotations

from itertools import product
from math import ceil

from golden.rescale import RescaleKind
from hwgen.config import AcceleratorConfig
from hwgen.family import Family

#: Bits of a factor that a family's cell takes as one of two parts of a wider one: MULT18X18D, SB_MAC16, MULT18X18.
_WIDE = {Family.ECP5: 18, Family.ICE40: 16, Family.GOWIN: 18}
_GOWIN_SMALL = 9
#: DSP48E1: 25 x 18 bits, signed; synthesis cuts a factor into unsigned parts of one bit less and a signed one.
_DSP48 = (25, 18)


def multipliers(config: AcceleratorConfig, family: Family) -> int:
    """Multiplier blocks, in the units in which devices are counted."""
    # An iCE40's cell makes two products of 8 bits, of neighbours in a row.
    array = config.rows * (ceil(config.cols / 2) if family is Family.ICE40 else config.cols)
    return array + config.lanes * _rescaler(config, family)


def _rescaler(config: AcceleratorConfig, family: Family) -> int:
    """Of a lane."""
    kind = config.rescale.kind
    if kind is RescaleKind.SHIFT:
        return 0
    factors = (32, 32) if kind is RescaleKind.TFLITE else (config.acc_bits, config.rescale.bits)
    if family is Family.XILINX7:
        return min(_cut(factors[0], a) * _cut(factors[1], b) for a, b in (_DSP48, _DSP48[::-1]))
    bits = _WIDE[family]
    parts = [[bits, factor - bits] if factor > bits else [factor] for factor in factors]
    return sum(_blocks(family, max(pair)) for pair in product(*parts))


def _blocks(family: Family, bits: int) -> int:
    """Blocks of a cell whose wider factor has so many bits: Gowin's MULT18X18 is two MULT9X9."""
    return 2 if family is Family.GOWIN and bits > _GOWIN_SMALL else 1


def _cut(bits: int, cell: int) -> int:
    """Parts of a factor: all but the highest have a bit less than the cell takes, for they have no sign."""
    return 1 if bits <= cell else ceil((bits - cell) / (cell - 1)) + 1
