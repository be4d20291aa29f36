"""Layout and values of inputs: what is stated is checked, what is not stated follows from the array or is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from golden.errors import InputError
from weft.arrays import Layout, Values, choice, make_samples, read_samples


def test_layout_follows_from_the_shape() -> None:
    samples = make_samples("x", np.zeros((2, 3, 5, 7), np.float32))
    assert samples.layout_for((3, 5, 7)) is Layout.NHWC
    assert samples.layout_for((5, 7, 3)) is Layout.NCHW


def test_an_ambiguous_layout_must_be_stated() -> None:
    x = np.zeros((2, 4, 4, 4), np.float32)
    with pytest.raises(InputError, match=r"may be nhwc or nchw; state the layout"):
        make_samples("x", x).layout_for((4, 4, 4))
    for layout in Layout:
        assert make_samples("x", x, layout=layout).layout_for((4, 4, 4)) is layout


def test_maps_of_one_row_may_come_without_rows() -> None:
    samples = make_samples("x", np.zeros((2, 7, 5), np.float32))
    assert samples.layout_for((1, 5, 7)) is Layout.NCHW
    assert samples.layout_for((1, 7, 5)) is Layout.NHWC
    with pytest.raises(InputError, match=r"the network takes \(7, 3\) in nhwc or \(3, 7\) in nchw; a single channel needs its own axis"):
        samples.layout_for((1, 7, 3))


def test_vectors_have_no_layout() -> None:
    assert make_samples("x", np.zeros((2, 9), np.float32), layout=Layout.NCHW).layout_for((9,)) is Layout.NHWC
    with pytest.raises(InputError, match=r"inputs of the shape \(9,\), but the network takes vectors of 8 values"):
        make_samples("x", np.zeros((2, 9), np.float32)).layout_for((8,))


@pytest.mark.parametrize(
    ("dtype", "stated", "values"),
    [
        (np.float16, None, Values.REAL),
        (np.float64, None, Values.REAL),
        (np.int8, None, Values.INT8),
        (np.int8, Values.INT8, Values.INT8),
        (np.int8, Values.REAL, Values.REAL),
        (np.uint8, Values.REAL, Values.REAL),
        (np.int64, Values.REAL, Values.REAL),
    ],
)
def test_values(dtype: type, stated: Values | None, values: Values) -> None:
    samples = make_samples("x", np.full((1, 2), 3, dtype), values=stated)
    assert samples.values is values
    assert samples.x.dtype == (np.float32 if values is Values.REAL else np.int8)
    assert samples.x.tolist() == [[3, 3]]


def test_the_file_states_layout_and_values(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.zeros((2, 4, 4, 4), np.uint8), layout="NCHW", values="real", label=np.array([1, 0], np.uint8), extra=np.zeros(3))
    samples = read_samples(path)
    assert (samples.layout, samples.values) == (Layout.NCHW, Values.REAL)
    assert samples.label is not None
    assert samples.label.dtype == np.int64
    assert read_samples(path, Layout.NCHW, Values.REAL).layout is Layout.NCHW
    with pytest.raises(InputError, match="says that values is real, but the option says int8"):
        read_samples(path, values=Values.INT8)


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as caught:
        make_samples("data", np.zeros((2, 3, 4, 5, 6), np.uint8), label=np.zeros((3, 1)))
    assert len(caught.value.problems) == 4


def test_choice() -> None:
    assert choice(Layout, "NHWC") is Layout.NHWC
    with pytest.raises(InputError, match=r"values must be real or int8, not 'float'"):
        choice(Values, "float")
