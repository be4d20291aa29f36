"""Where in activation memory the next bytes of a stream lie (SPEC section 13)."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.regmap import HOST_BYTES, Window
from hwgen.stream_layout import BEAT_BYTES, StreamTensor


def _bits(values: Sequence[int]) -> int:
    return max(1, max(values).bit_length())


class StreamWalk(wiring.Component):
    """Walks through the bytes of tensors, step by step: the bytes that are in one 32-bit word of the memory, and in what is left of a beat.
    `hwgen.stream_layout.walk` is the same in software.

    Members: start, index: starts tensor `index` of `tensors`; not together with `advance`.  advance: the step is made.
        room: bytes that are left in the beat, 1 to 4.
        address, place, size: the step's byte address, the first byte in the word there, and bytes.
        last: the step is the tensor's last.
    They belong to the step from the cycle after `start` or `advance` on.
    """

    def __init__(self, config: AcceleratorConfig, tensors: Sequence[StreamTensor]) -> None:
        self.config, self.tensors = config, tuple(tensors)
        #: Whether every step but a tensor's last is a whole word and a whole beat.
        self.aligned = config.rows % HOST_BYTES == 0 and all(each.runs == 1 or each.run_bytes % HOST_BYTES == 0 for each in tensors)
        super().__init__(
            {
                "start": In(1),
                "index": In(range(max(2, len(self.tensors)))),
                "advance": In(1),
                "room": In(range(BEAT_BYTES + 1)),
                "address": Out(regmap.ADDRESS_BITS),
                "place": Out(range(HOST_BYTES)),
                "size": Out(range(HOST_BYTES + 1)),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, tensors = self.config.rows, self.tensors
        chunks = regmap.MEMORIES[Window.ACT].chunks(self.config)
        word_bits = (self.config.act_depth - 1).bit_length()
        word, run_word = Signal(word_bits, reset_less=True), Signal(word_bits, reset_less=True)
        offset = Signal(range(rows), reset_less=True)  # in the memory's word
        left = Signal(_bits([tensor.run_bytes for tensor in tensors]), reset_less=True)  # bytes of the run
        runs = Signal(_bits([tensor.runs for tensor in tensors]), reset_less=True)  # that follow, this one included

        def of(name: str) -> Value:
            values = [getattr(tensor, name) for tensor in tensors]
            width = _bits(values)
            return Array(Const(value, width) for value in values)[self.index] if len(set(values)) > 1 else Const(values[0], width)

        def smaller(a: Value, b: Value) -> Value:
            return Mux(a < b, a, b)

        size = smaller(smaller(self.room, HOST_BYTES - self.place), left)
        if rows % HOST_BYTES:
            size = smaller(size, rows - offset)
        ends_run, next_offset = left == self.size, offset + self.size
        m.d.comb += [
            self.place.eq(0 if self.aligned else offset[:2]),
            self.size.eq(size),
            self.address.eq(Window.ACT << regmap.WINDOW_SHIFT | (Cat((offset >> 2)[: chunks.bit_length() - 1], word) << 2)),
            self.last.eq(ends_run & (runs == 1)),
        ]
        with m.If(self.start):
            m.d.sync += [
                word.eq(of("base")),
                run_word.eq(of("base")),
                offset.eq(0),
                left.eq(of("run_bytes")),
                runs.eq(of("runs")),
            ]
        with m.If(self.advance):
            with m.If(ends_run):
                following = run_word + of("stride")
                m.d.sync += [word.eq(following), run_word.eq(following), offset.eq(0), left.eq(of("run_bytes")), runs.eq(runs - 1)]
            with m.Else():
                m.d.sync += [
                    left.eq(left - self.size),
                    offset.eq(Mux(next_offset == rows, 0, next_offset)),
                    word.eq(word + (next_offset == rows)),
                ]
        return m
