"""Frames of the serial link as bytes: flags and escapes, read and written (SPEC section 12)."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.uart_link import ESCAPE, FLAG, FLIP


class FrameReader(wiring.Component):
    """Finds frames among the bytes of a receiver.

    Members: byte, byte_valid, byte_error: the receiver's.  listening: whether bytes are taken; those that come otherwise are lost.
        data, take: a byte of a frame, unescaped, for one cycle.
        flag: for one cycle: a frame ends, and another begins.
        whole: at a flag: no byte has been lost since the flag before, and none came without its stop bit.  0 up to the first flag.
    No cycle lies between byte_valid and take or flag.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "byte": In(8),
                "byte_valid": In(1),
                "byte_error": In(1),
                "listening": In(1),
                "data": Out(8),
                "take": Out(1),
                "flag": Out(1),
                "whole": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        escaped = Signal()
        spoiled = Signal(init=1)
        m.d.comb += [
            self.data.eq(self.byte ^ Mux(escaped, FLIP, 0)),
            self.flag.eq(self.byte_valid & (self.byte == FLAG)),
            self.take.eq(self.byte_valid & self.listening & (self.byte != FLAG) & (self.byte != ESCAPE)),
            self.whole.eq(~spoiled & ~escaped),
        ]
        with m.If(self.byte_valid):
            m.d.sync += escaped.eq(self.byte == ESCAPE)
            with m.If((self.byte == ESCAPE) & escaped | ~self.listening):
                m.d.sync += spoiled.eq(1)
        with m.If(self.byte_error):
            m.d.sync += spoiled.eq(1)
        with m.If(self.flag):
            m.d.sync += spoiled.eq(0)
        return m


class FrameWriter(wiring.Component):
    """Escapes bytes on their way to a transmitter.

    Members: data, valid -> taken: for one cycle when the byte has gone, after its escape where it has one; data is what it was until
        then.  plain: the byte is a flag, which is never escaped.
        byte, byte_valid, byte_ready: the transmitter's.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "data": In(8),
                "valid": In(1),
                "plain": In(1),
                "taken": Out(1),
                "byte": Out(8),
                "byte_valid": Out(1),
                "byte_ready": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        escaped = Signal()
        special = Signal()
        gone = Signal()
        m.d.comb += [
            special.eq(~self.plain & ~escaped & ((self.data == FLAG) | (self.data == ESCAPE))),
            self.byte.eq(Mux(special, ESCAPE, self.data ^ Mux(escaped, FLIP, 0))),
            self.byte_valid.eq(self.valid),
            gone.eq(self.valid & self.byte_ready),
            self.taken.eq(gone & ~special),
        ]
        with m.If(gone):
            m.d.sync += escaped.eq(special)
        return m
