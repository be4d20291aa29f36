"""The multiplier of Lattice ECP5: MULT18X18D (Lattice FPGA-TN-02205), with its input, pipeline and output registers on."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module, Shape, Signal, Value

#: Bits of a factor, signed or not.
CELL_BITS = 18

_REGISTERS = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")


def cell(m: Module, name: str, a: Value, b: Value) -> Value:
    """A MULT18X18D as submodule `name`: the product of two factors of at most 18 bits, 3 cycles later.  Its registers have no reset."""
    shapes = [Shape.cast(factor.shape()) for factor in (a, b)]
    factors = [Signal(Shape(CELL_BITS, shape.signed), name=f"{name}_{side}") for shape, side in zip(shapes, "ab", strict=True)]
    m.d.comb += [factors[0].eq(a), factors[1].eq(b)]
    result = Signal(2 * CELL_BITS, name=f"{name}_product")
    parameters = {f"p_REG_{register}_{pin}": f"{pin}0" for register in _REGISTERS for pin in ("CLK", "CE", "RST")}
    ports: dict[str, Value | int] = {"i_CLK0": ClockSignal("sync"), "i_CE0": 1, "i_RST0": 0}
    ports |= {f"i_{pin}{k}": 0 for pin in ("CLK", "CE", "RST") for k in (1, 2, 3)}
    ports |= {"i_SIGNEDA": int(shapes[0].signed), "i_SIGNEDB": int(shapes[1].signed), "i_SOURCEA": 0, "i_SOURCEB": 0}
    for k in range(CELL_BITS):
        ports |= {f"i_A{k}": factors[0][k], f"i_B{k}": factors[1][k], f"i_C{k}": 0}
    ports |= {f"o_P{k}": result[k] for k in range(2 * CELL_BITS)}
    m.submodules[name] = Instance("MULT18X18D", p_GSR="DISABLED", p_RESETMODE="SYNC", **parameters, **ports)
    product = result[: shapes[0].width + shapes[1].width]
    return product.as_signed() if shapes[0].signed or shapes[1].signed else product
