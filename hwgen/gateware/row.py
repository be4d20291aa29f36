"""A row of processing elements."""

from __future__ import annotations

from functools import partial

from amaranth.hdl import C, Module, Mux, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig, psum_bits
from hwgen.family import Family
from hwgen.gateware.delay import delay
from hwgen.gateware.dsp import ice40
from hwgen.gateware.pe import ProcessingElement
from hwgen.gateware.shared import EmissionPlatform, shared


class Row(wiring.Component):
    """The C processing elements that share one input channel; activations enter on the left and move one PE a cycle.

    Row r adds its product to sums of r products, so its psums have just the bits that r + 1 products need.
    Latency, throughput: those of the PE; column c works c cycles after column 0.  No flow control.

    The first K rows can take each column's own activation, `column[c]`, instead (`depthwise`): with one tap of a kernel row in each of
    them, psums on their way down meet consecutive pixels, so that a column computes a one-dimensional convolution of its channel.

    With `config.depthwise_pairs` a word that comes with `odd` takes `column_odd[c]` instead.

    Members: act, slot; in the first K rows column[c] and depthwise (constant while words are under way), column_odd[c] and odd;
    psum_in[c] -> psum_out[c]; weight_en, weight_slot, weight (a byte a column, all in the same cycle).
    """

    def __init__(self, config: AcceleratorConfig, row: int) -> None:
        self.cols, self.slots = config.cols, config.slots
        self.takes_columns = row < config.depthwise_taps
        self.takes_pairs = self.takes_columns and config.depthwise_pairs
        self.psum_in_bits, self.psum_out_bits = psum_bits(max(row, 1)), psum_bits(row + 1)
        slot_bits = (config.slots - 1).bit_length()
        super().__init__(
            {
                "act": In(signed(8)),
                "slot": In(slot_bits),
                "psum_in": In(signed(self.psum_in_bits)).array(config.cols),
                "psum_out": Out(signed(self.psum_out_bits)).array(config.cols),
                "weight_en": In(1),
                "weight_slot": In(slot_bits),
                "weight": In(8 * config.cols),
                **({"column": In(signed(8)).array(config.cols), "depthwise": In(1)} if self.takes_columns else {}),
                **({"column_odd": In(signed(8)).array(config.cols), "odd": In(1)} if self.takes_pairs else {}),
            }
        )

    @staticmethod
    def module_name(config: AcceleratorConfig, row: int) -> str:
        """Name of the emitted module, which says all that rows of one accelerator differ in."""
        kind = "depthwise_row" if row < config.depthwise_taps else "row"
        return f"weft_{kind}_{psum_bits(max(row, 1))}_{psum_bits(row + 1)}"

    def elaborate(self, platform: object) -> Module:
        m = Module()
        paired = isinstance(platform, EmissionPlatform) and platform.family is Family.ICE40  # two products in a cell
        make = partial(
            ProcessingElement,
            slots=self.slots,
            psum_in_bits=self.psum_in_bits,
            psum_out_bits=self.psum_out_bits,
            own_multiplier=not paired,
        )
        factors: list[tuple[Value, Value]] = []
        products: list[Value] = []
        act, slot = self.act, self.slot
        for col in range(self.cols):
            pe = shared(m, f"pe_{col}", f"weft_pe_{self.psum_in_bits}_{self.psum_out_bits}", make, platform)
            source = act
            if self.takes_columns:
                column = self.column[col]
                if self.takes_pairs:
                    column = Mux(delay(m, self.odd, col, name=f"odd_{col}"), self.column_odd[col], column)
                source = Mux(self.depthwise, column, act)
            m.d.comb += [
                pe.act.eq(source),
                pe.slot.eq(slot),
                pe.psum_in.eq(self.psum_in[col]),
                self.psum_out[col].eq(pe.psum_out),
                pe.weight_en.eq(self.weight_en),
                pe.weight_slot.eq(self.weight_slot),
                pe.weight.eq(self.weight[8 * col : 8 * col + 8].as_signed()),
            ]
            act, slot = pe.act_out, pe.slot_out
            if paired:
                factors.append((source, pe.multiplicand))
                products.append(pe.product)
        for col in range(0, len(factors), 2):
            both = [*factors[col : col + 2], (C(0, 8), C(0, 8))][:2]
            m.d.comb += [to.eq(product) for to, product in zip(products[col:], ice40.pair(m, f"cell_{col}", both), strict=False)]
        return m
