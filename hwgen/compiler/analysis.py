"""What a network takes of an accelerator, layer by layer, without building either: the compiler's own numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from golden.graph import Graph
from hwgen.act_layout import host_layout
from hwgen.compiler import support
from hwgen.compiler.compile import Demand, translate
from hwgen.compiler.fitting import Fit, fit, fit_of, fitted
from hwgen.compiler.host_part import divide
from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import ARRAY_OPERATIONS, Operation


@dataclass(frozen=True)
class Place:
    """Where an operator runs: as `support.PLACES` has it, or "host", or "unsupported", then with the reason."""

    name: str
    kind: str
    where: str
    why: str


def places(graph: Graph) -> tuple[Place, ...]:
    """Every operator of a network, in order, and where it runs."""
    division = divide(graph)
    host = {op.name for op in division.host}
    refused = support.by_operator(division.device)
    found = []
    for op in graph.ops:
        if op.name in refused:
            found.append(Place(op.name, op.kind, "unsupported", "; ".join(refused[op.name])))
        elif op.name in host:
            found.append(Place(op.name, op.kind, "host", "after the accelerator's last layer, with the golden model's integers"))
        else:
            found.append(Place(op.name, op.kind, support.place_of(division.device, op), ""))
    return tuple(found)


@dataclass(frozen=True)
class LayerAnalysis:
    """A layer of the program.

    utilization: MACs as a share of what the array could do in the cycles.
    limit:       what the cycles go to: "array" (words into it), "weights" (their loading), "post-processor", or "latency".
    """

    name: str
    kind: str
    macs: int
    cycles: int
    utilization: float
    limit: str
    weight_bytes: int


@dataclass(frozen=True)
class Analysis:
    """A network on an accelerator.

    network:        its name.
    fit:            whether it runs on this accelerator, and what it takes of its memories.
    cycles:         of one inference, exactly those of the hardware, with the inputs in memory.
    layers:         the program's, in order.
    host:           operators that the host computes after them.
    act_bytes:      of activation memory, at the peak.
    weight_bytes:   of weight memory.
    transfer_words: 32-bit words that the host writes before an inference, and reads after it.
    configurations: the same of each accelerator asked about, by name.
    """

    network: str
    fit: Fit
    cycles: int
    layers: tuple[LayerAnalysis, ...]
    host: tuple[str, ...]
    act_bytes: int
    weight_bytes: int
    transfer_words: tuple[int, int]
    configurations: Mapping[str, Fit]

    @property
    def config(self) -> AcceleratorConfig:
        """The accelerator; its memories may have grown with the network."""
        return self.fit.config

    @property
    def memory(self) -> tuple[Demand, ...]:
        """By memory, what is needed and what there is."""
        return self.fit.memory

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def utilization(self) -> float:
        """MACs as a share of what the array could do in the cycles."""
        return self.macs / (self.cycles * self.config.rows * self.config.cols)

    @property
    def lacks(self) -> dict[str, tuple[str, ...]]:
        """What keeps the network from each configuration asked about; nothing where it fits."""
        return {name: fit.lacks for name, fit in self.configurations.items()}


def analyze(graph: Graph, config: AcceleratorConfig, others: Mapping[str, AcceleratorConfig], free: Collection[str] = ()) -> Analysis:
    """Analyzes a network on a configuration, and says of others whether it fits them.

    free: memories of the configuration that grow with the network.
    Raises InputError for what the accelerator cannot run, DoesNotFitError for what no memory would help.
    """
    program = translate(graph, config)
    program = replace(program, config=fitted(program, free))
    own = fit(program)
    return Analysis(
        network=graph.name,
        fit=own,
        cycles=program.cycles,
        layers=_layers(program),
        host=tuple(op.name for op in program.host_ops),
        act_bytes=program.act_words * config.rows,
        weight_bytes=program.weights.size,
        transfer_words=(_host_words(program, graph.inputs), _host_words(program, program.device.outputs)),
        configurations={name: own if other == program.config else fit_of(graph, other) for name, other in others.items()},
    )


def _host_words(program: Program, names: tuple[str, ...]) -> int:
    """32-bit words of activation memory that hold elements of these tensors."""
    return sum(len(host_layout(program.placements[name], program.config).addresses) for name in names)


def _layers(program: Program) -> tuple[LayerAnalysis, ...]:
    config = program.config
    found = []
    for layer in program.layers:
        parts = [values for values in program.descriptors if values["layer"] == layer.index]
        operation = Operation(parts[0]["operation"])
        words = config.words_per_depthwise_tile if operation is Operation.DEPTHWISE else config.words_per_tile
        loading = sum(values["tiles"] for values in parts) * words
        post = sum(((values["groups"] - 1) * values["lane_groups"] + values["lane_groups_last"]) * values["pixels"] for values in parts)
        work = {"array" if operation in ARRAY_OPERATIONS else "feeder": layer.busy, "weights": loading, "post-processor": post}
        limit = max(work, key=lambda name: work[name])
        tile_bytes = words * config.weight_rows_per_cycle * config.cols
        found.append(
            LayerAnalysis(
                layer.name,
                layer.kind,
                layer.macs,
                layer.cycles,
                layer.macs / (layer.cycles * config.rows * config.cols),
                limit if 2 * work[limit] > layer.cycles else "latency",
                sum({values["weight_address"]: values["tiles"] for values in parts}.values()) * tile_bytes,
            )
        )
    return tuple(found)
