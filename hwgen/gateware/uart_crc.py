"""The check sequence of the serial link, a bit a cycle: a byte lasts longer on the line than here."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.uart_link import CRC_POLYNOMIAL


class SerialCrc(wiring.Component):
    """CRC-32 as in RFC 1662 and IEEE 802.3: lowest bit first, from all ones; the sequence that is sent is the register inverted.

    Latency: 8 cycles from `enable` to `value`; enable comes at most every 8 cycles.

    A byte that equals the lowest of the register only shifts it, so whoever sends the register's bytes enters each as it is: after
    four of them all have passed the lowest place.

    Members: clear (before the first byte), enable and data (a byte) -> value, the register.
    """

    def __init__(self) -> None:
        super().__init__({"clear": In(1), "enable": In(1), "data": In(8), "value": Out(32, init=0xFFFFFFFF)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = Signal(8)
        left = Signal(range(9))
        with m.If(left != 0):
            m.d.sync += [
                self.value.eq((self.value >> 1) ^ Mux(self.value[0] ^ bits[0], CRC_POLYNOMIAL, 0)),
                bits.eq(bits >> 1),
                left.eq(left - 1),
            ]
        with m.If(self.enable):
            m.d.sync += [bits.eq(self.data), left.eq(8)]
        with m.If(self.clear):
            m.d.sync += [self.value.eq(0xFFFFFFFF), left.eq(0)]
        return m
