"""The C driver of an emitted folder, compiled by the system's C compiler and called from Python; the Verilated accelerator as its bus."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache as cache_calls
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from boards.host import BusError
from boards.host.bus import Bus
from hwgen import cache
from sim import tools
from sim.build_folder import TOP

COMPILER = os.environ.get("CC", "cc")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")

READ = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))
WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)
Int8 = npt.NDArray[np.int8]


class CBus(ctypes.Structure):
    """struct weft_bus."""

    _fields_ = (("context", ctypes.c_void_p), ("read", READ), ("write", WRITE))


class CTensor(ctypes.Structure):
    """struct weft_tensor."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        *((name, ctypes.c_uint32) for name in ("height", "width", "channels", "word", "row_words", "pixel_words")),
    )


class CNetwork(ctypes.Structure):
    """struct weft_network."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        *((name, ctypes.c_uint32) for name in ("cycles", "word_bytes", "word_chunks")),
        *(
            (f"{name}{part}", kind)
            for name in ("configuration", "identity")
            for part, kind in (("", ctypes.c_void_p), ("_count", ctypes.c_uint32))
        ),
        ("inputs", ctypes.POINTER(CTensor)),
        ("input_count", ctypes.c_uint32),
        ("outputs", ctypes.POINTER(CTensor)),
        ("output_count", ctypes.c_uint32),
    )


class CImage(ctypes.Structure):
    """struct weft_image."""

    _fields_ = (("address", ctypes.c_uint32), ("count", ctypes.c_uint32), ("words", ctypes.c_void_p))


class CAccelerator(ctypes.Structure):
    """struct weft_accelerator."""

    _fields_ = (("bus", CBus), ("network", ctypes.POINTER(CNetwork)), ("address", ctypes.c_uint32))


def python_bus(bus: Bus, accesses: list[int] | None = None, fail_at: int | None = None) -> CBus:
    """A bus of Python as the driver's; accesses: addresses are added to it; fail_at: the access that fails, counted from 0."""
    log = [] if accesses is None else accesses

    def attempt(address: int) -> bool:
        log.append(address)
        return len(log) - 1 != fail_at

    def read(context: int, address: int, value: Any) -> int:
        try:
            if not attempt(address):
                return 1
            value[0] = bus.read(address)
        except BusError:
            return 2
        return 0

    def write(context: int, address: int, value: int) -> int:
        try:
            if not attempt(address):
                return 1
            bus.write(address, value)
        except BusError:
            return 2
        return 0

    return CBus(None, READ(read), WRITE(write))


@cache_calls
def _compiled(folder: Path) -> Path:
    """The driver and the network of a folder as a library, beside the folder."""
    library = folder.with_suffix(".so")
    command = [COMPILER, *STRICT, "-O1", "-shared", "-fPIC", "-o", str(library), *map(str, sorted(folder.glob("*.c")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return library


class CDriver:
    """The driver of a folder.  Its functions return the names of results."""

    def __init__(self, folder: Path) -> None:
        self.library = ctypes.CDLL(str(_compiled(folder)))
        self.library.weft_result_name.restype = ctypes.c_char_p
        self.library.weft_mapped.restype = CBus
        self.network = CNetwork.in_dll(self.library, "weft_model")
        header = (folder / "weft_network.h").read_text()
        self.image_count = int(header.split("#define WEFT_IMAGE_COUNT ")[1].split("u")[0])
        self.images = (CImage * self.image_count).in_dll(self.library, "weft_images")
        self.accelerator = CAccelerator()

    def _call(self, function: str, *arguments: Any) -> str:
        return self.library.weft_result_name(getattr(self.library, function)(ctypes.byref(self.accelerator), *arguments)).decode()

    def open(self, bus: CBus) -> str:
        self.bus = bus  # C holds its functions, which Python would forget
        return self._call("weft_open", bus, ctypes.byref(self.network))

    def check(self) -> str:
        return self._call("weft_check")

    def load(self) -> str:
        return self._call("weft_load", self.images, ctypes.c_uint32(self.image_count))

    def start(self, interrupt: bool = False) -> str:
        return self._call("weft_start", ctypes.c_int(interrupt))

    def wait(self, polls: int = 0) -> str:
        return self._call("weft_wait", ctypes.c_uint32(polls))

    def write(self, index: int, values: Int8) -> str:
        data = np.ascontiguousarray(values)
        return self._call("weft_write", ctypes.byref(self.network.inputs[index]), data.ctypes.data_as(ctypes.c_void_p))

    def read(self, index: int, shape: Sequence[int]) -> tuple[str, Int8]:
        data = np.full(shape, 99, np.int8)
        result = self._call("weft_read", ctypes.byref(self.network.outputs[index]), data.ctypes.data_as(ctypes.c_void_p))
        return result, data

    def cycles(self) -> tuple[str, int]:
        value = ctypes.c_uint32()
        return self._call("weft_cycles", ctypes.byref(value)), value.value

    def run(self, inputs: Mapping[str, Int8], shapes: Mapping[str, Sequence[int]], polls: int = 0) -> tuple[str, dict[str, Int8]]:
        """One inference; inputs int8[*shape] by name, shapes of the outputs by name."""
        network = self.network
        given = [np.ascontiguousarray(inputs[network.inputs[i].name.decode()]) for i in range(network.input_count)]
        names = [network.outputs[i].name.decode() for i in range(network.output_count)]
        made = {name: np.full(shapes[name], 99, np.int8) for name in names}
        pointers = [
            (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays)) for arrays in (given, [made[name] for name in names])
        ]
        return self._call("weft_run", *pointers, ctypes.c_uint32(polls)), made


_MAIN = Path(__file__).with_name("simulated_accelerator.cpp")
_OPTIONS = ("-O3", "--x-assign", "fast", "--x-initial", "unique", "--noassert", "-Wno-fatal", "-Wno-lint", "-Wno-style")
_LIBRARY = ("-CFLAGS", "-fPIC", "-LDFLAGS", "-shared")
_MAKE = ("OPT_FAST=-O1", "OPT_GLOBAL=-O1", "OPT_SLOW=-O0")


def verilated(accelerator: str) -> Path:
    """The library of an accelerator.v, from the cache where it was built before."""
    verilator = tools.verilator()
    key = cache.digest(verilator.version, str(verilator.executable), *_OPTIONS, *_LIBRARY, *_MAKE, accelerator, _MAIN.read_text())

    def make(part: Path) -> None:
        work = part / "work"
        work.mkdir()
        (work / "accelerator.v").write_text(accelerator)
        environment = verilator.environment(dict(os.environ))
        command = [str(verilator.executable), "--cc", "--exe", *_OPTIONS, *_LIBRARY, "--top-module", TOP, "-Mdir", ".", "-o", "board.so"]
        variables = [f"{name}={value}" for name, value in verilator.make_variables.items()]
        for arguments in ([*command, "accelerator.v", str(_MAIN)], ["make", "-s", "-f", f"V{TOP}.mk", *variables, *_MAKE]):
            done = subprocess.run(arguments, cwd=work, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        (work / "board.so").rename(part / "board.so")
        shutil.rmtree(work)

    return cache.entry(f"c-driver-{key}", make) / "board.so"


class Board:
    """A simulated accelerator, reset; the memory images are read from the current folder, as by every simulation of it."""

    def __init__(self, library: Path, seed: int) -> None:
        self.library = ctypes.CDLL(str(library))
        self.library.board_new.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.board_new(seed))
        self.bus = CBus(self.context, READ(("board_read", self.library)), WRITE(("board_write", self.library)))
        self.reset()

    def reset(self) -> None:
        self.library.board_reset(self.context)

    def irq(self) -> bool:
        return bool(self.library.board_irq(self.context))

    def wait_irq(self, limit: int) -> int:
        """Clock cycles until the line is high, or -1."""
        return int(self.library.board_wait_irq(self.context, limit))

    def close(self) -> None:
        self.library.board_delete(self.context)
