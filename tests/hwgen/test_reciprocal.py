"""Division by multiplication: exact for every sum of every count, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from golden.errors import InputError
from golden.graph import AveragePool2d, Padding, Window
from golden.rescale import RescaleFormat
from hwgen.compiler import compile_graph
from hwgen.compiler.reciprocal import identity, reciprocal
from hwgen.config import AcceleratorConfig
from hwgen.params import shift_problems

EXACT = ("tflite", "fixed32", "fixed24", "fixed16")


def quotients(format: str, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """For every sum of `count` int8 values: what the golden rescale makes of its magnitude with its sign, and the rounded quotient."""
    found = reciprocal(RescaleFormat.parse(format), count)
    if found is None:
        return None
    sums = np.arange(-128 * count, 127 * count + 1)
    got = np.sign(sums) * found.apply(np.abs(sums))
    return got, np.where(sums > 0, (sums + count // 2) // count, -((-sums + count // 2) // count))


@pytest.mark.parametrize("format", [*EXACT, "fixed11", "fixed8", "fixed4", "shift"])
def test_every_count_to_300_is_exact_or_refused(format):
    refused = []
    for count in range(1, 301):
        if (found := quotients(format, count)) is None:
            refused.append(count)
        else:
            np.testing.assert_array_equal(*found, err_msg=f"{format}, {count}")
    if format in ("tflite", "fixed32", "fixed24"):
        assert refused == []
    if format == "shift":
        assert refused == [count for count in range(1, 301) if count & (count - 1)]
    assert not {1, 2, 4, 8, 16, 32, 64, 128, 256} & set(refused), "powers of two divide in every format"


@pytest.mark.parametrize(("format", "count"), [("tflite", 1024), ("fixed32", 1521), ("tflite", 49 * 49), ("fixed32", 4095)])
def test_large_windows(format, count):
    np.testing.assert_array_equal(*quotients(format, count))


def test_more_than_65536_values_are_refused():
    assert reciprocal(RescaleFormat.parse("tflite"), (1 << 16) + 1) is None


@pytest.mark.parametrize("format", [*EXACT, "fixed4", "shift"])
def test_constants_fit_the_hardware(format):
    """The shifts and the multiplier are ones that a parameter record can hold."""
    config = AcceleratorConfig(rescale=RescaleFormat.parse(format), acc_bits=22)
    for count in range(1, 301):
        found = reciprocal(config.rescale, count)
        if found is not None:
            assert not shift_problems(config, found), count
            assert 0 <= found.multiplier[0] < 1 << max(1, config.rescale.bits - 1)


@pytest.mark.parametrize("format", [*EXACT, "fixed4", "shift"])
def test_identity_changes_nothing(format):
    values = np.arange(-128, 128)
    np.testing.assert_array_equal(identity(RescaleFormat.parse(format)).apply(values), values)


def test_a_refusal_names_the_layer_the_count_and_the_way_out(network):
    """A 3 x 3 window sees 4 pixels in a corner, 6 at a border, 9 within: all that the format cannot divide by are named at once."""
    window = Window((3, 3), padding=Padding(1, 1, 1, 1))
    shift = RescaleFormat.parse("shift")
    graph = network(4, 4, 2, format=shift).pool(AveragePool2d, window).graph()
    with pytest.raises(InputError) as caught:
        compile_graph(graph, AcceleratorConfig(rows=4, cols=4, lanes=1, rescale=shift))
    assert caught.value.problems == tuple(
        f"layer pool_0: division by {count} is not exact with rescale format shift for every sum; "
        "use a window with a power of two of pixels, or a format with a wider multiplier (tflite, fixed32)"
        for count in (6, 9)
    )
