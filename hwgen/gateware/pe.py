"""The processing element."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.gateware.multiplier import LATENCY as MULTIPLIER_LATENCY
from hwgen.gateware.multiplier import Multiplier


class ProcessingElement(wiring.Component):
    """One multiply-accumulate: psum_out = psum_in + weight[slot] * act, with a store of `slots` weights.

    Latency: act to act_out 1 cycle; act to psum_out `LATENCY` = 4 cycles; psum_in to psum_out 1 cycle, so that psum_in must come
    `MULTIPLIER_LATENCY` = 3 cycles after act.  Throughput: one product a cycle.  No flow control: validity travels beside the array.
    A weight written in one cycle is used from the next on.

    Where a family's cell makes the products of two elements, it is the row's, and not the element's own: then `multiplicand`, the weight
    of this cycle, leaves, and `product` comes back `MULTIPLIER_LATENCY` later.

    Members: act, slot -> act_out, slot_out (to the PE on the right); psum_in (from above) -> psum_out; weight_en, weight_slot, weight.
    """

    LATENCY = MULTIPLIER_LATENCY + 1

    def __init__(self, *, slots: int, psum_in_bits: int, psum_out_bits: int, own_multiplier: bool = True) -> None:
        self.slots, self.own_multiplier = slots, own_multiplier
        slot_bits = (slots - 1).bit_length()
        super().__init__(
            {
                "act": In(signed(8)),
                "slot": In(slot_bits),
                "act_out": Out(signed(8)),
                "slot_out": Out(slot_bits),
                "psum_in": In(signed(psum_in_bits)),
                "psum_out": Out(signed(psum_out_bits)),
                "weight_en": In(1),
                "weight_slot": In(slot_bits),
                "weight": In(signed(8)),
                **({} if own_multiplier else {"multiplicand": Out(signed(8)), "product": In(signed(16))}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = memory.Memory(shape=signed(8), depth=self.slots, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        product: Value
        if self.own_multiplier:
            m.submodules.multiplier = multiplier = Multiplier(8, 8)
            m.d.comb += [multiplier.a.eq(self.act), multiplier.b.eq(read.data)]
            product = multiplier.product
        else:
            m.d.comb += self.multiplicand.eq(read.data)
            product = self.product
        act = Signal(signed(8), reset_less=True)
        slot = Signal.like(self.slot, reset_less=True)
        psum = Signal.like(self.psum_out, reset_less=True)
        m.d.comb += [
            write.en.eq(self.weight_en),
            write.addr.eq(self.weight_slot),
            write.data.eq(self.weight),
            read.addr.eq(self.slot),
            self.act_out.eq(act),
            self.slot_out.eq(slot),
            self.psum_out.eq(psum),
        ]
        m.d.sync += [act.eq(self.act), slot.eq(self.slot), psum.eq(self.psum_in + product)]
        return m
