"""The multiplier: one interface for every DSP family."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.family import Family
from hwgen.gateware.dsp import ecp5, gowin, ice40, xilinx7
from hwgen.gateware.dsp.wide import Cell, wide_product
from hwgen.gateware.shared import EmissionPlatform

#: Of a product of two int8 values, which every family makes in one cell.
LATENCY = 3
#: Of a product with a factor of more than 8 bits: where a family's cells are narrower, two more cycles for the sums of partial products.
WIDE_LATENCY = 5

#: By family: the cell, and the bits of a factor that it takes.
_CELLS: dict[Family, tuple[Cell, int]] = {
    Family.ECP5: (ecp5.cell, ecp5.CELL_BITS),
    Family.GOWIN: (gowin.cell, gowin.CELL_BITS),
    Family.XILINX7: (xilinx7.cell, xilinx7.CELL_BITS),
}


class Multiplier(wiring.Component):
    """Signed product, fully pipelined: registers at the operands, inside and at the product, where DSP blocks have theirs.

    In emission it is made of the DSP cells of the platform's family; a family of which no cells are known, and Amaranth's simulator,
    take the product as it is.

    Latency: `LATENCY` = 3 cycles, for factors of more than 8 bits `WIDE_LATENCY` = 5; the same in every family.  Throughput: one product
    a cycle.  No flow control: it is part of a fixed pipeline.

    Members: a, b (signed operands) -> product (signed, the sum of their widths).
    """

    def __init__(self, a_bits: int, b_bits: int) -> None:
        self.latency = LATENCY if max(a_bits, b_bits) <= 8 else WIDE_LATENCY
        super().__init__({"a": In(signed(a_bits)), "b": In(signed(b_bits)), "product": Out(signed(a_bits + b_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        family = platform.family if isinstance(platform, EmissionPlatform) else Family.PORTABLE
        if family is Family.ICE40 and self.latency == WIDE_LATENCY:
            product = ice40.wide_product(m, self.a, self.b)  # narrow ones are in pairs, in `Row`
        elif family in _CELLS:
            cell, bits = _CELLS[family]
            product = cell(m, "cell", self.a, self.b) if self.latency == LATENCY else wide_product(m, self.a, self.b, bits, cell)
        else:
            product = self._portable(m)
        m.d.comb += self.product.eq(product)
        return m

    def _portable(self, m: Module) -> Value:
        """The product itself; registers before and behind it, for synthesis to move into its cells."""
        a = Signal.like(self.a, reset_less=True)
        b = Signal.like(self.b, reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b)]
        product: Value = a * b
        for stage in range(1, self.latency):
            register = Signal.like(self.product, name=f"product_{stage}", reset_less=True)
            m.d.sync += register.eq(product)
            product = register
        return product
