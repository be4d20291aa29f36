"""`compile_graph`: an integer graph and a configuration become a program, or an error that says what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph, Op, op_macs
from hwgen.compiler import support
from hwgen.compiler.concatenation import nest
from hwgen.compiler.host_part import divide
from hwgen.compiler.lower import lower
from hwgen.compiler.lowered import Pass
from hwgen.compiler.packing import PACK
from hwgen.compiler.program import Layer, Program
from hwgen.compiler.storage import store
from hwgen.compiler.walk import out_of_reach
from hwgen.config import AcceleratorConfig
from hwgen.cycles import predict
from hwgen.descriptor import WORDS, out_of_range
from hwgen.field_widths import too_large
from hwgen.gateware.pooling_path import TABLE_ENTRIES
from hwgen.identity import HEADER_WORDS
from hwgen.params import param_bits


def compile_graph(graph: Graph, config: AcceleratorConfig) -> Program:
    """Compiles a checked graph for an accelerator.

    Raises InputError that lists every operator the accelerator cannot run, and DoesNotFitError that says of every memory that is too
    small what is needed and what there is.
    """
    program = translate(graph, config)
    check_memories(program)
    return program


def check_memories(program: Program) -> None:
    """Raises DoesNotFitError that lists every memory of the program's accelerator that is too small for it."""
    shortages = [demand.shortage() for demand in demands(program, program.config) if not demand.fits]
    if shortages:
        name = program.graph.name
        raise DoesNotFitError(f"network {name} does not fit the accelerator; choose larger depths, or a smaller network", shortages)


def translate(graph: Graph, config: AcceleratorConfig) -> Program:
    """The program for an accelerator like this one whose memories are as large as need be: nothing in it depends on their sizes.

    Raises InputError that lists every operator the accelerator cannot run, and DoesNotFitError for what no memory would help.
    """
    network, division = graph, divide(graph)
    graph = nest(division.device)
    support.check(graph, config)
    storage = store(graph, config)
    ops = [op for op in graph.ops if op.output not in storage.shared]
    lowered = [lower(graph, op, storage, config) for op in ops]
    problems = [problem for item in lowered for problem in item.problems]
    if problems:
        raise InputError(f"network {graph.name}: the accelerator cannot run it exactly", problems)

    descriptors: list[dict[str, int]] = []
    passes: list[tuple[Op, Pass]] = []
    weight_base = param_base = table_base = 0
    for op, item in zip(ops, lowered, strict=True):
        for part in item.passes:
            for position, values in enumerate(part.descriptors):
                descriptors.append(
                    {
                        **values,
                        "layer": len(passes),
                        "barrier": int(position == 0),
                        "last": 0,
                        "weight_address": values["weight_address"] + weight_base,
                        "param_address": values["param_address"] + param_base,
                        "table": values["table"] + table_base // TABLE_ENTRIES,
                    }
                )
            passes.append((op, part))
        weight_base += len(item.weights)
        param_base += len(item.params)
        table_base += len(item.tables)
    descriptors[-1]["last"] = 1

    shortages = [
        f"layer {passes[values['layer']][1].name}: {problem}"
        for values in descriptors
        for problem in (*out_of_range(values), *too_large(config, values), *out_of_reach(values, config.place_bits))
    ]
    if shortages:
        raise DoesNotFitError(f"network {graph.name} is too large for the descriptors; choose a smaller network", shortages)

    timings = predict(config, descriptors)
    layers = tuple(
        Layer(
            index, part.name, part.kind, part.output, 0 if part.kind == PACK else op_macs(graph, op), timing.cycles, timing.busy, part.parts
        )
        for index, ((op, part), timing) in enumerate(zip(passes, timings, strict=True))
    )
    weights = np.concatenate([item.weights for item in lowered])
    params = tuple(record for item in lowered for record in item.params)
    tables = tuple(entry for item in lowered for entry in item.tables)
    return Program(
        graph=network,
        device=graph,
        host_ops=division.host,
        config=config,
        layers=layers,
        descriptors=tuple(descriptors),
        weights=weights,
        params=params,
        tables=tables,
        placements=storage.placements,
        act_words=storage.words,
    )


@dataclass(frozen=True)
class Demand:
    """What a program needs of a memory, and what there is; `parameter` is the configuration's, `unit` what is counted, in the plural."""

    memory: str
    parameter: str
    need: int
    have: int
    unit: str
    unit_bytes: int

    @property
    def fits(self) -> bool:
        """Whether there is enough."""
        return self.need <= self.have

    def shortage(self) -> str:
        """Says what is needed and what there is."""
        # Every unit begins with its noun, or ends with it.
        unit, verb = (re.sub(r"s\b", "", self.unit, count=1), "is") if self.need == 1 else (self.unit, "are")
        return f"{self.memory} ({self.parameter}): {self.need} {unit} {verb} needed, {self.have} {'is' if self.have == 1 else 'are'} there"


def demands(program: Program, config: AcceleratorConfig) -> tuple[Demand, ...]:
    """What a program takes of every memory of a configuration."""
    weight_bytes = config.weight_rows_per_cycle * config.cols
    record_bytes = -(-param_bits(config) // 8)
    table_bytes = 4 * TABLE_ENTRIES * config.pool_channels
    found = (
        Demand("activation memory", "act_depth", program.act_words, config.act_depth, f"words of {config.rows} bytes", config.rows),
        Demand("weight memory", "weight_depth", len(program.weights), config.weight_depth, f"words of {weight_bytes} bytes", weight_bytes),
        Demand("parameter memory", "param_depth", len(program.params), config.param_depth, "records", record_bytes),
        Demand("program memory", "program_depth", HEADER_WORDS + len(program.descriptors) * WORDS, config.program_depth, "32-bit words", 4),
        Demand(
            "tables of adds and functions", "add_tables", len(program.tables) // TABLE_ENTRIES, config.add_tables, "tables", table_bytes
        ),
    )
    if not config.max_layers:
        return found
    return (*found, Demand("performance counters", "max_layers", len(program.layers), config.max_layers, "layers", 16))
