"""A tensor of activation memory as a stream of bytes: where each lies, as runs of consecutive ones (SPEC section 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from golden.errors import InputError
from hwgen import regmap
from hwgen.access_cycles import axi_lite_latency
from hwgen.act_layout import Stored
from hwgen.config import AcceleratorConfig
from hwgen.regmap import HOST_BYTES, Window

BEAT_BYTES = HOST_BYTES  #: of a stream
# Cycles of the engine around accesses of the bus, whose latency comes on top.
_INPUT_CYCLES, _OUTPUT_CYCLES = 1, 3  #: around the write of an input's step, the read of an output's
_NEXT_CYCLES = 3  #: from an input's last step to the next one's first, at least
_FIRST_CYCLES = 2  #: of the first beat besides its step: a look whether a run is under way, and the engine's turn on the bus
_START_CYCLES = 6  #: from the last input's last step to the start of the run: CONTROL is read and written
_POLL_CYCLES, _SEEN_CYCLES = 2, 1  #: between looks at the run's state; after the one that sees its end
_BEGIN_CYCLES, _LAST_CYCLES = 2, 2  #: of each output, before its first access; of the last beat


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

    def writes(self, config: AcceleratorConfig) -> int:
        """Accesses of the bus that an input takes."""
        return len(walk(self, config))

    def reads(self, config: AcceleratorConfig) -> int:
        """Accesses of the bus that an output takes."""
        return len(walk(self, config, beats=False))


@dataclass(frozen=True)
class Step:
    """Bytes that one access moves: `size` of them, from byte `place` of the host's word at a byte address, and byte `at` of a beat on."""

    address: int
    place: int
    at: int
    size: int


def walk(tensor: StreamTensor, config: AcceleratorConfig, *, beats: bool = True) -> list[Step]:
    """The accesses of a packet, in order: each is of one 32-bit word of the memory, and with `beats` of one beat."""
    chunks = regmap.MEMORIES[Window.ACT].chunks(config)
    found, moved = [], 0
    for run in range(tensor.runs):
        byte = 0
        while byte < tensor.run_bytes:
            word, offset = tensor.base + run * tensor.stride + byte // config.rows, byte % config.rows
            place, at = offset % HOST_BYTES, moved % BEAT_BYTES
            size = min(HOST_BYTES - place, BEAT_BYTES - at if beats else HOST_BYTES, config.rows - offset, tensor.run_bytes - byte)
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


@dataclass(frozen=True)
class StreamCycles:
    """Clock cycles of an inference over the streams, when the source and the sink never wait and nobody else is on the bus.

    inputs:  from the first beat of the first input to the start of the run.
    run:     of the run, and until its end is seen.
    outputs: from there to the last beat of the last output.
    """

    inputs: int
    run: int
    outputs: int

    @property
    def total(self) -> int:
        """From the first beat to the last: they follow each other."""
        return self.inputs + self.run + self.outputs


def stream_cycles(
    inputs: Sequence[StreamTensor], outputs: Sequence[StreamTensor], config: AcceleratorConfig, run_cycles: int
) -> StreamCycles:
    """The time of an inference whose run takes `run_cycles`, from start to done."""
    bus = axi_lite_latency(config)
    steps = [tensor.writes(config) for tensor in inputs]
    step = _INPUT_CYCLES + bus.write
    before = _FIRST_CYCLES + bus.register + step * sum(steps) + _START_CYCLES + bus.register + bus.write
    # The very first step, which takes a cycle more for its turn on the bus, is never too short for what begins the next input.
    before += sum(max(0, _NEXT_CYCLES - step) for index, length in enumerate(steps[:-1]) if index or length > 1)
    between = _POLL_CYCLES + bus.register
    run = between * -(-(run_cycles - bus.register) // between) + bus.register + _SEEN_CYCLES
    after = 0
    for tensor in outputs:
        sizes = [step.size for step in walk(tensor, config, beats=False)]
        held = sum(sizes[:-1]) % BEAT_BYTES + sizes[-1]
        after += _BEGIN_CYCLES + (_OUTPUT_CYCLES + bus.memory) * len(sizes) + (held > BEAT_BYTES)
    return StreamCycles(before, run, after + _LAST_CYCLES)
