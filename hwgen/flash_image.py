"""The image of a network's weights in a board's SPI flash, declared once for loader and tools (SPEC section 9).

Words of 32 bits, the highest byte first: magic, number of data words, data, check sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

from golden.errors import InputError

MAGIC = 0x57464C31  #: "WFL1"
#: CRC-32 with the highest bit first, as the flash gives its bits (polynomial of IEEE 802.3, from all ones, inverted): of all before it.
CRC_POLYNOMIAL = 0x04C11DB7
CRC_RESIDUE = 0xC704DD7B  #: the register after an image with its own check sequence
OVERHEAD_WORDS = 3

READ, RELEASE = 0x03, 0xAB  #: commands of SPI flashes: read from an address of 24 bits on; wake up
MAX_OFFSET = (1 << 24) - 1


def check_sequence(data: bytes) -> int:
    """CRC-32 of bytes, the highest bit of each first."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = ((register << 1) ^ (CRC_POLYNOMIAL if register >> 31 else 0)) & 0xFFFFFFFF
    return register ^ 0xFFFFFFFF


def encode(words: Sequence[int]) -> bytes:
    """The image of host words (unsigned, 32 bits), which the loader writes to consecutive addresses.  Raises InputError for none."""
    if not words:
        raise InputError("a flash image has at least one word")
    body = b"".join(word.to_bytes(4, "big") for word in (MAGIC, len(words), *words))
    return body + check_sequence(body).to_bytes(4, "big")
