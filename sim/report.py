"""What a verification found, as data for people, JSON and JUnit XML."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sim.scoreboard import Difference
from sim.tools import Simulator


@dataclass(frozen=True)
class LayerReport:
    """A layer: what it is, what it took, whether it is equal.

    shape:            of its output, (H, W, C) or (N,).
    macs:             multiply-accumulate operations of one inference.
    cycles:           of one inference, measured by the hardware's counters; None where the counters could not be read.
    predicted_cycles: of one inference, by the compiler.
    counters:         cycles by what the array did in them; they add up to `cycles`.
    utilization:      macs / (cycles * R * C).
    equal:            whether its tensor was the golden model's in all images and simulators; None where it was not compared.
    """

    index: int
    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    cycles: int | None
    predicted_cycles: int
    counters: dict[str, int]
    utilization: float | None
    equal: bool | None


@dataclass(frozen=True)
class SimulatorReport:
    """What one simulator found.

    images:            compared to the end.
    cycles:            simulated, the bus traffic included.
    seconds:           wall clock of the simulator's runs; build_seconds: of the build before.
    cycles_per_second: simulated.
    """

    simulator: Simulator
    version: str
    equal: bool
    images: int
    cycles: int
    seconds: float
    build_seconds: float
    first_difference: Difference | None

    @property
    def cycles_per_second(self) -> float:
        """Simulation speed."""
        return self.cycles / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class NetlistReport:
    """The netlist that took the place of the Verilog.

    family:  whose cells it is made of.
    yosys:   version of the synthesizer.
    seconds: of synthesis, when it was done.
    cells:   how many there are of every cell.
    """

    family: str
    yosys: str
    seconds: float
    cells: dict[str, int]


@dataclass(frozen=True)
class VerifyReport:
    """Whether a network's Verilog equals its golden model.

    images:           compared in every simulator that ran.
    first_image:      number of the first one in the input data.
    cycles:           of one inference, from start to interrupt, measured by the hardware (the longest of all images); None where no
                      inference came to its end.
    first_difference: the first divergent layer, in execution order, in the first simulator that found one.
    layers_compared:  whether every layer was compared, or the outputs alone.
    seed:             COCOTB_RANDOM_SEED of the runs.
    build:            the folder that was verified; None where it was made for the purpose.
    netlist:          what was simulated; None where it was the Verilog itself.
    """

    network: str
    network_sha256: str
    config: dict[str, Any]
    equal: bool
    images: int
    first_image: int
    cycles: int | None
    layers: tuple[LayerReport, ...]
    layers_compared: bool
    first_difference: Difference | None
    simulators: tuple[SimulatorReport, ...]
    seed: int
    build: Path | None
    netlist: NetlistReport | None = None

    @property
    def verdict(self) -> str:
        """One line for people."""
        if self.first_difference is not None:
            return f"not equal: {self.first_difference.describe()}"
        return "equal" if self.equal else "not equal"

    @property
    def failed(self) -> SimulatorReport | None:
        """The first simulator that found a difference."""
        return next((report for report in self.simulators if not report.equal), None)

    def reproduce(self, command: str = "weft verify NET --inputs DATA.npz") -> str | None:
        """The command line that shows the first difference again, with a waveform; None where everything is equal.

        command: the beginning, with the network, the inputs and, where no folder was verified, the options of the configuration.
        """
        failed = self.failed
        if failed is None or failed.first_difference is None:
            return None
        options = ["--build", str(self.build)] if self.build is not None else []
        options += ["--netlist", self.netlist.family] if self.netlist is not None else []
        options += ["--first", str(failed.first_difference.image), "--images", "1", "--simulator", failed.simulator.value]
        options += ["--seed", str(self.seed), "--waves", "difference.fst" if failed.simulator is Simulator.ICARUS else "difference.vcd"]
        return f"{command} {shlex.join(options)}"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "equal": self.equal,
            "verdict": self.verdict,
            "images": self.images,
            "first_image": self.first_image,
            "cycles": self.cycles,
            "network": {"name": self.network, "sha256": self.network_sha256},
            "config": self.config,
            "layers_compared": self.layers_compared,
            "layers": [{**asdict(layer), "shape": list(layer.shape)} for layer in self.layers],
            "first_difference": _difference_json(self.first_difference),
            "simulators": [
                {
                    "simulator": report.simulator.value,
                    "version": report.version,
                    "equal": report.equal,
                    "images": report.images,
                    "cycles": report.cycles,
                    "seconds": round(report.seconds, 3),
                    "build_seconds": round(report.build_seconds, 3),
                    "cycles_per_second": round(report.cycles_per_second),
                    "first_difference": _difference_json(report.first_difference),
                }
                for report in self.simulators
            ],
            "seed": self.seed,
            "build": None if self.build is None else str(self.build),
            "netlist": None if self.netlist is None else asdict(self.netlist),
        }

    def to_junit(self) -> str:
        """The report as JUnit XML: a suite for each simulator, a case for each layer (or for the outputs) and one for the completion."""
        root = ElementTree.Element("testsuites", name=f"weft verify {self.network}")
        for report in self.simulators:
            found = report.first_difference
            names = [layer.name for layer in self.layers] if self.layers_compared else ["outputs"]
            at = next((name for name in names if found is not None and found.layer == name), None)
            cases = [*names, "completion"]
            failed = None if report.equal else at or "completion"
            suite = ElementTree.SubElement(
                root,
                "testsuite",
                name=f"{self.network}.{report.simulator.value}",
                tests=str(len(cases)),
                failures=str(int(failed is not None)),
                errors="0",
                # What comes after the first divergent layer has no verdict of its own.
                skipped=str(len(cases) - cases.index(failed) - 1 if failed is not None else 0),
                time=f"{report.seconds:.3f}",
            )
            properties = ElementTree.SubElement(suite, "properties")
            for key, value in {"seed": self.seed, "images": report.images, "version": report.version, "cycles": self.cycles}.items():
                ElementTree.SubElement(properties, "property", name=key, value=str(value))
            for number, name in enumerate(cases):
                case = ElementTree.SubElement(suite, "testcase", classname=suite.attrib["name"], name=name, time="0")
                if name == failed:
                    message = found.describe() if found is not None else "not equal"
                    ElementTree.SubElement(case, "failure", message=message).text = message
                elif failed is not None and number > cases.index(failed):
                    ElementTree.SubElement(case, "skipped", message=f"comes after {failed}, which differs")
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _difference_json(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    index = None if difference.index is None else list(difference.index)
    return {**asdict(difference), "kind": difference.kind.value, "index": index, "description": difference.describe()}
