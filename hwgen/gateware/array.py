"""The systolic array with its skew and deskew."""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.delay import delay
from hwgen.gateware.pe import ProcessingElement
from hwgen.gateware.row import Row
from hwgen.gateware.shared import shared


class Array(wiring.Component):
    """R x C weight-stationary systolic array: each cycle takes one activation word and gives C psums.

    psum[c] = sum over r of weight[slot][r, c] * act[r].  Row r works r cycles and column c c cycles after the first; the skew delays
    the activations of row r by r cycles, the deskew the psums of column c by C - 1 - c, so that a word's psums come out together.

    Latency: `latency(config)` = R + C + 2 cycles from act to psum.  Throughput: a word a cycle, also across tiles: `slot` says which
    of the D stored weight tiles a word meets, and travels with it.  No flow control: validity travels beside the array.

    Depthwise: with `depthwise` set, column c multiplies `column[c]`, the same activation in its first K rows, and the psums of a word are
    those of the K consecutive words that begin with it.  Rows from K on must get 0.

    With `config.depthwise_pairs`, words that come with `odd` take `column_odd[c]`.

    Members: act[r], slot -> psum[c]; column[c], depthwise (constant while words are under way; absent for K = 0),
    column_odd[c], odd (with `config.depthwise_pairs`); weight_en (one bit per group of L rows), weight_slot, weight (byte l * C + c for
    the l-th row of the group and column c).
    """

    @staticmethod
    def latency(config: AcceleratorConfig) -> int:
        """Cycles from an activation word at the input to its psums at the output."""
        return (config.rows - 1) + (config.cols - 1) + ProcessingElement.LATENCY

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        slot_bits = (config.slots - 1).bit_length()
        super().__init__(
            {
                "act": In(signed(8)).array(config.rows),
                "slot": In(slot_bits),
                "psum": Out(signed(config.psum_bits)).array(config.cols),
                "weight_en": In(config.words_per_tile),
                "weight_slot": In(slot_bits),
                "weight": In(8 * config.weight_rows_per_cycle * config.cols),
                **({"column": In(signed(8)).array(config.cols), "depthwise": In(1)} if config.depthwise_taps else {}),
                **({"column_odd": In(signed(8)).array(config.cols), "odd": In(1)} if config.depthwise_pairs else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        slot, above = self.slot, None
        columns, columns_odd = [], []
        if config.depthwise_taps:
            columns = [delay(m, self.column[c], c, name=f"column_skew_{c}") for c in range(config.cols)]
        if config.depthwise_pairs:
            columns_odd = [delay(m, self.column_odd[c], c, name=f"column_odd_skew_{c}") for c in range(config.cols)]
        for r in range(config.rows):
            row = shared(m, f"row_{r}", Row.module_name(config, r), partial(Row, config, r), platform)
            if r:
                slot = delay(m, slot, 1, name=f"slot_skew_{r}")
            m.d.comb += [
                row.act.eq(delay(m, self.act[r], r, name=f"act_skew_{r}")),
                row.slot.eq(slot),
                row.weight_en.eq(self.weight_en[r // config.weight_rows_per_cycle]),
                row.weight_slot.eq(self.weight_slot),
                row.weight.eq(self.weight.word_select(r % config.weight_rows_per_cycle, 8 * config.cols)),
            ]
            if r < config.depthwise_taps:
                m.d.comb += row.depthwise.eq(delay(m, self.depthwise, r, name=f"depthwise_skew_{r}"))
                m.d.comb += [target.eq(column) for target, column in zip(row.column, columns, strict=True)]
                if config.depthwise_pairs:
                    m.d.comb += row.odd.eq(delay(m, self.odd, r, name=f"odd_skew_{r}"))
                    m.d.comb += [target.eq(column) for target, column in zip(row.column_odd, columns_odd, strict=True)]
            if above is not None:
                m.d.comb += [below.eq(psum) for below, psum in zip(row.psum_in, above.psum_out, strict=True)]
            above = row
        assert above is not None
        for c in range(config.cols):
            m.d.comb += self.psum[c].eq(delay(m, above.psum_out[c], config.cols - 1 - c, name=f"psum_deskew_{c}"))
        return m
