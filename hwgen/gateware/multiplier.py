"""The multiplier: one interface for every DSP family."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

LATENCY = 3


class Multiplier(wiring.Component):
    """Signed product, fully pipelined: registers at the operands, inside and at the product, where DSP blocks have theirs.

    Latency: `LATENCY` = 3 cycles.  Throughput: one product a cycle.  No flow control: it is part of a fixed pipeline.

    Members: a, b (signed operands) -> product (signed, the sum of their widths).
    """

    def __init__(self, a_bits: int, b_bits: int) -> None:
        super().__init__({"a": In(signed(a_bits)), "b": In(signed(b_bits)), "product": Out(signed(a_bits + b_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a = Signal.like(self.a, reset_less=True)
        b = Signal.like(self.b, reset_less=True)
        inner = Signal.like(self.product, reset_less=True)
        product = Signal.like(self.product, reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b), inner.eq(a * b), product.eq(inner)]
        m.d.comb += self.product.eq(product)
        return m
