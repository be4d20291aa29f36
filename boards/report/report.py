"""What a build came to: utilization, timing, latency and traffic, read from the folder that `weft build` wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from boards.board import Board, Capacity
from boards.definitions import find_board
from boards.host.link_time import LinkTime, axi_lite_time, axi_stream_time, serial_time, wishbone_time
from boards.placement import PLACED, TIMING
from boards.record import BuildRecord, read_record
from boards.report.components import OTHER
from boards.report.floorplan import Floorplan, floorplan
from boards.report.netlist import attribute, read_cells, scopes_of
from boards.report.utilization import Use, Utilization, utilization
from boards.synthesis import NETLIST
from boards.timing import TimingReport, read_timing
from golden.errors import InputError
from hwgen.act_layout import host_layout
from hwgen.config import AcceleratorConfig
from hwgen.design import Design, read_design
from hwgen.regmap import Window
from hwgen.traffic import Traffic, program_traffic


@dataclass(frozen=True)
class LayerReport:
    """A layer on the accelerator.

    utilization: MACs as a share of what the array could do in the cycles.
    """

    name: str
    kind: str
    macs: int
    cycles: int
    utilization: float
    traffic: Traffic


@dataclass(frozen=True)
class Shared:
    """A resource of the device: what is used, and what there is."""

    name: str
    used: float
    available: int

    @property
    def share(self) -> float:
        """Used of available."""
        return self.used / self.available if self.available else 0.0


@dataclass(frozen=True, eq=False)
class BuildReport:
    """A finished build.

    record:         what build.json says.
    utilization:    of the placed design.
    layers:         in the order in which they run.
    transfer_words: 32-bit words that the host writes before an inference and reads after it.
    """

    record: BuildRecord
    board: Board
    design: Design
    utilization: Utilization
    timing: TimingReport
    plan: Floorplan
    layers: tuple[LayerReport, ...]
    transfer_words: tuple[int, int]

    @property
    def clock_mhz(self) -> float:
        """The accelerator's clock, as the bitstream's PLL makes it."""
        return self.record.mhz

    @property
    def config(self) -> AcceleratorConfig:
        """The accelerator."""
        return self.design.config

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def latency_ms(self) -> float:
        """Of an inference whose input is in memory: cycles / clock."""
        return self.design.cycles / self.clock_mhz / 1e3

    @property
    def link(self) -> LinkTime | None:
        """The time that the host's link takes; None for a self-test, which has no host."""
        baud = self.record.data.get("baud")
        return None if baud is None else serial_time(self.design, float(baud))

    @property
    def links(self) -> tuple[LinkTime, ...]:
        """The bitstream's link first, if it has one; then the buses that the accelerator can be had with, at the same clock."""
        buses = (make(self.design, self.clock_mhz * 1e6) for make in (axi_lite_time, wishbone_time, axi_stream_time))
        return (*([self.link] if self.link is not None else []), *buses)

    def interval_ms(self, link: LinkTime) -> float:
        """From one inference to the next: transfer and computation one after the other, or the longer of them where they overlap."""
        moved = link.total_s * 1e3
        return max(moved, self.latency_ms) if link.overlaps else moved + self.latency_ms

    @property
    def utilized(self) -> float:
        """MACs as a share of what the array could do in an inference's cycles."""
        return self.macs / (self.design.cycles * self.config.rows * self.config.cols)

    @property
    def macs_per_dsp_cycle(self) -> float | None:
        """Multiply-accumulates per multiplier block and cycle; None for a design without them."""
        dsp = self.utilization.total.dsp
        return self.macs / (dsp * self.design.cycles) if dsp else None

    @property
    def unattributed(self) -> float:
        """Share of tables and flip-flops whose component is not known."""
        total, other = self.utilization.total, self.utilization.components.get(OTHER, Use())
        return (other.lut + other.ff) / max(1, total.lut + total.ff)

    @cached_property
    def resources(self) -> tuple[Shared, ...]:
        """What the design takes of the device."""
        return shares(self.utilization.total, self.board.capacity)

    def to_json(self) -> dict[str, Any]:
        """Everything but the floorplan."""
        return {
            "board": self.board.name,
            "network": self.design.network_name,
            "config": self.config.to_json(),
            "top": self.record.top,
            "clock_mhz": self.clock_mhz,
            "reached_mhz": self.record.reached_mhz,
            "met": self.record.met,
            "cycles": self.design.cycles,
            "latency_ms": self.latency_ms,
            "inferences_per_second": 1e3 / self.latency_ms,
            "macs": self.macs,
            "array_utilization": self.utilized,
            "macs_per_dsp_per_cycle": self.macs_per_dsp_cycle,
            "utilization": self.utilization.to_json(),
            "resources": {each.name: {"used": each.used, "available": each.available, "share": each.share} for each in self.resources},
            "unattributed": self.unattributed,
            "clocks": [{**asdict(clock), "met": clock.met} for clock in self.timing.clocks],
            "critical_paths": [path.to_json() for path in self.timing.paths],
            "layers": [asdict(layer) for layer in self.layers],
            "links": [
                {
                    "name": link.link,
                    "input_ms": link.input_s * 1e3,
                    "output_ms": link.output_s * 1e3,
                    "total_ms": link.total_s * 1e3,
                    "overlaps": link.overlaps,
                    "interval_ms": self.interval_ms(link),
                    "in_this_bitstream": link == self.link,
                }
                for link in self.links
            ],
            "transfer_words": dict(zip(("input", "output"), self.transfer_words, strict=True)),
            "build": self.record.data,
        }


def shares(use: Use, capacity: Capacity) -> tuple[Shared, ...]:
    """What a use takes of a device, by resource."""
    have = asdict(capacity)
    titles = {"lut": "LUT", "ff": "flip-flops", "dsp": "multipliers", "block_ram": "block RAM", "big_ram": "SPRAM"}
    return tuple(Shared(title, getattr(use, kind), have[kind]) for kind, title in titles.items() if have[kind])


def read_report(folder: Path) -> BuildReport:
    """Reads the folder of a build.

    Raises InputError for one that is missing, damaged, or that no build came to an end in.
    """
    record = read_record(folder)
    board, design = find_board(record.board), read_design(record.design)
    cells = read_cells(folder / NETLIST)
    scopes = scopes_of(cells)
    owners = attribute(cells, scopes)
    placed = read_cells(folder / PLACED)
    owners = attribute(placed, scopes, owners)
    return BuildReport(
        record=record,
        board=board,
        design=design,
        utilization=utilization(placed, owners),
        timing=read_timing(folder / TIMING, lambda cell: owners.get(cell, OTHER).name),
        plan=floorplan(placed, owners, board.family, board.options),
        layers=_layers(design),
        transfer_words=(_host_words(design, [tensor.name for tensor in design.inputs]), _host_words(design, design.device_outputs)),
    )


def _host_words(design: Design, names: Iterable[str]) -> int:
    """32-bit words of activation memory that hold elements of these tensors."""
    return sum(len(host_layout(design.stored[name], design.config).addresses) for name in names)


def _layers(design: Design) -> tuple[LayerReport, ...]:
    config = design.config
    path = design.path / design.images[Window.PROGRAM]
    try:
        words = [int(line, 16) for line in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); build the design again with `weft build`") from error
    moved = program_traffic(config, words)
    return tuple(
        LayerReport(
            layer.name,
            layer.kind,
            layer.macs,
            layer.cycles,
            layer.macs / (layer.cycles * config.rows * config.cols),
            moved[layer.index],
        )
        for layer in design.layers
    )
