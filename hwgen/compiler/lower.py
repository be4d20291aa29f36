"""From an operator to what the hardware runs: picks the lowering."""

from __future__ import annotations

from dataclasses import replace

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
    Window,
)
from hwgen.compiler.concatenation import lower_concatenation
from hwgen.compiler.convolution import lower_convolution
from hwgen.compiler.depthwise import lower_depthwise
from hwgen.compiler.elementwise import lower_lookup, lower_pad, lower_sum
from hwgen.compiler.lowered import Lowered
from hwgen.compiler.packing import packed_name
from hwgen.compiler.placement import Placement
from hwgen.compiler.pooling import lower_pooling
from hwgen.compiler.reshape import divided_name, lower_reshape
from hwgen.compiler.residual import lower_add
from hwgen.compiler.storage import Storage
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME


def lower(graph: Graph, op: Op, storage: Storage, config: AcceleratorConfig) -> Lowered:
    """Lowers one supported operator."""
    placements = storage.placements
    sources = tuple(placements[name] for name in op.inputs)
    target = placements[op.output]
    zero_points = tuple(tensor.affine.zero_point for tensor in (*graph.op_inputs(op), graph.op_output(op)))
    if isinstance(op, (MaxPool2d, AveragePool2d)):
        return lower_pooling(op, sources[0], target, config)
    if isinstance(op, Add):
        return lower_add(op, (zero_points[0], zero_points[1], zero_points[2]), (sources[0], sources[1]), target, config)
    if isinstance(op, (Mean, Requantize)):
        return lower_sum(op, (zero_points[0], zero_points[1]), sources[0], target, config)
    if isinstance(op, Lookup):
        return lower_lookup(op, sources[0], target, config)
    if isinstance(op, Pad):
        return lower_pad(op, zero_points[0], sources[0], target, config)
    if isinstance(op, Concatenation):
        return lower_concatenation(op, storage.joins[op.name], storage.inside, placements, config)
    if isinstance(op, Reshape):
        return lower_reshape(op, sources[0], target, placements.get(divided_name(op)), config)
    if isinstance(op, DepthwiseConv2d):
        return lower_depthwise(op, (zero_points[0], zero_points[1]), sources[0], target, config)
    if isinstance(op, Conv2d):
        weight, window = op.weight, op.window
    else:
        assert isinstance(op, FullyConnected)
        # A vector is the flattening of a map, or a map of one pixel: a convolution whose kernel is the whole map.
        sources = (_in_reach(sources[0]),)
        height, width, channels = sources[0].shape
        weight, window = op.weight.reshape(-1, height, width, channels), Window((height, width))
    return lower_convolution(
        op, weight, window, (zero_points[0], zero_points[1]), sources[0], target, placements.get(packed_name(op)), config
    )


def _in_reach(source: Placement) -> Placement:
    """A map whose rows or columns are more than a kernel has, as one of other rows, where there is such a one."""
    height, width, channels = source.shape
    most = BY_NAME["kernel_x"].high
    if max(height, width) <= most or source.words_per_row != width * source.words_per_pixel:
        return source
    sides = [(height * width // side, side) for side in range(1, most + 1) if height * width % side == 0]
    rows, columns = min(sides, key=max)
    if rows > most:
        return source
    return replace(source, shape=(rows, columns, channels), whole_row=0)
