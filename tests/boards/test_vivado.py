"""Projects for Vivado: what they hold, as far as it can be checked here; and PYNQ's driver over a model."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from boards.board import Capacity
from boards.definitions import find_board
from boards.host import BusError
from boards.host.pynq_bus import PynqAccelerator, PynqBus
from boards.top import Top
from boards.vivado import Resource, synthesized, write_project
from boards.vivado.resources import resources
from golden import interpreter
from golden.errors import DoesNotFitError, InputError
from hwgen import regmap
from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.emit import component_verilog, emit
from hwgen.family import Family
from hwgen.gateware.lane import Lane
from hwgen.gateware.ram import Ram
from hwgen.gateware.row import Row
from sim import tools
from sim.tools import Simulator
from sim.verilog import accelerator_verilog
from tests.boards.model_bus import ModelBus
from tests.boards.networks import branching_network
from tests.sim.small import SMALL, small_network

ARTY, PYNQ = find_board("arty_a7_100t"), find_board("pynq_z2")
XILINX = replace(SMALL, family=Family.XILINX7)


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vivado") / "design"
    emit(compile_graph(small_network(), XILINX), path, verilog=accelerator_verilog)
    return path


@pytest.fixture(scope="module")
def projects(design: Path) -> dict[str, Path]:
    for board, mhz in ((ARTY, 80.0), (PYNQ, None)):
        assert write_project(board, design, design.parent / board.name, mhz=mhz, check=False) == ()
    return {board.name: design.parent / board.name for board in (ARTY, PYNQ)}


@pytest.fixture(scope="module")
def selftests(design: Path) -> dict[str, Path]:
    (design / "replay.hex").write_text("0000000000000000\n" * 16)
    for board in (ARTY, PYNQ):
        assert write_project(board, design, design.parent / f"{board.name}_selftest", top=Top.SELFTEST, check=False) == ()
    return {board.name: design.parent / f"{board.name}_selftest" for board in (ARTY, PYNQ)}


def test_every_file_that_the_scripts_name_is_there(projects: dict[str, Path], selftests: dict[str, Path]) -> None:
    for folder in (*projects.values(), *selftests.values()):
        there = {path.name for path in folder.iterdir()}
        for script in ("build.tcl", "package_ip.tcl"):
            text = (folder / script).read_text()
            named = {word for words in re.findall(r"(?:add_files|read_verilog) \{(.*?)\}", text) for word in words.split()}
            named |= set(re.findall(r"read_xdc (\S+)", text))
            assert named <= there
            assert {"accelerator.v"} <= named or script == "build.tcl"
        images = {path.name for path in folder.glob("*.hex")}
        assert images - {"replay.hex"} == {"weights.hex", "params.hex", "program.hex"}
        assert ("replay.hex" in images) == (folder in selftests.values()) == ("selftest.v" in there)
        for name in set(re.findall(r"`([\w.]+\.(?:v|tcl|xdc|hex|py))`", (folder / "README.md").read_text())):
            assert name in there
        assert "**not**" in (folder / "README.md").read_text()


def test_scripts_are_tcl_and_python(projects: dict[str, Path], selftests: dict[str, Path]) -> None:
    """As far as the languages themselves go."""
    tkinter = pytest.importorskip("tkinter")
    for folder in (*projects.values(), *selftests.values()):
        for script in ("build.tcl", "package_ip.tcl"):
            assert tkinter.Tcl().call("info", "complete", (folder / script).read_text()), script
        assert "again with a lower --freq" in (folder / "build.tcl").read_text(), "the option of `weft build`"
    ast.parse((projects["pynq_z2"] / "weft_pynq.py").read_text())


def test_parts(projects: dict[str, Path]) -> None:
    """As Digilent and TUL have them in their board files: on the larger Arty it is not the smaller one's -1L."""
    for name, part in (("arty_a7_100t", "xc7a100tcsg324-1"), ("pynq_z2", "xc7z020clg400-1")):
        for script in ("build.tcl", "package_ip.tcl"):
            assert set(re.findall(r"xc7\w+-\w+", (projects[name] / script).read_text())) == {part}


@pytest.mark.parametrize(
    ("board", "top", "selftest"),
    [
        *(("arty_a7_100t", "top", False), ("pynq_z2", "weft_axi", False), ("arty_a7_100t", "weft_axi", False)),
        *(("arty_a7_100t", "top", True), ("pynq_z2", "top", True), ("pynq_z2", "weft_axi", True)),
    ],
)
def test_the_verilog_compiles(
    projects: dict[str, Path], selftests: dict[str, Path], board: str, top: str, selftest: bool, tmp_path: Path
) -> None:
    """With the family's cells and empty modules for clocks."""
    tools.require(Simulator.ICARUS)
    (tmp_path / "clocks.v").write_text(
        "module BUFG(input I, output O); assign O = I; endmodule\n"
        "module MMCME2_BASE #(parameter CLKIN1_PERIOD = 0, CLKFBOUT_MULT_F = 0, CLKOUT0_DIVIDE_F = 0) "
        "(input CLKIN1, CLKFBIN, PWRDWN, RST, output CLKFBOUT, CLKOUT0, LOCKED);\nendmodule\n"
    )
    folder = (selftests if selftest else projects)[board]
    cells = Path(tools.__file__).parent / "cells" / "xilinx7.v"
    sources = [*map(str, sorted(folder.glob("*.v"))), str(cells), str(tmp_path / "clocks.v")]
    done = subprocess.run(
        ["iverilog", "-g2012", "-s", top, "-o", str(tmp_path / "out"), *sources], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_pins_and_clock(projects: dict[str, Path]) -> None:
    folder = projects["arty_a7_100t"]
    ports = set(re.findall(r"^    (?:input|output) wire (?:\[2:0\] )?(\w+)", (folder / "top.v").read_text(), re.MULTILINE))
    pins = dict(re.findall(r"PACKAGE_PIN (\w+) .*get_ports \{ ([\w\[\]]+) \}", (folder / "arty_a7_100t.xdc").read_text()))
    assert {port.split("[")[0] for port in pins.values()} == ports
    assert {pin: pins[pin] for pin in ("E3", "A9", "D10", "C2")} == {"E3": "clk_in", "A9": "rx", "D10": "tx", "C2": "reset_n"}
    assert ".CLKOUT0_DIVIDE_F(12.5)" in (folder / "top.v").read_text()
    assert "80 clock cycles a bit" in (folder / "uart.v").read_text()


@pytest.mark.parametrize(
    ("board", "pins"),
    [
        ("arty_a7_100t", {"E3": "clk_in", "C2": "reset_n", "T9": "lamp[0]", "T10": "lamp[1]"}),
        ("pynq_z2", {"H16": "clk_in", "N16": "lamp[0]", "M14": "lamp[1]"}),
    ],
)
def test_pins_of_a_self_test(selftests: dict[str, Path], board: str, pins: dict[str, str]) -> None:
    """A PYNQ-Z2's runs without its processor: the clock is that of the board."""
    folder = selftests[board]
    assert dict(re.findall(r"PACKAGE_PIN (\w+) .*get_ports \{ ([\w\[\]]+) \}", (folder / f"{board}.xdc").read_text())) == pins
    top = (folder / "top.v").read_text()
    assert set(re.findall(r"^    (?:input|output) wire (?:\[1:0\] )?(\w+)", top, re.MULTILINE)) == {
        pin.split("[")[0] for pin in pins.values()
    }
    assert "assign lamp = {done & fail, done & ~fail};" in top
    assert ("MMCME2_BASE" in top) == (board == "pynq_z2"), "100 MHz, of 125"
    assert "16 replay records" in (folder / "selftest.v").read_text()
    named = re.findall(r"get_ports \{ ([^}]*) \}", (folder / f"{board}.xdc").read_text())
    assert "rx" not in named
    assert "read_verilog { top.v selftest.v accelerator.v }" in (folder / "build.tcl").read_text()


def test_tops_that_make_no_sense_are_refused(design: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="on Arty A7-100T no design reads the flash: its bitstreams hold the weights; use --top uart"):
        write_project(ARTY, design, tmp_path / "project", top=Top.FLASH, check=False)
    folder = tmp_path / "design"
    folder.mkdir()
    for path in design.iterdir():
        if path.name != "replay.hex":
            (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"replay.hex of `weft generate` is not in"):
        write_project(ARTY, folder, tmp_path / "project", top=Top.SELFTEST, check=False)
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("board", "family", "mhz", "message"),
    [
        (find_board("ulx3s_85f"), Family.ECP5, None, "is no board of Vivado's"),
        (ARTY, Family.ECP5, None, "holds Verilog for the family ecp5; generate it with --board arty_a7_100t"),
        (ARTY, Family.XILINX7, 2.0, "clock of Arty A7-100T can be from 7.81 to 500 MHz, not 2"),
        (ARTY, Family.XILINX7, 700.0, "to 500 MHz, not 700"),
        (PYNQ, Family.XILINX7, 400.0, "makes clocks from 10 to 250 MHz, not 400"),
    ],
)
def test_what_is_refused(board, family: Family, mhz: float | None, message: str, design: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "design"
    folder.mkdir()
    for path in design.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    data = json.loads((folder / "config.json").read_text())
    data["config"]["family"] = family.value
    (folder / "config.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=message):
        write_project(board, folder, tmp_path / "project", mhz=mhz, check=False)
    assert not (tmp_path / "project").exists()


# --- what synthesis makes of the parts ------------------------------------------------------------


@pytest.fixture(scope="module")
def parts() -> Callable[[str], dict[str, str]]:
    """Verilog of a row of the array, of a lane, and of memories."""
    config = AcceleratorConfig(rows=4, cols=2, lanes=1, family=Family.XILINX7)
    components = {"row": Row(config, 3), "lane": Lane(config), "memory": Ram(width=64, depth=2048, chunk=8)}
    texts = {name: component_verilog(component, name, family=Family.XILINX7) for name, component in components.items()}
    from hwgen.emit import templates

    texts["memory"] += templates()
    return lambda name: {name: texts[name]}


def netlist(folder: Path, name: str, text: str) -> dict[str, dict]:  # type: ignore[type-arg]
    (folder / f"{name}.v").write_text(text)
    synthesized(ARTY, folder, [f"{name}.v"], name)
    return json.loads((folder / "netlist.json").read_text())["modules"][name]["cells"]


@pytest.mark.parametrize(("name", "count"), [("row", 2), ("lane", 4)])
def test_products_are_cells_with_their_registers_on(parts, name: str, count: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """And nothing else has been taken into them: the adder behind is outside, for its register is."""
    cells = netlist(tmp_path, name, parts(name)[name])
    dsps = [cell for cell in cells.values() if cell["type"] == "DSP48E1"]
    assert len(dsps) == count
    for cell in dsps:
        registers = {key: int(cell["parameters"][key], 2) for key in ("AREG", "BREG", "MREG", "PREG", "CREG")}
        assert registers == {"AREG": 1, "BREG": 1, "MREG": 1, "PREG": 1, "CREG": 0}
        assert cell["connections"]["OPMODE"] == ["1", "0", "1", "0", "0", "0", "0"]
        assert set(cell["connections"]["C"]) == {"0"}
    assert any(cell["type"] == "CARRY4" for cell in cells.values())


def test_memories_are_block_ram(parts, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    cells = Counter(cell["type"] for cell in netlist(tmp_path, "memory", parts("memory")["memory"]).values())
    assert cells["RAMB36E1"] == 4
    assert sum(count for kind, count in cells.items() if kind.startswith("FD")) <= 64, "the output register at most"


def test_resources_and_what_is_too_large(parts, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    capacity = Capacity(lut=10, ff=20, dsp=3, block_ram=4)
    counted = resources(
        Counter({"LUT6": 3, "SRL16E": 2, "RAM32M": 1, "FDRE": 7, "FDSE": 1, "DSP48E1": 2, "RAMB36E1": 1, "RAMB18E1": 3}), capacity
    )
    assert [(each.used, each.there) for each in counted] == [(9, 10), (8, 20), (2, 3), (2.5, 4)]
    assert isinstance(counted[0], Resource)
    (tmp_path / "row.v").write_text(parts("row")["row"])
    with pytest.raises(DoesNotFitError, match="does not fit Arty") as caught:
        synthesized(replace(ARTY, capacity=replace(ARTY.capacity, dsp=1)), tmp_path, ["row.v"], "row")
    assert caught.value.problems == ("DSP48E1: 2 are needed, 1 are there",)


# --- PYNQ -----------------------------------------------------------------------------------------


class FakeMmio:
    """`pynq.MMIO` over a model of the accelerator."""

    def __init__(self, model: ModelBus, length: int = 1 << regmap.ADDRESS_BITS) -> None:
        self.model, self.length = model, length

    def read(self, offset: int = 0) -> int:
        return self.model.read(offset)

    def write(self, offset: int, data: int) -> None:
        assert isinstance(data, int)
        self.model.write(offset, data)


def test_pynq(tmp_path: Path) -> None:
    graph = branching_network()
    program = compile_graph(graph, AcceleratorConfig(rows=16, cols=4, lanes=2, act_depth=256, param_depth=128, add_tables=1))
    emit(program, tmp_path / "design", verilog=lambda config: "")
    rng = np.random.default_rng(1)
    given = {name: rng.integers(-128, 128, (2, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}
    accelerator = PynqAccelerator(FakeMmio(ModelBus(tmp_path / "design", graph, program.device)), tmp_path / "design")
    made, expected = accelerator.execute(given), interpreter.run(graph, given, tensors=True)
    assert isinstance(made, dict)
    assert all(np.array_equal(made[name], expected[name]) for name in graph.outputs)


def test_pynq_of_one_output(tmp_path: Path) -> None:
    graph = small_network()
    program = compile_graph(graph, SMALL)
    emit(program, tmp_path / "design", verilog=lambda config: "")
    x = np.zeros((1, *graph.tensors["x"].shape), np.int8)
    accelerator = PynqAccelerator(FakeMmio(ModelBus(tmp_path / "design", graph, program.device)), tmp_path / "design")
    assert np.array_equal(accelerator.execute(x), interpreter.run(graph, x))


def test_a_range_that_is_too_small() -> None:
    with pytest.raises(BusError, match="has 0x10000 bytes, and needs 0x10000000: set it in Vivado's address editor"):
        PynqBus(FakeMmio(None, 1 << 16))  # type: ignore[arg-type]
