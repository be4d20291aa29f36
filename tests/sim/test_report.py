"""Reports as data, JSON, JUnit XML, and the command that shows a difference again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sim.report import LayerReport, SimulatorReport, VerifyReport
from sim.scoreboard import Difference, Kind
from sim.tools import Simulator

LAYERS = (
    LayerReport(0, "conv", "conv2d", (4, 4, 8), 1000, 100, 100, {"busy": 90, "stall_weights": 10}, 0.5, True),
    LayerReport(1, "dense", "fully_connected", (10,), 80, 20, 20, {"busy": 20, "stall_weights": 0}, 0.1, True),
)
DIFFERENCE = Difference("conv", 0, "a", 7, (1, 2, 3), 5, -6, Kind.VALUE, 3)
VERILATOR = SimulatorReport(Simulator.VERILATOR, "5.48.0", True, 9, 4000, 2.0, 10.0, None)
ICARUS = SimulatorReport(Simulator.ICARUS, "11.0", True, 9, 4000, 8.0, 1.0, None)


def report(*simulators: SimulatorReport, **changes: object) -> VerifyReport:
    difference = next((each.first_difference for each in simulators if each.first_difference is not None), None)
    made = VerifyReport(
        network="net",
        network_sha256="ab" * 32,
        config={"rows": 4},
        equal=all(each.equal for each in simulators),
        images=min(each.images for each in simulators),
        first_image=0,
        cycles=120,
        layers=LAYERS,
        layers_compared=True,
        first_difference=difference,
        simulators=simulators,
        seed=3,
        build=Path("out dir"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_equal() -> None:
    made = report(VERILATOR, ICARUS)
    assert made.verdict == "equal"
    assert made.reproduce() is None
    assert made.failed is None
    assert VERILATOR.cycles_per_second == 2000


def test_not_equal() -> None:
    made = report(VERILATOR, replace(ICARUS, equal=False, first_difference=DIFFERENCE))
    assert (
        made.verdict == "not equal: layer 0 (conv), tensor a, image 7, index [1, 2, 3]: expected 5, got -6; 3 places in this layer differ"
    )
    assert made.reproduce("weft verify net.weft --inputs x.npz") == (
        "weft verify net.weft --inputs x.npz --build 'out dir' --first 7 --images 1 --simulator icarus --seed 3 --waves difference.fst"
    )


def test_reproduce_in_verilator_without_a_folder() -> None:
    made = report(replace(VERILATOR, equal=False, first_difference=DIFFERENCE), build=None)
    assert made.reproduce() == (
        "weft verify NET --inputs DATA.npz --first 7 --images 1 --simulator verilator --seed 3 --waves difference.vcd"
    )


def test_json() -> None:
    made = report(VERILATOR, replace(ICARUS, equal=False, first_difference=DIFFERENCE))
    data = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert {"equal", "images", "cycles", "layers", "first_difference"} <= set(data)
    assert (data["equal"], data["images"], data["cycles"]) == (False, 9, 120)
    assert data["layers"][0]["shape"] == [4, 4, 8]
    assert data["layers"][0]["counters"] == {"busy": 90, "stall_weights": 10}
    assert data["first_difference"]["kind"] == "value"
    assert data["first_difference"]["index"] == [1, 2, 3]
    assert data["simulators"][0]["first_difference"] is None
    assert data["simulators"][1]["first_difference"] == data["first_difference"]


@pytest.mark.parametrize(
    ("difference", "failed", "skipped"),
    [
        (DIFFERENCE, "conv", ["dense", "completion"]),
        (replace(DIFFERENCE, layer="dense", layer_index=1), "dense", ["completion"]),
        (replace(DIFFERENCE, layer="unknown", layer_index=-1, kind=Kind.NO_COMPLETION, index=None), "completion", []),
    ],
)
def test_junit(difference: Difference, failed: str, skipped: list[str]) -> None:
    made = report(VERILATOR, replace(ICARUS, equal=False, first_difference=difference))
    root = ElementTree.fromstring(made.to_junit())
    good, bad = root.findall("testsuite")
    assert (good.get("name"), good.get("tests"), good.get("failures"), good.get("skipped")) == ("net.verilator", "3", "0", "0")
    assert [case.get("name") for case in good.findall("testcase")] == ["conv", "dense", "completion"]
    assert all(len(case) == 0 for case in good.findall("testcase"))
    assert (bad.get("failures"), bad.get("skipped")) == ("1", str(len(skipped)))
    cases = {case.get("name"): case for case in bad.findall("testcase")}
    failure = cases[failed].find("failure")
    assert failure is not None
    assert failure.get("message") == difference.describe()
    assert [name for name, case in cases.items() if case.find("skipped") is not None] == skipped
    assert [element.tag for element in bad] == ["properties", "testcase", "testcase", "testcase"]


def test_junit_of_outputs_alone() -> None:
    root = ElementTree.fromstring(report(VERILATOR, layers_compared=False).to_junit())
    assert [case.get("name") for case in root.iter("testcase")] == ["outputs", "completion"]
