"""The serial bridge in the smallest device that it is meant for: sound, and as large as the specification says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import hwgen
from hwgen.emit import component_verilog, templates
from hwgen.gateware.uart_bridge import UartBridge


def test_size_on_an_ice40(yosys, tmp_path):
    """Of the 5,280 LUTs of an iCE40UP5K, and one of its block RAMs."""
    (tmp_path / "bridge.v").write_text(component_verilog(UartBridge(20), "bridge") + templates())
    script = "read_verilog -sv -DSYNTHESIS bridge.v; synth_ice40 -top bridge; check -assert; tee -q -o stat.json stat -json -top bridge"
    assert "Warning" not in yosys(script, tmp_path)
    cells = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    flip_flops = sum(count for kind, count in cells.items() if kind.startswith("SB_DFF"))
    spec = (Path(next(iter(hwgen.__path__))) / "SPEC.md").read_text(encoding="utf-8")
    stated = re.search(r"divisor 20\): about (\d+) LUTs, (\d+) flip-flops, one block RAM", spec)
    assert stated is not None
    # Technology mapping is heuristic: another version of Yosys finds a few LUTs more or fewer.
    assert abs(cells["SB_LUT4"] - int(stated[1])) <= 0.05 * int(stated[1])
    assert (flip_flops, cells["SB_RAM40_4K"]) == (int(stated[2]), 1)
