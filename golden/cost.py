"""What a network costs in a number format: memory, bit operations, energy (SPEC eq. 45 to 48).

The energies are those of M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9: rough
costs in a 45 nm process at 0.9 V.  They say how formats and memories compare, and nothing about a chip of today or an FPGA.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from golden.graph import Graph, WeightedOp, op_macs


@dataclass(frozen=True)
class Arithmetic:
    """A format that networks are computed in, and its energies in pJ (None: not in the source).

    multiply, add: one operation.
    accumulator:   the format of the sums, where it is a wider one.
    """

    name: str
    bits: int
    multiply: float | None = None
    add: float | None = None
    accumulator: Arithmetic | None = None

    @property
    def accumulate(self) -> float | None:
        """One addition of a product to a sum, in pJ."""
        return (self.accumulator or self).add

    @property
    def mac(self) -> float | None:
        """One multiply-accumulate operation in pJ (SPEC eq. 47)."""
        return None if self.multiply is None or self.accumulate is None else round(self.multiply + self.accumulate, 9)


FP64 = Arithmetic("FP64", 64)
FP32 = Arithmetic("FP32", 32, multiply=3.7, add=0.9)
FP16 = Arithmetic("FP16", 16, multiply=1.1, add=0.4)
INT32 = Arithmetic("INT32", 32, multiply=3.1, add=0.1)
INT8 = Arithmetic("INT8", 8, multiply=0.2, add=0.03, accumulator=INT32)
INT4 = Arithmetic("INT4", 4, accumulator=INT32)

#: The formats that networks are compared in, from the widest.
COMPARED = (FP64, FP32, FP16, INT8, INT4)


@dataclass(frozen=True)
class Memory:
    """A memory, and the energy of one access of 64 bits in pJ: from, to."""

    name: str
    least: float
    greatest: float

    def per_byte(self) -> tuple[float, float]:
        """Energy of moving one byte in pJ, from and to, where every access moves 8."""
        return self.least / 8, self.greatest / 8


SRAM_8K = Memory("8 KB SRAM", 10.0, 10.0)
SRAM_32K = Memory("32 KB SRAM", 20.0, 20.0)
SRAM_1M = Memory("1 MB SRAM", 100.0, 100.0)
DRAM = Memory("DRAM", 1300.0, 2600.0)
MEMORIES = (SRAM_8K, SRAM_32K, SRAM_1M, DRAM)


def memory_bytes(values: int, bits: int) -> Fraction:
    """Bytes that so many values take, exactly (SPEC eq. 45)."""
    return Fraction(values * bits, 8)


def bit_operations(macs: int, weight_bits: int, activation_bits: int) -> int:
    """BOPS (SPEC eq. 46)."""
    return macs * weight_bits * activation_bits


def saving(bits: int, than: int) -> Fraction:
    """Share of the memory that a narrower format saves."""
    return 1 - Fraction(bits, than)


@dataclass(frozen=True)
class Counts:
    """What costs follow from: a network's or a layer's, for one inference.

    parameters: weights and biases.
    macs:       multiply-accumulate operations.
    moved:      values that cross the memory's port: parameters once, what is read, what is written.
    """

    parameters: int
    macs: int
    moved: int

    def mac_energy(self, arithmetic: Arithmetic) -> float | None:
        """Energy of the arithmetic of one inference in pJ (SPEC eq. 47); None where the source has none."""
        return None if arithmetic.mac is None else self.macs * arithmetic.mac

    def traffic_energy(self, arithmetic: Arithmetic, memory: Memory) -> tuple[float, float]:
        """Energy of moving everything to or from a memory once in pJ, from and to (SPEC eq. 48)."""
        moved = float(memory_bytes(self.moved, arithmetic.bits))
        least, greatest = memory.per_byte()
        return moved * least, moved * greatest


def op_counts(graph: Graph) -> dict[str, Counts]:
    """The counts of every operator by name; an operator reads each of its inputs once and writes its output once.

    Reshapes move nothing.  Biases and activations count as values like weights, whatever their width in an integer network.
    """
    counts = {}
    for op in graph.ops:
        parameters = op.weight.size + op.bias.size if isinstance(op, WeightedOp) else 0
        activations = sum(int(np.prod(tensor.shape)) for tensor in (*graph.op_inputs(op), graph.op_output(op)))
        counts[op.name] = Counts(parameters, op_macs(graph, op), 0 if op.kind == "reshape" else parameters + activations)
    return counts


def total(counts: Iterable[Counts]) -> Counts:
    """The sum."""
    each = list(counts)
    return Counts(sum(c.parameters for c in each), sum(c.macs for c in each), sum(c.moved for c in each))


@dataclass(frozen=True)
class FormatCost:
    """What one inference costs where everything is in one format.

    parameter_bytes: memory of weights and biases.
    bops:            bit operations with weights and activations of that width; None for floating point.
    mac_energy:      of the arithmetic in pJ; None where the source has no such format.
    moved_bytes:     what crosses the memory's port.
    sram, dram:      energy of that in pJ, from and to: a 1 MB SRAM, or DRAM.
    """

    format: str
    bits: int
    parameter_bytes: float
    bops: int | None
    mac_energy: float | None
    moved_bytes: float
    sram: tuple[float, float]
    dram: tuple[float, float]


def format_cost(counts: Counts, arithmetic: Arithmetic) -> FormatCost:
    """The cost of so many parameters, operations and values in a format."""
    return FormatCost(
        arithmetic.name,
        arithmetic.bits,
        float(memory_bytes(counts.parameters, arithmetic.bits)),
        bit_operations(counts.macs, arithmetic.bits, arithmetic.bits) if arithmetic.accumulator is not None else None,
        counts.mac_energy(arithmetic),
        float(memory_bytes(counts.moved, arithmetic.bits)),
        counts.traffic_energy(arithmetic, SRAM_1M),
        counts.traffic_energy(arithmetic, DRAM),
    )
