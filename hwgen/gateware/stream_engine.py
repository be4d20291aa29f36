"""Inferences of streams: packets in, a run, packets out (SPEC section 13)."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.gateware.stream_walk import StreamWalk
from hwgen.stream_layout import BEAT_BYTES, StreamTensor

#: AXI4-Stream ports, by what they begin with: data in, data out.
STREAM_MEMBERS = {
    "s_axis_tdata": In(8 * BEAT_BYTES),
    "s_axis_tkeep": In(BEAT_BYTES),
    "s_axis_tlast": In(1),
    "s_axis_tvalid": In(1),
    "s_axis_tready": Out(1),
    "m_axis_tdata": Out(8 * BEAT_BYTES),
    "m_axis_tkeep": Out(BEAT_BYTES),
    "m_axis_tlast": Out(1),
    "m_axis_tvalid": Out(1),
    "m_axis_tready": In(1),
}

_ERRORS = {field.name: field.offset for field in regmap.STREAM_BY_NAME["STREAM_ERRORS"].fields}
_BUSY = regmap.BY_NAME["STATUS"].field("busy").offset
_START = regmap.BY_NAME["CONTROL"].field("start").mask


class StreamEngine(wiring.Component):
    """Writes each packet into activation memory as an input of the network, in their order; starts the run after the last; sends the
    outputs, a packet each, in their order; then takes the next inputs, for the memory holds one inference at a time.

    A packet's bytes are the tensor's elements in C order, int8.  All bytes of a beat are kept but in its last, where the lowest are; bytes
    beyond the tensor's end are ignored.  A packet that ends early or late, or that leaves bytes out, is thrown away up to its end, and so
    are the inputs before it; nothing is started with it.

    Back-pressure: s_axis_tready is low while no input can be taken; an output waits for m_axis_tready.
    Throughput: a step of `hwgen.stream_layout.walk` in 1 cycle and the bus's write for inputs, 3 and its read for outputs: 3 and 11 with
    `overlap`, when nobody else uses the bus.  `hwgen.stream_layout.stream_cycles` counts all of an inference.

    Members: s_axis_*, m_axis_*: the streams.  request, write, address, data, strobe, done, read_data, error: as of `SharedBus`.
        manual, go: of STREAM_CONTROL.  loaded, running, sending: of STREAM_STATUS.  active: an inference is under way.
        failed: for one cycle, bits of STREAM_ERRORS that rise.
    """

    def __init__(self, config: AcceleratorConfig, inputs: Sequence[StreamTensor], outputs: Sequence[StreamTensor]) -> None:
        self.config, self.inputs, self.outputs = config, tuple(inputs), tuple(outputs)
        super().__init__(
            {
                **STREAM_MEMBERS,
                "request": Out(1),
                "write": Out(1),
                "address": Out(regmap.ADDRESS_BITS),
                "data": Out(32),
                "strobe": Out(4),
                "done": In(1),
                "read_data": In(32),
                "error": In(1),
                "manual": In(1),
                "go": In(1),
                "loaded": Out(1),
                "running": Out(1),
                "sending": Out(1),
                "active": Out(1),
                "failed": Out(len(_ERRORS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tensors = (*self.inputs, *self.outputs)
        m.submodules.walk = walk = StreamWalk(self.config, tensors)
        index = Signal(range(len(tensors) + 1))
        beats = Signal(max(tensor.beats for tensor in tensors).bit_length(), reset_less=True)  # of the packet, to come

        # The beat that is being taken apart, or put together; `filled` bytes of it are done with.
        beat = Signal(8 * BEAT_BYTES, reset_less=True)
        present, ended = Signal(), Signal()
        filled = Signal(range(2 * BEAT_BYTES))
        bytes_out = Signal(16 * BEAT_BYTES - 8, reset_less=True)
        complete = Signal()  # the tensor's last byte has been read
        refused = Signal()  # an input's write
        free = Signal()
        m.d.comb += [free.eq(~self.request | self.done), walk.index.eq(index)]
        with m.If(self.done):
            m.d.sync += [self.request.eq(0), refused.eq(refused | self.error)]
        with m.If(self.m_axis_tready):
            m.d.sync += self.m_axis_tvalid.eq(0)

        first_beats = Array(Const(tensor.beats, len(beats)) for tensor in tensors)
        keeps = Array(Const((1 << (tensor.size - 1) % BEAT_BYTES + 1) - 1, BEAT_BYTES) for tensor in tensors)

        def begin(number: Value | int, state: str) -> None:
            """Goes on with a tensor: its first step is there two cycles later."""
            m.d.sync += [index.eq(number), filled.eq(0), complete.eq(0)]
            m.next = state

        def ask(address: int | Value, *, write: bool = False, data: Value | int = 0, strobe: Value | int = 0b1111) -> None:
            m.d.sync += [
                self.request.eq(1),
                self.write.eq(write),
                self.address.eq(address),
                self.data.eq(data),
                self.strobe.eq(strobe),
            ]

        def drop(*, at_end: Value) -> None:
            """Throws the inputs away, and the rest of this packet."""
            m.d.sync += present.eq(0)
            m.next = "DISCARD"
            with m.If(at_end):
                m.next = "RESTART"

        # Beats come in ahead of their bytes' writing.
        receiving, discarding = Signal(), Signal()
        expected_last = beats == 1
        early, late = Signal(), Signal()
        gaps, taken = Signal(), Signal()
        needed = Mux(expected_last, keeps[index], (1 << BEAT_BYTES) - 1)
        m.d.comb += [
            self.s_axis_tready.eq((receiving & ~present & ~ended) | discarding),
            taken.eq(self.s_axis_tvalid & self.s_axis_tready & receiving),
            early.eq(self.s_axis_tlast & ~expected_last),
            late.eq(~self.s_axis_tlast & expected_last),
            gaps.eq((self.s_axis_tkeep & needed) != needed),
        ]
        failed = early | late | gaps
        with m.If(taken):
            m.d.sync += [
                beat.eq(self.s_axis_tdata),
                present.eq(1),
                ended.eq(expected_last),
                filled.eq(0),
                beats.eq(beats - 1),
                self.active.eq(1),
            ]
            m.d.comb += [self.failed[_ERRORS[name]].eq(error) for name, error in (("early", early), ("late", late), ("keep", gaps))]
        turned = Signal(8 * BEAT_BYTES)  # the beat's bytes, moved to their places in the memory's word
        m.d.comb += [
            turned.eq(beat if walk.aligned else Cat(beat, beat) >> ((filled[:2] - walk.place)[:2] << 3)),
            walk.room.eq(BEAT_BYTES if walk.aligned else BEAT_BYTES - filled[:2]),
        ]

        with m.FSM(name="engine"):
            with m.State("RESTART"):
                m.d.sync += [self.active.eq(0), present.eq(0), ended.eq(0), refused.eq(0)]
                with m.If(free):
                    begin(0, "BEGIN")
            with m.State("BEGIN"):
                m.d.comb += walk.start.eq(1)
                m.d.sync += [beats.eq(first_beats[index]), ended.eq(0)]
                m.next = "RECEIVE"
                with m.If(index >= len(self.inputs)):
                    m.next = "READ"
            with m.State("RECEIVE"):
                m.d.comb += receiving.eq(1)
                with m.If(taken):
                    with m.If(failed):
                        drop(at_end=self.s_axis_tlast)
                    with m.Elif(~self.active):
                        m.next = "WAIT"
                with m.Elif(refused):
                    m.d.comb += self.failed[_ERRORS["bus"]].eq(1)
                    drop(at_end=ended)
                with m.Elif(present & free):
                    ask(walk.address, write=True, data=turned, strobe=(((1 << walk.size) - 1) << walk.place)[:4])
                    m.d.comb += walk.advance.eq(1)
                    m.d.sync += filled.eq(filled + walk.size)
                    with m.If((filled + walk.size == BEAT_BYTES) | walk.last):
                        m.d.sync += present.eq(0)
                    with m.If(walk.last):
                        begin(index + 1, "BEGIN")
                        with m.If(index == len(self.inputs) - 1):
                            m.next = "LOADED"
            with m.State("DISCARD"):
                m.d.comb += discarding.eq(1)
                with m.If(self.s_axis_tvalid & self.s_axis_tlast):
                    m.next = "RESTART"
            with m.State("WAIT"):  # for the end of a run that the host has started
                m.d.comb += self.running.eq(1)
                with m.If(~self.request):
                    ask(regmap.register_address("STATUS"))
                with m.Elif(self.done & ~self.read_data[_BUSY]):
                    m.next = "RECEIVE"
            with m.State("LOADED"):
                m.d.comb += self.loaded.eq(self.manual & ~self.request & ~refused)
                with m.If(refused):
                    m.d.comb += self.failed[_ERRORS["bus"]].eq(1)
                    m.next = "RESTART"
                with m.Elif(~self.request & (self.go | ~self.manual)):
                    ask(regmap.register_address("CONTROL"))
                    m.next = "CONTROL"
            with m.State("CONTROL"):
                m.d.comb += self.running.eq(1)
                with m.If(self.done):
                    ask(regmap.register_address("CONTROL"), write=True, data=self.read_data | _START)
                    m.next = "START"
            with m.State("START"):
                m.d.comb += self.running.eq(1)
                with m.If(self.done):
                    m.next = "RUN"
                    with m.If(self.error):
                        m.d.comb += self.failed[_ERRORS["bus"]].eq(1)
                        m.next = "RESTART"
            with m.State("RUN"):
                m.d.comb += self.running.eq(1)
                with m.If(~self.request):
                    ask(regmap.register_address("STATUS"))
                with m.Elif(self.done & ~self.read_data[_BUSY]):
                    m.next = "BEGIN"
            with m.State("READ"):
                m.d.comb += self.sending.eq(1)
                ask(walk.address)
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += [self.sending.eq(1), walk.room.eq(BEAT_BYTES)]
                with m.If(self.done):
                    # What stands above the `size` bytes is overwritten by the next, or not kept.
                    shifted = (self.read_data >> (walk.place << 3))[:32]
                    below = ~((Const(-1, len(bytes_out)) << (filled[:2] << 3))[: len(bytes_out)])
                    m.d.sync += [
                        bytes_out.eq(self.read_data if walk.aligned else (bytes_out & below) | (shifted << (filled[:2] << 3))),
                        filled.eq(filled + walk.size),
                        complete.eq(walk.last),
                    ]
                    m.d.comb += walk.advance.eq(1)
                    m.next = "PACK"
            with m.State("PACK"):
                m.d.comb += self.sending.eq(1)
                full, rest = filled >= BEAT_BYTES, complete & (filled != 0)
                with m.If(full | rest), m.If(~self.m_axis_tvalid | self.m_axis_tready):
                    m.d.sync += [
                        self.m_axis_tvalid.eq(1),
                        self.m_axis_tdata.eq(bytes_out[: 8 * BEAT_BYTES]),
                        self.m_axis_tkeep.eq(Mux(full, 0b1111, ((1 << filled[:2]) - 1)[:4])),
                        self.m_axis_tlast.eq(complete & (filled <= BEAT_BYTES)),
                        bytes_out.eq(bytes_out >> 8 * BEAT_BYTES),
                        filled.eq(Mux(full, filled - BEAT_BYTES, 0)),
                    ]
                    with m.If(~complete):
                        m.next = "READ"
                with m.Elif(~complete):
                    m.next = "READ"
                with m.Elif(index == len(tensors) - 1):
                    m.next = "SENT"
                with m.Else():
                    begin(index + 1, "BEGIN")
            with m.State("SENT"):
                m.d.comb += self.sending.eq(1)
                with m.If(~self.m_axis_tvalid):
                    m.next = "RESTART"
        return m
