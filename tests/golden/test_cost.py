"""Memory, bit operations and energy: the worked examples, and counts of a graph made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from golden.affine import Affine
from golden.cost import (
    COMPARED,
    DRAM,
    FP16,
    FP32,
    FP64,
    INT4,
    INT8,
    INT32,
    SRAM_1M,
    SRAM_8K,
    SRAM_32K,
    Counts,
    bit_operations,
    format_cost,
    memory_bytes,
    op_counts,
    saving,
    total,
)
from golden.graph import Conv2d, FullyConnected, Graph, Padding, Reshape, Tensor, Window
from golden.rescale import TFLITE, Rescale

GIGA = 10**9


@pytest.mark.parametrize(("bits", "gigabytes"), [(64, 560), (32, 280), (16, 140), (8, 70), (4, 35)])
def test_memory_of_70_billion_parameters(bits: int, gigabytes: int) -> None:
    assert memory_bytes(70 * GIGA, bits) == gigabytes * GIGA


def test_memory_of_7_billion_parameters() -> None:
    assert memory_bytes(7 * GIGA, 32) == 28 * GIGA


def test_savings_from_fp16() -> None:
    assert (saving(8, than=16), saving(4, than=16)) == (0.5, 0.75)


def test_memory_of_parts_of_a_byte_is_exact() -> None:
    assert memory_bytes(3, 3) * 8 == 9


def test_bit_operations() -> None:
    assert bit_operations(1000, 8, 8) == 64_000
    assert bit_operations(1000, 4, 8) * 2 == bit_operations(1000, 8, 8)


def test_energies_of_the_source() -> None:
    """Horowitz, ISSCC 2014, figure 1.1.9."""
    assert [(a.multiply, a.add) for a in (INT8, INT32, FP16, FP32)] == [(0.2, 0.03), (3.1, 0.1), (1.1, 0.4), (3.7, 0.9)]
    assert [a.mac for a in (INT8, INT32, FP16, FP32)] == [0.3, 3.2, 1.5, 4.6]  # int8 products are summed in 32 bits
    assert [(m.least, m.greatest) for m in (SRAM_8K, SRAM_32K, SRAM_1M, DRAM)] == [(10, 10), (20, 20), (100, 100), (1300, 2600)]
    assert [a.mac for a in (FP64, INT4)] == [None, None]
    assert [arithmetic.bits for arithmetic in COMPARED] == [64, 32, 16, 8, 4]


def test_energy_of_counts() -> None:
    counts = Counts(parameters=10, macs=1000, moved=80)
    assert counts.mac_energy(FP32) == pytest.approx(4600)
    assert counts.mac_energy(INT8) == pytest.approx(300)
    assert counts.mac_energy(INT4) is None
    assert counts.traffic_energy(INT8, SRAM_1M) == (1000, 1000)
    assert counts.traffic_energy(FP32, DRAM) == (52_000, 104_000)


def test_cost_in_a_format() -> None:
    counts = Counts(parameters=10, macs=1000, moved=80)
    fp32, int8, int4 = (format_cost(counts, arithmetic) for arithmetic in (FP32, INT8, INT4))
    assert [cost.parameter_bytes for cost in (fp32, int8, int4)] == [40, 10, 5]
    assert [cost.bops for cost in (fp32, int8, int4)] == [None, 64_000, 16_000]
    assert [cost.moved_bytes for cost in (fp32, int8, int4)] == [320, 80, 40]
    assert (int8.mac_energy, int8.sram, int8.dram) == (pytest.approx(300), (1000, 1000), (13_000, 26_000))
    assert int4.mac_energy is None


def test_counts_of_a_graph() -> None:
    affine = Affine(1.0, 0)
    shapes: dict[str, tuple[int, ...]] = {"x": (4, 4, 2), "a": (4, 4, 3), "flat": (48,), "y": (5,)}
    conv = Conv2d(
        "conv", ("x",), "a", weight=np.ones((3, 3, 3, 2)), weight_zero_point=np.zeros(3), weight_scale=np.ones(3), bias=np.zeros(3),
        rescale=Rescale.from_real(TFLITE, 0.5), window=Window((3, 3), padding=Padding(1, 1, 1, 1)),
    )  # fmt: skip
    linear = FullyConnected(
        "fc", ("flat",), "y", weight=np.ones((5, 48)), weight_zero_point=np.zeros(5), weight_scale=np.ones(5), bias=np.zeros(5),
        rescale=Rescale.from_real(TFLITE, 0.5),
    )  # fmt: skip
    tensors = {name: Tensor(name, shape, affine) for name, shape in shapes.items()}
    graph = Graph("hand", TFLITE, tensors, ("x",), ("y",), (conv, Reshape("flatten", ("a",), "flat"), linear))
    counts = op_counts(graph)
    assert counts["conv"] == Counts(parameters=54 + 3, macs=48 * 18, moved=57 + 32 + 48)
    assert counts["flatten"] == Counts(0, 0, 0)
    assert counts["fc"] == Counts(parameters=240 + 5, macs=240, moved=245 + 48 + 5)
    assert total(counts.values()) == Counts(57 + 245, 48 * 18 + 240, 137 + 298)
