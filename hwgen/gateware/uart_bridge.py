"""The bridge from a serial line to the accelerator's bus: requests in, answers out (SPEC section 12)."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.gateware.axil import Response, master_members
from hwgen.gateware.ram import READ_LATENCY, Ram
from hwgen.gateware.uart import UartReceiver, UartTransmitter, check_divisor
from hwgen.gateware.uart_crc import SerialCrc
from hwgen.gateware.uart_frame import FrameReader, FrameWriter
from hwgen.uart_link import (
    ADDRESS_BITS,
    BUFFER_BYTES,
    CRC_RESIDUE,
    FLAG,
    HEADER_BYTES,
    MAX_WORDS,
    OP_SHIFT,
    Op,
    Status,
    identification,
)

_WORD_BYTES = 4


class UartBridge(wiring.Component):
    """AXI4-Lite master that carries out the requests of a serial line, one at a time.

    A request waits in a buffer until its last byte, so the bus sees nothing of one that does not end well: with a wrong check sequence
    or length, with a byte that had no stop bit, or of which bytes came while the request before was worked on.  Such a frame is not
    answered, and the next flag begins another: no timer is needed to come to one's senses again.

    A write with the sequence number of the request before is that one again, whose answer was lost: it is answered again, and not
    carried out.  Up to the first HELLO after a reset every request is refused.

    Latency: from the stop bit of a request's last flag to the start bit of the answer 3 cycles; for a write besides, for every word,
    13 cycles and the bus's own.  Throughput: the line's, in one direction at a time.

    Members: rx, tx: the line, `divisor` cycles a bit.  m_axil_*: the bus.  irq: the interrupt line.
        open: there was a HELLO.  activity: changes with every request that is carried out.
    """

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self.divisor = divisor
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1, init=1),
                **master_members("m_axil_", regmap.ADDRESS_BITS),
                "irq": In(1),
                "open": Out(1),
                "activity": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        m.submodules.reader = reader = self._reader(m)
        m.submodules.writer = writer = self._writer(m)
        m.submodules.buffer = buffer = Ram(width=8, depth=BUFFER_BYTES)

        word = Signal(32, reset_less=True)  # bytes enter at the top and leave at the bottom
        sequence, last = Signal(8, reset_less=True), Signal(8, reset_less=True)  # of this request and of the one before
        address = Signal(ADDRESS_BITS, reset_less=True)
        op = Signal(Op, reset_less=True)
        count = Signal(range(MAX_WORDS + 1), reset_less=True)
        response = Signal(2, reset_less=True)
        repeated, closed = Signal(), Signal()
        place = Signal(range(HEADER_BYTES + 1))  # in the header
        pointer = Signal(range(BUFFER_BYTES + 1))  # into the buffer
        too_long = Signal()
        index = Signal(range(_WORD_BYTES))  # of a byte in a word
        delay = Signal(range(READ_LATENCY + 1))

        # What moves the wide registers, apart from the states that ask for it: fewer multiplexers.
        shift, load, header_done, accessed = (Signal(name=name) for name in ("shift", "load", "header_done", "accessed"))
        code = Signal(2)
        ours = Value.cast(op)
        with m.If(shift | load):  # while bytes leave the word, nothing reads what enters it
            identified = Mux(ours == Op.HELLO, identification(self.divisor), self.m_axil_rdata)
            entering = Mux(reader.listening, reader.data, buffer.read_data)
            m.d.sync += word.eq(Mux(load, identified, Cat(word[8:], entering)))
        with m.If(header_done | accessed):
            m.d.sync += [
                address.eq(Mux(header_done, word, address + 1)),
                count.eq(Mux(header_done, reader.data, count - 1)),
            ]
        with m.If(header_done):
            m.d.sync += ours.eq(word[OP_SHIFT:])
        with m.If(accessed & (response == Response.OKAY)):
            m.d.sync += response.eq(code)
        words = Signal(range(MAX_WORDS + 2))  # that follow the header, the check sequence as one of them
        accepted = Signal()
        m.d.comb += [
            words.eq(1),
            accepted.eq(
                reader.flag & reader.whole & ~too_long & (place == HEADER_BYTES) & (pointer == words << 2) & (crc.value == CRC_RESIDUE)
            ),
            self.m_axil_awaddr.eq(address << 2),
            self.m_axil_araddr.eq(address << 2),
            self.m_axil_wdata.eq(word),
            self.m_axil_wstrb.eq(0b1111),
            buffer.read_en.eq(1),
            buffer.read_addr.eq(pointer),
            buffer.write_addr.eq(pointer),
            buffer.write_data.eq(reader.data),
            buffer.write_en.eq(reader.take & (place == HEADER_BYTES)),
        ]
        with m.If(ours == Op.WRITE):
            m.d.comb += words.eq(count + 1)
        for channel in ("aw", "w", "ar"):
            with m.If(getattr(self, f"m_axil_{channel}ready")):
                m.d.sync += getattr(self, f"m_axil_{channel}valid").eq(0)

        def send(byte: Value, following: str, *, checked: Value | None = None) -> None:
            """Sends a byte and goes on; checked: what enters the check sequence, the byte itself by default."""
            m.d.comb += [writer.valid.eq(1), writer.data.eq(byte), crc.data.eq(byte if checked is None else checked)]
            with m.If(writer.taken):
                m.d.comb += crc.enable.eq(1)
                m.next = following

        def send_flag(following: str) -> None:
            m.d.comb += [writer.valid.eq(1), writer.data.eq(FLAG), writer.plain.eq(1), crc.clear.eq(1)]
            with m.If(writer.taken):
                m.next = following

        def read_next() -> None:
            """Begins the next read, or ends a burst."""
            with m.If((count == 0) | closed):
                m.next = "STATUS"
            with m.Else():
                m.d.sync += self.m_axil_arvalid.eq(1)
                m.next = "READ"

        with m.FSM(name="bridge"):
            with m.State("RECEIVE"):
                m.d.comb += [reader.listening.eq(1), crc.data.eq(reader.data), crc.enable.eq(reader.take), crc.clear.eq(reader.flag)]
                m.d.sync += [index.eq(0), delay.eq(0), repeated.eq(0), closed.eq(0)]
                with m.If(reader.take):
                    with m.If(place == HEADER_BYTES):
                        m.d.sync += [pointer.eq(pointer + 1), too_long.eq(too_long | (pointer == BUFFER_BYTES))]
                    with m.Else():
                        m.d.sync += place.eq(place + 1)
                    with m.Switch(place):
                        with m.Case(0):
                            m.d.sync += sequence.eq(reader.data)
                        with m.Case(HEADER_BYTES - 1):
                            m.d.comb += header_done.eq(1)
                            m.d.sync += too_long.eq(reader.data[-1])
                        with m.Default():
                            m.d.comb += shift.eq(1)
                with m.If(reader.flag):
                    m.d.sync += [place.eq(0), pointer.eq(0), too_long.eq(0)]
                with m.If(accepted):
                    m.next = "ANSWER"
                    with m.If(~self.open & (ours != Op.HELLO)):
                        m.d.sync += [closed.eq(1), response.eq(Response.OKAY)]
                    with m.Elif((ours == Op.WRITE) & (sequence == last)):
                        m.d.sync += repeated.eq(1)
                    with m.Else():
                        m.d.sync += [last.eq(sequence), response.eq(Response.OKAY), self.activity.eq(~self.activity)]
                        with m.If(ours == Op.HELLO):
                            m.d.comb += load.eq(1)
                            m.d.sync += self.open.eq(1)
                        with m.If((ours == Op.WRITE) & (count != 0)):
                            m.next = "FETCH"
                        with m.If(ours == Op.WAIT):
                            m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(self.irq):
                    m.next = "ANSWER"
                with m.Elif(reader.flag):
                    m.next = "RECEIVE"
            with m.State("FETCH"):
                m.d.sync += delay.eq(delay + 1)
                with m.If(delay == READ_LATENCY):
                    m.d.comb += shift.eq(1)
                    m.d.sync += [delay.eq(0), pointer.eq(pointer + 1), index.eq(index + 1)]
                    with m.If(index == _WORD_BYTES - 1):
                        m.d.sync += [self.m_axil_awvalid.eq(1), self.m_axil_wvalid.eq(1)]
                        m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += self.m_axil_bready.eq(1)
                with m.If(self.m_axil_bvalid):
                    m.d.comb += [accessed.eq(1), code.eq(self.m_axil_bresp)]
                    m.next = "FETCH"
                    with m.If((self.m_axil_bresp != Response.OKAY) | (count == 1)):
                        m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.sync += pointer.eq(0)
                send_flag("SEQUENCE")
            with m.State("SEQUENCE"):
                send(sequence, "STATUS")
                with m.If(writer.taken):
                    with m.If(ours == Op.HELLO):
                        m.next = "DATA"
                    with m.If(ours == Op.READ):
                        read_next()
            with m.State("READ"):
                m.d.comb += self.m_axil_rready.eq(1)
                with m.If(self.m_axil_rvalid):
                    m.d.comb += [accessed.eq(1), code.eq(self.m_axil_rresp), load.eq(1)]
                    m.next = "DATA"
            with m.State("DATA"):
                send(word[:8], "DATA")
                with m.If(writer.taken):
                    m.d.comb += shift.eq(1)
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == _WORD_BYTES - 1):
                        m.next = "STATUS"
                        with m.If(ours == Op.READ):
                            read_next()
            with m.State("STATUS"):
                status = Signal(8)
                m.d.comb += status.eq(response | Status.ANSWER.value)
                for bit, flag in ((self.irq, Status.IRQ), (repeated, Status.REPEATED), (closed, Status.CLOSED)):
                    m.d.comb += status[flag.value.bit_length() - 1].eq(bit)
                send(status, "CHECK")
            with m.State("CHECK"):
                # The register's own byte enters it, and so only shifts it.
                send(~crc.value[:8], "CHECK", checked=crc.value[:8])
                with m.If(writer.taken):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == _WORD_BYTES - 1):
                        m.next = "END"
            with m.State("END"):
                send_flag("RECEIVE")
        return m

    def _reader(self, m: Module) -> FrameReader:
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        reader = FrameReader()
        m.d.comb += [
            receiver.rx.eq(self.rx),
            reader.byte.eq(receiver.data),
            reader.byte_valid.eq(receiver.valid),
            reader.byte_error.eq(receiver.error),
        ]
        return reader

    def _writer(self, m: Module) -> FrameWriter:
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        writer = FrameWriter()
        m.d.comb += [
            transmitter.data.eq(writer.byte),
            transmitter.valid.eq(writer.byte_valid),
            writer.byte_ready.eq(transmitter.ready),
            self.tx.eq(transmitter.tx),
        ]
        return writer
