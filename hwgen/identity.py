"""What says which network an accelerator's memories hold: the header at the start of program memory (SPEC sections 6 and 9).

It lies in the program's image, so whatever puts new images into an accelerator (a bitstream, the host, a tool that replaces the contents
of a bitstream's memories) puts their identity there with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwgen.regmap import HOST_BYTES, Window

HEADER_MAGIC = 0x4E455431  #: "NET1": a header of this form is here
HEADER_WORDS = 5  #: magic, network, images; the program follows
HEADER_DIGITS = 16  #: of each digest, in hexadecimal
_WORD_DIGITS = 2 * HOST_BYTES

#: The memories that have images, in the order in which their digest takes them.
IMAGE_WINDOWS = (Window.WEIGHT, Window.PARAM, Window.PROGRAM, Window.TABLE)


@dataclass(frozen=True)
class Identity:
    """Digests in hexadecimal, or the `HEADER_DIGITS` digits of them that a header holds.

    network: SHA-256 of the network (`golden.network_file.sha256`).
    images:  SHA-256 of the memory images (`images_sha256`).
    """

    network: str
    images: str

    @property
    def short(self) -> Identity:
        """As much of it as a header holds."""
        return Identity(self.network[:HEADER_DIGITS], self.images[:HEADER_DIGITS])

    def header(self) -> tuple[int, ...]:
        """The words 0 to `HEADER_WORDS` - 1 of program memory; the digests' first digits are the highest bits of their first word."""
        digits = self.short.network + self.short.images
        return (HEADER_MAGIC, *(int(digits[at : at + _WORD_DIGITS], 16) for at in range(0, len(digits), _WORD_DIGITS)))

    @staticmethod
    def decode(words: Sequence[int]) -> Identity | None:
        """What a header says, in short; None where there is none, as in a memory that nothing was loaded into."""
        if len(words) != HEADER_WORDS or words[0] != HEADER_MAGIC:
            return None
        digits = "".join(f"{word:0{_WORD_DIGITS}x}" for word in words[1:])
        return Identity(digits[:HEADER_DIGITS], digits[HEADER_DIGITS:])


def images_sha256(images: Mapping[Window, bytes]) -> str:
    """SHA-256 of memory images.

    images: each as the 32-bit words in which the host writes it, lowest byte first; of the program what follows the header.
    A memory beyond its image holds 0, so words of 0 at the end do not count.  For each memory of `IMAGE_WINDOWS` the digest takes the
    number of bytes (8 bytes, lowest first), then the bytes.
    """
    digest = hashlib.sha256()
    for window in IMAGE_WINDOWS:
        data = images.get(window, b"")
        data = data[: -(-len(data.rstrip(b"\0")) // HOST_BYTES) * HOST_BYTES]
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
