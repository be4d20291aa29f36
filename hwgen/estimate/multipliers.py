"""Multiplier blocks of an accelerator: those of the array, and those of the rescalers."""

from __future__ import annotations

from itertools import product
from math import ceil

from golden.rescale import RescaleKind
from hwgen.config import AcceleratorConfig
from hwgen.family import Family
from hwgen.gateware.dsp import ecp5, gowin, ice40, xilinx7

#: Bits of a factor that a family's cell takes as one of two parts of a wider one.
_WIDE = {Family.ECP5: ecp5.CELL_BITS, Family.ICE40: ice40.CELL_BITS, Family.GOWIN: gowin.CELL_BITS, Family.XILINX7: xilinx7.CELL_BITS}
_GOWIN_SMALL = 9  #: of the cell that counts one


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
    bits = _WIDE[family]
    parts = [[bits, factor - bits] if factor > bits else [factor] for factor in factors]
    return sum(_blocks(family, max(pair)) for pair in product(*parts))


def _blocks(family: Family, bits: int) -> int:
    """Blocks of a cell whose wider factor has so many bits: Gowin's MULT18X18 is two MULT9X9."""
    return 2 if family is Family.GOWIN and bits > _GOWIN_SMALL else 1
