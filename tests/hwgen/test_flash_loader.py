# amaranth: UnusedElaboratable=no
"""The loader on a model of an SPI flash: what it loads, what it refuses, and that no network is announced that is not whole.

The image is made here by the specification; a whole accelerator behind its serial line is loaded too.
"""

from __future__ import annotations

import binascii
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from amaranth.hdl import ClockDomain, Module

from golden.errors import InputError
from hwgen import flash_image, regmap
from hwgen.config import AcceleratorConfig
from hwgen.family import Family
from hwgen.gateware.flash_loader import FlashLoader
from hwgen.gateware.replay import Op, encode_record
from hwgen.gateware.selftest import OUTPUTS, SelfTest
from hwgen.gateware.uart_top import UartTop
from hwgen.identity import HEADER_MAGIC
from hwgen.regmap import Window
from tests.hwgen.test_uart_bridge import DIVISOR, HELLO, READ, Listener, answers, line_of, request

CONFIG = AcceleratorConfig(
    rows=2,
    cols=2,
    lanes=1,
    act_depth=16,
    weight_depth=16,
    param_depth=4,
    program_depth=32,
    acc_depth=4,
    max_layers=0,
    overlap=False,
    size_bits=6,
    depthwise_rows=0,
    dense_input=False,
    family=Family.ICE40,
)
OFFSET = 0x12345
HEADER = regmap.host_address(Window.PROGRAM, 0, 0, CONFIG)
WEIGHTS = regmap.host_address(Window.WEIGHT, 0, 0, CONFIG)
CYCLES = FlashLoader.WAKE_CYCLES + 2000


def reflected(data: bytes) -> bytes:
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)


def image(words: list[int], *, magic: int = 0x57464C31, length: int | None = None) -> bytes:
    """By the specification, with another implementation of the check sequence: that of zlib, its bits the other way round."""
    body = b"".join(word.to_bytes(4, "big") for word in (magic, len(words) if length is None else length, *words))
    check = int(f"{binascii.crc32(reflected(body)):032b}"[::-1], 2)
    return body + check.to_bytes(4, "big")


@dataclass
class Flash:
    """An SPI flash in power-down: understands "release" and, awake, "read"; 0xFF beyond its contents.

    dead: what miso is all the time, for a flash that is not there.
    """

    contents: bytes
    dead: int | None = None
    awake: bool = False
    bits: list[int] = field(default_factory=list)  # of this command
    commands: list[int] = field(default_factory=list)
    sck: int = 0
    miso: int = 1

    def step(self, sck: int, cs_n: int, mosi: int) -> int:
        """A cycle of the loader's clock."""
        if cs_n:
            if len(self.bits) == 8 and self.command == 0xAB:
                self.awake = True
            if self.bits:
                self.commands.append(self.command)
            self.bits, self.miso = [], 1
        else:
            if sck and not self.sck:
                self.bits.append(mosi)
            if not sck and self.sck and self.awake and self.command == 0x03 and len(self.bits) >= 32:
                address = int("".join(map(str, self.bits[8:32])), 2) - OFFSET
                place = len(self.bits) - 32
                byte = address + place // 8
                value = self.contents[byte] if 0 <= byte < len(self.contents) else 0xFF
                self.miso = value >> (7 - place % 8) & 1
        self.sck = sck
        return self.miso if self.dead is None else self.dead

    def see(self, ctx: Any, top: Any) -> None:
        """A cycle at the pins of a top."""
        ctx.set(top.flash_miso, self.step(ctx.get(top.flash_sck), ctx.get(top.flash_cs_n), ctx.get(top.flash_mosi)))

    @property
    def command(self) -> int:
        return int("".join(map(str, self.bits[:8])), 2)


@dataclass
class Ended:
    """What the loader did: writes (byte address, data), how it ended."""

    writes: list[tuple[int, int]] = field(default_factory=list)
    done: int = 0
    error: int = 0
    busy: int = 1


def load(simulate: Any, flash: Flash, *, refused: int | None = None, reset_at: int | None = None) -> Ended:
    """Runs the loader on a bus that takes a random number of cycles for an access; the write to `refused` is answered with an error."""
    rng = random.Random(1)
    m = Module()
    m.submodules.dut = dut = FlashLoader(CONFIG, OFFSET)
    m.domains.sync = domain = ClockDomain("sync")
    ended = Ended()

    async def testbench(ctx: Any) -> None:
        waiting, taken = 0, False
        for cycle in range(CYCLES + (reset_at or 0)):
            ctx.set(domain.rst, cycle == reset_at)
            ctx.set(dut.miso, flash.step(ctx.get(dut.sck), ctx.get(dut.cs_n), ctx.get(dut.mosi)))
            valid = ctx.get(dut.m_axil_awvalid)
            assert valid == ctx.get(dut.m_axil_wvalid)
            assert not ctx.get(dut.m_axil_arvalid)
            ready = bool(valid and not taken and rng.random() < 0.3)
            if ready:
                address = ctx.get(dut.m_axil_awaddr)
                assert ctx.get(dut.m_axil_wstrb) == 15
                ended.writes.append((address, ctx.get(dut.m_axil_wdata)))
                taken, waiting = True, rng.randrange(4)
                ctx.set(dut.m_axil_bresp, 2 if address == refused else 0)
            ctx.set(dut.m_axil_awready, ready)
            ctx.set(dut.m_axil_wready, ready)
            answer = taken and not ready and waiting == 0
            ctx.set(dut.m_axil_bvalid, answer)
            waiting -= waiting > 0 and not ready
            if answer and ctx.get(dut.m_axil_bready):
                taken = False
            if cycle == reset_at:
                taken = False
            await ctx.tick()
            if not ctx.get(dut.busy) and (reset_at is None or cycle > reset_at):
                break
        ended.done, ended.error, ended.busy = (ctx.get(signal) for signal in (dut.done, dut.error, dut.busy))
        assert not ended.busy, "the loader does not end"
        ctx.set(dut.m_axil_awready, 0)
        ctx.set(dut.m_axil_bvalid, 0)
        for _ in range(50):
            assert not ctx.get(dut.m_axil_awvalid)
            assert ctx.get(dut.cs_n)
            assert (ctx.get(dut.done), ctx.get(dut.error)) == (ended.done, ended.error)
            await ctx.tick()

    simulate(m, testbench)
    return ended


def some_words(count: int) -> list[int]:
    rng = random.Random(count)
    return [rng.getrandbits(32) for _ in range(count)]


def test_the_image_is_as_specified():
    words = some_words(5)
    assert flash_image.encode(words) == image(words)
    assert len(image(words)) == 4 * (5 + flash_image.OVERHEAD_WORDS)
    with pytest.raises(InputError, match="at least one word"):
        flash_image.encode([])


@pytest.mark.parametrize("count", [1, 7, 16])
def test_an_image_is_loaded(simulate, count):
    """The header's magic word is taken away first and comes back last; the flash is woken, and read once."""
    words, flash = some_words(count), Flash(image(some_words(count)))
    ended = load(simulate, flash)
    assert (ended.done, ended.error) == (1, 0)
    data = [(WEIGHTS + 4 * i, word) for i, word in enumerate(words)]
    assert ended.writes == [(HEADER, 0), *data, (HEADER, HEADER_MAGIC)]
    assert flash.commands == [0xAB, 0x03]


def damaged(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


GOOD = image(some_words(4))
BAD = {
    **{f"bit {bit} is wrong": Flash(damaged(GOOD, bit)) for bit in (0, 31, 40, 63, 64, 100, 191, 192, 223)},
    "another magic word": Flash(image(some_words(4), magic=0x57464C32)),
    "no words": Flash(image([], length=0)),
    "more words than the memory has": Flash(image(some_words(17))),
    "far more words than the memory has": Flash(image(some_words(4), length=4 + (1 << 16))),
    "a length that is not that of the data": Flash(image(some_words(4), length=3)),
    "an empty flash": Flash(b""),
    "an image that ends early": Flash(GOOD[:-1]),
    "no flash, miso low": Flash(GOOD, dead=0),
    "no flash, miso high": Flash(GOOD, dead=1),
}


@pytest.mark.parametrize("flash", BAD.values(), ids=BAD)
def test_anything_else_is_an_error(simulate, flash):
    ended = load(simulate, flash)
    assert (ended.done, ended.error) == (0, 1)
    assert ended.writes[0] == (HEADER, 0)
    assert all(WEIGHTS <= address < WEIGHTS + 4 * 16 for address, _ in ended.writes[1:]), "nothing but weights, and no header"


@pytest.mark.parametrize("refused", [HEADER, WEIGHTS, WEIGHTS + 12])
def test_a_refused_write_is_an_error(simulate, refused):
    ended = load(simulate, Flash(GOOD), refused=refused)
    assert (ended.done, ended.error) == (0, 1)
    assert ended.writes[-1][0] == refused
    assert (HEADER, HEADER_MAGIC) not in ended.writes


def test_a_reset_begins_anew(simulate):
    """In the midst of the data: the header is taken away again before anything is written."""
    ended = load(simulate, Flash(GOOD), reset_at=FlashLoader.WAKE_CYCLES + 400)
    assert ended.done
    data = [(WEIGHTS + 4 * i, word) for i, word in enumerate(some_words(4))]
    whole = [(HEADER, 0), *data, (HEADER, HEADER_MAGIC)]
    assert ended.writes[-len(whole) :] == whole
    assert 1 < len(ended.writes) - len(whole) < len(whole)


@pytest.mark.parametrize("offset", [-1, 1 << 24, True, 1.0])
def test_offsets_that_a_flash_does_not_have(offset):
    with pytest.raises(ValueError, match="offset must be an integer from 0 to 0xffffff"):
        FlashLoader(CONFIG, offset)


@pytest.mark.parametrize("good", [True, False])
def test_an_accelerator_behind_its_line(simulate, good):
    """The host's first request, sent while the loader is at work, is answered after it: weights and header as they were loaded, or no
    header."""
    words = [word & 0xFFFF for word in some_words(9)]
    flash = Flash(image(words) if good else damaged(image(words), 216))
    m = Module()
    m.submodules.dut = dut = UartTop(CONFIG, DIVISOR, flash_offset=OFFSET)
    pieces = [request(0, HELLO), request(1, READ, WEIGHTS >> 2, 9), request(2, READ, HEADER >> 2, 1)]
    found: list[tuple[int, list[int], int]] = []

    async def testbench(ctx: Any) -> None:
        listener, heard = Listener(), b""
        line: list[int] = []
        for _ in range(60_000):
            if not line and len(answers_in(heard)) == 3 - len(pieces) and pieces:
                line = line_of(pieces.pop(0))
            ctx.set(dut.rx, line.pop(0) if line else 1)
            flash.see(ctx, dut)
            heard += listener.take(ctx.get(dut.tx))
            if not pieces and len(answers_in(heard)) == 3:
                break
            await ctx.tick()
        found.extend(answers(heard))
        assert (ctx.get(dut.loaded), ctx.get(dut.load_error)) == (good, not good)

    simulate(m, testbench)
    assert [sequence for sequence, _, _ in found] == [0, 1, 2]
    assert found[2][1] == [HEADER_MAGIC if good else 0]
    assert (found[1][1] == words) is good


async def until_done(ctx: Any, top: SelfTest, flash: Flash, cycles: int) -> None:
    """Runs a self-test until it is done, so many cycles at the most."""
    for _ in range(cycles):
        flash.see(ctx, top)
        await ctx.tick()
        if ctx.get(top.done):
            break


@pytest.mark.parametrize("good", [True, False])
def test_a_self_test(simulate, good):
    """It plays its records after the loader, which finds what they compare; without a sound image it has failed, and says so."""
    words = [word & 0xFFFF for word in some_words(9)]
    flash = Flash(image(words) if good else damaged(image(words), 216))
    compared = [encode_record(Op.COMPARE, WEIGHTS + 4 * i, word) for i, word in enumerate(words)]
    records = [*compared, encode_record(Op.COMPARE, HEADER, HEADER_MAGIC), encode_record(Op.END)]
    m = Module()
    m.submodules.dut = dut = SelfTest(CONFIG, 16, records=records, flash_offset=OFFSET)

    async def testbench(ctx: Any) -> None:
        await until_done(ctx, dut, flash, CYCLES)
        flash.see(ctx, dut)
        assert flash.commands == [0xAB, 0x03], "it ends after the loader"
        for _ in range(200):
            assert [ctx.get(getattr(dut, name)) for name in OUTPUTS] == [1, 0 if good else 1, 0, 0, 0, 0]
            await ctx.tick()

    simulate(m, testbench)


def test_a_self_test_compares_what_was_loaded(simulate):
    """One weight other than recorded: the record that finds it."""
    words = [word & 0xFFFF for word in some_words(9)]
    flash = Flash(image([*words[:5], words[5] ^ 0x10, *words[6:]]))
    records = [*(encode_record(Op.COMPARE, WEIGHTS + 4 * i, word) for i, word in enumerate(words)), encode_record(Op.END)]
    m = Module()
    m.submodules.dut = dut = SelfTest(CONFIG, 16, records=records, flash_offset=OFFSET)

    async def testbench(ctx: Any) -> None:
        await until_done(ctx, dut, flash, CYCLES)
        assert [ctx.get(getattr(dut, name)) for name in OUTPUTS] == [1, 1, 5, words[5], words[5] ^ 0x10, 0]

    simulate(m, testbench)


def answers_in(line: bytes) -> list[bytes]:
    """Frames that have ended."""
    return [each for each in line.split(b"\x7e")[:-1] if each]
