"""Building and running designs: the cache, failures of every kind, waveforms, and independence of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import InputError, ToolFailedError
from hwgen import cache
from sim import runner, simulators
from sim.results import Status
from sim.runner import Design, build, control_file, module_ports, run
from sim.tools import Simulator

COUNTER = """
module counter #(parameter STEP = 1) (input clk, input wire rst, output reg [7:0] count, output wire [15:0] \\double );
  wire [8:0] hidden = count + STEP;
  assign \\double = 2 * count;
  reg [7:0] memory [0:3];
  initial $readmemh("image.hex", memory);
  always @(posedge clk) if (rst) count <= memory[1]; else count <= hidden[7:0];
endmodule
"""

BENCH = """
import os
import random
import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

async def begin(dut):
    dut.rst.value = 1
    Clock(dut.clk, 2, "ns").start(start_high=False)
    for _ in range(2):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)

@cocotb.test()
async def counts(dut):
    await begin(dut)
    for expected in range(0x21, 0x25):
        await RisingEdge(dut.clk)
        assert int(dut.count.value) == expected
    assert os.environ["GREETING"] == "hello"
    with open("random.txt", "w") as file:
        file.write(f"{random.random()} {cocotb.RANDOM_SEED if hasattr(cocotb, 'RANDOM_SEED') else ''}")

@cocotb.test()
async def fails(dut):
    await begin(dut)
    assert int(dut.count.value) == 99, "the count is not 99"

@cocotb.test()
async def hangs(dut):
    while True:
        pass

@cocotb.test()
async def dies(dut):
    os._exit(3)

@cocotb.test()
async def writes_no_results(dut):
    os.environ["X"] = "1"
    await Timer(1, "ns")
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Design:
    """A counter, a bench for it that cocotb can import, and the folder of the run with its image."""
    (tmp_path / "counter.v").write_text(COUNTER)
    (tmp_path / "counter_bench.py").write_text(BENCH)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "image.hex").write_text("10 20 30 40\n")
    monkeypatch.syspath_prepend(tmp_path)
    return Design("counter", (tmp_path / "counter.v",))


def go(design: Design, simulator: Simulator, test: str, **options: object) -> runner.RunResult:
    directory = design.sources[0].parent / "run"
    built = build(design, simulator)
    return run(built, "counter_bench", directory, seed=7, environment={"GREETING": "hello"}, test_filter=rf"\.{test}$", **options)  # type: ignore[arg-type]


# --- what a design is -------------------------------------------------------------------------------


def test_ports() -> None:
    assert module_ports(COUNTER, "counter") == ("clk", "rst", "count", "double")
    assert module_ports("module a(b, c,\n d); input b; endmodule", "a") == ("b", "c", "d")
    assert module_ports("// module a(x);\n(* top *) /* module a(y); */ module a;\nendmodule", "a") == ()
    assert module_ports("module ab(x); endmodule", "a") is None


def test_ports_of_a_design(design: Design, tmp_path: Path) -> None:
    assert design.ports() == ("clk", "rst", "count", "double")
    with pytest.raises(InputError, match="no module other"):
        Design("other", design.sources).ports()
    with pytest.raises(InputError, match="cannot be read"):
        Design("other", (tmp_path / "none.v",)).ports()


def test_control_file() -> None:
    assert control_file("top", ("clk", "q")).splitlines()[1:] == [
        'public_flat_rw -module "top" -var "clk"',
        'public_flat_rw -module "top" -var "q"',
    ]


def test_wave_format() -> None:
    assert (runner.wave_format(Path("a.vcd")), runner.wave_format(Path("b.FST"))) == ("vcd", "fst")
    with pytest.raises(InputError, match=r"ends in \.vcd or \.fst, not 'a\.txt'"):
        runner.wave_format(Path("a.txt"))


# --- building and running ---------------------------------------------------------------------------


def test_runs(design: Design, simulator: Simulator) -> None:
    result = go(design, simulator, "counts")
    assert result.passed
    assert [(test.module, test.name, test.status) for test in result.tests] == [("counter_bench", "counts", Status.PASSED)]
    assert result.seed == 7
    assert "Seeding Python random module with 7" in result.log.read_text()
    assert "DeprecationWarning" not in result.log.read_text()


def test_an_unchanged_design_is_not_built_again(
    design: Design, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(design, simulator)
    before = {path: path.stat().st_mtime_ns for path in first.directory.rglob("*") if path.is_file()}
    monkeypatch.setattr(simulators.IsolatedRunner, "_run", None)  # no compiler is run
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    (copy / "counter.v").write_text(COUNTER)
    second = build(Design("counter", (copy / "counter.v",)), simulator)
    assert second.directory == first.directory
    assert before == {path: path.stat().st_mtime_ns for path in first.directory.rglob("*") if path.is_file()}


def test_every_change_makes_another_build(design: Design, tmp_path: Path) -> None:
    simulator = Simulator.ICARUS
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "counter.v").write_text(COUNTER.replace("+ STEP", "+ 2 * STEP"))
    directories = [
        build(design, simulator).directory,
        build(Design("counter", (changed / "counter.v",)), simulator).directory,
        build(Design("counter", design.sources, ("MACRO",)), simulator).directory,
        build(design, simulator, trace="vcd").directory,
    ]
    assert len(set(directories)) == 4


def test_defines(tmp_path: Path, simulator: Simulator) -> None:
    source = tmp_path / "defined.v"
    source.write_text("module defined(input clk);\n`ifndef NEEDED\n  does_not_exist u();\n`endif\nendmodule\n")
    build(Design("defined", (source,), ("NEEDED",)), simulator)
    with pytest.raises(ToolFailedError, match="does_not_exist"):
        build(Design("defined", (source,)), simulator)


def test_verilog_that_does_not_compile(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))  # others build into the usual one at the same time
    source = tmp_path / "broken.v"
    source.write_text("module broken(input clk);\n  wire a = ;\nendmodule\n")
    with pytest.raises(ToolFailedError, match=r"ended with exit code \d+") as error:
        build(Design("broken", (source,)), simulator)
    assert "broken.v:2" in str(error.value)
    assert not list(cache.folder().glob("*.part-*"))


def test_a_failing_test(design: Design, simulator: Simulator) -> None:
    result = go(design, simulator, "fails")
    assert not result.passed
    assert "the count is not 99" in result.failures[0].message


@pytest.mark.parametrize("test", ["dies", "writes_no_results"])
def test_a_simulator_that_dies_has_no_verdict(design: Design, simulator: Simulator, test: str) -> None:
    (design.sources[0].parent / "run" / "results.xml").write_text("<testsuites>old results</testsuites>")
    with pytest.raises(ToolFailedError, match="ended without results"):
        go(design, simulator, test)


def test_no_test(design: Design, simulator: Simulator) -> None:
    with pytest.raises(ToolFailedError, match="no test"):
        go(design, simulator, "nothing_of_that_name")


def test_a_simulator_that_hangs_is_stopped(design: Design, simulator: Simulator) -> None:
    watched = []
    with pytest.raises(ToolFailedError, match=r"did not end within 2 s and was stopped"):
        go(design, simulator, "hangs", limit_s=2.0, watch=lambda: watched.append(1))
    assert len(watched) >= 3


def test_the_environment_does_not_matter(design: Design, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WAVES": "1",
        "GUI": "1",
        "COCOTB_TEST_FILTER": "fails",
        "COCOTB_RANDOM_SEED": "99",
        "COCOTB_TEST_MODULES": "os",
        "SIM_CMD_PREFIX": "false",
        "MAKEFLAGS": "-n",
        "VERILATOR_ROOT": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    design.sources[0].write_text(COUNTER + f"// built anew for {simulator.value}\n")
    result = go(design, simulator, "counts")
    assert result.passed
    assert "Seeding Python random module with 7" in result.log.read_text()


def test_the_seed_decides(design: Design) -> None:
    drawn = []
    for seed in (1, 1, 2):
        built = build(design, Simulator.ICARUS)
        run(built, "counter_bench", design.sources[0].parent / "run", seed=seed, environment={"GREETING": "hello"}, test_filter="counts")
        drawn.append((design.sources[0].parent / "run" / "random.txt").read_text().split()[0])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(("chosen", "suffix"), [(Simulator.ICARUS, "vcd"), (Simulator.ICARUS, "fst"), (Simulator.VERILATOR, "vcd")])
def test_waves(design: Design, tmp_path: Path, chosen: Simulator, suffix: str) -> None:
    waves = tmp_path / "waves" / f"counter.{suffix}"
    waves.parent.mkdir()
    built = build(design, chosen, trace=suffix)
    environment = {"GREETING": "hello"}
    result = run(built, "counter_bench", tmp_path / "run", seed=1, environment=environment, test_filter="counts", waves=waves)
    assert result.passed
    assert result.waves == waves
    content = waves.read_bytes()
    if suffix == "vcd":
        assert b"$var" in content
        assert b"hidden" in content, "signals inside the design are in it"
    else:
        assert len(content) > 100
    assert [path.name for path in waves.parent.iterdir()] == [waves.name]


def test_waves_that_the_build_cannot_write(design: Design, tmp_path: Path) -> None:
    built = build(design, Simulator.ICARUS)
    with pytest.raises(InputError, match="a build for no waveforms"):
        run(built, "counter_bench", tmp_path / "run", seed=1, waves=tmp_path / "a.vcd")


def test_the_fast_build_opens_the_ports_alone() -> None:
    """The option that costs 8 times the speed is not there (see sim/simulators.py)."""
    made = simulators.WeftVerilator()
    made.env = {}
    made.build_dir, made.hdl_toplevel, made.timescale, made.waves = Path("/b"), "top", None, False
    made.defines, made.parameters, made.includes = {}, {}, []
    made._set_sources([])
    made._set_verilog_sources([])
    made._set_build_args([])
    verilate, make = made._build_command()
    assert "--public-flat-rw" not in verilate
    assert "--vpi" in verilate
    assert "OPT_FAST=-O2" in make
    assert "CFG_CXXFLAGS_PCH_I=-include" in make
