# amaranth: UnusedElaboratable=no
"""Receiver and transmitter of the serial line: every byte, senders that are too fast or too slow, glitches, missing stop bits."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module

from golden.errors import InputError
from hwgen.gateware.uart import UartReceiver, UartTransmitter
from hwgen.uart_link import MAX_DIVISOR, divisor


def line_of(data: bytes, bit: float, *, stop: int = 1, idle: float = 0.0) -> list[int]:
    """The line, a value a cycle, of bytes in bits of `bit` cycles; idle: bits between two bytes."""
    bits = [each for byte in data for each in (0, *(byte >> i & 1 for i in range(8)), stop, *[1] * round(idle))]
    return [bits[int(cycle / bit)] for cycle in range(int(len(bits) * bit))]


def receive(simulate, divisor: int, line: list[int]) -> list[int | None]:
    """What arrives: bytes, and None for an error."""
    dut = UartReceiver(divisor)
    found: list[int | None] = []

    async def testbench(ctx) -> None:
        ctx.set(dut.rx, 1)
        await ctx.tick().repeat(4)
        for value in [*line, *[1] * 12 * divisor]:
            ctx.set(dut.rx, value)
            await ctx.tick()
            if ctx.get(dut.valid):
                found.append(ctx.get(dut.data))
            if ctx.get(dut.error):
                found.append(None)

    simulate(dut, testbench)
    return found


@pytest.mark.parametrize("cycles", [8, 9, 20])
def test_every_byte_there_and_back(simulate, cycles):
    m = Module()
    m.submodules.sender, m.submodules.receiver = sender, receiver = UartTransmitter(cycles), UartReceiver(cycles)
    m.d.comb += receiver.rx.eq(sender.tx)
    data = bytes(range(256)) if cycles == 8 else bytes(range(0, 256, 5))
    found: list[int] = []

    async def testbench(ctx) -> None:
        rest = list(data)
        for _ in range((len(data) + 1) * (10 * cycles + 1)):
            ctx.set(sender.data, rest[0] if rest else 0)
            ctx.set(sender.valid, bool(rest))
            if rest and ctx.get(sender.ready):
                rest.pop(0)
            await ctx.tick()
            assert not ctx.get(receiver.error)
            if ctx.get(receiver.valid):
                found.append(ctx.get(receiver.data))

    simulate(m, testbench)
    assert bytes(found) == data


def test_the_line_of_a_byte(simulate):
    """Start bit, data from the lowest bit on, stop bit, each of the divisor's length; high before and after."""
    dut = UartTransmitter(8)
    line = []

    async def testbench(ctx) -> None:
        for cycle in range(110):
            ctx.set(dut.data, 0b0100_1101)
            ctx.set(dut.valid, cycle == 9)
            line.append(ctx.get(dut.tx))
            await ctx.tick()

    simulate(dut, testbench)
    assert line == [1] * 10 + [bit for bit in (0, 1, 0, 1, 1, 0, 0, 1, 0) for _ in range(8)] + [1] * 28


@pytest.mark.parametrize("cycles", [8, 11, 40])
@pytest.mark.parametrize("share", [-0.02, 0.02])
def test_a_sender_that_is_two_percent_off(simulate, cycles, share):
    """Back to back, so that nothing but the stop bit sets the receiver right."""
    data = bytes([0x00, 0xFF, 0x55, 0xAA, 0x80, 0x01, 0x7E, 0x00, 0x00])
    assert receive(simulate, cycles, line_of(data, cycles * (1 + share))) == list(data)


def test_a_sender_that_is_far_off_gives_errors_or_other_bytes(simulate):
    """The test above can fail."""
    data = bytes([0x00, 0xFF, 0x55, 0xAA, 0x80, 0x01])
    assert receive(simulate, 16, line_of(data, 16 * 1.08)) != list(data)


@pytest.mark.parametrize(("cycles", "edges"), [(8, 2), (32, 0)])
def test_glitches_change_nothing(simulate, cycles, edges):
    """A pulse of an eighth of a bit in every bit, also between bytes, but not right before a start bit, which it would move.

    edges: cycles at either end of a bit without a pulse: with 8 cycles a bit, a pulse there is as long as the distance to the samples.
    """
    data = random.Random(1).randbytes(12)
    line = line_of(data, cycles, idle=2)
    width = cycles // 8
    chooser = random.Random(2)
    for bit in range(len(line) // cycles):
        if bit % 12 != 11:
            place = bit * cycles + chooser.randrange(edges, cycles - edges - width + 1)
            line[place : place + width] = [1 - value for value in line[place : place + width]]
    assert receive(simulate, cycles, line) == list(data)


def test_a_byte_without_its_stop_bit_is_an_error_and_a_break_is_one(simulate):
    broken = line_of(b"\x55", 8, stop=0)
    assert receive(simulate, 8, [*broken, *[1] * 20, *line_of(b"A", 8)]) == [None, ord("A")]
    assert receive(simulate, 8, [*[0] * 1000, *[1] * 20, *line_of(b"B", 8)]) == [None, ord("B")]


@pytest.mark.parametrize("value", [7, MAX_DIVISOR + 1, 8.0, True, "8"])
def test_divisors_that_cannot_be(value):
    for kind in (UartReceiver, UartTransmitter):
        with pytest.raises(ValueError, match="divisor must be an integer from 8 to 65535"):
            kind(value)


def test_the_divisor_of_a_clock_and_a_rate():
    assert [divisor(clock, baud) for clock, baud in ((12e6, 1e6), (80e6, 115200), (24e6, 3e6))] == [12, 694, 8]


@pytest.mark.parametrize(
    ("clock", "baud", "message"),
    [
        (12e6, 3e6, "from 183 to 1500000, not 3000000"),
        (12e6, 1.12e6, "at 12000000 Hz the nearest baud rate to 1120000 is 1090909, more than 1% off"),
        (12e6, 100, "from 183 to 1500000, not 100"),
        (0, 100, "must be above 0"),
        (12e6, float("nan"), "must be above 0"),
    ],
)
def test_rates_that_the_clock_cannot_give(clock, baud, message):
    with pytest.raises(InputError, match=message):
        divisor(clock, baud)
