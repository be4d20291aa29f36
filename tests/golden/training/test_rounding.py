"""Rounding of real steps equals that of the rescale formats in integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from golden.rescale import Rescale, RescaleFormat
from golden.training.rounding import average_rounding, half_away, half_even, half_up, rescale_rounding

TIES = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])


def test_ties() -> None:
    assert half_even(TIES).tolist() == [-2, -2, 0, 0, 2, 2]
    assert half_up(TIES).tolist() == [-2, -1, 0, 1, 2, 3]
    assert half_away(TIES).tolist() == [-3, -2, -1, 1, 2, 3]
    assert average_rounding(-128)(TIES).tolist() == [-3, -2, -1, 0, 1, 2]  # below 0 with the zero point: away from 0 is down
    assert average_rounding(3)(TIES).tolist() == [-2, -1, 0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_just_below_a_half_goes_down(dtype: torch.dtype) -> None:
    below = torch.nextafter(torch.tensor(0.5, dtype=dtype), torch.tensor(0.0, dtype=dtype))
    assert half_up(below) == 0
    assert half_away(-below) == 0


@pytest.mark.parametrize("format", ["tflite", "fixed32", "fixed16", "fixed8", "shift"])
def test_it_is_the_rounding_of_the_rescale_format(format: str) -> None:
    rng = np.random.default_rng(0)
    kind = RescaleFormat.parse(format)
    rescale = Rescale.from_real(kind, np.exp2(rng.uniform(-12, -1, 64)))
    acc = np.concatenate([rng.integers(-(2**20), 2**20, (200, 64)), rng.integers(-40, 41, (400, 64))])
    factors = rescale.real()
    steps = torch.from_numpy(acc * factors)
    assert np.array_equal(rescale_rounding(kind, factors)(steps).numpy(), rescale.apply(acc))


def test_two_roundings_are_not_one() -> None:
    """2^-5 is 0.5 * 2^-4: TensorFlow Lite rounds to sixteenths first, so that 0.47 becomes a half."""
    steps = torch.tensor([0.4999, 0.47, 0.4687, 0.3, -0.47, -0.4687])
    assert rescale_rounding(RescaleFormat.parse("tflite"), 2.0**-5)(steps).tolist() == [1, 1, 0, 0, -1, 0]
    assert rescale_rounding(RescaleFormat.parse("fixed32"), 2.0**-5)(steps).tolist() == [0, 0, 0, 0, 0, 0]
