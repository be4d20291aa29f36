"""The rescalers: one for each rescale format, all with one interface (golden/SPEC.md section 4 says what they compute)."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.rescale import RescaleKind
from hwgen.config import AcceleratorConfig
from hwgen.gateware.delay import delay
from hwgen.gateware.multiplier import LATENCY as MULTIPLIER_LATENCY
from hwgen.gateware.multiplier import Multiplier
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

    LATENCY = 2
    kind = RescaleKind.SHIFT

    def __init__(self, config: AcceleratorConfig) -> None:
        # Wide enough for every left shift, and for the rounding constant of every right shift.
        super().__init__(config, max(config.acc_bits + (1 << LEFT_SHIFT_BITS), 1 << RIGHT_SHIFT_BITS[self.kind]))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rounded = Signal(signed(len(self.result)), reset_less=True)
        half = Signal(signed(len(self.result)))
        right = Signal.like(self.right_shift, reset_less=True)
        result = Signal.like(self.result, reset_less=True)
        m.d.comb += [half.eq((1 << self.right_shift) >> 1), self.result.eq(result)]
        m.d.sync += [rounded.eq((self.acc << self.left_shift) + half), right.eq(self.right_shift), result.eq(rounded >> right)]
        return m


class FixedRescaler(Rescaler):
    """(acc * m + 2^(s - 1)) >> s."""

    LATENCY = MULTIPLIER_LATENCY + 2
    kind = RescaleKind.FIXED

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(config, config.acc_bits + config.rescale.bits)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.product = product = Multiplier(self.acc_bits, len(self.multiplier))
        m.d.comb += [product.a.eq(self.acc), product.b.eq(self.multiplier)]
        shift = delay(m, self.right_shift, MULTIPLIER_LATENCY, name="shift")
        half = Signal(signed(len(self.result)))
        rounded = Signal(signed(len(self.result)), reset_less=True)
        later_shift = Signal.like(self.right_shift, reset_less=True)
        result = Signal.like(self.result, reset_less=True)
        m.d.comb += [half.eq((1 << shift) >> 1), self.result.eq(result)]
        m.d.sync += [rounded.eq(product.product + half), later_shift.eq(shift), result.eq(rounded >> later_shift)]
        return m


class TfliteRescaler(Rescaler):
    """RDPOT(SRDHM(acc << l, m), r), with TensorFlow Lite's two roundings."""

    LATENCY = 1 + MULTIPLIER_LATENCY + 3
    kind = RescaleKind.TFLITE

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(config, 32)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shifted = Signal(signed(32), reset_less=True)
        multiplier = Signal.like(self.multiplier, reset_less=True)
        m.d.sync += [shifted.eq(self.acc << self.left_shift), multiplier.eq(self.multiplier)]
        m.submodules.product = product = Multiplier(32, 32)
        m.d.comb += [product.a.eq(shifted), product.b.eq(multiplier)]
        right = delay(m, self.right_shift, 1 + MULTIPLIER_LATENCY, name="right_shift")

        # SRDHM: the doubled product's high half, rounded; only (-2^31)^2 exceeds 32 bits.
        high = Signal(signed(33))
        saturated = Signal(signed(32), reset_less=True)
        m.d.comb += high.eq((product.product + (1 << 30)) >> 31)
        m.d.sync += saturated.eq(Mux(high[32] != high[31], 2**31 - 1, high))
        # RDPOT: round to nearest, ties away from zero.
        shift_1 = Signal.like(self.right_shift, reset_less=True)
        shift_2 = Signal.like(self.right_shift, reset_less=True)
        remainder, threshold = Signal(31), Signal(32)
        quotient = Signal(signed(32), reset_less=True)
        round_up = Signal(reset_less=True)
        result = Signal(signed(32), reset_less=True)
        mask = (1 << shift_1) - 1
        m.d.comb += [remainder.eq(saturated & mask), threshold.eq((mask >> 1) + (saturated < 0)), self.result.eq(result)]
        m.d.sync += [
            shift_1.eq(right),
            shift_2.eq(shift_1),
            quotient.eq(saturated >> shift_1),
            round_up.eq(remainder > threshold),
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
