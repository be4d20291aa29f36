"""`weft report`, and the page that it writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

import weft
from boards.placement import PLACED, TIMING
from boards.record import DESIGN, FORMAT, RECORD
from boards.report.report import read_report
from boards.synthesis import NETLIST
from golden.graph import Graph
from tests.boards.report.small_netlist import placed_cells, write_netlist
from tests.boards.test_timing import REPORT
from tests.weft.small import Command

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def record(cycles: int, **more: Any) -> dict[str, Any]:
    """What build.json says."""
    return {
        "format": FORMAT,
        "weft": "0",
        "board": {"name": "ulx3s_85f", "title": "ULX3S 85F", "family": "ecp5", "part": "LFE5U-85F-6BG381C"},
        "top": "uart",
        "network": {"name": "small", "sha256": ""},
        "config": {},
        "cycles": cycles,
        "clock": {"asked_mhz": 50.0, "mhz": 50.0, "reached_mhz": 66.5, "met": True, "slack_ns": 1.0},
        "baud": 1_000_000,
        "seed": 1,
        "seeds": [{"seed": 1, "reached_mhz": 66.5, "met": True, "name": "place and route, seed 1", "seconds": 9.0, "cached": False}],
        "stages": [
            {"name": "synthesis", "seconds": 4.0, "cached": True},
            {"name": "place and route, seed 1", "seconds": 9.0, "cached": False},
        ],
        "tools": {"yosys": "0.70", "nextpnr-ecp5": "0.11"},
        "utilization": {},
        "critical_path": None,
        "bitstream": {"file": "ulx3s_85f.bit", "bytes": 3, "sha256": ""},
        "files": [],
        **more,
    }


@pytest.fixture(scope="module")
def build(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build's folder: a real design, with the placement of a few cells."""
    folder = tmp_path_factory.mktemp("build")
    program = weft.generate(graph, folder / DESIGN, board="ulx3s_85f", rows=8, cols=4, lanes=4)
    write_netlist(folder / NETLIST)
    write_netlist(folder / PLACED, placed_cells())
    (folder / TIMING).write_text(json.dumps(REPORT))
    (folder / RECORD).write_text(json.dumps(record(program.cycles)))
    return folder


def test_numbers(command: Command, build: Path, graph: Graph) -> None:
    result = command("report", build, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    design = json.loads((build / DESIGN / "config.json").read_text())
    assert found["cycles"] == design["cycles"]
    assert found["latency_ms"] == pytest.approx(design["cycles"] / 50e3)
    assert found["inferences_per_second"] == pytest.approx(50e6 / design["cycles"])
    assert found["macs_per_dsp_per_cycle"] == pytest.approx(found["macs"] / design["cycles"]), "one multiplier is placed"
    assert found["array_utilization"] == pytest.approx(found["macs"] / (design["cycles"] * 32))
    assert found["resources"]["LUT"] == {"used": 2, "available": 83640, "share": pytest.approx(2 / 83640)}
    assert found["utilization"]["components"]["array"] == {"lut": 0, "carry": 0, "ff": 1, "dsp": 1, "block_ram": 0, "big_ram": 0}
    assert found["unattributed"] == pytest.approx(1 / 6)
    assert [(clock["name"], clock["met"]) for clock in found["clocks"]] == [("clk", True), ("slow", False)]
    assert found["critical_paths"][0]["route"] == "array -> feeder -> array"
    assert sum(layer["cycles"] for layer in found["layers"]) == design["cycles"]
    serial, *buses = found["links"]
    assert (serial["name"], serial["in_this_bitstream"], serial["overlaps"]) == ("serial line", True, False)
    assert serial["interval_ms"] == pytest.approx(serial["total_ms"] + found["latency_ms"])
    assert [bus["name"] for bus in buses] == ["AXI4-Lite", "Wishbone", "AXI4-Stream"]
    assert all(bus["total_ms"] < serial["total_ms"] for bus in buses)


def test_traffic_is_that_of_the_program(build: Path, graph: Graph) -> None:
    """Words into the array or past it are the layer's busy cycles; every weight word is loaded at least once."""
    found = read_report(build)
    analysis = weft.analyze(graph, config=found.config)
    program = weft.api.generate(graph, build.parent / "again", config=found.config)
    assert [layer.traffic.words_read for layer in found.layers] == [layer.busy for layer in program.layers]
    width = found.config.weight_rows_per_cycle * found.config.cols
    for layer, known in zip(found.layers, analysis.layers, strict=True):
        assert layer.traffic.weight_words * width >= known.weight_bytes
        assert layer.traffic.post_cycles * found.config.lanes >= 1


def test_for_people(command: Command, build: Path) -> None:
    result = command("report", build)
    assert (result.code, result.err) == (0, "")
    for word in (
        "small on ULX3S 85F, 8 x 4",
        "add tables",
        "NOT MET",
        "slowest path: 3.88 ns",
        "nothing overlaps with the computation",
        "an inference with its transfers",
    ):
        assert word in result.out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / RECORD).unlink(), "is not a build: build.json cannot be read"),
        (lambda folder: (folder / RECORD).write_text("{}"), "has the format None"),
        (lambda folder: (folder / PLACED).write_text("{}"), "placed.json is no netlist of Yosys or nextpnr"),
        (lambda folder: (folder / TIMING).unlink(), "timing.json cannot be read"),
        (lambda folder: (folder / DESIGN / "program.hex").write_text("zz\n"), "program.hex cannot be read"),
    ],
)
def test_a_damaged_build(command: Command, build: Path, tmp_path: Path, spoil: Any, message: str) -> None:
    folder = tmp_path / "build"
    shutil.copytree(build, folder)
    spoil(folder)
    result = command("report", folder)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


class _Page(HTMLParser):
    """Addresses that a page refers to, and whether its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.headings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.headings += tag == "h2"
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.fixture
def page(command: Command, build: Path, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    result = command("report", build, "--html", path)
    assert result.code == 0
    assert f"{path}: the same with the floorplan and a roofline" in result.out
    return path


def test_the_page_needs_nothing_else(page: Path) -> None:
    text = page.read_text()
    parser = _Page()
    parser.feed(text)
    assert parser.headings == 8, "device, floorplan, components, timing, roofline, layers, links, build"
    assert all(address.startswith("data:image/svg+xml;base64,") for address in parser.addresses)
    assert parser.addresses
    assert not re.search(r"https?://(?!www\.w3\.org/)|@import|url\(", text)
    assert "&lt;async&gt;" not in text
    assert page.stat().st_size < 1_000_000


def test_names_are_text(build: Path, tmp_path: Path) -> None:
    """A network's name cannot become markup."""
    folder = tmp_path / "build"
    shutil.copytree(build, folder)
    config = folder / DESIGN / "config.json"
    data = json.loads(config.read_text())
    data["network"]["name"] = "<script>alert(1)</script>"
    data["layers"][0]["name"] = "<b>first"
    config.write_text(json.dumps(data))
    weft.report(folder, html=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in text
    assert "<b>first" not in text
    assert "&lt;b&gt;first" in text


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium")
@pytest.mark.parametrize("width", [1100, 500])
def test_in_a_browser(page: Path, tmp_path: Path, width: int) -> None:
    """A headless Chromium draws it: the floorplan in its colours, and nothing wider than the window."""
    probe = "<script>document.title = 'overflow ' + (document.documentElement.scrollWidth - document.documentElement.clientWidth)</script>"
    page.write_text(page.read_text().replace("</body>", probe + "</body>"))
    picture = tmp_path / "page.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1600"]
    subprocess.run([str(CHROMIUM), *options, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True, timeout=120)
    pixels = (matplotlib.image.imread(picture)[:, :, :3] * 255).round().astype(np.int64)
    assert pixels.shape[1] == width
    seen = {tuple(color) for color in np.unique(pixels.reshape(-1, 3), axis=0).tolist()}
    assert {(0x33, 0x22, 0x88), (0x11, 0x77, 0x33), (0x44, 0xAA, 0x99)} <= seen, "array, feeder and host in the legend and the plan"
    done = subprocess.run([str(CHROMIUM), *options, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True, timeout=120)
    assert "<title>overflow 0</title>" in done.stdout
