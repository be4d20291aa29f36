"""What the accelerator cannot run, said for the whole network at once before anything is compiled."""

from __future__ import annotations

from golden.errors import InputError
from golden.graph import (
    Add,
    AveragePool2d,
    Concatenation,
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Graph,
    Lookup,
    MaxPool2d,
    Mean,
    Op,
    Pad,
    Requantize,
    Reshape,
    WeightedOp,
)
from hwgen.compiler.placement import map_shape, stored_as
from hwgen.config import AcceleratorConfig

SUPPORTED: tuple[type[Op], ...] = (
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Add,
    MaxPool2d,
    AveragePool2d,
    Mean,
    Requantize,
    Lookup,
    Pad,
    Concatenation,
    Reshape,
)


def problems(graph: Graph, config: AcceleratorConfig) -> list[str]:
    """One line for every operator that the accelerator cannot run: which, why, what to do.  Empty if it runs all."""
    found = []
    owner = stored_as(graph)
    if graph.format != config.rescale:
        found.append(
            f"the network rescales in format {graph.format}, the accelerator in {config.rescale}; "
            f"quantize with the accelerator's format or generate an accelerator with the network's"
        )
    for op in graph.ops:
        if not isinstance(op, SUPPORTED):
            found.append(f"layer {op.name}: {op.kind} runs in the golden model only; the accelerator has no hardware for it yet")
        elif isinstance(op, Pad) and any(op.channels):
            found.append(f"layer {op.name}: padding of channels runs in the golden model only; pad rows and columns")
        elif isinstance(op, WeightedOp) and op.weight_zero_point.any():
            found.append(f"layer {op.name}: weights have a zero point other than 0; quantize them symmetrically")
        elif isinstance(op, Reshape):
            target = graph.op_output(op).shape
            stored = map_shape(graph.tensors[owner[op.inputs[0]]])
            if len(target) == 3 and target[2] != stored[2]:
                found.append(
                    f"layer {op.name}: a reshape of {stored} to {target} would move channels; "
                    f"only flattening, and another division into rows, are free in hardware"
                )
    for op in graph.ops:
        if isinstance(op, FullyConnected) and len(graph.op_inputs(op)[0].shape) != 1:
            found.append(f"layer {op.name}: the input of a fully connected layer must be a vector")
    for op in graph.ops:
        if isinstance(op, (Add, Concatenation, Lookup, Requantize, Pad, Mean)):
            moved = [name for name in (*op.inputs, op.output) if map_shape(graph.tensors[name]) != _stored_shape(graph, owner, name)]
            if moved:
                found.append(f"layer {op.name}: {', '.join(moved)} is the flattening of a map, which only fully connected layers can read")
    if not any(not isinstance(op, Reshape) for op in graph.ops):
        found.append("the network has no layer that computes anything")
    return found


def _stored_shape(graph: Graph, owner: dict[str, str], name: str) -> tuple[int, ...]:
    """Shape of a tensor as it lies in memory."""
    tensor = graph.tensors[name]
    return tensor.shape if len(tensor.shape) == 3 else map_shape(graph.tensors[owner[name]])


def check(graph: Graph, config: AcceleratorConfig) -> None:
    """Raises InputError that lists every problem of `problems`."""
    found = problems(graph, config)
    if found:
        raise InputError(f"network {graph.name}: the accelerator cannot run {len(found)} part(s) of it", found)
