"""Frames of the serial link (hwgen/SPEC.md section 12) as bytes: requests made, answers taken apart."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwgen.uart_link import CRC_BYTES, ESCAPE, FLAG, FLIP, OP_SHIFT, RESPONSE_MASK, Op, Status

UInt32 = npt.NDArray[np.uint32]

_ESCAPES = {byte: bytes([ESCAPE, byte ^ FLIP]) for byte in (FLAG, ESCAPE)}


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer: the sequence number of its request, the words read, the response of the bus and what else the status says."""

    sequence: int
    words: UInt32
    response: int
    status: Status


def frame(content: bytes) -> bytes:
    """A content with its check sequence, escaped, between two flags."""
    checked = content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")
    # The escapes first: a flag's has none in it.
    escaped = checked.replace(bytes([ESCAPE]), _ESCAPES[ESCAPE]).replace(bytes([FLAG]), _ESCAPES[FLAG])
    return bytes([FLAG]) + escaped + bytes([FLAG])


def content(escaped: bytes) -> bytes | None:
    """The content of what stood between two flags; None for anything that does not end in its check sequence."""
    parts = escaped.split(bytes([ESCAPE]))
    if any(not part for part in parts[1:]):
        return None
    checked = parts[0] + b"".join(bytes([part[0] ^ FLIP]) + part[1:] for part in parts[1:])
    body, check = checked[:-CRC_BYTES], checked[-CRC_BYTES:]
    return body if len(checked) > CRC_BYTES and zlib.crc32(body).to_bytes(CRC_BYTES, "little") == check else None


def request(sequence: int, op: Op, address: int = 0, count: int = 0, words: UInt32 | None = None) -> bytes:
    """A request as it goes over the line.

    sequence: 0 to 255; address: a byte address, a multiple of 4; count: words to read; words: uint32[count] to write.
    """
    data = b"" if words is None else words.astype("<u4").tobytes()
    number = count if words is None else len(words)
    return frame(bytes([sequence]) + (op << OP_SHIFT | address >> 2).to_bytes(4, "little") + bytes([number]) + data)


def answer(body: bytes) -> Answer | None:
    """A content as an answer; None for one that is none: too short, no whole words, or a request that came back."""
    if len(body) < 2 or (len(body) - 2) % 4 or not body[-1] & Status.ANSWER:
        return None
    return Answer(
        body[0], np.frombuffer(body[1:-1], "<u4").astype(np.uint32), body[-1] & RESPONSE_MASK, Status(body[-1] & ~RESPONSE_MASK & 0xFF)
    )
