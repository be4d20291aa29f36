"""Products of factors that are wider than a DSP cell, from products of their parts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from amaranth.hdl import Cat, Module, Signal, Value, signed

from hwgen.gateware.delay import delay

#: cell(m, name, a, b): adds a DSP cell to m and gives the product of two factors that fit it, 3 cycles later.
#: A factor is signed or not, as its shape says; a product is signed if one of its factors is.
Cell = Callable[[Module, str, Value, Value], Value]


def parts(value: Value, low_bits: int) -> list[Value]:
    """A signed value as a low part, unsigned, and a signed rest; or as it is, where it has no more bits than a low part."""
    if len(value) <= low_bits:
        return [value.as_signed()]
    return [value[:low_bits], value[low_bits:].as_signed()]


def wide_product(m: Module, a: Value, b: Value, low_bits: int, cell: Cell) -> Value:
    """The product of two signed factors of at most twice `low_bits` bits, two cycles after those of the cells.

    a * b = low + (middle << low_bits) + (high << 2 low_bits).  The product of two low parts is unsigned and has 2 low_bits bits, so low
    and high stand side by side, and two sums are left: that of the two middle products, and a last one above the bits of low.
    """
    outer: dict[int, Value] = {}
    middle: list[Value] = []
    for (i, left), (k, right) in product(enumerate(parts(a, low_bits)), enumerate(parts(b, low_bits))):
        result = cell(m, f"cell_{i}{k}", left, right)
        if i + k == 1:
            middle.append(result)
        else:
            outer[i + k] = result
    bits = len(a) + len(b)
    if not middle:
        return delay(m, outer[0], 2, name="product")
    around = Signal(signed(bits), name="around", reset_less=True)
    between = Signal(signed(bits - low_bits), name="between", reset_less=True)
    total = Signal(signed(bits), name="total", reset_less=True)
    m.d.sync += [
        around.eq(Cat(outer[0], outer[2]).as_signed() if 2 in outer else outer[0]),
        between.eq(sum(middle[1:], middle[0])),
        total.eq(Cat(around[:low_bits], (around[low_bits:].as_signed() + between)[: bits - low_bits])),
    ]
    return total
