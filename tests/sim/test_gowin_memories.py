"""Memories of many shapes, synthesized for Gowin: the netlist with the models of its cells against the Verilog, in every cycle.

What the Verilog leaves open (x: words that were never written, a word that is read while it is written) the netlist may choose.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hwgen.emit import templates
from hwgen.family import Family
from hwgen.synthesis import synthesis_command
from hwgen.yosys import run_script
from sim import tools, yosys
from sim.netlist_models import netlist_models
from sim.tools import Simulator

#: All memories have the same pins: controls c, two addresses, data, and what they read.
PINS = "(input wire clk, input wire [3:0] c, input wire [13:0] x, input wire [13:0] y, input wire [71:0] d, output wire [71:0] q);"


@dataclass(frozen=True)
class Memory:
    """Verilog between the pins, how many bits it reads, and the block RAM that it becomes.

    image: width and depth of its initial contents, where it has some.
    """

    body: str
    width: int
    cells: dict[str, int]
    image: tuple[int, int] | None = None


def ours(cells: dict[str, int], width: int, depth: int, chunk: int, *, name: str = "weft_ram", image: bool = False) -> Memory:
    """One of our own memories."""
    address, file = depth.bit_length() - 1, f"{width}x{depth}.hex" if image else ""
    body = f"""
  {name} #(.WIDTH({width}), .DEPTH({depth}), .CHUNK({chunk}), .ADDRESS({address}), .INIT("{file}")) ram (.clk(clk), .read_en(c[0]),
      .read_addr(x[{address - 1}:0]), .read_data(q[{width - 1}:0]), .write_en({{{width // chunk}{{c[1]}}}} & d[71-:{width // chunk}]),
      .write_addr(y[{address - 1}:0]), .write_data(d[{width - 1}:0]));"""
    return Memory(body, width, cells, (width, depth) if image else None)


def two_widths(cells: dict[str, int], write: int, read: int) -> Memory:
    """Of 16,384 or 18,432 bits, with ports of two widths; the words of the wider one are several of the narrower one's."""
    low, ratio = min(write, read), max(write, read) // min(write, read)
    address = ((1 << 14) // (low // 9 * 8 or low)).bit_length() - 1
    part = ratio.bit_length() - 1

    def each(action: str) -> str:
        return "".join(action.format(place=f"[{k * low}+:{low}]", lowest=f"{part}'d{k}") for k in range(ratio))

    at = f"[{address - part - 1}:0]"
    writing = f"mem[y[{address - 1}:0]] <= d[{low - 1}:0];" if write == low else each(f"mem[{{{{y{at}, {{lowest}}}}}}] <= d{{place}};")
    reading = f"read <= mem[x[{address - 1}:0]];" if read == low else each(f"read{{place}} <= mem[{{{{x{at}, {{lowest}}}}}}];")
    body = f"""
  (* no_rw_check *) reg [{low - 1}:0] mem[0:{(1 << address) - 1}];
  reg [{read - 1}:0] read;
  reg clash;
  always @(posedge clk) begin
    if (c[1]) begin {writing} end
    if (c[0]) begin {reading} end
    // Reading what is written is left open.
    if (c[0]) clash <= c[1] && x{f"[{address - 1}:{part}]" if read == low else at} == y{f"[{address - 1}:{part}]" if write == low else at};
  end
  assign q = clash ? 72'd0 : read;"""
    return Memory(body, read, cells)


def one_port(cells: dict[str, int], width: int, address: int, reading: str, edge: str = "") -> Memory:
    body = f"""
  reg [{width - 1}:0] mem[0:{(1 << address) - 1}];
  reg [{width - 1}:0] read;
  wire [{address - 1}:0] at = x;
  wire reset = c[3];
  always @(posedge clk) if (c[0] && c[1]) mem[at] <= d[{width - 1}:0];
  always @(posedge clk{edge}) {reading}
  assign q = read;"""
    return Memory(body, width, cells)


def two_ports(cells: dict[str, int], width: int, address: int, *, through: bool) -> Memory:
    """Each port reads where it does not write, or what it writes."""
    read = "if (c[{e}]) {r} <= c[{w}] ? {d} : mem[{a}];" if through else "if (c[{e}] && !c[{w}]) {r} <= mem[{a}];"
    body = f"""
  (* no_rw_check *) reg [{width - 1}:0] mem[0:{(1 << address) - 1}];
  reg [{width - 1}:0] a, b;
  wire [{address - 1}:0] at_a = x, at_b = {{~x[{address - 1}], y[{address - 2}:0]}};  // never the same
  always @(posedge clk) if (c[0] && c[1]) mem[at_a] <= d[{width - 1}:0];
  always @(posedge clk) if (c[2] && c[3]) mem[at_b] <= d[71-:{width}];
  always @(posedge clk) {read.format(e=0, w=1, r="a", d=f"d[{width - 1}:0]", a="at_a")}
  always @(posedge clk) {read.format(e=2, w=3, r="b", d=f"d[71-:{width}]", a="at_b")}
  assign q = {{b, a}};"""
    return Memory(body, 2 * width, cells)


#: Yosys (0.70, gowin/brams_map.v) declares the data of a DPB's port B with the width of its port A: what is wider is left out.  No memory
#: of ours has ports of two widths; where one had, `check -assert` would find wires that nothing drives.
DROPPED = "write_1_read_8"

MEMORIES = {
    "bytes": ours({"DPX9B": 1}, 16, 1024, 8),
    "bytes_image": ours({"SDPX9B": 1}, 32, 512, 8, image=True),
    "words": ours({"SDPX9B": 1}, 36, 512, 36),
    "wide": ours({"SDPX9B": 2}, 72, 512, 9, image=True),
    "blocks": ours({"DPX9B": 2}, 9, 4096, 9, image=True),
    "lean": ours({"DPX9B": 1}, 18, 1024, 18, name="weft_lean_ram"),
    "single_port": ours({"SPX9": 1}, 18, 1024, 9, name="weft_single_port_ram", image=True),
    "bits": ours({"DPB": 1}, 1, 16384, 1, image=True),
    "nibbles": ours({"DPB": 1}, 4, 4096, 4, image=True),
    DROPPED: two_widths({"DPB": 1}, 1, 8),
    "write_4_read_32": two_widths({"SDPB": 1}, 4, 32),
    "write_16_read_2": two_widths({"DPB": 1}, 16, 2),
    "write_9_read_36": two_widths({"SDPX9B": 1}, 9, 36),
    "write_36_read_18": two_widths({"SDPX9B": 1}, 36, 18),
    "keeps": one_port({"SPX9": 1}, 9, 11, "if (c[0] && !c[1]) read <= mem[at];"),
    "through": one_port({"SP": 1}, 2, 13, "if (c[0]) read <= c[1] ? d[1:0] : mem[at];"),
    "reads_old": one_port({"SPX9": 1}, 36, 9, "if (c[0]) read <= mem[at];"),
    "reset": one_port({"SPX9": 1}, 18, 10, "if (reset) read <= 0; else if (c[0]) read <= mem[at];"),
    "reset_at_once": one_port({"SPX9": 1}, 18, 10, "if (reset) read <= 0; else if (c[0]) read <= mem[at];", " or posedge reset"),
    "ports_keep": two_ports({"DPX9B": 1}, 18, 10, through=False),
    "ports_through": two_ports({"DPB": 1}, 4, 12, through=True),
}


def module(name: str, inner: str) -> str:
    return f"module {name} {PINS}{inner}\nendmodule\n"


def design() -> str:
    """All memories, and `all`, which has one of each."""
    memories = "".join(module(f"m_{name}", memory.body) for name, memory in MEMORIES.items())
    instances = "".join(f"\n  m_{name} {name} (.clk(clk), .c(c), .x(x), .y(y), .d(d), .q(q_{name}));" for name in MEMORIES)
    outputs = ", ".join(f"output wire [71:0] q_{name}" for name in MEMORIES)
    pins = PINS.replace("output wire [71:0] q", outputs)
    return f"{templates()}{memories}module all {pins}{instances}\nendmodule\n"


_BENCH = """
module bench;
  reg clk = 0;
  reg [3:0] c = 0;
  reg [13:0] x = 0, y = 0;
  reg [71:0] d = 0;
  integer i, k, wrong[0:{last}], known[0:{last}];
{wires}
  all rtl (.clk(clk), .c(c), .x(x), .y(y), .d(d){rtl});
  cells netlist (.clk(clk), .c(c), .x(x), .y(y), .d(d){cells});
  task compare(input integer number, input integer width, input [71:0] expected, input [71:0] got);
    for (k = 0; k < width; k = k + 1) if (expected[k] !== 1'bx) begin
      known[number] = known[number] + 1;
      if (got[k] !== expected[k]) wrong[number] = wrong[number] + 1;
    end
  endtask
  initial begin
    for (i = 0; i <= {last}; i = i + 1) begin wrong[i] = 0; known[i] = 0; end
    for (i = 0; i < {cycles}; i = i + 1) begin
      c = $random;
      // Few places, in every block.
      x = $random & 14'h2c37;
      y = $random & 14'h2c37;
      d = {{$random, $random, $random}};
      #5 clk = 1;
      #4 {compare}
      #1 clk = 0;
    end
    for (i = 0; i <= {last}; i = i + 1) $display("%0d known %0d wrong %0d", i, known[i], wrong[i]);
    $finish;
  end
endmodule
"""


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Verilog and the netlist `cells.v` of all memories."""
    folder = tmp_path_factory.mktemp("memories")
    (folder / "rtl.v").write_text(design())
    rng = np.random.default_rng(19)
    for width, depth in {memory.image for memory in MEMORIES.values() if memory.image}:
        words = (int.from_bytes(rng.bytes(9), "little") % (1 << width) for _ in range(depth))
        (folder / f"{width}x{depth}.hex").write_text("".join(f"{word:x}\n" for word in words))
    script = f"read_verilog -sv -DSYNTHESIS rtl.v; {synthesis_command(Family.GOWIN, 'all')}; write_json cells.json; "
    run_script(yosys.find(), script + "delete t:$scopeinfo; rename all cells; write_verilog -noattr cells.v", folder)
    return folder


def compared(folder: Path, netlist: str) -> dict[str, tuple[int, int]]:
    """For each memory how many bits were known and compared, and how many of these differ."""
    tools.require(Simulator.ICARUS)
    (folder / "simulated.v").write_text(netlist)
    (folder / "models.v").write_text(netlist_models(Family.GOWIN, netlist, yosys.find()))
    bench = _BENCH.format(
        last=len(MEMORIES) - 1,
        cycles=1000,
        wires="\n".join(f"  wire [71:0] r_{name}, n_{name};" for name in MEMORIES),
        rtl="".join(f", .q_{name}(r_{name})" for name in MEMORIES),
        cells="".join(f", .q_{name}(n_{name})" for name in MEMORIES),
        compare=" ".join(
            f"compare({number}, {memory.width}, r_{name}, n_{name});" for number, (name, memory) in enumerate(MEMORIES.items())
        ),
    )
    (folder / "bench.v").write_text(bench)
    sources = ["bench.v", "rtl.v", "simulated.v", "models.v"]
    subprocess.run(["iverilog", "-g2012", "-s", "bench", "-o", "bench.vvp", *sources], cwd=folder, check=True)
    done = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, check=True, capture_output=True, text=True)
    found = re.findall(r"^\d+ known (\d+) wrong (\d+)$", done.stdout, re.MULTILINE)
    assert len(found) == len(MEMORIES), done.stdout
    return {name: (int(known), int(wrong)) for name, (known, wrong) in zip(MEMORIES, found, strict=True)}


def test_memories_become_block_ram(synthesized: Path) -> None:
    cells = json.loads((synthesized / "cells.json").read_text())["modules"]["all"]["cells"]
    found: dict[str, Counter[str]] = {name: Counter() for name in MEMORIES}
    for name, cell in cells.items():
        if re.fullmatch(r"S?D?PX?9?B?", cell["type"]):
            found[name.split(".")[0]][cell["type"]] += 1
    assert found == {name: memory.cells for name, memory in MEMORIES.items()}


def test_memories_do_what_they_did(synthesized: Path) -> None:
    found = compared(synthesized, (synthesized / "cells.v").read_text())
    assert {name for name, (_, wrong) in found.items() if wrong} == {DROPPED}
    for name, (known, _) in found.items():
        assert known > 400, f"{name}: {known} bits are compared"


FAULTS = {
    "bytes_image": ("a bit of the contents", r"(\.INIT_RAM_00\(288'h[0-9a-f]*)([0-9a-f])\)", lambda m: f"{m[1]}{int(m[2], 16) ^ 1:x})"),
    "through": ("a write mode", r"\.WRITE_MODE\(32'd1\)", lambda m: ".WRITE_MODE(32'd0)"),
    "write_36_read_18": ("a width", r"\.BIT_WIDTH_1\(32'd18\)", lambda m: ".BIT_WIDTH_1(32'd36)"),
    "reset": ("a reset", r"\.RESET\([^)]*\)", lambda m: ".RESET(1'b0)"),
    "words": ("an output register", r"\.READ_MODE\(1'h0\)", lambda m: ".READ_MODE(1'h1)"),
}


def test_faults_are_found(synthesized: Path) -> None:
    """One in each of some memories, all at once."""
    netlist = (synthesized / "cells.v").read_text()
    for name, (what, old, new) in FAULTS.items():
        at = re.search(rf"^  \w+ #\((?:(?!^  \w)[\s\S])*?^  \) \\{name}\.\S*mem\.0\.0 +\([^;]*;", netlist, re.MULTILINE)
        assert at, name
        changed, count = re.subn(old, new, at[0])
        assert count == 1, f"{what}: {at[0]}"
        netlist = netlist.replace(at[0], changed)
    assert {name for name, (_, wrong) in compared(synthesized, netlist).items() if wrong} == {DROPPED, *FAULTS}
