"""What surrounds an accelerator on a board: clock, reset, serial line, LEDs."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Instance, Module, ResetSignal, Signal
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer

from boards.board import Board, Flash, Resource
from boards.pll import PllSettings
from golden.errors import InputError
from hwgen.emit import SELFTEST_MODULE, UART_MODULE, selftest_verilog, uart_verilog
from hwgen.family import Family
from hwgen.gateware.selftest import REPLAY_FILE

#: Microseconds in which an iCE40's block RAMs read wrongly after configuration (iCE40 errata; Amaranth's platform waits as long).
_ICE40_WAIT_US = 15


class Top(enum.Enum):
    """What drives the accelerator."""

    UART = "uart"  #: a host behind the serial line
    FLASH = "flash"  #: the same; the weights come from the board's flash first
    SELFTEST = "selftest"  #: recorded inputs and the golden model's outputs, in memory

    @property
    def serial(self) -> bool:
        """Whether there is a host at a serial line."""
        return self is not Top.SELFTEST


UART_FILE, SELFTEST_FILE = "uart.v", "selftest.v"


@dataclass(frozen=True)
class EmitTops:
    """What gives the Verilog between a top and the accelerator, as `hwgen.emit` does, from a cache perhaps."""

    uart: Callable[..., str] = uart_verilog
    selftest: Callable[..., str] = selftest_verilog


def replay_depth(design: Path) -> int:
    """Records of the self-test that an emitted design holds.  Raises InputError for a folder without one."""
    path = design / REPLAY_FILE
    if not path.is_file():
        raise InputError(f"the design has no self-test: {REPLAY_FILE} of `weft generate` is not in {design}")
    return len(path.read_text(encoding="ascii").split())


def find_top(name: str) -> Top:
    """The top of a name.  Raises InputError for an unknown one."""
    try:
        return Top(name)
    except ValueError as error:
        raise InputError(f"there is no top {name!r}; there are {', '.join(repr(each.value) for each in Top)}") from error


class ClockGenerator(Elaboratable):  # type: ignore[misc]
    """Drives the domain `sync`: the clock that `pll` makes of the platform's default clock, in reset until it is stable."""

    def __init__(self, family: Family, pll: PllSettings) -> None:
        self.family, self.pll = family, pll

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        locked, ready = Signal(), Signal()
        self.pll.add_to(m, platform.request(platform.default_clk, dir="-"), ClockSignal("sync"), locked)
        if self.family is Family.ICE40:
            m.domains.waiting = ClockDomain(local=True)
            count = Signal(range(int(_ICE40_WAIT_US * self.pll.mhz) + 1), init=int(_ICE40_WAIT_US * self.pll.mhz))
            m.d.comb += [
                ClockSignal("waiting").eq(ClockSignal("sync")),
                ResetSignal("waiting").eq(~locked),
                ready.eq(locked & (count == 0)),
            ]
            with m.If(count != 0):
                m.d.waiting += count.eq(count - 1)
        else:
            m.d.comb += ready.eq(locked)
        m.submodules.reset = ResetSynchronizer(~ready, domain="sync")
        return m


class BoardTop(Elaboratable):  # type: ignore[misc]
    """The module `top`: a clock generator, an instance of the emitted UART top or self-test, and the pins; `flash`: the flash's too."""

    def __init__(self, board: Board, pll: PllSettings, top: Top, *, flash: bool) -> None:
        self.board, self.pll, self.top, self.flash = board, pll, top, flash

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        board, lamps = self.board, self.board.lamps
        m.domains.sync = ClockDomain()
        m.submodules.clock = ClockGenerator(board.family, self.pll)
        inner: dict[str, Any] = {"i_clk": ClockSignal("sync"), "i_rst": ResetSignal("sync")}
        if self.flash and board.flash is not None:
            inner |= _flash_ports(m, platform, board.flash)
        lit: dict[Resource | None, Any] = {}
        if self.top.serial and board.uart is not None:
            rx, tx, open_, activity, irq = (Signal(name=name) for name in ("rx", "tx", "open", "activity", "irq"))
            line = _request(platform, board.uart, {"rx": "-", "tx": "-"})
            m.submodules.rx_buffer = rx_buffer = io.Buffer("i", line.rx)
            m.submodules.tx_buffer = tx_buffer = io.Buffer("o", line.tx)
            m.d.comb += [rx.eq(rx_buffer.i), tx_buffer.o.eq(tx)]
            ports = {**inner, "i_rx": rx, "o_tx": tx, "o_irq": irq, "o_open": open_, "o_activity": activity}
            m.submodules.weft = Instance(UART_MODULE, **ports)
            lit = {lamps.open: open_, lamps.activity: activity, lamps.done: irq}
        else:
            done, fail = Signal(), Signal()
            m.submodules.weft = Instance(SELFTEST_MODULE, **inner, o_done=done, o_fail=fail)
            lit = {lamps.passed: done & ~fail, lamps.failed: done & fail}
        for resource, value in lit.items():
            if resource is not None:
                m.submodules[f"{resource[0]}_{resource[1]}_buffer"] = lamp = io.Buffer("o", platform.request(*resource, dir="-"))
                m.d.comb += lamp.o.eq(value)
        for (resource, subsignal), level in board.held.items():
            port = getattr(_request(platform, resource, {}), subsignal)
            m.submodules[f"{resource[0]}_{subsignal}_buffer"] = buffer = io.Buffer("o", port)
            m.d.comb += buffer.o.eq(level)
        return m


def _flash_ports(m: Module, platform: Any, flash: Flash) -> dict[str, Any]:
    """The flash's pins, as ports of a top with a loader.  What else the flash has (write protection, hold) is inactive."""
    pins = _request(platform, flash.resource, {})
    signals = {name: Signal(name=f"flash_{name}") for name in ("sck", "cs_n", "mosi", "miso")}
    for pin, value in (("cs", ~signals["cs_n"]), ("clk", signals["sck"]), ("copi", signals["mosi"]), ("wp", 0), ("hold", 0)):
        if hasattr(pins, pin):
            m.submodules[f"flash_{pin}_buffer"] = buffer = io.Buffer("o", getattr(pins, pin))
            m.d.comb += buffer.o.eq(value)
    m.submodules.flash_cipo_buffer = cipo = io.Buffer("i", pins.cipo)
    m.d.comb += signals["miso"].eq(cipo.i)
    return {f"{'i' if name == 'miso' else 'o'}_flash_{name}": signal for name, signal in signals.items()}


def _request(platform: Any, resource: Resource, directions: dict[str, str]) -> Any:
    """The bare ports of a resource with several signals: no buffers but those that are asked for."""
    signals = platform.lookup(*resource).ios
    return platform.request(*resource, dir={each.name: directions.get(each.name, "-") for each in signals})


@dataclass(frozen=True)
class TopSources:
    """top.il in Yosys' RTLIL, and the constraints on pins and clocks in the form that place and route takes."""

    rtlil: str
    constraints: str
    constraints_file: str


#: What the files of constraints end in.
CONSTRAINTS = {Family.ECP5: "lpf", Family.ICE40: "pcf", Family.GOWIN: "cst"}


def top_sources(board: Board, pll: PllSettings, top: Top, *, flash: bool = False) -> TopSources:
    """The top of a board as Amaranth's platform prepares it; the tools are run by Weft's own stages.

    flash: whether the emitted top takes weights from the board's flash, as FLASH does, and a self-test whose bitstream holds none.

    Raises InputError for a UART top where the FPGA has no serial line.
    """
    if top.serial and board.uart is None:
        raise InputError(f"the FPGA of {board.title} has no serial line of its own, so that it has no UART top; use --top selftest")
    plan = board.platform().build(BoardTop(board, pll, top, flash=flash), name="top", do_build=False, emit_src=False)
    file = f"top.{CONSTRAINTS[board.family]}"
    return TopSources(_text(plan.files["top.il"]), _text(plan.files[file]), file)


def _text(content: str | bytes) -> str:
    return content.decode() if isinstance(content, bytes) else content
