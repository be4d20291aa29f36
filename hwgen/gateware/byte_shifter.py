"""The byte shifter: windows of a narrow input, stored without gaps, as activation words."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.field_widths import field_bits
from hwgen.gateware.delay import delay
from hwgen.gateware.ram import far_read_latency


class ByteShifter(wiring.Component):
    """Turns the words of a dense row into its windows, byte 0 of a window in byte 0 of the result.

    A row begins at byte 0 of a word.  Its windows are of one length, at most R bytes, and begin `stride` bytes, at most R, after each
    other, the first of them at most R - 1 bytes before the row.  For each the word that has its last byte is read: the window lies in
    that word and the one before it.  `crosses` says that the next window's last byte is in the next word.

    `inside` marks the bytes of the result that are bytes of the row.  Bytes after a window's last are those that follow it in the row.

    Latency: `latency(config)` = 4 cycles, without `overlap` 3, from an issue to its result, with the memory's answer and beside it.
    Throughput: a window a cycle.  No flow control.

    Members
    -------
    restart, first_byte:  the next issue is the first window of a row, whose last byte is `first_byte` of its word.
    issue, x:             a window, and where in the row its first byte lies; negative in the padding.
    dense, stride, shift, width: with an issue: whether the map is dense (else `read_data` is the result), the stride, R + 1 - bytes of a
                          window, bytes of a row.  They change only while nothing is under way.
    crosses:              with an issue.
    read_data:            activation memory; nothing is read for windows outside the map's rows, whose results mean nothing.
    data, inside:         the result.
    """

    @staticmethod
    def latency(config: AcceleratorConfig) -> int:
        """Cycles from an issue to its result: an address register, and the memory."""
        return 1 + far_read_latency(config)

    def __init__(self, config: AcceleratorConfig) -> None:
        self.rows, self.place_bits, self.overlap, self._latency = config.rows, config.place_bits, config.overlap, self.latency(config)
        names = ("dense", "stride_x", "dense_shift", "width", "dense_byte")
        dense, stride, shift, width, byte = (field_bits(config, name) for name in names)
        super().__init__(
            {
                "restart": In(1),
                "first_byte": In(byte),
                "issue": In(1),
                "x": In(signed(config.place_bits)),
                "dense": In(dense),
                "stride": In(stride),
                "shift": In(shift),
                "width": In(width),
                "crosses": Out(1),
                "read_data": In(self.rows * 8),
                "data": Out(self.rows * 8),
                "inside": Out(self.rows),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows = self.rows
        # The word that a window ends in.
        byte = Signal.like(self.first_byte, name="byte")  # the place there of its last byte
        entered = Signal()  # another word than that of the window before
        beyond = byte + self.stride
        m.d.comb += self.crosses.eq(beyond >= rows)
        with m.If(self.issue):
            m.d.sync += [byte.eq(beyond - Mux(self.crosses, rows, 0)), entered.eq(self.crosses)]
        with m.If(self.restart):
            m.d.sync += [byte.eq(self.first_byte), entered.eq(0)]

        # What is constant in a layer is taken with an issue: the next layer's may be there while this one's last words are on their way.
        dense, shift = self.dense, self.shift
        if self.overlap:
            dense, shift = (Signal.like(getattr(self, name), name=f"layer_{name}", reset_less=True) for name in ("dense", "shift"))
            with m.If(self.issue):
                m.d.sync += [dense.eq(self.dense), shift.eq(self.shift)]

        # The bytes of the row, with an issue: x + i from 0 to width - 1.  A window begins less than R bytes before the row.
        bits = (rows - 1).bit_length()
        behind = Signal(signed(self.place_bits + 1))  # bytes from the window's first to the row's end
        inside = Signal(rows)
        m.d.comb += behind.eq(self.width - self.x)
        for i in range(rows):
            # x + i >= 0 for an x from -R + 1 on, and x + i < width.
            begun = ~self.x[-1] | (self.x[:bits] >= (1 << bits) - i if i else 0)
            ended = behind[-1] | ~(behind[bits:-1].any() | (behind[:bits] > i if i + 1 < 1 << bits else 0))
            m.d.comb += inside[i].eq(~self.dense | (begun & ~ended))
        m.d.comb += self.inside.eq(delay(m, inside, self._latency, name="inside"))

        # With the memory's answer.  What it answered last is kept, in the cycle before, where the next answer is another word.
        enters = delay(m, self.issue & entered, self._latency - 1, name="enters", resets=True)
        kept = Signal(rows * 8, name="kept", reset_less=True)
        with m.If(enters):
            m.d.sync += kept.eq(self.read_data)
        # A window's bytes come from the same places of both words, `turn` places on; how many is found out a cycle ahead.
        soon_byte = delay(m, byte, self._latency - 1, name="soon_byte")
        offset = Signal(range(2 * rows))
        late = Signal()
        turn = Signal(range(rows), reset_less=True)
        newest = Signal(rows, reset_less=True)  # places whose byte comes from the later word
        chosen = Signal(rows * 8)
        m.d.comb += [
            offset.eq(Mux(dense, soon_byte + shift, rows)),
            late.eq(offset >= rows),
            self.data.eq((Cat(chosen, chosen) >> (turn << 3))[: rows * 8]),
        ]
        m.d.sync += turn.eq(offset - Mux(late, rows, 0))
        for j in range(rows):
            place = slice(8 * j, 8 * j + 8)
            m.d.sync += newest[j].eq(late | (offset > j))
            m.d.comb += chosen[place].eq(Mux(newest[j], self.read_data[place], kept[place]))
        return m
