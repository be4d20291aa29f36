"""A tensor of activation memory as a stream of bytes: where each lies, as runs of consecutive ones (SPEC section 13)."""

from __future__ import annotations

from dataclasses import dataclass

from golden.errors import InputError
from hwgen import regmap
from hwgen.act_layout import Stored
from hwgen.config import AcceleratorConfig
from hwgen.regmap import HOST_BYTES, Window

BEAT_BYTES = HOST_BYTES  #: of a stream


@dataclass(frozen=True)
class StreamTensor:
    """A tensor in the order of its elements (height, width, channels) as `runs` runs of `run_bytes` bytes, which begin `stride` words of
    activation memory apart, the first in word `base`; a run's bytes fill words of R bytes, from byte 0 on."""

    base: int
    runs: int
    run_bytes: int
    stride: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.runs * self.run_bytes

    @property
    def beats(self) -> int:
        """Transfers of the stream that a packet takes."""
        return -(-self.size // BEAT_BYTES)

    def steps(self, config: AcceleratorConfig) -> int:
        """Accesses of the bus that a packet takes: each moves what is in one beat and one 32-bit word of the memory."""
        return sum(1 for _ in walk(self, config))


@dataclass(frozen=True)
class Step:
    """Bytes that one access moves: `size` of them, from byte `place` of the host's word at a byte address, and byte `at` of a beat on."""

    address: int
    place: int
    at: int
    size: int


def walk(tensor: StreamTensor, config: AcceleratorConfig) -> list[Step]:
    """The accesses of a packet, in order."""
    chunks = regmap.MEMORIES[Window.ACT].chunks(config)
    found, moved = [], 0
    for run in range(tensor.runs):
        byte = 0
        while byte < tensor.run_bytes:
            word, offset = tensor.base + run * tensor.stride + byte // config.rows, byte % config.rows
            place, at = offset % HOST_BYTES, moved % BEAT_BYTES
            size = min(HOST_BYTES - place, BEAT_BYTES - at, config.rows - offset, tensor.run_bytes - byte)
            address = (Window.ACT << regmap.WINDOW_SHIFT) + (word * chunks + offset // HOST_BYTES) * HOST_BYTES
            found.append(Step(address, place, at, size))
            byte, moved = byte + size, moved + size
    return found


def stream_tensor(place: Stored) -> StreamTensor:
    """The runs of a stored tensor.  Raises InputError for one whose rows lie apart, which no input or output of a program does."""
    height, width, channels = place.shape
    if place.dense:
        return StreamTensor(place.base, height, width * channels, place.words_per_row)
    if height > 1 and place.words_per_row != width * place.words_per_pixel:
        raise InputError(f"a tensor of the shape {place.shape} has {place.words_per_row} words from row to row, and cannot be streamed")
    return StreamTensor(place.base, height * width, channels, place.words_per_pixel)
