"""The bridge from Wishbone to the accelerator's bus (SPEC section 9)."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.gateware.axil import Response, master_members

#: Wishbone addresses words.
WISHBONE_ADDRESS_BITS = regmap.ADDRESS_BITS - 2

#: The slave's signals, without the prefix: names as LiteX has them.
WISHBONE_MEMBERS = {
    "adr": In(WISHBONE_ADDRESS_BITS),
    "dat_w": In(32),
    "dat_r": Out(32),
    "sel": In(4),
    "cyc": In(1),
    "stb": In(1),
    "we": In(1),
    "ack": Out(1),
    "err": Out(1),
}


class WishboneBridge(wiring.Component):
    """Wishbone B4 slave, classic cycles, that makes each of them an access of an AXI4-Lite bus.

    A cycle ends with `ack`, or with `err` where the bus answers with an error; each is high for one clock cycle.  A master that gives a
    cycle up (cyc low) gets no answer to it; the access has its effect all the same.  `sel` selects the bytes that a write changes, and
    is ignored by reads.  A pipelined master takes `stall` = cyc & ~(ack | err).

    Latency: from stb to ack 2 cycles and the bus's own: 4 for a write, 5 for a read of a register, 7 of a counter, 10 of a memory; of a
    lean accelerator 3, and 5 for a memory (`hwgen.access_cycles.wishbone_latency`).
    Throughput: one cycle at a time, 1 clock cycle between ack and the next.

    Members: wb_*: `WISHBONE_MEMBERS`, 32 bits of data, addresses of words.  m_axil_*: the bus.
    """

    def __init__(self) -> None:
        super().__init__(
            {**{f"wb_{name}": member for name, member in WISHBONE_MEMBERS.items()}, **master_members("m_axil_", regmap.ADDRESS_BITS)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        address = Signal(WISHBONE_ADDRESS_BITS, reset_less=True)
        m.d.comb += [
            self.m_axil_awaddr.eq(address << 2),
            self.m_axil_araddr.eq(address << 2),
        ]
        for channel in ("aw", "w", "ar"):
            with m.If(getattr(self, f"m_axil_{channel}ready")):
                m.d.sync += getattr(self, f"m_axil_{channel}valid").eq(0)
        wanted = Signal()  # the master has not given the cycle up

        def answer(response: object) -> None:
            m.d.sync += [
                self.wb_ack.eq(wanted & self.wb_cyc & (response == Response.OKAY)),
                self.wb_err.eq(wanted & self.wb_cyc & (response != Response.OKAY)),
            ]
            m.next = "END"

        with m.FSM(name="bridge"):
            with m.State("IDLE"):
                m.d.sync += [
                    address.eq(self.wb_adr),
                    self.m_axil_wdata.eq(self.wb_dat_w),
                    self.m_axil_wstrb.eq(self.wb_sel),
                    wanted.eq(1),
                ]
                with m.If(self.wb_cyc & self.wb_stb):
                    with m.If(self.wb_we):
                        m.d.sync += [self.m_axil_awvalid.eq(1), self.m_axil_wvalid.eq(1)]
                        m.next = "WRITE"
                    with m.Else():
                        m.d.sync += self.m_axil_arvalid.eq(1)
                        m.next = "READ"
            with m.State("WRITE"):
                m.d.comb += self.m_axil_bready.eq(1)
                m.d.sync += wanted.eq(wanted & self.wb_cyc)
                with m.If(self.m_axil_bvalid):
                    answer(self.m_axil_bresp)
            with m.State("READ"):
                m.d.comb += self.m_axil_rready.eq(1)
                m.d.sync += [wanted.eq(wanted & self.wb_cyc), self.wb_dat_r.eq(self.m_axil_rdata)]
                with m.If(self.m_axil_rvalid):
                    answer(self.m_axil_rresp)
            with m.State("END"):  # the master sees the answer, and takes stb away
                m.d.sync += [self.wb_ack.eq(0), self.wb_err.eq(0)]
                m.next = "IDLE"
        return m
