"""A lane of the post-processor: from accumulator to int8."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.delay import delay
from hwgen.gateware.rescaler import parameter_shapes, rescaler, rescaler_type


class Lane(wiring.Component):
    """Bias, rescale, zero point, clamp for one channel: y = clamp(rescale(acc + bias) + zero_point, act_min, act_max).

    With `magnitude` (average pooling) the rescale works on |acc + bias| and the sign is put back after it, so that halves round away
    from zero.  acc + bias wraps at the accumulator's width, which is harmless because the true sum fits (the compiler checks).

    Latency: `latency(config)` = 4 cycles and those of the rescaler, from acc to result.  Throughput: one value a cycle.  No flow
    control.  bias comes with acc; multiplier and shifts `PARAMETER_DELAY` = 2 cycles after it.

    Members: acc, magnitude, bias, multiplier, right_shift, left_shift, zero_point, act_min, act_max (constant in a layer) -> result.
    """

    PARAMETER_DELAY = 2

    @staticmethod
    def latency(config: AcceleratorConfig) -> int:
        """Cycles from acc to result."""
        return Lane.PARAMETER_DELAY + rescaler_type(config).LATENCY + 2

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        shapes = parameter_shapes(config)
        super().__init__(
            {
                "acc": In(signed(config.acc_bits)),
                "magnitude": In(1),
                "bias": In(signed(config.acc_bits)),
                "multiplier": In(shapes["multiplier"]),
                "right_shift": In(shapes["right_shift"]),
                "left_shift": In(shapes["left_shift"]),
                "zero_point": In(signed(8)),
                "act_min": In(signed(8)),
                "act_max": In(signed(8)),
                "result": Out(signed(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rescaler = inner = rescaler(self.config)
        biased = Signal(signed(self.config.acc_bits), reset_less=True)
        value = Signal.like(biased, reset_less=True)
        negated = Signal(reset_less=True)
        negative = self.magnitude & (biased < 0)
        m.d.sync += [biased.eq(self.acc + self.bias), value.eq(Mux(negative, -biased, biased)), negated.eq(negative)]
        m.d.comb += [
            inner.acc.eq(value),
            inner.multiplier.eq(self.multiplier),
            inner.right_shift.eq(self.right_shift),
            inner.left_shift.eq(self.left_shift),
        ]
        negated_later = delay(m, negated, type(inner).LATENCY, name="negated")
        total = Signal(signed(len(inner.result) + 2), reset_less=True)
        result = Signal(signed(8), reset_less=True)
        # -r = ~r + 1: with the sign below both, one adder does.
        width = len(inner.result)
        flipped = Cat(negated_later, (inner.result.as_unsigned() ^ negated_later.replicate(width))[:width]).as_signed()
        addend = Cat(negated_later, self.zero_point).as_signed()
        m.d.sync += total.eq((flipped + addend) >> 1)
        m.d.comb += self.result.eq(result)
        # The bounds have 8 bits: of what lies beyond 9, the sign says which side it is on.
        low, above = total[:9].as_signed(), total[8:]
        fits = above.all() | ~above.any()
        with m.If(Mux(fits, low < self.act_min, total[-1])):
            m.d.sync += result.eq(self.act_min)
        with m.Elif(Mux(fits, low > self.act_max, ~total[-1])):
            m.d.sync += result.eq(self.act_max)
        with m.Else():
            m.d.sync += result.eq(total)
        return m
