"""The multiplier of Lattice iCE40 UltraPlus: SB_MAC16 (Lattice FPGA-TN-02007), with its registers on.

A cell makes one product of 16 bits, or two signed ones of 8 bits.  Its adder takes the 32 bits of the inputs C and D beside the product,
so that the partial products of wider factors are summed in the cells.
"""

from __future__ import annotations

from amaranth.hdl import C, Cat, ClockSignal, Instance, Module, Shape, Signal, Value, signed

from hwgen.gateware.delay import delay
from hwgen.gateware.dsp.wide import parts

#: Bits of a factor, signed or not; of each factor of a pair.
CELL_BITS = 16
PAIR_BITS = 8

#: What an output shows: the adder's register, or the product.
_SUM, _PRODUCT = 1, 3
#: What an adder takes: the product of 8 bits or of 16; besides, C or D; as carry, none or the lower adder's.
_PRODUCT_8, _PRODUCT_16, _ADDEND, _NO_CARRY, _CARRY = 1, 2, 1, 0, 2
_UNUSED = (
    *("AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT", "OLOADTOP", "OLOADBOT"),
    *("ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI", "ACCUMCI", "SIGNEXTIN"),
)
_SELECTIONS = tuple(f"{half}{name}" for half in ("TOP", "BOT") for name in ("OUTPUT_SELECT", "ADDSUB_LOWERINPUT", "ADDSUB_CARRYSELECT"))


def _mac16(m: Module, name: str, a: Value, b: Value, addend: Value, settings: dict[str, int]) -> Signal:
    """An SB_MAC16 as submodule `name`: its 32 outputs.  Its registers are neither held nor reset."""
    output = Signal(2 * CELL_BITS, name=f"{name}_output")
    settings = {"A_REG": 1, "B_REG": 1, "TOPADDSUB_UPPERINPUT": _ADDEND, "BOTADDSUB_UPPERINPUT": _ADDEND, **settings}
    m.submodules[name] = Instance(
        "SB_MAC16",
        **{f"p_{setting}": C(value, 2 if setting in _SELECTIONS else 1) for setting, value in settings.items()},
        **{f"i_{pin}": C(0, 1) for pin in _UNUSED},
        i_CLK=ClockSignal("sync"),
        i_CE=C(1, 1),
        i_A=a,
        i_B=b,
        i_C=addend[CELL_BITS:],
        i_D=addend[:CELL_BITS],
        o_O=output,
    )
    return output


def pair(m: Module, name: str, factors: list[tuple[Value, Value]]) -> list[Value]:
    """A cell as submodule `name`: the products of two pairs of int8 factors, 3 cycles later."""
    (a_low, b_low), (a_high, b_high) = factors
    settings = {"MODE_8x8": 1, "A_SIGNED": 1, "B_SIGNED": 1, "TOP_8x8_MULT_REG": 1, "BOT_8x8_MULT_REG": 1}
    for half in ("TOP", "BOT"):
        settings |= {f"{half}OUTPUT_SELECT": _SUM, f"{half}ADDSUB_LOWERINPUT": _PRODUCT_8, f"{half}ADDSUB_CARRYSELECT": _NO_CARRY}
    output = _mac16(m, name, Cat(a_low, a_high), Cat(b_low, b_high), C(0, 2 * CELL_BITS), settings)
    return [output[:CELL_BITS].as_signed(), output[CELL_BITS:].as_signed()]


def _product(m: Module, name: str, a: Value, b: Value, addend: Value, *, registers: int, top: int = _SUM) -> Value:
    """A cell as submodule `name`: a * b + addend in its output register, 1 cycle after a product that has so many `registers` (2 or 3).

    top: what the upper half of the output shows.
    """
    shapes = [Shape.cast(factor.shape()) for factor in (a, b)]
    wide = [Signal(Shape(CELL_BITS, shape.signed), name=f"{name}_{side}") for shape, side in zip(shapes, "ab", strict=True)]
    added = Signal(signed(2 * CELL_BITS), name=f"{name}_addend")
    m.d.comb += [wide[0].eq(a), wide[1].eq(b), added.eq(addend)]
    inner = int(registers == 3)
    settings = {
        "A_SIGNED": int(shapes[0].signed),
        "B_SIGNED": int(shapes[1].signed),
        "TOP_8x8_MULT_REG": inner,
        "BOT_8x8_MULT_REG": inner,
        "PIPELINE_16x16_MULT_REG1": inner,
        "PIPELINE_16x16_MULT_REG2": 1,
        "TOPOUTPUT_SELECT": top,
        "BOTOUTPUT_SELECT": _SUM,
        "TOPADDSUB_LOWERINPUT": _PRODUCT_16,
        "BOTADDSUB_LOWERINPUT": _PRODUCT_16,
        "TOPADDSUB_CARRYSELECT": _CARRY,
        "BOTADDSUB_CARRYSELECT": _NO_CARRY,
    }
    return _mac16(m, name, wide[0], wide[1], added, settings)


def wide_product(m: Module, a: Value, b: Value) -> Value:
    """The product of two signed factors of at most 32 bits, 5 cycles later, in one cell for each pair of their 16-bit parts.

    Long multiplication: the upper half of a partial product is added to the next one, in that one's cell.
    """
    bits = len(a) + len(b)
    (a_low, *a_rest), (b_low, *b_rest) = parts(a, CELL_BITS), parts(b, CELL_BITS)
    half = slice(CELL_BITS, 2 * CELL_BITS)
    result = Signal(signed(bits), name="result")
    if not a_rest and not b_rest:
        only = _product(m, "cell", a_low, b_low, C(0), registers=3)
        m.d.comb += result.eq(delay(m, only.as_signed(), 1, name="product"))
        return result
    if not a_rest or not b_rest:
        (low_a, low_b), (high_a, high_b) = ((a_low, b_low), (a_rest[0], b_low) if a_rest else (a_low, b_rest[0]))
        low = _product(m, "cell_low", low_a, low_b, C(0), registers=3, top=_PRODUCT)
        high = _product(m, "cell_high", high_a, high_b, low[half].as_signed(), registers=3)
        m.d.comb += result.eq(delay(m, Cat(low[:CELL_BITS], high).as_signed(), 1, name="product"))
        return result
    (a_high,), (b_high,) = a_rest, b_rest
    low = _product(m, "cell_00", a_low, b_low, C(0), registers=2, top=_PRODUCT)
    first = _product(m, "cell_10", a_high, b_low, low[half], registers=2)
    second = _product(m, "cell_01", a_low, b_high, first[:CELL_BITS], registers=3)
    high = _product(m, "cell_11", a_high, b_high, first[half].as_signed(), registers=3)
    upper = Signal(signed(2 * CELL_BITS), name="upper", reset_less=True)
    m.d.sync += upper.eq(high.as_signed() + second[half].as_signed())
    lower = [delay(m, low[:CELL_BITS], 2, name="lowest"), delay(m, second[:CELL_BITS], 1, name="middle")]
    m.d.comb += result.eq(Cat(*lower, upper).as_signed())
    return result
