"""The serial link between a host and the accelerator, declared once: framing, requests, answers (SPEC section 12).

The gateware, the host driver and the specification derive from this file.
"""

from __future__ import annotations

import enum

from golden.errors import InputError

VERSION = 1  #: of the link; rises when hosts have to change

# Framing as in RFC 1662 (PPP in HDLC-like framing) with its 32-bit check sequence.
FLAG = 0x7E  #: begins and ends a frame, and appears nowhere else
ESCAPE = 0x7D  #: the byte after it stands for itself with the bits of `FLIP` inverted
FLIP = 0x20
CRC_POLYNOMIAL = 0xEDB88320  #: CRC-32, lowest bit first
CRC_RESIDUE = 0xDEBB20E3  #: the register after a frame with its own check sequence
CRC_BYTES = 4

HEADER_BYTES = 6  #: sequence number; word address and operation, 4 bytes, lowest first; words
ADDRESS_BITS = 26  #: of a word address
OP_SHIFT = 30  #: of the operation above the word address
BUFFER_BYTES = 512  #: what follows the header of a request, check sequence included: one block RAM of an iCE40
MAX_WORDS = (BUFFER_BYTES - CRC_BYTES) // 4  #: words of a request

MIN_DIVISOR, MAX_DIVISOR = 8, 65535
#: Share by which the rate of a divisor may differ from the rate that is asked for; the receiver bears 2 % in all.
RATE_TOLERANCE = 0.01


class Op(enum.IntEnum):
    """What a request asks for."""

    HELLO = 0  #: begins a session; answered with one word, the identification
    WRITE = 1  #: writes words to consecutive addresses, up to the first that the bus refuses
    READ = 2  #: reads words from consecutive addresses; of no words: the status alone
    WAIT = 3  #: answered as soon as the interrupt line is high; a flag that arrives earlier withdraws it


class Status(enum.IntFlag):
    """Bits of the status byte at the end of an answer; bits 1:0 are the first response of the bus that is not OKAY."""

    IRQ = 1 << 2  #: the interrupt line is high
    REPEATED = 1 << 3  #: the write had been carried out before; this is its answer again
    CLOSED = 1 << 4  #: refused: there was no HELLO since the reset
    ANSWER = 1 << 7  #: always set; in a request, bit 7 of the last byte before the check sequence of a read is 0


RESPONSE_MASK = 0b11


def identification(divisor: int) -> int:
    """The word that answers HELLO: version [7:0], words of a request at most [15:8], clock cycles of a bit [31:16]."""
    return divisor << 16 | MAX_WORDS << 8 | VERSION


def divisor(clock_hz: float, baud: float) -> int:
    """Clock cycles of a bit.  Raises InputError for a rate that the clock cannot give to within `RATE_TOLERANCE`."""
    if not (clock_hz > 0 and baud > 0):
        raise InputError(f"clock and baud rate must be above 0, not {clock_hz!r} and {baud!r}")
    cycles = round(clock_hz / baud)
    if not MIN_DIVISOR <= cycles <= MAX_DIVISOR:
        raise InputError(
            f"at {clock_hz:.10g} Hz the baud rate can be from {clock_hz / MAX_DIVISOR:.0f} to {clock_hz / MIN_DIVISOR:.0f}, not {baud:.10g}"
        )
    if abs(clock_hz / cycles / baud - 1) > RATE_TOLERANCE:
        nearest = sorted(
            {clock_hz / each for each in (cycles, max(MIN_DIVISOR, cycles - 1), cycles + 1)}, key=lambda rate: abs(rate - baud)
        )
        raise InputError(
            f"at {clock_hz:.10g} Hz the nearest baud rate to {baud:.10g} is {nearest[0]:.0f}, more than {RATE_TOLERANCE:.0%} off; "
            f"choose that, or a clock that is a multiple of the rate"
        )
    return cycles
