"""Memories with one read and one write port (SPEC section 8)."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from amaranth.hdl import ClockSignal, Elaboratable, Instance, Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.shared import EmissionPlatform

READ_LATENCY = 2


def far_read_latency(config: AcceleratorConfig) -> int:
    """Cycles from a read of activations or weights to the data at the unit that reads.  These memories are of many blocks, all over the
    device: with `overlap` there is one register more, behind the multiplexer of the blocks."""
    return READ_LATENCY + config.overlap


class Kind(enum.Enum):
    """The ports of a memory, and where its second register is."""

    TWO_PORTS = "weft_ram"  #: a register behind the read, for speed
    LEAN = "weft_lean_ram"  #: the register before it, at the address, which is narrower
    SINGLE_PORT = "weft_single_port_ram"  #: like LEAN; a write takes the port


class Ram(wiring.Component):
    """A synchronous memory: one read port, one write port with an enable per chunk.

    Latency: `READ_LATENCY` cycles from `read_en` to `read_data`, which holds until the read after.  Throughput: one read and one
    write a cycle.  No back-pressure.  Reading a word in the cycle in which it is written gives an undefined value (x in simulation
    of the emitted Verilog); every user forwards or never does it.  The lean kinds look into the memory a cycle after `read_en`: what is
    written with it is read.  One of a single port reads nothing defined where anything is written a cycle after `read_en`.

    In emission it is an instance of the template module that its kind names, which reads `init_file` by `$readmemh`, unless it is
    `volatile`: a memory that bitstreams cannot fill has the image in simulation alone.  In Amaranth's simulator a memory that holds `init`.

    Members: read_en, read_addr -> read_data; write_en (one bit per chunk), write_addr, write_data.
    """

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        chunk: int | None = None,
        init: Sequence[int] = (),
        init_file: str = "",
        kind: Kind = Kind.TWO_PORTS,
        volatile: bool = False,
    ) -> None:
        chunk = width if chunk is None else chunk
        if width % chunk:
            raise ValueError(f"chunk must divide the width {width}, not {chunk!r}")
        self.width, self.depth, self.chunk, self.init, self.init_file = width, depth, chunk, init, init_file
        self.kind, self.volatile = kind, volatile
        address = max(1, (depth - 1).bit_length())
        super().__init__(
            {
                "read_en": In(1),
                "read_addr": In(address),
                "read_data": Out(width),
                "write_en": In(width // chunk),
                "write_addr": In(address),
                "write_data": In(width),
            }
        )

    def elaborate(self, platform: object) -> Elaboratable:
        m = Module()
        if isinstance(platform, EmissionPlatform):
            m.submodules.ram = Instance(
                self.kind.value,
                p_WIDTH=self.width,
                p_DEPTH=self.depth,
                p_CHUNK=self.chunk,
                p_ADDRESS=len(self.read_addr),
                p_INIT=self.init_file,
                **({"p_VOLATILE": int(self.volatile)} if self.kind is Kind.SINGLE_PORT else {}),
                i_clk=ClockSignal("sync"),
                i_read_en=self.read_en,
                i_read_addr=self.read_addr,
                o_read_data=self.read_data,
                i_write_en=self.write_en,
                i_write_addr=self.write_addr,
                i_write_data=self.write_data,
            )
            return m
        m.submodules.memory = mem = memory.Memory(shape=self.width, depth=self.depth, init=self.init)
        write = mem.write_port(granularity=self.chunk)
        read = mem.read_port()
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_addr),
            write.data.eq(self.write_data),
        ]
        if self.kind is Kind.TWO_PORTS:
            m.d.comb += [read.en.eq(self.read_en), read.addr.eq(self.read_addr)]
            m.d.sync += self.read_data.eq(read.data)
            return m
        m.d.sync += [read.en.eq(self.read_en), read.addr.eq(self.read_addr)]
        m.d.comb += self.read_data.eq(read.data)
        return m
