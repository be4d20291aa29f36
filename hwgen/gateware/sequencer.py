"""The sequencer: reads the program and hands each descriptor to the units."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import WORD_BITS, WORDS
from hwgen.gateware.command import Descriptor, DescriptorStream
from hwgen.gateware.delay import delay
from hwgen.gateware.ram import READ_LATENCY
from hwgen.identity import HEADER_WORDS


class _State(enum.Enum):
    IDLE = 0
    FETCH = 1
    OFFER = 2
    DRAIN = 3


class Sequencer(wiring.Component):
    """Fetches descriptors from program word `HEADER_WORDS` on, offers each to loader, feeder and post-processor, and fetches the next
    when all three have taken it.  A unit takes a descriptor when it is done with the one before, so the loader runs ahead of the feeder
    and the feeder ahead of the post-processor.  After the descriptor marked `last` it waits for the units and pulses `done`.

    Without `overlap` the descriptor that it holds is the only copy, which all units use; the next is fetched when nothing is left to do.

    Latency: `FETCH_CYCLES` from start, or from the last unit's acceptance, to the next offer.  Throughput: a descriptor at a time.

    Members: start, busy, done; read_en, read_addr -> read_data (program memory); loader, feeder, post (streams); drained (no unit has
    work); waits_program (the feeder would have to wait for the fetch).
    """

    FETCH_CYCLES = WORDS + READ_LATENCY

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "done": Out(1),
                "read_en": Out(1),
                "read_addr": Out((config.program_depth - 1).bit_length()),
                "read_data": In(WORD_BITS),
                "loader": Out(DescriptorStream),
                "feeder": Out(DescriptorStream),
                "post": Out(DescriptorStream),
                "drained": In(1),
                "waits_program": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(_State)
        descriptor = Signal(Descriptor, reset_less=True)
        address = Signal.like(self.read_addr)
        unread, uncaught = Signal(range(WORDS + 1)), Signal(range(WORDS + 1))
        streams = (self.loader, self.feeder, self.post)
        offered, still_offered = Signal(len(streams)), Signal(len(streams))

        m.d.comb += [self.read_en.eq(unread != 0), self.read_addr.eq(address), self.busy.eq(state != _State.IDLE)]
        with m.If(self.read_en):
            m.d.sync += [unread.eq(unread - 1), address.eq(address + 1)]
        with m.If(delay(m, self.read_en, READ_LATENCY, name="caught", resets=True)):
            m.d.sync += uncaught.eq(uncaught - 1)
            if self.config.overlap:
                m.d.sync += descriptor.eq(Cat(descriptor.as_value()[WORD_BITS:], self.read_data))
            else:
                # Each word into its place, so that bits that nobody reads have no registers.
                with m.Switch(uncaught):
                    for word in range(WORDS):
                        with m.Case(WORDS - word):
                            m.d.sync += descriptor.as_value()[word * WORD_BITS : (word + 1) * WORD_BITS].eq(self.read_data)
            with m.If(uncaught == 1):
                m.d.sync += [state.eq(_State.OFFER), offered.eq(-1)]

        for i, stream in enumerate(streams):
            m.d.comb += [
                stream.payload.eq(descriptor),
                stream.valid.eq(offered[i]),
                still_offered[i].eq(offered[i] & ~stream.ready),
            ]
        m.d.comb += self.waits_program.eq((state == _State.FETCH) | self.feeder.valid)
        fetch = [state.eq(_State.FETCH), unread.eq(WORDS), uncaught.eq(WORDS)]
        with m.If(state == _State.OFFER):
            m.d.sync += offered.eq(still_offered)
            with m.If(still_offered == 0):
                if self.config.overlap:
                    with m.If(descriptor.last):
                        m.d.sync += state.eq(_State.DRAIN)
                    with m.Else():
                        m.d.sync += fetch
                else:
                    m.d.sync += state.eq(_State.DRAIN)
        with m.If((state == _State.IDLE) & self.start):
            m.d.sync += [*fetch, address.eq(HEADER_WORDS)]
        with m.If((state == _State.DRAIN) & self.drained):
            if self.config.overlap:
                m.d.comb += self.done.eq(1)
                m.d.sync += state.eq(_State.IDLE)
            else:
                m.d.comb += self.done.eq(descriptor.last)
                m.d.sync += fetch
                with m.If(descriptor.last):
                    m.d.sync += [state.eq(_State.IDLE), unread.eq(0)]
        return m
