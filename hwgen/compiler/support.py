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
)
from hwgen.compiler.placement import stored_as
from hwgen.compiler.pooling import undividable
from hwgen.config import AcceleratorConfig

#: Every operator that the accelerator runs, and where: in the array, past it on the way to the accumulators, or by placement alone.  A
#: concatenation whose inputs begin within a lane group goes through the array too.
PLACES: dict[type[Op], str] = {
    Conv2d: "array",
    DepthwiseConv2d: "array",
    FullyConnected: "array",
    Add: "past the array",
    MaxPool2d: "past the array",
    AveragePool2d: "past the array",
    Mean: "past the array",
    Requantize: "past the array",
    Lookup: "past the array",
    Pad: "past the array",
    Concatenation: "in place or past the array",
    Reshape: "nothing to do",
}


def place_of(graph: Graph, op: Op) -> str:
    """Where a supported operator of a network runs; what moves channels is the array's."""
    moves = stored_as(graph)[op.output] == op.output if isinstance(op, Reshape) else isinstance(op, Pad) and any(op.channels)
    return "array" if moves else PLACES[type(op)]


def by_operator(graph: Graph) -> dict[str, list[str]]:
    """For each operator that the accelerator cannot run: why, and what to do."""
    found: dict[str, list[str]] = {}

    def refuse(op: Op, reason: str) -> None:
        found.setdefault(op.name, []).append(reason)

    for op in graph.ops:
        if type(op) not in PLACES:
            refuse(op, f"{op.kind} runs in the golden model only; the accelerator has no hardware for it")
        elif isinstance(op, FullyConnected) and len(graph.op_inputs(op)[0].shape) != 1:
            refuse(op, "the input of a fully connected layer must be a vector")
        elif isinstance(op, AveragePool2d):
            (source,), target = graph.op_inputs(op), graph.op_output(op)
            for count in undividable(op.window, source.shape[:2], target.shape[:2], graph.format):
                refuse(
                    op,
                    f"division by {count} is not exact with rescale format {graph.format} for every sum; "
                    f"use a window with a power of two of pixels, or a format with a wider multiplier (tflite, fixed32)",
                )
    return found


def problems(graph: Graph, config: AcceleratorConfig) -> list[str]:
    """One line for everything that keeps a network from an accelerator; empty if it runs all."""
    found = []
    if graph.format != config.rescale:
        found.append(
            f"the network rescales in format {graph.format}, the accelerator in {config.rescale}; "
            f"quantize with the accelerator's format or generate an accelerator with the network's"
        )
    found += [f"layer {name}: {reason}" for name, reasons in by_operator(graph).items() for reason in reasons]
    if all(owner != name for name, owner in stored_as(graph).items() if name not in graph.inputs):
        found.append("the network has no layer that computes anything")
    return found


def check(graph: Graph, config: AcceleratorConfig) -> None:
    """Raises InputError that lists every problem of `problems`."""
    found = problems(graph, config)
    if found:
        raise InputError(f"network {graph.name}: the accelerator cannot run {len(found)} part(s) of it", found)
