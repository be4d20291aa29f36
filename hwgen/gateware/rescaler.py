"""The rescalers: one for each rescale format, all with one interface (golden/SPEC.md section 4 says what they compute)."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import C, Cat, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.rescale import RescaleKind
from hwgen.config import AcceleratorConfig
from hwgen.gateware.delay import delay
from hwgen.gateware.multiplier import WIDE_LATENCY, Multiplier
from hwgen.params import LEFT_SHIFT_BITS, RIGHT_SHIFT_BITS


def parameter_shapes(config: AcceleratorConfig) -> dict[str, Shape]:
    """Shapes of the rescaler's parameters; what a format does not have is one bit and unused."""
    kind = config.rescale.kind
    return {
        "multiplier": signed(max(1, config.rescale.bits)),
        "right_shift": unsigned(RIGHT_SHIFT_BITS[kind]),
        "left_shift": unsigned(1 if kind is RescaleKind.FIXED else LEFT_SHIFT_BITS),
    }


class Rescaler(wiring.Component):
    """Multiplies an accumulator by M.  `rescaler(config)` gives the one of the configured format.

    Latency: `LATENCY` cycles.  Throughput: one value a cycle.  No flow control: it is part of a fixed pipeline; the parameters
    come with their value.

    Members: acc, multiplier (one bit, unused, for SHIFT), right_shift, left_shift (one bit, unused, for FIXED) -> result.
    """

    LATENCY: ClassVar[int]
    kind: ClassVar[RescaleKind]

    def __init__(self, config: AcceleratorConfig, result_bits: int) -> None:
        self.acc_bits = config.acc_bits
        parameters = {name: In(shape) for name, shape in parameter_shapes(config).items()}
        super().__init__({"acc": In(signed(config.acc_bits)), **parameters, "result": Out(signed(result_bits))})


class ShiftRescaler(Rescaler):
    """(acc << l, plus half of the last place) >> r; l or r is 0."""

    LATENCY = 3
    kind = RescaleKind.SHIFT

    def __init__(self, config: AcceleratorConfig) -> None:
        # Wide enough for every left shift, and for the rounding constant of every right shift.
        super().__init__(config, max(config.acc_bits + (1 << LEFT_SHIFT_BITS), 1 << RIGHT_SHIFT_BITS[self.kind]))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shifted, half, rounded, result = (
            Signal(signed(len(self.result)), name=name, reset_less=True) for name in ("shifted", "half", "rounded", "outcome")
        )
        right = delay(m, self.right_shift, 2, name="right")
        m.d.comb += self.result.eq(result)
        m.d.sync += [
            shifted.eq(self.acc << self.left_shift),
            half.eq((1 << self.right_shift) >> 1),
            rounded.eq(shifted + half),
            result.eq(rounded >> right),
        ]
        return m


class FixedRescaler(Rescaler):
    """(acc * m + 2^(s - 1)) >> s."""

    LATENCY = WIDE_LATENCY + 2
    kind = RescaleKind.FIXED

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(config, config.acc_bits + config.rescale.bits)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.product = product = Multiplier(self.acc_bits, len(self.multiplier))
        assert product.latency == WIDE_LATENCY
        m.d.comb += [product.a.eq(self.acc), product.b.eq(self.multiplier)]
        half, rounded, result = (Signal(signed(len(self.result)), name=name, reset_less=True) for name in ("half", "rounded", "outcome"))
        early = delay(m, self.right_shift, WIDE_LATENCY - 1, name="shift")
        later = delay(m, early, 2, name="later_shift")
        m.d.comb += self.result.eq(result)
        m.d.sync += [half.eq((1 << early) >> 1), rounded.eq(product.product + half), result.eq(rounded >> later)]
        return m


class TfliteRescaler(Rescaler):
    """RDPOT(SRDHM(acc << l, m), r), with TensorFlow Lite's two roundings."""

    LATENCY = 1 + WIDE_LATENCY + 3
    kind = RescaleKind.TFLITE

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(config, 32)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shifted = Signal(signed(32), reset_less=True)
        multiplier = Signal.like(self.multiplier, reset_less=True)
        m.d.sync += [shifted.eq(self.acc << self.left_shift), multiplier.eq(self.multiplier)]
        m.submodules.product = product = Multiplier(32, 32)
        assert product.latency == WIDE_LATENCY
        m.d.comb += [product.a.eq(shifted), product.b.eq(multiplier)]
        early = delay(m, self.right_shift, 1 + WIDE_LATENCY, name="right_shift")
        right = delay(m, early, 1, name="right")

        # SRDHM: the doubled product's high half, rounded; only (-2^31)^2, the one product of 2^62, exceeds 32 bits.
        whole = product.product
        saturated = Signal(signed(32), reset_less=True)
        m.d.sync += saturated.eq(Mux(whole[62] & ~whole[63], 2**31 - 1, whole[31:].as_signed() + whole[30]))
        # RDPOT: to nearest, ties away from zero.  The first bit shifted out rounds up, for a negative value only if another bit follows.
        below = Signal(30, reset_less=True)  # the bits after the first that is shifted out
        widened = Signal(signed(33))
        quotient = Signal(signed(32), reset_less=True)
        round_up = Signal(reset_less=True)
        result = Signal(signed(32), name="outcome", reset_less=True)
        m.d.comb += [widened.eq(Cat(C(0, 1), saturated).as_signed() >> right), self.result.eq(result)]
        m.d.sync += [
            below.eq(((1 << early) - 1) >> 1),
            quotient.eq(widened >> 1),
            round_up.eq(widened[0] & (~saturated[-1] | (saturated & below).any())),
            result.eq(quotient + round_up),
        ]
        return m


_RESCALERS: dict[RescaleKind, type[ShiftRescaler | FixedRescaler | TfliteRescaler]] = {
    cls.kind: cls for cls in (ShiftRescaler, FixedRescaler, TfliteRescaler)
}


def rescaler_type(config: AcceleratorConfig) -> type[ShiftRescaler | FixedRescaler | TfliteRescaler]:
    """The rescaler class of the configured format, for its latency."""
    return _RESCALERS[config.rescale.kind]


def rescaler(config: AcceleratorConfig) -> Rescaler:
    """A rescaler of the configured format."""
    return rescaler_type(config)(config)
