"""Moving tensors and memory images over a bus: consecutive words together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from boards.host.bus import Bus
from golden.errors import InputError
from hwgen import regmap
from hwgen.act_layout import HostLayout
from hwgen.config import AcceleratorConfig
from hwgen.regmap import HOST_BYTES, Window

UInt32 = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Run:
    """Consecutive words of a tensor: words `first` to `end` - 1 of its layout, from a byte address on."""

    address: int
    first: int
    end: int


def runs(layout: HostLayout) -> tuple[Run, ...]:
    """The consecutive words of a tensor.  Nothing between runs is touched: it may belong to another tensor."""
    breaks = np.flatnonzero(np.diff(layout.addresses) != HOST_BYTES) + 1
    bounds = [0, *breaks.tolist(), len(layout.addresses)]
    return tuple(Run(int(layout.addresses[first]), first, end) for first, end in pairwise(bounds))


@dataclass(frozen=True, eq=False)
class Transfer:
    """A tensor's way over the bus."""

    layout: HostLayout
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, layout: HostLayout) -> Transfer:
        """The transfer of a tensor that lies so."""
        return cls(layout, runs(layout))

    def write(self, bus: Bus, words: UInt32) -> None:
        """Writes uint32[W], as `HostLayout.pack` gives it for each image."""
        for run in self.runs:
            bus.write_block(run.address, words[run.first : run.end])

    def read(self, bus: Bus) -> UInt32:
        """Reads uint32[W], as `HostLayout.unpack` takes it for each image."""
        return np.concatenate([bus.read_block(run.address, run.end - run.first) for run in self.runs])


def image_words(path: Path, window: Window, config: AcceleratorConfig) -> UInt32:
    """A memory image (`$readmemh`: a hexadecimal word a line) as host words: uint32[words of the host].

    Raises InputError for a file that is missing, is no such image, or is larger than the memory.
    """
    memory = regmap.MEMORIES[window]
    host = _host_words(path, memory.chunks(config))
    if len(host) > memory.depth(config) * memory.chunks(config):
        have, depth = len(host) // memory.chunks(config), memory.depth(config)
        raise InputError(f"{path} has {have} words, but the memory has {depth}; generate the folder again")
    return host


def load_blocks(images: Mapping[Window, UInt32], config: AcceleratorConfig, words: int) -> Iterator[tuple[int, UInt32]]:
    """What to write where, so that memories hold images: byte addresses and blocks of at most `words` host words.

    The first word of the program's header is 0 first, and what it shall be last: what is loaded in part is no network.
    """
    header, code = images[Window.PROGRAM][:1], images[Window.PROGRAM][1:]
    header_address = regmap.host_address(Window.PROGRAM, 0, 0, config)
    yield header_address, np.zeros_like(header)
    for window, host in images.items():
        first = regmap.host_address(window, 0, 0, config) + HOST_BYTES * (window is Window.PROGRAM)
        part = code if window is Window.PROGRAM else host
        for start in range(0, len(part), words):
            yield first + HOST_BYTES * start, part[start : start + words]
    yield header_address, header


def _host_words(path: Path, chunks: int) -> UInt32:
    """An image as host words: each of its words in `chunks` of them, the lowest bits first."""
    try:
        lines = path.read_text(encoding="ascii").split()
        digits = max(len(line) for line in lines)
        data = bytes.fromhex("".join(line.zfill(digits + digits % 2) for line in lines))
    except OSError as error:
        raise InputError(f"the memory image {path} cannot be read ({error.strerror}); generate the folder again") from error
    except ValueError as error:
        raise InputError(f"{path} is not a memory image ({error}); generate the folder again") from error
    words = np.frombuffer(data, np.uint8).reshape(len(lines), -1)[:, ::-1]
    if words.shape[1] > chunks * HOST_BYTES:
        raise InputError(
            f"{path} has words of {words.shape[1]} bytes, but the memory's have {chunks * HOST_BYTES}; generate the folder again"
        )
    padded = np.zeros((len(lines), chunks * HOST_BYTES), np.uint8)
    padded[:, : words.shape[1]] = words
    return padded.reshape(-1).view("<u4").astype(np.uint32)
