"""The loader: weights out of a board's SPI flash into memories that the bitstream could not fill (SPEC section 9)."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.flash_image import CRC_POLYNOMIAL, CRC_RESIDUE, MAGIC, MAX_OFFSET, READ, RELEASE
from hwgen.gateware.axil import join, master_members
from hwgen.identity import HEADER_MAGIC
from hwgen.regmap import Window

#: The flash, as members of a top that has a loader.
FLASH_PINS = {"flash_sck": Out(1), "flash_cs_n": Out(1, init=1), "flash_mosi": Out(1), "flash_miso": In(1)}


class FlashLoader(wiring.Component):
    """After reset takes the magic word out of the program's header, reads the image at `offset` of the flash, writes its words to the
    weight memory, and, if its check sequence is right, puts the magic word back: only then does a host, or whatever starts runs, find a
    network.

    Anything else ends in `error`: no image there, a length that the memory does not have, a bus error, a wrong check sequence.  Nothing
    takes what is in the memory for a network then; a host can still load one.

    The flash is woken from the power-down that the configuration of an iCE40 leaves it in, which takes up to `WAKE_CYCLES`, and read with
    the command that every flash has, a bit in two cycles.  `sck` is idle low; the flash takes `mosi` when it rises and changes `miso` when
    it falls (mode 0).

    Members: sck, cs_n, mosi, miso: the flash.  m_axil_*: the bus, while `busy`; writes alone.  busy; done, error: how it ended, until
    reset.
    """

    WAKE_CYCLES = 1 << 11  #: 20 us at 100 MHz; flashes ask for 3 to 8 us

    def __init__(self, config: AcceleratorConfig, offset: int) -> None:
        if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset <= MAX_OFFSET:
            raise ValueError(f"offset must be an integer from 0 to {MAX_OFFSET:#x}, not {offset!r}")
        self.config, self.offset = config, offset
        super().__init__(
            {
                "sck": Out(1),
                "cs_n": Out(1, init=1),
                "mosi": Out(1),
                "miso": In(1),
                **master_members("m_axil_", regmap.ADDRESS_BITS),
                "busy": Out(1, init=1),
                "done": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        memory = regmap.MEMORIES[Window.WEIGHT]
        words = memory.depth(self.config) * memory.chunks(self.config)  # that the memory has
        first = regmap.host_address(Window.WEIGHT, 0, 0, self.config) >> 2
        header = regmap.host_address(Window.PROGRAM, 0, 0, self.config) >> 2

        shift = Signal(32, reset_less=True)  # bits leave at the top, or enter at the bottom
        bits = Signal(range(33))  # left of the word
        left = Signal(range(words + 1), reset_less=True)  # words of data
        address = Signal(range(words), reset_less=True)
        check = Signal(32, reset_less=True)
        wait = Signal(range(self.WAKE_CYCLES))
        valid = Signal()
        at_header = Signal(init=1)
        m.d.comb += [
            self.m_axil_awaddr.eq(Mux(at_header, header, first | address) << 2),
            self.m_axil_wdata.eq(shift),
            self.m_axil_wstrb.eq(0b1111),
            self.mosi.eq(shift[-1]),
        ]

        def transfer(following: str, *, reading: bool) -> None:
            """Moves `bits` bits, and goes on."""
            m.d.sync += self.sck.eq(~self.sck)
            with m.If(self.sck):
                m.d.sync += [shift.eq(Cat(self.miso, shift)), bits.eq(bits - 1)]
                if reading:
                    m.d.sync += check.eq(Cat(0, check) ^ Mux(check[-1] ^ self.miso, CRC_POLYNOMIAL, 0))
                with m.If(bits == 1):
                    m.d.sync += bits.eq(32)
                    m.next = following

        def fail() -> None:
            m.d.sync += [self.busy.eq(0), self.error.eq(1), self.cs_n.eq(1)]
            m.next = "END"

        def write(following: str) -> None:
            m.d.sync += [self.m_axil_awvalid.eq(1), self.m_axil_wvalid.eq(1)]
            m.next = following

        for channel in ("aw", "w"):
            with m.If(getattr(self, f"m_axil_{channel}ready")):
                m.d.sync += getattr(self, f"m_axil_{channel}valid").eq(0)
        with m.FSM(name="loader"):
            with m.State("CLEAR"):
                m.d.sync += shift.eq(0)
                write("CLEARED")
            with m.State("CLEARED"):
                m.d.comb += self.m_axil_bready.eq(1)
                with m.If(self.m_axil_bvalid):
                    m.d.sync += at_header.eq(0)
                    m.next = "START"
                    with m.If(self.m_axil_bresp != 0):
                        fail()
            with m.State("START"):
                m.d.sync += [self.cs_n.eq(0), shift.eq(RELEASE << 24), bits.eq(8)]
                m.next = "WAKE"
            with m.State("WAKE"):
                transfer("REST", reading=False)
            with m.State("REST"):
                m.d.sync += [self.cs_n.eq(1), wait.eq(wait + 1)]
                with m.If(wait == self.WAKE_CYCLES - 1):
                    m.d.sync += [self.cs_n.eq(0), shift.eq(READ << 24 | self.offset), check.eq(0xFFFFFFFF)]
                    m.next = "COMMAND"
            with m.State("COMMAND"):
                transfer("MAGIC", reading=False)
            with m.State("MAGIC"):
                transfer("LENGTH", reading=True)
            with m.State("LENGTH"):
                # The word before is whole in the first cycle, before a bit of this one enters.
                with m.If(~valid & (shift != MAGIC)):
                    fail()
                with m.Else():
                    m.d.sync += valid.eq(1)
                    transfer("COUNT", reading=True)
            with m.State("COUNT"):
                m.d.sync += [left.eq(shift), address.eq(0), valid.eq(0)]
                m.next = "DATA"
                with m.If((shift == 0) | (shift > words)):
                    fail()
            with m.State("DATA"):
                transfer("WRITE", reading=True)
            with m.State("WRITE"):
                write("WRITTEN")
            with m.State("WRITTEN"):
                m.d.comb += self.m_axil_bready.eq(1)
                with m.If(self.m_axil_bvalid):
                    m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
                    m.next = "DATA"
                    with m.If(left == 1):
                        m.next = "CHECK"
                    with m.If(self.m_axil_bresp != 0):
                        fail()
            with m.State("CHECK"):
                transfer("JUDGE", reading=True)
            with m.State("JUDGE"):
                m.d.sync += [self.cs_n.eq(1), at_header.eq(1), shift.eq(HEADER_MAGIC)]
                write("ANNOUNCED")
                with m.If(check != CRC_RESIDUE):
                    m.d.sync += [self.m_axil_awvalid.eq(0), self.m_axil_wvalid.eq(0)]
                    fail()
            with m.State("ANNOUNCED"):
                m.d.comb += self.m_axil_bready.eq(1)
                with m.If(self.m_axil_bvalid):
                    m.d.sync += [self.busy.eq(0), self.done.eq(1)]
                    m.next = "END"
                    with m.If(self.m_axil_bresp != 0):
                        m.d.sync += self.done.eq(0)
                        fail()
            with m.State("END"):
                pass
        return m


def loaded_first(loader: FlashLoader, top: Any, master: Any, accelerator: Any) -> list[Any]:
    """Statements that give the bus of an accelerator to a loader until it ends, then to a master, whose requests wait.

    top: has FLASH_PINS.
    """
    connections = join(master, accelerator)
    for name in ("awaddr", "wdata", "awvalid", "wvalid", "bready"):
        ours, theirs = getattr(loader, f"m_axil_{name}"), getattr(master, f"m_axil_{name}")
        connections.append(getattr(accelerator, f"s_axil_{name}").eq(Mux(loader.busy, ours, theirs)))
    for name in ("awready", "wready", "bvalid"):
        signal = getattr(accelerator, f"s_axil_{name}")
        connections += [
            getattr(loader, f"m_axil_{name}").eq(signal & loader.busy),
            getattr(master, f"m_axil_{name}").eq(signal & ~loader.busy),
        ]
    return [
        *connections,
        loader.m_axil_bresp.eq(accelerator.s_axil_bresp),
        accelerator.s_axil_arvalid.eq(master.m_axil_arvalid & ~loader.busy),
        master.m_axil_arready.eq(accelerator.s_axil_arready & ~loader.busy),
        top.flash_sck.eq(loader.sck),
        top.flash_cs_n.eq(loader.cs_n),
        top.flash_mosi.eq(loader.mosi),
        loader.miso.eq(top.flash_miso),
    ]
