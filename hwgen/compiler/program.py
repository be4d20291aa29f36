"""`Program`: what the compiler makes of a graph for one accelerator, and all that emission and benches need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from golden import network_file
from golden.graph import Graph, Op
from hwgen.compiler.lowered import Box
from hwgen.compiler.placement import Placement
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import encode
from hwgen.identity import Identity, images_sha256
from hwgen.regmap import HOST_BYTES, MEMORIES, Window


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
        """The program memory's image: the header that identifies it, and the descriptors."""
        return self.identity.header() + self._code

    @cached_property
    def identity(self) -> Identity:
        """Which network, and which images of it."""
        width = {window: MEMORIES[window].chunks(self.config) * HOST_BYTES for window in MEMORIES}
        weights = np.pad(self.weights, ((0, 0), (0, width[Window.WEIGHT] - self.weights.shape[1])))
        integers = {Window.PARAM: self.params, Window.PROGRAM: self._code, Window.TABLE: self.tables}
        images = {window: b"".join(value.to_bytes(width[window], "little") for value in values) for window, values in integers.items()}
        return Identity(network_file.sha256(self.graph), images_sha256({Window.WEIGHT: weights.tobytes(), **images}))

    @property
    def _code(self) -> tuple[int, ...]:
        """The descriptors' words."""
        return tuple(word for descriptor in self.descriptors for word in encode(descriptor))

    @property
    def cycles(self) -> int:
        """Predicted cycles of one inference, from start to done."""
        return sum(layer.cycles for layer in self.layers)
