"""The multiplier of Xilinx 7-series: DSP48E1 (Xilinx UG479), with its operand, multiplier and output registers on.

Yosys makes such cells of a product by itself, but takes none of the registers behind it into those of a wide one.
"""

from __future__ import annotations

from amaranth.hdl import C, ClockSignal, Instance, Module, Shape, Signal, Value, signed

#: Bits of a factor, signed or not: the narrower port takes 18, signed.
CELL_BITS = 17
_A_BITS, _B_BITS, _P_BITS = 30, 18, 48  #: of the ports; the multiplier takes the lower 25 bits of A

#: What the adder takes: the product as its sum of partial products, and nothing else.
_OPMODE_PRODUCT = 0b0000101
_ON = ("CEA2", "CEB2", "CEM", "CEP")
_OFF = ("CEA1", "CEAD", "CEALUMODE", "CEB1", "CEC", "CECARRYIN", "CECTRL", "CED", "CEINMODE")
_RESETS = ("RSTA", "RSTALLCARRYIN", "RSTALUMODE", "RSTB", "RSTC", "RSTCTRL", "RSTD", "RSTINMODE", "RSTM", "RSTP")
_CASCADES = {"ACIN": 30, "BCIN": 18, "PCIN": 48, "CARRYCASCIN": 1, "MULTSIGNIN": 1}
_UNUSED = {"C": 48, "D": 25, "ALUMODE": 4, "CARRYIN": 1, "CARRYINSEL": 3, "INMODE": 5, **_CASCADES}
_REGISTERS = {
    **dict.fromkeys(("AREG", "BREG", "ACASCREG", "BCASCREG", "MREG", "PREG"), 1),
    **dict.fromkeys(("ADREG", "ALUMODEREG", "CARRYINREG", "CARRYINSELREG", "CREG", "DREG", "INMODEREG", "OPMODEREG"), 0),
}


def cell(m: Module, name: str, a: Value, b: Value) -> Value:
    """A DSP48E1 as submodule `name`: the product of two factors of at most 17 bits, or 18 signed ones, 3 cycles later.  Its registers are
    not reset."""
    shapes = [Shape.cast(factor.shape()) for factor in (a, b)]
    wide_a, wide_b = Signal(signed(_A_BITS), name=f"{name}_a"), Signal(signed(_B_BITS), name=f"{name}_b")
    result = Signal(_P_BITS, name=f"{name}_product")
    m.d.comb += [wide_a.eq(a), wide_b.eq(b)]
    m.submodules[name] = Instance(
        "DSP48E1",
        **{f"p_{register}": stages for register, stages in _REGISTERS.items()},
        p_USE_MULT="MULTIPLY",
        p_USE_DPORT="FALSE",
        p_USE_SIMD="ONE48",
        p_A_INPUT="DIRECT",
        p_B_INPUT="DIRECT",
        i_CLK=ClockSignal("sync"),
        i_OPMODE=C(_OPMODE_PRODUCT, 7),
        **{f"i_{pin}": C(1, 1) for pin in _ON},
        **{f"i_{pin}": C(0, 1) for pin in (*_OFF, *_RESETS)},
        **{f"i_{pin}": C(0, bits) for pin, bits in _UNUSED.items()},
        i_A=wide_a,
        i_B=wide_b,
        o_P=result,
    )
    product = result[: shapes[0].width + shapes[1].width]
    return product.as_signed() if shapes[0].signed or shapes[1].signed else product
