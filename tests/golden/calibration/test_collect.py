"""The observers see the extremes of every tensor over all batches."""

from __future__ import annotations

import numpy as np
import pytest

from golden.calibration import Range, calibrate
from golden.errors import InputError
from golden.float_graph import FloatFullyConnected, FloatGraph, FloatTensor


def network(factor: float) -> FloatGraph:
    tensors = {name: FloatTensor(name, (2,)) for name in "xy"}
    op = FloatFullyConnected("fc", ("x",), "y", weight=np.eye(2) * factor, bias=np.zeros(2), low=0.0)
    return FloatGraph("g", tensors, ("x",), ("y",), (op,))


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_ranges_over_all_batches(batch_size: int) -> None:
    x = np.array([[0.5, 1.0], [-3.0, 0.0], [2.0, 0.25]], np.float32)
    calls: list[tuple[int, int]] = []
    ranges = calibrate(network(2.0), {"x": x}, batch_size=batch_size, progress=lambda done, total: calls.append((done, total)))
    assert ranges == {"x": Range(-3.0, 2.0), "y": Range(0.0, 4.0)}
    assert calls[-1] == (3, 3)
    assert len(calls) == -(-3 // batch_size)


def test_a_network_that_overflows_is_refused_with_the_tensor() -> None:
    with pytest.raises(InputError, match=r"tensor 'y' takes NaN or infinite values"):
        calibrate(network(1e38), {"x": np.array([[1e10, 0.0], [0.0, 0.0]], np.float32)}, batch_size=1)
