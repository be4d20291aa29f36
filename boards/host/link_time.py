"""How long the tensors of an inference take on their way over a link, counted and not measured.

Nothing overlaps: while the accelerator computes, its one activation memory belongs to it, so the inputs of the next inference wait for the
outputs of this one.  What the host's own software takes comes on top.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from boards.host.transfer import runs
from hwgen.access_cycles import AccessCycles, axi_lite_interval, wishbone_interval
from hwgen.act_layout import host_layout
from hwgen.design import Design
from hwgen.stream_layout import stream_cycles, stream_tensor
from hwgen.uart_link import CRC_BYTES, HEADER_BYTES, MAX_WORDS

_BITS_PER_BYTE = 10  #: start bit, 8 data bits, stop bit
_FRAME_BYTES = 2 + CRC_BYTES  #: two flags, check sequence
_ANSWER_BYTES = 2  #: sequence number and status
_WORD_BYTES = 4
#: Words that a run's requests carry, and their answers: clear the interrupt, start, wait, look at the state, clear, read the cycles.
_RUN_REQUESTS = ((1, 0), (1, 0), (0, 0), (0, 1), (1, 0), (0, 1))


class Unit(enum.Enum):
    """What a link's time is counted in."""

    CYCLES = "cycles of the accelerator's clock"
    BYTES = "bytes on the line, none of them escaped"


@dataclass(frozen=True)
class LinkTime:
    """What an inference's tensors take on a link.

    link:      its name.
    unit:      of the counts.
    inputs, outputs: counts.
    control:   what the run's own accesses take, start and end.
    rate:      of the unit, per second.
    overlaps:  whether inputs or outputs are moved while the accelerator computes: never.
    """

    link: str
    unit: Unit
    inputs: int
    outputs: int
    control: int
    rate: float
    overlaps: bool = False

    @property
    def input_s(self) -> float:
        """Seconds that the inputs take."""
        return self.inputs / self.rate

    @property
    def output_s(self) -> float:
        """Seconds that the outputs take."""
        return self.outputs / self.rate

    @property
    def total_s(self) -> float:
        """Seconds of the inputs, outputs and accesses of the run: what an inference takes besides its computation."""
        return (self.inputs + self.outputs + self.control) / self.rate


def axi_lite_time(design: Design, clock_hz: float) -> LinkTime:
    """AXI4-Lite with a master that never waits: one that answers take their time to reach, as of most processors, is slower."""
    return _bus_time("AXI4-Lite", axi_lite_interval(design.config), design, clock_hz)


def wishbone_time(design: Design, clock_hz: float) -> LinkTime:
    """Wishbone with a master that keeps stb up."""
    return _bus_time("Wishbone", wishbone_interval(design.config), design, clock_hz)


def axi_stream_time(design: Design, clock_hz: float) -> LinkTime:
    """AXI4-Stream with a source and a sink that never wait; `control` is what the end of the run waits to be seen."""
    inputs, outputs = (
        [stream_tensor(design.stored[name]) for name in names]
        for names in ([tensor.name for tensor in design.inputs], design.device_outputs)
    )
    cycles = stream_cycles(inputs, outputs, design.config, design.cycles)
    return LinkTime("AXI4-Stream", Unit.CYCLES, cycles.inputs, cycles.outputs, cycles.run - design.cycles, clock_hz)


def serial_time(design: Design, baud: float) -> LinkTime:
    """The serial line: requests with their answers, each of which follows the other.  A byte in 128 of random ones is escaped, and takes
    twice as long; what the accelerator's own cycles add is less than a bit for each word.
    """
    inputs, outputs = (_blocks(design, names) for names in ([tensor.name for tensor in design.inputs], list(design.device_outputs)))
    return LinkTime(
        "serial line",
        Unit.BYTES,
        sum(_exchange_bytes(words, 0) for words in inputs),
        sum(_exchange_bytes(0, words) for words in outputs),
        sum(_exchange_bytes(written, read) for written, read in _RUN_REQUESTS),
        baud / _BITS_PER_BYTE,
    )


def _bus_time(link: str, interval: AccessCycles, design: Design, clock_hz: float) -> LinkTime:
    """A bus of single accesses, one after the other."""
    inputs, outputs = _words(design)
    control = sum(interval.write if written else interval.register for written, read in _RUN_REQUESTS if written or read)
    return LinkTime(link, Unit.CYCLES, interval.write * inputs, interval.memory * outputs, control, clock_hz)


def _words(design: Design) -> tuple[int, int]:
    """32-bit words that hold the inputs, and the outputs."""
    names = ([tensor.name for tensor in design.inputs], design.device_outputs)
    inputs, outputs = (sum(len(host_layout(design.stored[name], design.config).addresses) for name in group) for group in names)
    return inputs, outputs


def _blocks(design: Design, names: list[str]) -> list[int]:
    """Words of each request that moves tensors, as `SerialBus` makes them of `boards.host.transfer.runs`."""
    lengths = [run.end - run.first for name in names for run in runs(host_layout(design.stored[name], design.config, gaps=True))]
    return [min(MAX_WORDS, length - first) for length in lengths for first in range(0, length, MAX_WORDS)]


def _exchange_bytes(written: int, read: int) -> int:
    """Bytes of a request that writes words and its answer with words read."""
    return 2 * _FRAME_BYTES + HEADER_BYTES + _ANSWER_BYTES + _WORD_BYTES * (written + read)
