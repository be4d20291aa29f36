"""A UART's two halves: 8 data bits, lowest first, no parity, 1 stop bit (SPEC section 12)."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from hwgen.uart_link import MAX_DIVISOR, MIN_DIVISOR

_DATA_BITS = 8


def check_divisor(divisor: int) -> None:
    """Raises ValueError for a number of clock cycles that a bit cannot have."""
    if not isinstance(divisor, int) or isinstance(divisor, bool) or not MIN_DIVISOR <= divisor <= MAX_DIVISOR:
        raise ValueError(f"divisor must be an integer from {MIN_DIVISOR} to {MAX_DIVISOR}, not {divisor!r}")


class UartReceiver(wiring.Component):
    """Takes bytes off a line whose bits last `divisor` cycles.

    The line passes a synchronizer of two flip-flops.  A bit, the start bit included, is what two of three samples say: one in its
    middle, the others an eighth of a bit before and after (one cycle at least).  So a pulse of up to that length changes no bit;
    right before a start bit it can, for it moves the byte's beginning.  The receiver looks for the next start bit from the last
    sample of the stop bit on, and bears a sender that is 2 % faster or slower.

    Members: rx -> data and valid, high for one cycle when a byte has arrived; error, high for one cycle when there was no stop bit.
    The byte is lost then, and a next one begins after the line was high again.
    """

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"rx": In(1), "data": Out(_DATA_BITS), "valid": Out(1), "error": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        middle, apart = (self.divisor - 1) // 2, max(1, self.divisor // 8)
        cycle = Signal(range(self.divisor))
        position = Signal(range(_DATA_BITS + 2))  # 0: start bit, then data bits, then the stop bit
        early, center = Signal(), Signal()
        vote = Signal()
        m.d.comb += vote.eq((early & center) | (early & line) | (center & line))
        m.d.sync += [self.valid.eq(0), self.error.eq(0)]
        with m.FSM(name="receiver"):
            with m.State("IDLE"):
                m.d.sync += [cycle.eq(1), position.eq(0)]
                with m.If(~line):
                    m.next = "BITS"
            with m.State("BITS"):
                m.d.sync += cycle.eq(cycle + 1)
                with m.If(cycle == self.divisor - 1):
                    m.d.sync += [cycle.eq(0), position.eq(position + 1)]
                with m.If(cycle == middle - apart):
                    m.d.sync += early.eq(line)
                with m.If(cycle == middle):
                    m.d.sync += center.eq(line)
                with m.If(cycle == middle + apart):
                    with m.If(position == 0), m.If(vote):
                        m.next = "IDLE"  # too short for a start bit
                    with m.Elif(position == _DATA_BITS + 1):
                        m.d.sync += [self.valid.eq(vote), self.error.eq(~vote)]
                        m.next = "IDLE"
                        with m.If(~vote):
                            m.next = "BREAK"
                    with m.Else():
                        m.d.sync += self.data.eq(Cat(self.data[1:], vote))
            with m.State("BREAK"), m.If(line):
                m.next = "IDLE"
        return m


class UartTransmitter(wiring.Component):
    """Puts bytes on a line, `divisor` cycles a bit.

    Latency: the start bit begins in the cycle after valid and ready.  Throughput: a byte in 10 * divisor + 1 cycles.

    Members: data, valid, ready -> tx.
    """

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"data": In(_DATA_BITS), "valid": In(1), "ready": Out(1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        following = Signal(_DATA_BITS, init=(1 << _DATA_BITS) - 1)  # the bits after the current one
        cycle = Signal(range(self.divisor))
        left = Signal(range(_DATA_BITS + 3))  # bits of the byte, the current one included
        m.d.comb += self.ready.eq(left == 0)
        with m.If(self.ready):
            m.d.sync += cycle.eq(self.divisor - 1)
            with m.If(self.valid):
                m.d.sync += [self.tx.eq(0), following.eq(self.data), left.eq(_DATA_BITS + 2)]
        with m.Elif(cycle == 0):
            m.d.sync += [cycle.eq(self.divisor - 1), Cat(self.tx, following).eq(Cat(following, 1)), left.eq(left - 1)]
        with m.Else():
            m.d.sync += cycle.eq(cycle - 1)
        return m
