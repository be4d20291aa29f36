# amaranth: UnusedElaboratable=no
"""The bridge behind its line: what it answers, and that the bus sees nothing of a request that did not arrive whole.

The bus's other end is a memory that refuses some addresses.  Frames are made here, by the specification, and not by the driver's code.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field

import pytest
from amaranth.hdl import Module
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hwgen.config import AcceleratorConfig
from hwgen.gateware.host import HostPort
from hwgen.gateware.uart_bridge import UartBridge
from hwgen.gateware.uart_crc import SerialCrc
from hwgen.regmap import MAGIC, MEMORIES, Window, host_address
from hwgen.uart_link import BUFFER_BYTES, MAX_WORDS

DIVISOR = 8
HELLO, WRITE, READ, WAIT = range(4)
OKAY, SLVERR, DECERR = 0, 2, 3
REFUSED = 0x3F00000  #: word addresses from here on are refused, reads with DECERR, writes with SLVERR
IRQ, REPEATED, CLOSED, ANSWER = 0x04, 0x08, 0x10, 0x80


def escape(data: bytes) -> bytes:
    return b"".join(bytes([0x7D, byte ^ 0x20]) if byte in (0x7E, 0x7D) else bytes([byte]) for byte in data)


def framed(body: bytes) -> bytes:
    return b"\x7e" + escape(body + binascii.crc32(body).to_bytes(4, "little")) + b"\x7e"


def body(sequence: int, op: int, address: int = 0, words: list[int] | int = 0) -> bytes:
    count = words if isinstance(words, int) else len(words)
    data = b"" if isinstance(words, int) else b"".join(word.to_bytes(4, "little") for word in words)
    return bytes([sequence]) + (op << 30 | address).to_bytes(4, "little") + bytes([count]) + data


def request(sequence: int, op: int, address: int = 0, words: list[int] | int = 0) -> bytes:
    return framed(body(sequence, op, address, words))


def answers(line: bytes) -> list[tuple[int, list[int], int]]:
    """(sequence, words, status) of every frame; fails for one that is damaged."""
    found = []
    for each in line.split(b"\x7e"):
        if each:
            head, *rest = each.split(b"\x7d")
            plain = head + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in rest)
            inside, check = plain[:-4], plain[-4:]
            assert binascii.crc32(inside).to_bytes(4, "little") == check
            data = inside[1:-1]
            found.append((inside[0], [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)], inside[-1]))
    return found


@dataclass
class Piece:
    """What the host's end does: sends bytes, then waits until the line from the bridge has been quiet for `quiet` bits.

    cycles: of a bit that is sent; at: before it, the interrupt line is set so; stop: the stop bits' value, 0 for errors.
    """

    data: bytes
    quiet: int = 13
    cycles: float = DIVISOR
    irq: int | None = None
    stop: int = 1


@dataclass
class Seen:
    """accesses: (word address, data) of writes, (word address, None) of reads, in their order; line: bytes from the bridge."""

    accesses: list[tuple[int, int | None]] = field(default_factory=list)
    memory: dict[int, int] = field(default_factory=dict)
    line: bytes = b""
    pieces: list[bytes] = field(default_factory=list)

    @property
    def answers(self) -> list[tuple[int, list[int], int]]:
        return answers(self.line)


def line_of(data: bytes, cycles: float = DIVISOR, stop: int = 1) -> list[int]:
    """The line, a value a cycle."""
    bits = [bit for byte in data for bit in (0, *(byte >> i & 1 for i in range(8)), stop)]
    return [bits[int(cycle / cycles)] for cycle in range(int(len(bits) * cycles))]


class Listener:
    """Takes bytes off a line of `DIVISOR` cycles a bit, of which it is shown every cycle."""

    def __init__(self) -> None:
        self.past: list[int] = []  # since the start bit began

    def take(self, value: int) -> bytes:
        if self.past or not value:
            self.past.append(value)
        if len(self.past) < 10 * DIVISOR:
            return b""
        bits = [self.past[DIVISOR * i : DIVISOR * (i + 1)] for i in range(10)]
        self.past = []
        assert all(len(set(bit)) == 1 for bit in bits)
        assert (bits[0][0], bits[9][0]) == (0, 1)
        return bytes([sum(bit[0] << i for i, bit in enumerate(bits[1:9]))])


class Slave:
    """The bus's other end: takes an access in one cycle and answers it in the one after."""

    def __init__(self, dut: UartBridge, seen: Seen) -> None:
        self.dut, self.seen, self.state = dut, seen, "idle"

    def answer(self, ctx) -> None:
        """A cycle: nothing is set in most of them, which makes the simulation faster."""
        dut, seen, state = self.dut, self.seen, self.state
        if state == "idle":
            if ctx.get(dut.m_axil_awvalid):
                assert ctx.get(dut.m_axil_wvalid)
                assert ctx.get(dut.m_axil_wstrb) == 15
                self.state = "write"
                self.set(ctx, "awready", "wready", value=1)
            elif ctx.get(dut.m_axil_arvalid):
                self.state = "read"
                self.set(ctx, "arready", value=1)
        elif state == "write":
            self.set(ctx, "awready", "wready", value=0)
            address, data = ctx.get(dut.m_axil_awaddr) >> 2, ctx.get(dut.m_axil_wdata)
            seen.accesses.append((address, data))
            if address < REFUSED:
                seen.memory[address] = data
            ctx.set(dut.m_axil_bresp, SLVERR if address >= REFUSED else OKAY)
            assert ctx.get(dut.m_axil_bready)
            self.set(ctx, "bvalid", value=1)
            self.state = "answered"
        elif state == "read":
            self.set(ctx, "arready", value=0)
            address = ctx.get(dut.m_axil_araddr) >> 2
            seen.accesses.append((address, None))
            ctx.set(dut.m_axil_rresp, DECERR if address >= REFUSED else OKAY)
            ctx.set(dut.m_axil_rdata, 0 if address >= REFUSED else seen.memory.get(address, 0xDEADBEEF))
            assert ctx.get(dut.m_axil_rready)
            self.set(ctx, "rvalid", value=1)
            self.state = "answered"
        else:
            self.set(ctx, "bvalid", "rvalid", value=0)
            self.state = "idle"

    def set(self, ctx, *names: str, value: int) -> None:
        for name in names:
            ctx.set(getattr(self.dut, f"m_axil_{name}"), value)


@pytest.fixture(scope="session")
def play(simulate):
    """play(pieces): what the bridge does on them."""

    def run(*pieces: Piece | bytes) -> Seen:
        dut, seen = UartBridge(DIVISOR), Seen()
        listener, slave, line = Listener(), Slave(dut, seen), -1

        async def testbench(ctx) -> None:
            async def cycle(rx: int) -> int:
                """A clock cycle; the line from the bridge in it."""
                nonlocal line
                if rx != line:
                    ctx.set(dut.rx, rx)
                    line = rx
                tx = ctx.get(dut.tx)
                if listener.past or not tx:
                    seen.line += listener.take(tx)
                slave.answer(ctx)
                await ctx.tick()
                return tx

            for _ in range(20):
                await cycle(1)
            for piece in [Piece(each) if isinstance(each, bytes) else each for each in pieces]:
                before = len(seen.line)
                if piece.irq is not None:
                    ctx.set(dut.irq, piece.irq)
                for value in line_of(piece.data, piece.cycles, piece.stop):
                    await cycle(value)
                quiet = 0
                while quiet < piece.quiet * DIVISOR:
                    quiet = quiet + 1 if await cycle(1) else 0
                seen.pieces.append(seen.line[before:])

        simulate(dut, testbench)
        return seen

    return run


def test_the_check_sequence(simulate):
    """The register, inverted, is CRC-32; its own bytes only shift it."""
    dut = SerialCrc()

    async def testbench(ctx) -> None:
        for data in (b"", b"123456789", bytes(range(40))):
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for byte in data:
                ctx.set(dut.data, byte)
                ctx.set(dut.enable, 1)
                await ctx.tick()
                ctx.set(dut.enable, 0)
                await ctx.tick().repeat(8)
            expected = binascii.crc32(data) ^ 0xFFFFFFFF
            assert ctx.get(dut.value) == expected
            ctx.set(dut.data, expected & 0xFF)
            ctx.set(dut.enable, 1)
            await ctx.tick()
            ctx.set(dut.enable, 0)
            await ctx.tick().repeat(8)
            assert ctx.get(dut.value) == expected >> 8

    simulate(dut, testbench)


def test_a_session(play):
    """Identification, a burst that is written and read back, with words that must be escaped, single words, and none."""
    words = [0x7E7D7E7D, 0x7D5E5D7E, 0, 0xFFFFFFFF, 0x12345678]
    seen = play(
        request(0x7E, HELLO),
        request(1, WRITE, 0x1234567, words),
        request(2, READ, 0x1234567, 5),
        request(3, READ, 0),
        request(4, WRITE, 9, []),
    )
    assert seen.answers == [
        (0x7E, [DIVISOR << 16 | MAX_WORDS << 8 | 1], ANSWER),
        (1, [], ANSWER),
        (2, words, ANSWER),
        (3, [], ANSWER),
        (4, [], ANSWER),
    ]
    assert seen.accesses == [(0x1234567 + i, word) for i, word in enumerate(words)] + [(0x1234567 + i, None) for i in range(5)]


def test_a_request_that_is_longer_than_the_buffer_is_none(play):
    """The longest that is one loads a network in `test_simulated_board`."""
    assert 4 * MAX_WORDS + 4 == BUFFER_BYTES
    seen = play(request(0, HELLO), framed(body(2, WRITE, 7)[:5] + b"\x80" + bytes(BUFFER_BYTES)), request(1, READ, 3, 1))
    assert [each[0] for each in seen.answers] == [0, 1]
    assert seen.accesses == [(3, None)]


def test_what_the_bus_refuses(play):
    """A write ends at the first refusal, a read goes on; the answer has the first response that is not OKAY."""
    seen = play(
        request(0, HELLO),
        request(1, WRITE, REFUSED - 2, [1, 2, 3, 4]),
        request(2, READ, REFUSED - 2, 4),
        request(3, READ, REFUSED - 2, 2),
    )
    assert [each[1:] for each in seen.answers[1:]] == [([], ANSWER | SLVERR), ([1, 2, 0, 0], ANSWER | DECERR), ([1, 2], ANSWER)]
    assert [address - REFUSED for address, data in seen.accesses if data is not None] == [-2, -1, 0]


def test_nothing_happens_before_a_greeting(play):
    seen = play(request(1, WRITE, 5, [6]), request(2, READ, 5, 1), request(3, WAIT), request(4, HELLO), request(5, WRITE, 5, [6]))
    assert [each[2] for each in seen.answers] == [ANSWER | CLOSED] * 3 + [ANSWER] * 2
    assert [each[1] for each in seen.answers[:3]] == [[], [], []]
    assert seen.accesses == [(5, 6)]


def test_a_repeated_write_is_answered_and_not_carried_out(play):
    """With the first one's response; a repeated read reads again, and the same write under the next number is another one."""
    write, refused = request(1, WRITE, 5, [6]), request(2, WRITE, REFUSED, [7])
    seen = play(request(0, HELLO), write, write, write, refused, refused, request(3, READ, 5, 1), request(3, READ, 5, 1), write)
    again = ANSWER | REPEATED
    assert [each[2] for each in seen.answers[1:]] == [ANSWER, again, again, ANSWER | SLVERR, again | SLVERR, ANSWER, ANSWER, ANSWER]
    assert seen.accesses == [(5, 6), (REFUSED, 7), (5, None), (5, None), (5, 6)]


def test_the_interrupt_ends_a_wait_and_a_flag_withdraws_it(play):
    seen = play(
        request(0, HELLO),
        request(1, WAIT),
        Piece(b"", irq=1),
        request(2, WAIT),
        Piece(request(3, WAIT), irq=0),
        request(4, READ, 1, 1),
        Piece(b"", irq=1),
    )
    assert [(each[0], each[2]) for each in seen.answers] == [(0, ANSWER), (1, ANSWER | IRQ), (2, ANSWER | IRQ), (4, ANSWER)]
    assert [len(answers(piece)) for piece in seen.pieces] == [1, 0, 1, 1, 0, 1, 0]


def test_requests_that_did_not_arrive_whole_are_not_answered(play):
    """Each is followed by a good one, and that one is carried out."""
    good = request(1, WRITE, 5, [0x11223344, 0x55667788])
    inside = body(1, WRITE, 5, [0x11223344, 0x55667788])
    flipped = [good[:i] + bytes([good[i] ^ bit]) + good[i + 1 :] for i in range(1, len(good) - 1, 4) for bit in (1 << i % 8,)]
    spoiled = [
        good[:-4] + b"\x7e",  # bytes lost at the end
        good[:3] + good[5:],  # in the middle
        good[:8] + b"\x00" + good[8:],  # one too many
        good[:8] + b"\x7e" + good[8:],  # a flag in between
        good[:-1] + b"\x7d\x7e",  # an escape before the flag
        good[:8] + b"\x7d\x7d" + good[8:],  # two
        framed(inside[:-1]),  # of the right check sequence, and the wrong length
        framed(inside + b"\x00"),
        framed(inside + bytes(4)),
        framed(inside[:5] + b"\x01" + inside[6:]),
        framed(inside[:5] + b"\x03" + inside[6:]),
        framed(inside[:5] + b"\x82" + inside[6:]),
        framed(body(1, READ, 5, 1) + bytes(4)),
        framed(inside[:5]),
        framed(b""),
        b"\x7e\x7e\x7e",
        *flipped,
    ]
    pieces = [piece for each in spoiled for piece in (each, request(0x40, READ, 9))]
    seen = play(request(0, HELLO), *pieces, good)
    assert [each[0] for each in seen.answers] == [0] + [0x40] * len(spoiled) + [1]
    assert seen.accesses == [(5, 0x11223344), (6, 0x55667788)]


def test_a_byte_without_its_stop_bit_spoils_its_frame(play):
    """Also where it is one too many, and the rest is sound."""
    good = request(1, WRITE, 5, [7])
    pieces = [Piece(good[:6], quiet=2), Piece(b"\x00", stop=0, quiet=2), Piece(good[6:])]
    seen = play(request(0, HELLO), *pieces, request(2, READ, 1, 1))
    assert [each[0] for each in seen.answers] == [0, 2]
    assert seen.accesses == [(1, None)]


def test_what_comes_while_an_answer_goes_out_is_lost_whole(play):
    """The tail of a request that began too early is none, even where it would be one by itself.

    The answer takes about as long as eight bytes: with one of the lengths the tail begins when the bridge listens again.
    """
    tail = request(7, WRITE, 5, [1])[1:]
    early = [request(number, READ) + b"U" * number + tail for number in range(5, 13)]
    seen = play(request(0, HELLO), *(piece for each in early for piece in (each, request(0x40, READ, 1, 1))))
    assert [each[0] for each in seen.answers] == [0] + [number for first in range(5, 13) for number in (first, 0x40)]
    assert seen.accesses == [(1, None)] * len(early)


@pytest.mark.parametrize("share", [-0.02, 0.02])
def test_a_host_that_is_two_percent_off(play, share):
    words = [0, 0xFFFFFFFF, 0x00FF00FF, 0x7E7D7E7D]
    cycles = DIVISOR * (1 + share)
    seen = play(Piece(request(0, HELLO), cycles=cycles), Piece(request(1, WRITE, 3, words), cycles=cycles))
    assert [each[2] for each in seen.answers] == [ANSWER, ANSWER]
    assert seen.accesses == [(3 + i, word) for i, word in enumerate(words)]


_BYTES = st.one_of(st.sampled_from([0x7E, 0x7D, 0x5E, 0x5D, 0x00, 0x40, 0x80]), st.integers(0, 255))
_SOUND = st.tuples(st.sampled_from([WRITE, READ]), st.integers(0, 100), st.lists(st.integers(0, 2**32 - 1), max_size=3))


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # an example takes long to shrink
@given(data=st.data())
def test_garbage_never_reaches_the_bus(play, data):
    """Whatever comes between: the accesses are those of the sound requests that are answered, in their order."""
    pieces, known = [Piece(request(0, HELLO))], {}
    for number in range(1, 1 + data.draw(st.integers(1, 3))):
        op, address, words = data.draw(_SOUND)
        sound = request(number, op, address, words if op == WRITE else len(words))
        known[number] = [(address + i, word if op == WRITE else None) for i, word in enumerate(words)]
        pieces.append(Piece(bytes(data.draw(st.lists(_BYTES, max_size=12))), quiet=data.draw(st.sampled_from([0, 13]))))
        cut = data.draw(st.integers(0, len(sound)))
        pieces.append(Piece(data.draw(st.sampled_from([sound, sound + sound, sound[:cut], sound[cut:], sound[:cut] + b"x" + sound[cut:]]))))
    pieces += [Piece(request(0x77, READ))] * 2  # the first one's flag may have ended a write that goes first
    seen = play(*pieces)
    numbers = [number for number, _, status in seen.answers if not status & (REPEATED | CLOSED)]
    assert numbers[0] == 0
    assert numbers[-1] == 0x77, "in the end it is as ever"
    assert set(numbers) <= {0, 0x77} | set(known)
    assert seen.accesses == [access for number in numbers for access in known.get(number, [])]


def test_on_the_host_port(simulate):
    """The real slave: the identification register, and a memory word that is written and read back; all through one line."""
    config = AcceleratorConfig(rows=4, cols=2, lanes=1, act_depth=20, weight_depth=18, param_depth=5, program_depth=33, max_layers=3)
    m = Module()
    m.submodules.bridge, m.submodules.host = bridge, host = UartBridge(DIVISOR), HostPort(config)
    for name, member in bridge.signature.members.items():
        if name.startswith("m_axil_"):
            master, slave = getattr(bridge, name), getattr(host, name.replace("m_axil_", "s_axil_"))
            m.d.comb += slave.eq(master) if member.flow.name == "Out" else master.eq(slave)
    m.d.comb += bridge.irq.eq(host.irq)
    weight = host_address(Window.WEIGHT, 1, 0, config) >> 2
    assert not MEMORIES[Window.WEIGHT].access.readable
    requests = [
        request(0, HELLO),
        request(1, READ, 0, 1),
        request(2, WRITE, 6, [0x7E00007D]),
        request(3, READ, 6, 1),
        request(4, READ, weight, 1),
    ]
    found, listener = bytearray(), Listener()

    async def testbench(ctx) -> None:
        for data in requests:
            for value in [*line_of(data), *[1] * 250 * DIVISOR]:
                ctx.set(bridge.rx, value)
                found.extend(listener.take(ctx.get(bridge.tx)))
                await ctx.tick()

    simulate(m, testbench)
    assert [each[1:] for each in answers(bytes(found))[1:]] == [
        ([MAGIC], ANSWER),
        ([], ANSWER),
        ([0x7E00007D], ANSWER),
        ([0], ANSWER | SLVERR),
    ]
