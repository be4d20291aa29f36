"""A folder that Vivado makes a bitstream of, from a design that `weft generate` wrote."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib.wiring import In
from jinja2 import DictLoader, Environment, StrictUndefined

from boards.board import Board
from boards.board import Resource as BoardResource
from boards.top import SELFTEST_FILE, UART_FILE, EmitTops, Top, replay_depth
from boards.vivado.resources import LOG, NETLIST, SCRIPT, Resource, synthesized
from golden.errors import InputError
from hwgen import regmap
from hwgen.design import read_design
from hwgen.family import Family
from hwgen.gateware.accelerator import MEMBERS
from hwgen.gateware.selftest import REPLAY_FILE
from hwgen.uart_link import divisor

#: What the check with Yosys leaves, within the project.
SYNTHESIS_FOLDER = "synthesis"
_EMITTED = EmitTops()
_TEMPLATES = ("top.v", "pins.xdc", "build.tcl", "weft_axi.v", "package_ip.tcl", "zynq.tcl", "README.md", "weft_pynq.py")
_MEGA = 1e6

#: MMCME2_BASE (Xilinx DS181, UG472): the oscillator in MHz, and the output divider's range and step.
_VCO_MHZ, _DIVIDE_MOST, _DIVIDE_STEP = Fraction(1000), 128, Fraction(1, 8)
_CLOCK_TOLERANCE = Fraction(1, 50)

#: Where a Zynq's processor finds what is at M_AXI_GP0.
_ZYNQ_BASE = 0x4000_0000


def write_project(
    board: Board,
    design_folder: Path,
    folder: Path,
    *,
    mhz: float | None = None,
    top: Top = Top.UART,
    check: bool = True,
    tops: EmitTops = _EMITTED,
    compiling: Callable[[], None] | None = None,
) -> tuple[Resource, ...]:
    """Writes a project into a new folder beside or above an emitted design, which it names by its relative path.

    mhz:   the accelerator's clock; the board's by default.
    top:   what drives the accelerator: a serial line, or on a Zynq its processor (UART), or the design's recording (SELFTEST).
    check: whether to synthesize it with Yosys, so that what it takes is known; SYNTHESIS_FOLDER keeps the netlist.
    tops:  gives uart.v or selftest.v.
    Returns what the design takes, if it was checked.  Raises InputError for a board of another family, a design whose Verilog is for
    another family, or a clock that cannot be had, DoesNotFitError for a design that is too large, and what `synthesized` raises.
    """
    design = read_design(design_folder)
    if board.family is not Family.XILINX7:
        raise InputError(f"{board.title} is no board of Vivado's: `weft build` makes its bitstreams")
    if design.config.family not in (Family.XILINX7, Family.PORTABLE):
        raise InputError(
            f"{design_folder} holds Verilog for the family {design.config.family.value}; generate it with --board {board.name}, or for none"
        )
    if top is Top.FLASH:
        raise InputError(f"on {board.title} no design reads the flash: its bitstreams hold the weights; use --top uart")
    selftest = top is Top.SELFTEST
    zynq = board.uart is None and not selftest
    clock = _Clock.of(board, board.clock_mhz if mhz is None else mhz, processor=zynq)
    images = sorted([*design.images.values(), *([REPLAY_FILE] if selftest else [])])
    if missing := [name for name in images if not (design_folder / name).is_file()]:
        raise InputError(f"{', '.join(missing)} of `weft generate` is not in {design_folder}")
    folder.mkdir(parents=True)
    for name in ("accelerator.v", *images):
        shutil.copyfile(design_folder / name, folder / name)
    values = {
        "board": board,
        "title": _plain(design.network_name),
        "design": _relative(design_folder, folder),
        "images": images,
        "mhz": f"{float(clock.mhz):g}",
        "period_ns": f"{float(1000 / clock.source):g}",
        "multiply": f"{float(_VCO_MHZ / clock.source):g}",
        "divide": "" if clock.divide is None else f"{float(clock.divide):g}",
        "axi": _axi_ports(),
        "address_bits": regmap.ADDRESS_BITS,
        "ip_sources": ["weft_axi.v", "accelerator.v"],
        "zynq": zynq,
        "selftest": selftest,
        "base": f"{_ZYNQ_BASE:#x}",
        "range": f"{1 << regmap.ADDRESS_BITS >> 20}M",
        "resources": (),
    }
    text = {"weft_axi.v": "weft_axi.v", "package_ip.tcl": "package_ip.tcl"}
    if zynq:
        text |= {"build.tcl": "zynq.tcl", "weft_pynq.py": "weft_pynq.py"}
        sources, inside = ["weft_axi.v", "accelerator.v"], "weft_axi"
    else:
        if selftest:
            between, verilog = SELFTEST_FILE, tops.selftest(design.config, replay_depth(design_folder))
            lamps = [board.lamps.passed, board.lamps.failed]
        else:
            cycles = divisor(float(clock.mhz) * _MEGA, board.baud)
            between, verilog = UART_FILE, tops.uart(design.config, cycles)
            lamps = [lamp for lamp in (board.lamps.open, board.lamps.activity, board.lamps.done) if lamp is not None]
            values |= {"baud": board.baud, "divisor": cycles}
        (folder / between).write_text(verilog, encoding="utf-8")
        sources, inside = ["top.v", between, "accelerator.v"], "top"
        bitstream = f"{board.name}.bit"
        constraints = f"{board.name}.xdc"
        values |= {"sources": sources, "bitstream": bitstream, "constraints": constraints, "lamps": lamps}
        pins = _pins(board, lamps, line=not selftest)
        values |= {"pins": pins, "ports": {port for port, _, _ in pins}}
        text |= {"top.v": "top.v", constraints: "pins.xdc", "build.tcl": "build.tcl"}
    environment = _environment()
    for name, template in text.items():
        (folder / name).write_text(environment.get_template(template).render(values), encoding="utf-8")
    found: tuple[Resource, ...] = ()
    if check:
        found = _checked(board, folder, sources, images, inside, compiling)
        values["resources"] = [(each.name, f"{each.used:,g}", f"{each.there:,}") for each in found]
    (folder / "README.md").write_text(environment.get_template("README.md").render(values), encoding="utf-8")
    return found


def _checked(
    board: Board, folder: Path, sources: Sequence[str], images: Sequence[str], top: str, compiling: Callable[[], None] | None
) -> tuple[Resource, ...]:
    """What synthesis finds, in a folder of its own, of which the images are taken away again."""
    work = folder / SYNTHESIS_FOLDER
    work.mkdir()
    for name in (*sources, *images):
        shutil.copyfile(folder / name, work / name)
    found = synthesized(board, work, sources, top, compiling)
    for path in work.iterdir():
        if path.name not in (NETLIST, SCRIPT, LOG):
            path.unlink()
    return found


class _Clock:
    """The accelerator's clock: the board's, or the MMCM's. divide: of its output; None without an MMCM."""

    def __init__(self, source: Fraction, mhz: Fraction, divide: Fraction | None) -> None:
        self.source, self.mhz, self.divide = source, mhz, divide

    @classmethod
    def of(cls, board: Board, mhz: float, *, processor: bool) -> _Clock:
        """processor: whether it makes the clock.  Raises InputError for a clock that is not to be had to within a fiftieth."""
        wanted = Fraction(mhz).limit_denominator(1000)
        if processor:
            if not 10 <= wanted <= 250:
                raise InputError(f"the processor of {board.title} makes clocks from 10 to 250 MHz, not {mhz:g}")
            return cls(wanted, wanted, None)
        source = Fraction(board.platform().default_clk_frequency / _MEGA).limit_denominator(1000)
        if source == wanted:
            return cls(source, source, None)
        divide = round(_VCO_MHZ / wanted / _DIVIDE_STEP) * _DIVIDE_STEP if wanted > 0 else Fraction(0)
        if not 2 <= divide <= _DIVIDE_MOST or abs(_VCO_MHZ / divide - wanted) > wanted * _CLOCK_TOLERANCE:
            raise InputError(f"the clock of {board.title} can be from {float(_VCO_MHZ / _DIVIDE_MOST):.3g} to 500 MHz, not {mhz:g}")
        return cls(source, _VCO_MHZ / divide, divide)


def _pins(board: Board, lamps: Sequence[BoardResource], *, line: bool) -> list[tuple[str, str, str]]:
    """(port of the top, pin, standard) of everything that the top has: clock, reset where the board has one, serial line, lamps."""
    platform = board.platform()

    def pin(resource: BoardResource, port: str, signal: str | None = None) -> tuple[str, str, str]:
        found = platform.lookup(*resource)
        inner = found.ios[0] if signal is None else next(each.ios[0] for each in found.ios if each.name == signal)
        return port, inner.names[0], str(found.attrs["IOSTANDARD"])

    pins = [pin((platform.default_clk, 0), "clk_in")]
    if platform.default_rst is not None:
        pins.append(pin((platform.default_rst, 0), "reset_n"))
    if line and board.uart is not None:
        pins += [pin(board.uart, "rx", "rx"), pin(board.uart, "tx", "tx")]
    return [*pins, *(pin(lamp, f"lamp[{index}]") for index, lamp in enumerate(lamps))]


def _axi_ports() -> list[dict[str, Any]]:
    """The accelerator's bus as `weft_axi` has it: names without the prefix."""
    return [
        {
            "name": name.removeprefix("s_axil_"),
            "direction": "input" if member.flow is In else "output",
            "width": Shape.cast(member.shape).width,
        }
        for name, member in MEMBERS.items()
        if name.startswith("s_axil_")
    ]


def _environment() -> Environment:
    folder = files("boards.vivado") / "templates"
    sources = {name: (folder / f"{name}.j2").read_text(encoding="utf-8") for name in _TEMPLATES}
    return Environment(loader=DictLoader(sources), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)


def _plain(text: str) -> str:
    """Text that can stand in Tcl, Verilog and Python."""
    return re.sub(r"[^A-Za-z0-9 ._-]", "_", text)


def _relative(design: Path, folder: Path) -> str:
    """The design's folder as one in the project's would name it."""
    design, folder = design.resolve(), folder.resolve()
    return f"../{design.name}" if design.parent == folder.parent else str(design)
