"""What moving an inference's tensors over the host's link takes, beside the computation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from boards.host.transfer import runs
from hwgen.act_layout import Stored, host_layout
from hwgen.design import Design
from hwgen.uart_link import CRC_BYTES, HEADER_BYTES, MAX_WORDS

#: Start bit, 8 data bits, stop bit.
_BITS_PER_BYTE = 10
#: Two flags and the check sequence; an answer's sequence number and status.
_FRAME_BYTES, _ANSWER_BYTES = 2 + CRC_BYTES, 2
_WORD_BYTES = 4


@dataclass(frozen=True)
class Link:
    """The time that the host's link takes for an inference.

    name:             of the link.
    bytes_per_second: of payload, on average over input and output.
    input_ms:         to write the input.
    output_ms:        to read the output.
    overlaps:         whether the next input can be written while the accelerator computes.
    """

    name: str
    bytes_per_second: float
    input_ms: float
    output_ms: float
    overlaps: bool

    @property
    def ms(self) -> float:
        """Both ways."""
        return self.input_ms + self.output_ms

    def interval_ms(self, compute_ms: float) -> float:
        """From one inference to the next: transfer and computation one after the other, or the longer of them where they overlap."""
        return max(self.ms, compute_ms) if self.overlaps else self.ms + compute_ms


def serial_link(design: Design, baud: int) -> Link:
    """The serial line: bytes on the wire, none of them escaped, an answer before the next request.  The time that the host's operating
    system takes between them comes on top: about a millisecond for each request with many USB adapters.

    While the accelerator runs, its memories belong to it: nothing overlaps.
    """
    inputs = [design.stored[tensor.name] for tensor in design.inputs]
    outputs = [design.stored[name] for name in design.device_outputs]

    def words(tensors: Iterable[Stored]) -> list[int]:
        blocks = []
        for stored in tensors:
            for run in runs(host_layout(stored, design.config)):
                count = run.end - run.first
                blocks += [min(MAX_WORDS, count - start) for start in range(0, count, MAX_WORDS)]
        return blocks

    def ms(blocks: list[int]) -> float:
        overhead = 2 * _FRAME_BYTES + HEADER_BYTES + _ANSWER_BYTES
        return sum(overhead + _WORD_BYTES * count for count in blocks) * _BITS_PER_BYTE / baud * 1e3

    before, after = words(inputs), words(outputs)
    payload = _WORD_BYTES * sum(before + after)
    input_ms, output_ms = ms(before), ms(after)
    return Link(f"serial line, {baud / 1e6:g} Mbaud", payload / (input_ms + output_ms) * 1e3, input_ms, output_ms, overlaps=False)
