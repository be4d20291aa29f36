"""Affine parameters are validated where they are made."""

from __future__ import annotations

import pytest

from golden.affine import Affine
from golden.errors import InputError


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_must_be_finite_and_positive(scale: float) -> None:
    with pytest.raises(InputError, match="scale must be finite and greater than 0"):
        Affine(scale, 0)


@pytest.mark.parametrize("zero_point", [-129, 128])
def test_zero_point_must_be_int8(zero_point: int) -> None:
    with pytest.raises(InputError, match=f"zero point must be from -128 to 127, not {zero_point}"):
        Affine(1.0, zero_point)
