"""`Bus`: what the driver needs of the way to an accelerator: a memory map, a serial line, a simulator."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


class Bus(Protocol):
    """32-bit accesses to the accelerator's address space: byte addresses of 28 bits, multiples of 4 (`hwgen.regmap`).

    Accesses take effect in the order in which they are made, and a write is done when it returns.  Every method raises BusError,
    which names the address, for an access that is answered with an error, or not at all within the bus's own limit of time.

    gaps: whether a few words more cost less than another access; the gaps within a tensor are moved with it then.
    """

    gaps: bool

    def read(self, address: int) -> int:
        """Reads a word."""

    def write(self, address: int, value: int) -> None:
        """Writes a word."""

    def read_block(self, address: int, count: int) -> npt.NDArray[np.uint32]:
        """Reads `count` consecutive words from `address` on: uint32[count]."""

    def write_block(self, address: int, words: npt.NDArray[np.uint32]) -> None:
        """Writes uint32[count] to consecutive words from `address` on."""

    def wait_interrupt(self, timeout_s: float) -> bool | None:
        """Waits until the interrupt line is high: True; False if it is not within `timeout_s` seconds.

        None, at once, from a bus that cannot see the line: the driver then polls the accelerator's status.
        """


@runtime_checkable
class Closeable(Protocol):
    """A bus that holds something which has to be given back."""

    def close(self) -> None:
        """Gives it back."""
