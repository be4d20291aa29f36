"""The multipliers of Gowin GW1N and GW2A: MULT9X9 and MULT18X18 (Gowin UG287), with their input, pipeline and output registers on."""

from __future__ import annotations

from amaranth.hdl import C, ClockSignal, Instance, Module, Shape, Signal, Value

#: Bits of a factor, signed or not.
CELL_BITS = 18
_SMALL_BITS = 9


def cell(m: Module, name: str, a: Value, b: Value) -> Value:
    """A cell as submodule `name`, the small one where it is large enough: the product of two factors of at most 18 bits, 3 cycles later.
    Its registers are not reset."""
    shapes = [Shape.cast(factor.shape()) for factor in (a, b)]
    bits = _SMALL_BITS if max(len(a), len(b)) <= _SMALL_BITS else CELL_BITS
    factors = [Signal(Shape(bits, shape.signed), name=f"{name}_{side}") for shape, side in zip(shapes, "ab", strict=True)]
    m.d.comb += [factors[0].eq(a), factors[1].eq(b)]
    result = Signal(2 * bits, name=f"{name}_product")
    registers = ("AREG", "BREG", "ASIGN_REG", "BSIGN_REG", "PIPE_REG", "OUT_REG")
    m.submodules[name] = Instance(
        f"MULT{bits}X{bits}",
        **{f"p_{register}": C(1, 1) for register in registers},
        p_SOA_REG=C(0, 1),
        p_MULT_RESET_MODE="SYNC",
        i_CLK=ClockSignal("sync"),
        i_CE=1,
        i_RESET=0,
        i_A=factors[0],
        i_B=factors[1],
        i_ASIGN=int(shapes[0].signed),
        i_BSIGN=int(shapes[1].signed),
        i_ASEL=0,
        i_BSEL=0,
        i_SIA=C(0, bits),
        i_SIB=C(0, bits),
        o_DOUT=result,
    )
    product = result[: shapes[0].width + shapes[1].width]
    return product.as_signed() if shapes[0].signed or shapes[1].signed else product
