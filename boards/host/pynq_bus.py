"""An accelerator in the programmable logic of a Zynq, through PYNQ: `accelerator.execute(x)`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from boards.host.accelerator import Accelerator
from boards.host.errors import BusError
from boards.host.inputs import Inputs
from golden.graph import Int8
from hwgen.design import Design
from hwgen.regmap import ADDRESS_BITS, HOST_BYTES


class Mmio(Protocol):
    """What is needed of `pynq.MMIO`: 32-bit accesses at byte offsets within a range of `length` bytes."""

    length: int

    def read(self, offset: int = 0) -> int:
        """Reads a word."""

    def write(self, offset: int, data: int) -> None:
        """Writes a word."""


class PynqBus:
    """`boards.host.Bus` over `pynq.MMIO`.  Words go one by one, for the bus takes no others.  The driver polls: PYNQ's interrupts are of
    asyncio.  Raises BusError for a range that is smaller than the accelerator's."""

    gaps = False

    def __init__(self, mmio: Mmio) -> None:
        if mmio.length < 1 << ADDRESS_BITS:
            raise BusError(
                f"the accelerator's range has {mmio.length:#x} bytes, and needs {1 << ADDRESS_BITS:#x}: set it in Vivado's address editor"
            )
        self._mmio = mmio

    def read(self, address: int) -> int:
        """Reads a word."""
        return int(self._mmio.read(address))

    def write(self, address: int, value: int) -> None:
        """Writes a word."""
        self._mmio.write(address, int(value))

    def read_block(self, address: int, count: int) -> npt.NDArray[np.uint32]:
        """Reads consecutive words: uint32[count]."""
        return np.array([self.read(address + HOST_BYTES * index) for index in range(count)], np.uint32)

    def write_block(self, address: int, words: npt.NDArray[np.uint32]) -> None:
        """Writes uint32[count] to consecutive words."""
        for index, word in enumerate(words.tolist()):
            self.write(address + HOST_BYTES * index, word)

    def wait_interrupt(self, timeout_s: float) -> bool | None:
        """None: this bus does not see the line."""
        return None


class PynqAccelerator(Accelerator):
    """The accelerator at a `pynq.MMIO`, with the network of a folder that `weft generate` wrote.

    Parameters and errors otherwise as of `Accelerator`.
    """

    def __init__(self, mmio: Mmio, folder: Design | str | os.PathLike[str], *, loaded: bool | None = None, timeout_s: float = 10.0) -> None:
        super().__init__(PynqBus(mmio), folder, loaded=loaded, timeout_s=timeout_s)

    def execute(self, inputs: Inputs) -> Int8 | Mapping[str, Int8]:
        """Runs a batch, as `run`; int8[N, ...], or by name for a network of several outputs."""
        outputs = self.run(inputs).outputs
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs
