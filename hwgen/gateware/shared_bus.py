"""A bus of the host that an engine beside the accelerator uses too (SPEC section 13)."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.gateware.axil import master_members, slave_members
from hwgen.regmap import Access

_WINDOW = slice(regmap.WINDOW_SHIFT, regmap.ADDRESS_BITS)


class SharedBus(wiring.Component):
    """Lets an engine and the host use one accelerator, and answers the registers of the streams.

    Each of them makes one access of a kind at a time; where both want, they take turns.  While `lock` is high, the host's writes to
    memories and to CONTROL have no effect and are answered with SLVERR: they would spoil the engine's inference.

    Latency: of the engine none beside the accelerator's, when the host wants nothing; a cycle more after an access of the host.
    Throughput: of the engine an access in the accelerator's latency and 1 cycle.

    Members: s_axil_*: the host's.  m_axil_*: the accelerator's.
        request, write, address, data, strobe -> done (for one cycle, with read_data and error): an access of the engine, which keeps its
            request as it is until then.  Between two requests no cycle need lie.
        lock.  control_write, control: STREAM_CONTROL is written, and with what; 0 where its bytes are not enabled.
        status, errors: what STREAM_STATUS and STREAM_ERRORS read; stream_control what STREAM_CONTROL does.
        clear: bits of STREAM_ERRORS to clear.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                **slave_members("s_axil_", regmap.ADDRESS_BITS),
                **master_members("m_axil_", regmap.ADDRESS_BITS),
                "request": In(1),
                "write": In(1),
                "address": In(regmap.ADDRESS_BITS),
                "data": In(32),
                "strobe": In(4),
                "done": Out(1),
                "read_data": Out(32),
                "error": Out(1),
                "lock": In(1),
                "control_write": Out(1),
                "control": Out(32),
                "stream_control": In(32),
                "status": In(32),
                "errors": In(32),
                "clear": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        write_done, read_done = self._writes(m), self._reads(m)
        m.d.comb += [
            self.done.eq(write_done | read_done),
            self.error.eq(Mux(self.write, self.m_axil_bresp != 0, self.m_axil_rresp != 0)),
            self.read_data.eq(self.m_axil_rdata),
        ]
        return m

    def _stream_register(self, address: Value) -> list[Value]:
        """Which register of the streams an address is."""
        word = address[2 : regmap.WINDOW_SHIFT]
        return [
            (address[_WINDOW] == regmap.STREAM_WINDOW) & (word == register.offset // regmap.HOST_BYTES)
            for register in regmap.STREAM_REGISTERS
        ]

    def _turn(self, m: Module, mine: Value, hosts: Value, in_flight: Value, finished: Value, name: str) -> Signal:
        """Whose turn it is: 1 for the engine.  It changes when the other one wants, at an end or when this one wants nothing."""
        turn = Signal(name=f"{name}_turn")
        this, other = Mux(turn, mine, hosts), Mux(turn, hosts, mine)
        with m.If(other & ((~in_flight & ~this) | finished)):
            m.d.sync += turn.eq(~turn)
        return turn

    def _writes(self, m: Module) -> Value:
        address_sent, data_sent = Signal(), Signal()
        held = Signal(len(regmap.STREAM_REGISTERS))  # of the host's write whose address has gone before its data
        mine = self.request & self.write
        finished = self.m_axil_bvalid & self.m_axil_bready
        turn = self._turn(m, mine, self.s_axil_awvalid | self.s_axil_wvalid, address_sent | data_sent, finished, "write")

        # What the accelerator must not see goes where it does no harm, and is answered as the host shall have it: a read-only register
        # refuses, and SCRATCH accepts a write of no bytes.
        here = self._stream_register(self.s_axil_awaddr)
        writable = Cat(hit & (register.access is not Access.RO) for hit, register in zip(here, regmap.STREAM_REGISTERS, strict=True))
        window = self.s_axil_awaddr[_WINDOW]
        memory = (window != regmap.Window.REGISTERS) & (window != regmap.STREAM_WINDOW)
        control = (self.s_axil_awaddr >> 2) == regmap.register_address("CONTROL") >> 2
        refused = (self.lock & (memory | control)) | (Cat(here).any() & ~writable.any())
        address = Signal(regmap.ADDRESS_BITS)
        m.d.comb += address.eq(self.s_axil_awaddr)
        with m.If(writable.any()):
            m.d.comb += address.eq(regmap.register_address("SCRATCH"))
        with m.If(refused):
            m.d.comb += address.eq(regmap.register_address("ID"))
        hit = Signal.like(held)  # of the host's write that is under way
        m.d.comb += [
            hit.eq(Mux(address_sent, held, Mux(refused, 0, writable))),
            self.m_axil_awaddr.eq(Mux(turn, self.address, address)),
            self.m_axil_awvalid.eq(Mux(turn, mine, self.s_axil_awvalid) & ~address_sent),
            self.s_axil_awready.eq(self.m_axil_awready & ~turn & ~address_sent),
            self.m_axil_wdata.eq(Mux(turn, self.data, self.s_axil_wdata)),
            self.m_axil_wstrb.eq(Mux(turn, self.strobe, Mux(hit.any(), 0, self.s_axil_wstrb))),
            # The host's data wait for its address, which says whose they are.
            self.m_axil_wvalid.eq(Mux(turn, mine, self.s_axil_wvalid & (address_sent | self.s_axil_awvalid)) & ~data_sent),
            self.s_axil_wready.eq(self.m_axil_wready & ~turn & (address_sent | self.s_axil_awvalid) & ~data_sent),
            self.m_axil_bready.eq(turn | self.s_axil_bready),
            self.s_axil_bvalid.eq(self.m_axil_bvalid & ~turn),
            self.s_axil_bresp.eq(self.m_axil_bresp),
        ]
        with m.If(self.m_axil_awvalid & self.m_axil_awready):
            m.d.sync += [address_sent.eq(1), held.eq(Mux(turn | refused, 0, writable))]
        with m.If(self.m_axil_wvalid & self.m_axil_wready):
            m.d.sync += data_sent.eq(1)
        with m.If(finished):
            m.d.sync += [address_sent.eq(0), data_sent.eq(0)]

        taken = self.s_axil_wvalid & self.s_axil_wready
        index = {register.name: index for index, register in enumerate(regmap.STREAM_REGISTERS)}
        mask = Cat(bit.replicate(8) for bit in self.s_axil_wstrb)
        m.d.comb += [
            self.control_write.eq(taken & hit[index["STREAM_CONTROL"]] & self.s_axil_wstrb[0]),
            self.control.eq(self.s_axil_wdata & mask),
            self.clear.eq(Mux(taken & hit[index["STREAM_ERRORS"]], self.s_axil_wdata & mask, 0)),
        ]
        return turn & finished

    def _reads(self, m: Module) -> Value:
        sent = Signal()
        hit = Signal()
        mine = self.request & ~self.write
        finished = self.m_axil_rvalid & self.m_axil_rready
        turn = self._turn(m, mine, self.s_axil_arvalid, sent, finished, "read")
        here = Cat(self._stream_register(self.s_axil_araddr))
        values = {"STREAM_CONTROL": self.stream_control, "STREAM_STATUS": self.status, "STREAM_ERRORS": self.errors}
        own, value = Signal(32, reset_less=True), Signal(32)
        for index, register in enumerate(regmap.STREAM_REGISTERS):
            with m.If(here[index]):
                m.d.comb += value.eq(values[register.name])
        m.d.comb += [
            self.m_axil_araddr.eq(Mux(turn, self.address, Mux(here.any(), regmap.register_address("ID"), self.s_axil_araddr))),
            self.m_axil_arvalid.eq(Mux(turn, mine, self.s_axil_arvalid) & ~sent),
            self.s_axil_arready.eq(self.m_axil_arready & ~turn & ~sent),
            self.m_axil_rready.eq(turn | self.s_axil_rready),
            self.s_axil_rvalid.eq(self.m_axil_rvalid & ~turn),
            self.s_axil_rdata.eq(Mux(hit, own, self.m_axil_rdata)),
            self.s_axil_rresp.eq(self.m_axil_rresp),
        ]
        with m.If(self.m_axil_arvalid & self.m_axil_arready):
            m.d.sync += [sent.eq(1), hit.eq(~turn & here.any()), own.eq(value)]
        with m.If(finished):
            m.d.sync += sent.eq(0)
        return turn & finished
