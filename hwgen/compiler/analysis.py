"""What a network takes of an accelerator, layer by layer, without building either: the compiler's own numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from golden.graph import Graph
from hwgen.compiler import support
from hwgen.compiler.compile import Demand, compile_graph, demands
from hwgen.compiler.host_part import divide
from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import ARRAY_OPERATIONS, Operation

#: Memories large enough for any network, so that what is needed can be said of one that does not fit.
_ROOMY = {
    "act_depth": 1 << 22,
    "weight_depth": 1 << 22,
    "param_depth": 1 << 16,
    "program_depth": 1 << 16,
    "max_layers": 256,
    "add_tables": 64,
}


#: Words in which a memory grows, and what is counted one by one.
_BLOCK, _COUNTED = 512, ("add_tables", "max_layers")


@dataclass(frozen=True)
class Place:
    """Where an operator runs: "array", "past the array", "host", "nothing to do" or "unsupported", then with the reason."""

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
            found.append(Place(op.name, op.kind, support.place_of(op), ""))
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

    cycles:  of one inference, exactly those of the hardware.
    memory:  by memory, what is needed and what there is.
    fits:    for each configuration asked about, what it lacks; nothing where the network fits.
    """

    cycles: int
    layers: tuple[LayerAnalysis, ...]
    memory: tuple[Demand, ...]
    act_bytes: int
    weight_bytes: int
    fits: Mapping[str, tuple[str, ...]]


def analyze(graph: Graph, config: AcceleratorConfig, others: Mapping[str, AcceleratorConfig]) -> Analysis:
    """Analyzes a network on a configuration, and says of others whether it fits them.

    Raises InputError for what the accelerator cannot run.
    """
    program = compile_graph(graph, AcceleratorConfig.from_json({**config.to_json(), **_ROOMY}))
    memory = demands(program, config)
    return Analysis(
        cycles=program.cycles,
        layers=_layers(program),
        memory=memory,
        act_bytes=program.act_words * config.rows,
        weight_bytes=program.weights.size,
        fits={name: _shortages(graph, other) for name, other in others.items()},
    )


def fitted(graph: Graph, config: AcceleratorConfig, free: Collection[str]) -> AcceleratorConfig:
    """The configuration with those of the memories in `free` that are too small for a network grown to what it needs, in whole blocks.

    Raises InputError for what the accelerator cannot run.
    """
    program = compile_graph(graph, AcceleratorConfig.from_json({**config.to_json(), **_ROOMY}))
    short = {demand.parameter: demand.need for demand in demands(program, config) if not demand.fits and demand.parameter in free}
    grown = {name: need if name in _COUNTED else -(-need // _BLOCK) * _BLOCK for name, need in short.items()}
    return AcceleratorConfig.from_json({**config.to_json(), **grown})


def _shortages(graph: Graph, config: AcceleratorConfig) -> tuple[str, ...]:
    program = compile_graph(graph, AcceleratorConfig.from_json({**config.to_json(), **_ROOMY}))
    return tuple(demand.shortage() for demand in demands(program, config) if not demand.fits)


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
                parts[0]["tiles"] * tile_bytes,
            )
        )
    return tuple(found)
