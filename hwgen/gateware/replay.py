"""The replay host: plays recorded bus traffic from a memory and compares the answers (SPEC section 11)."""

from __future__ import annotations

import enum

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.gateware.axil import master_members


class Op(enum.IntEnum):
    """What a record asks for."""

    END = 0  #: stop; all compared equal
    WRITE = 1  #: write `data`, mask is the byte strobe
    COMPARE = 2  #: read, compare the bytes that mask selects with `data`
    WAIT_IRQ = 3  #: wait until the interrupt line is high


#: A record, lowest bits first.
RECORD = data.StructLayout({"word_address": regmap.ADDRESS_BITS - 2, "mask": 4, "op": 2, "data": 32})
RECORD_BITS = RECORD.size

_OFFSETS = {name: RECORD[name].offset for name in ("word_address", "mask", "op", "data")}


def encode_record(op: Op, address: int = 0, value: int = 0, mask: int = 0b1111) -> int:
    """A record as an unsigned 64-bit integer.

    address: host byte address, a multiple of 4; value: unsigned 32 bits; mask: one bit a byte, bit 0 for bits 7:0.
    Raises ValueError for anything out of range.
    """
    if address % 4 or not 0 <= address < 1 << regmap.ADDRESS_BITS:
        raise ValueError(f"address must be a multiple of 4 below 2^{regmap.ADDRESS_BITS}, not {address!r}")
    if not 0 <= value < 1 << 32:
        raise ValueError(f"value must be an unsigned 32-bit integer, not {value!r}")
    if not 0 <= mask < 1 << 4:
        raise ValueError(f"mask must be from 0 to 15, not {mask!r}")
    return (address >> 2) << _OFFSETS["word_address"] | mask << _OFFSETS["mask"] | Op(op) << _OFFSETS["op"] | value << _OFFSETS["data"]


class Replay(wiring.Component):
    """AXI4-Lite master that carries out the records of a memory one after the other, from record 0, by itself after reset.

    It ends at an END record, or at the first failure: a COMPARE whose bytes differ, or any response but OKAY.  After the end it
    does nothing until reset, which starts it anew.  The memory must hold an END.

    Latency: from a response to the valid signals of the next transaction 1 cycle.  Throughput: one record in 3 cycles when the
    slave answers 2 cycles after the handshake, as HostPort does to writes; then 1 cycle for each cycle of the slave's delay.
    Never less than 3, the time to fetch a record.  Back-pressure: the slave's ready signals; one transaction at a time, so that
    records take effect in their order.

    Members:
        mem_addr -> mem_data: the record memory; mem_data must be the record at the mem_addr of `MEMORY_LATENCY` cycles ago.
        m_axil_*: the bus.  irq: the interrupt line that WAIT_IRQ waits for.
        done: rises at the end and stays.  fail: rises together with done if it was a failure.
        fail_index: index of the record that failed, else 0.
        fail_expected, fail_got: the record's data and what was read, bytes outside the mask as 0.  When the bus answered with an
            error: 0 and the response.
        fail_response: the response (`axil.Response`) to the failed record; OKAY if the bytes differ.
    """

    MEMORY_LATENCY = 2

    def __init__(self, depth: int) -> None:
        if not isinstance(depth, int) or isinstance(depth, bool) or not 1 <= depth <= 1 << 32:
            raise ValueError(f"depth must be an integer from 1 to 2^32, not {depth!r}")
        self.depth = depth
        super().__init__(
            {
                "mem_addr": Out(max(1, (depth - 1).bit_length())),
                "mem_data": In(RECORD_BITS),
                **master_members("m_axil_", regmap.ADDRESS_BITS),
                "irq": In(1),
                "done": Out(1),
                "fail": Out(1),
                "fail_index": Out(32),
                "fail_expected": Out(32),
                "fail_got": Out(32),
                "fail_response": Out(2),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        following = Signal(RECORD)  # the record after the current one, where it has come from the memory
        arrived = Signal(self.MEMORY_LATENCY)  # a 1 walks up while the memory reads
        current = Signal(RECORD, reset_less=True)
        current_index = Signal(32, reset_less=True)
        m.d.comb += following.eq(self.mem_data)
        m.d.sync += arrived.eq(Cat(1, arrived))
        m.d.comb += [
            self.m_axil_awaddr.eq(current.word_address << 2),
            self.m_axil_araddr.eq(current.word_address << 2),
            self.m_axil_wdata.eq(current.data),
            self.m_axil_wstrb.eq(current.mask),
        ]
        for channel in ("aw", "w", "ar"):
            valid = getattr(self, f"m_axil_{channel}valid")
            with m.If(getattr(self, f"m_axil_{channel}ready")):
                m.d.sync += valid.eq(0)

        def proceed() -> None:
            """Takes up the next record, or waits for it in NEXT."""
            m.next = "NEXT"
            with m.If(arrived[-1]):
                m.d.sync += [
                    arrived.eq(0),
                    self.mem_addr.eq(self.mem_addr + 1),
                    current.eq(following),
                    current_index.eq(self.mem_addr),
                ]
                with m.Switch(following.op):
                    with m.Case(Op.END):
                        m.d.sync += self.done.eq(1)
                        m.next = "END"
                    with m.Case(Op.WRITE):
                        m.d.sync += [self.m_axil_awvalid.eq(1), self.m_axil_wvalid.eq(1)]
                        m.next = "WRITE"
                    with m.Case(Op.COMPARE):
                        m.d.sync += self.m_axil_arvalid.eq(1)
                        m.next = "COMPARE"
                    with m.Case(Op.WAIT_IRQ):
                        m.next = "WAIT_IRQ"

        def give_up(expected: object, got: object, response: object) -> None:
            m.d.sync += [
                self.done.eq(1),
                self.fail.eq(1),
                self.fail_index.eq(current_index),
                self.fail_expected.eq(expected),
                self.fail_got.eq(got),
                self.fail_response.eq(response),
            ]
            m.next = "END"

        mask = Cat(bit.replicate(8) for bit in current.mask)
        expected, got = current.data & mask, self.m_axil_rdata & mask
        with m.FSM():
            with m.State("NEXT"):
                proceed()
            with m.State("WRITE"):
                m.d.comb += self.m_axil_bready.eq(1)
                with m.If(self.m_axil_bvalid):
                    with m.If(self.m_axil_bresp != 0):
                        give_up(0, self.m_axil_bresp, self.m_axil_bresp)
                    with m.Else():
                        proceed()
            with m.State("COMPARE"):
                m.d.comb += self.m_axil_rready.eq(1)
                with m.If(self.m_axil_rvalid):
                    error = self.m_axil_rresp != 0
                    with m.If(error | (expected != got)):
                        give_up(Mux(error, 0, expected), Mux(error, self.m_axil_rresp, got), self.m_axil_rresp)
                    with m.Else():
                        proceed()
            with m.State("WAIT_IRQ"), m.If(self.irq):
                proceed()
            with m.State("END"):
                pass
        return m
