"""A mapped bus on a file in place of a device."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from boards.host import BusError, DeviceError, MappedBus
from boards.host.accelerator import Accelerator
from hwgen.compiler import compile_graph
from hwgen.config import NAMED
from hwgen.emit import emit
from tests.boards.networks import branching_network

SIZE, OFFSET = 1 << 28, 1 << 16


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A file with a hole of the address space's size, behind something else."""
    path = tmp_path / "device"
    with path.open("wb") as file:
        file.truncate(OFFSET + SIZE)
    return path


@pytest.fixture
def bus(device: Path) -> Iterator[MappedBus]:
    with MappedBus(device, offset=OFFSET) as opened:
        yield opened


def test_words_are_where_the_device_has_them(bus: MappedBus, device: Path) -> None:
    bus.write(0x18, 0x01020304)
    bus.write_block(SIZE - 12, np.array([5, 0xFFFFFFFF, 7], np.uint32))
    with device.open("rb") as file:
        file.seek(OFFSET + 0x18)
        assert file.read(8) == bytes([4, 3, 2, 1, 0, 0, 0, 0])
        file.seek(OFFSET + SIZE - 12)
        assert struct.unpack("<3I", file.read()) == (5, 0xFFFFFFFF, 7)
    assert bus.read(0x18) == 0x01020304
    block = bus.read_block(SIZE - 12, 3)
    assert (block.dtype, block.tolist()) == (np.uint32, [5, 0xFFFFFFFF, 7])
    assert bus.wait_interrupt(0.0) is None


def test_the_driver_says_that_nothing_is_there(bus: MappedBus, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    emit(compile_graph(branching_network(), NAMED["tiny-4x4"]), folder, verilog=lambda config: "// none needed here\n")
    with pytest.raises(DeviceError, match="there is no accelerator: ID reads 0x00000000"):
        Accelerator(bus, folder)


def test_interrupts_come_through_the_file(device: Path) -> None:
    """Linux's rule for a uio device: writing 1 lets the next interrupt through, which a read then counts."""
    ours, kernel = socket.socketpair()
    with MappedBus(device, interrupt=True) as bus, ours, kernel:
        os.dup2(ours.fileno(), bus._file)
        assert bus.wait_interrupt(0.0) is False
        assert kernel.recv(4) == struct.pack("I", 1), "it was asked for"
        kernel.send(struct.pack("I", 1))
        assert bus.wait_interrupt(10.0) is True
        assert bus.wait_interrupt(0.0) is False, "it was taken"


def test_what_cannot_be_mapped(tmp_path: Path, device: Path) -> None:
    with pytest.raises(BusError, match=r"cannot open .*nothing: No such file or directory; check that the device is there"):
        MappedBus(tmp_path / "nothing")
    with pytest.raises(BusError, match=r"cannot map 0x10000000 bytes of .* check the offset"):
        MappedBus(device, offset=100)
    with pytest.raises(BusError, match="and the size of the mapped region"):
        MappedBus(device, offset=2 * OFFSET)
