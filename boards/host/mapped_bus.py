"""A bus that is a piece of the processor's own address space, as on a Zynq, or behind PCI Express."""

from __future__ import annotations

import mmap
import os
import select
import struct
import sys
from types import TracebackType

import numpy as np
import numpy.typing as npt

from boards.host.errors import BusError
from hwgen.regmap import ADDRESS_BITS, HOST_BYTES


class MappedBus:
    """An accelerator that is mapped into memory.

    path:      what is mapped: `/dev/uioN`, which Linux makes of a device with its interrupt, `/dev/mem`, or a PCI resource.
    offset:    byte in it at which the accelerator's address space begins; of `/dev/mem` its physical address.
    interrupt: whether waiting for an interrupt works by reading `path`, as it does of `/dev/uioN`; otherwise the driver polls.

    Words are read and written one by one, 32 bits at a time, as AXI4-Lite wants it.  An access that the accelerator refuses ends, on most
    systems, the process with a bus error, and never in an answer.  Raises BusError for what cannot be opened or mapped.
    """

    gaps = False

    def __init__(self, path: str | os.PathLike[str], *, offset: int = 0, interrupt: bool = False) -> None:
        if sys.byteorder != "little":
            raise BusError("the accelerator's words are little-endian, and this processor's are not: swap the bytes in a bus of your own")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_SYNC)
        except OSError as error:
            raise BusError(f"cannot open {path}: {error.strerror}; check that the device is there, and who may use it") from error
        try:
            self._map = mmap.mmap(self._file, 1 << ADDRESS_BITS, offset=offset)
        except (OSError, ValueError) as error:
            os.close(self._file)
            raise BusError(
                f"cannot map {1 << ADDRESS_BITS:#x} bytes of {path} from {offset:#x} on ({error}); check the offset, which must be a "
                f"multiple of {mmap.ALLOCATIONGRANULARITY}, and the size of the mapped region"
            ) from error
        self._words = memoryview(self._map).cast("I")
        self._interrupt = interrupt

    def read(self, address: int) -> int:
        """Reads a word."""
        return self._words[address // HOST_BYTES]

    def write(self, address: int, value: int) -> None:
        """Writes a word."""
        self._words[address // HOST_BYTES] = value

    def read_block(self, address: int, count: int) -> npt.NDArray[np.uint32]:
        """Reads consecutive words: uint32[count]."""
        first = address // HOST_BYTES
        return np.array([self._words[first + i] for i in range(count)], np.uint32)

    def write_block(self, address: int, words: npt.NDArray[np.uint32]) -> None:
        """Writes uint32[count] to consecutive words."""
        for index, word in enumerate(words.tolist(), start=address // HOST_BYTES):
            self._words[index] = word

    def wait_interrupt(self, timeout_s: float) -> bool | None:
        """Waits for the interrupt, which Linux holds back after each until it is asked for again."""
        if not self._interrupt:
            return None
        os.write(self._file, struct.pack("I", 1))
        if not select.select([self._file], [], [], timeout_s)[0]:
            return False
        os.read(self._file, 4)
        return True

    def close(self) -> None:
        """Ends the mapping; the bus is of no use any more."""
        self._words.release()
        self._map.close()
        os.close(self._file)

    def __enter__(self) -> MappedBus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
