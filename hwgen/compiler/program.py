"""`Program`: what the compiler makes of a graph for one accelerator, and all that emission and benches need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.graph import Graph, Op
from hwgen.compiler.lowered import Box
from hwgen.compiler.placement import Placement
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import encode


@dataclass(frozen=True)
class Layer:
    """A layer as the hardware sees it.

    index:  what descriptors, counters and write log call it.
    name, kind, output: of the operator and its output tensor; the output of a pack pass is a map of its own.
    macs:   multiply-accumulates of the operator.
    cycles: predicted, exactly, by `hwgen.cycles`.
    busy:   cycles of these in which a word enters the array or the pooling path.
    parts:  what of the output it writes; nothing where it is all of it.
    """

    index: int
    name: str
    kind: str
    output: str
    macs: int
    cycles: int
    busy: int
    parts: tuple[Box, ...] = ()


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled network.

    graph:       the network.
    device:      the part of it that the accelerator runs; its outputs are what the host reads.
    host_ops:    the operators that the host runs on these.
    descriptors: field values, in program order.
    weights:     uint8[words, L * C], the weight memory's image.
    params:      parameter records as unsigned integers.
    tables:      entries of the residual adds' tables as unsigned integers.
    placements:  every tensor in activation memory, and the program's own maps; act_words of it are used.
    cycles:      of one inference, predicted; the sum of the layers'.
    """

    graph: Graph
    device: Graph
    host_ops: tuple[Op, ...]
    config: AcceleratorConfig
    layers: tuple[Layer, ...]
    descriptors: tuple[Mapping[str, int], ...]
    weights: npt.NDArray[np.uint8]
    params: tuple[int, ...]
    tables: tuple[int, ...]
    placements: Mapping[str, Placement]
    act_words: int

    @property
    def words(self) -> tuple[int, ...]:
        """The program memory's image."""
        return tuple(word for descriptor in self.descriptors for word in encode(descriptor))

    @property
    def cycles(self) -> int:
        """Predicted cycles of one inference, from start to done."""
        return sum(layer.cycles for layer in self.layers)
