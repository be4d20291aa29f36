"""`compile_graph`: an integer graph and a configuration become a program, or an error that says what is missing."""

from __future__ import annotations

import numpy as np

from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph, Reshape, op_macs
from hwgen.compiler import support
from hwgen.compiler.lower import lower
from hwgen.compiler.placement import place
from hwgen.compiler.program import Layer, Program
from hwgen.config import AcceleratorConfig
from hwgen.cycles import predict
from hwgen.descriptor import WORDS, out_of_range


def compile_graph(graph: Graph, config: AcceleratorConfig) -> Program:
    """Compiles a checked graph for an accelerator.

    Raises InputError that lists every operator the accelerator cannot run, and DoesNotFitError that says of every memory that is too
    small what is needed and what there is.
    """
    support.check(graph, config)
    ops = [op for op in graph.ops if not isinstance(op, Reshape)]
    placements, act_words = place(graph, config)
    lowered = [lower(graph, op, placements, config) for op in ops]
    problems = [problem for item in lowered for problem in item.problems]
    if problems:
        raise InputError(f"network {graph.name}: the accelerator cannot run it exactly", problems)

    descriptors: list[dict[str, int]] = []
    first_of_layer: list[int] = []
    weight_base = param_base = 0
    for index, item in enumerate(lowered):
        first_of_layer.append(len(descriptors))
        for position, values in enumerate(item.descriptors):
            descriptors.append(
                {
                    **values,
                    "layer": index,
                    "barrier": int(position == 0),
                    "last": 0,
                    "weight_address": values["weight_address"] + weight_base,
                    "param_address": values["param_address"] + param_base,
                }
            )
        weight_base += len(item.weights)
        param_base += len(item.params)
    descriptors[-1]["last"] = 1

    needs = {
        "activation memory (act_depth)": (act_words, config.act_depth, f"words of {config.rows} bytes"),
        "weight memory (weight_depth)": (weight_base, config.weight_depth, f"words of {config.weight_rows_per_cycle * config.cols} bytes"),
        "parameter memory (param_depth)": (param_base, config.param_depth, "records"),
        "program memory (program_depth)": (len(descriptors) * WORDS, config.program_depth, "32-bit words"),
        "performance counters (max_layers)": (len(lowered), config.max_layers, "layers"),
    }
    shortages = [f"{name}: {need} {unit} are needed, {have} are there" for name, (need, have, unit) in needs.items() if need > have]
    for values in descriptors:
        shortages += [f"layer {ops[values['layer']].name}: {problem}" for problem in out_of_range(values)]
    if shortages:
        raise DoesNotFitError(f"network {graph.name} does not fit the accelerator; choose larger depths, or a smaller network", shortages)

    timings = predict(config, descriptors)
    layers = tuple(
        Layer(index, op.name, op.kind, op.output, op_macs(graph, op), timing.cycles, timing.busy)
        for index, (op, timing) in enumerate(zip(ops, timings, strict=True))
    )
    weights = np.concatenate([item.weights for item in lowered])
    params = tuple(record for item in lowered for record in item.params)
    return Program(graph, config, layers, tuple(descriptors), weights, params, placements, act_words)
