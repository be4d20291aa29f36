"""Every observer against its definition on small data, and whatever the batches."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from golden.calibration import Range
from golden.calibration.cross_entropy import CrossEntropyObserver
from golden.calibration.kl import KlObserver, divergence
from golden.calibration.moving_average import MovingAverageObserver
from golden.calibration.mse import MseObserver
from golden.calibration.observer import Observer
from golden.calibration.observers import observer
from golden.calibration.percentile import PercentileObserver
from golden.calibration.row_sample import VALUES as SAMPLED
from golden.calibration.row_sample import RowSample
from golden.formats import IntegerFormat, power_of_two_up
from golden.schemes import ActivationScheme, Calibrator

IMAGES = arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 12)), elements=st.floats(-100, 100, width=32))
SCHEMES = [
    ActivationScheme(8),
    ActivationScheme(4),
    ActivationScheme(3, signed=False),
    ActivationScheme(4, symmetric=True),
    ActivationScheme(4, symmetric=True, narrow=True),
    ActivationScheme(4, power_of_two=True),
    ActivationScheme(5, symmetric=True, power_of_two=True),
]


def seen(one: Observer, values: np.ndarray, batch: int | None = None) -> Range:
    """The range after all batches."""
    for start in range(0, len(values), batch or len(values)):
        one.update(values[start : start + (batch or len(values))])
    return one.range()


def long_tailed(count: int = 4000, seed: int = 0, bias: float = 0.5) -> np.ndarray:
    """Values of which few are large."""
    return (np.random.default_rng(seed).standard_t(3, (count // 20, 20)) + bias).astype(np.float32)


def quantized(values: np.ndarray, range_: Range, scheme: ActivationScheme) -> np.ndarray:
    quantizer = scheme.quantizer(range_.low, range_.high)
    return quantizer.dequantize(quantizer.quantize(values))


def squared_error(values: np.ndarray, range_: Range, scheme: ActivationScheme) -> float:
    return float(((quantized(values, range_, scheme) - values) ** 2).sum())


# --- moving average -------------------------------------------------------------------------------


def test_moving_average_goes_image_by_image() -> None:
    values = np.array([[-1.0, 1.0], [-2.0, 3.0], [0.0, 5.0]], np.float32)
    assert seen(MovingAverageObserver(0.5), values) == Range(0.5 * (0.5 * -1 + 0.5 * -2) + 0.5 * 0, 0.5 * (0.5 * 1 + 0.5 * 3) + 0.5 * 5)
    assert seen(MovingAverageObserver(0.0), values) == Range(0.0, 5.0)


# --- percentile -----------------------------------------------------------------------------------


def test_percentile_leaves_the_same_share_out_at_both_ends() -> None:
    values = np.arange(-500, 501, dtype=np.float32)
    found = seen(PercentileObserver(99.0), values.reshape(-1, 1))  # 0.5 % of 1,001 are 5 values at each end
    assert -495 - 512 / 8192 <= found.low <= -495
    assert 495 <= found.high <= 495 + 512 / 8192
    assert seen(PercentileObserver(100.0), values.reshape(-1, 1)) == Range(-500.0, 500.0)


@given(IMAGES, st.sampled_from([60.0, 90.0, 99.0, 100.0]))
def test_percentile_is_exact_to_a_bin(values: np.ndarray, percentile: float) -> None:
    found = seen(PercentileObserver(percentile), values)
    flat = np.sort(values.astype(np.float64).ravel())
    out = math.floor((1 - percentile / 100) / 2 * flat.size)
    bound = np.abs(flat).max() / 2**12
    assert flat[out] - bound <= found.low <= flat[out]
    assert flat[-1 - out] <= found.high <= flat[-1 - out] + bound
    assert flat[0] <= found.low
    assert found.high <= flat[-1]


# --- squared error --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
@pytest.mark.parametrize("bias", [0.0, 0.7, 20.0])
def test_mse_is_as_good_as_an_exhaustive_search(scheme: ActivationScheme, bias: float) -> None:
    values = long_tailed(bias=bias)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    found = squared_error(values, seen(MseObserver(scheme), values, 7), scheme)
    shares = np.linspace(0.02, 1.0, 50)
    if scheme.symmetric:
        candidates = [Range(share * min(low, -high), share * max(high, -low)) for share in shares]
    else:
        candidates = [Range(a * low, b * high) for a, b in itertools.product(shares if low else [1.0], shares)]
    best = min(squared_error(values, candidate, scheme) for candidate in candidates)
    assert found <= best * 1.01
    assert found <= squared_error(values, Range(low, high), scheme) * (1 + 1e-6)


def test_mse_of_a_worked_example() -> None:
    """Two bits, symmetric and narrow: -s, 0 and s.  Of 100 ones and one 3, s = 1 errs by 4, s = 3 by 100, the mean 103 / 101 by less."""
    values = np.array([[1.0] * 100 + [3.0]], np.float32)
    scheme = ActivationScheme(2, symmetric=True, narrow=True)
    found = seen(MseObserver(scheme), values)
    assert abs(found.high - 103 / 101) < 0.02
    assert found.low == -found.high


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
@pytest.mark.parametrize("kind", [MseObserver, KlObserver])
def test_ranges_reach_the_quantizer_as_they_were_weighed(scheme: ActivationScheme, kind: type[MseObserver] | type[KlObserver]) -> None:
    for bias in (0.0, 3.0, -30.0):
        found = seen(kind(scheme), long_tailed(bias=bias))
        quantizer = scheme.quantizer(found.low, found.high)
        steps = 2 ** (scheme.bits - 1) - 1 if scheme.symmetric else scheme.format().high - scheme.format().low
        assert math.isclose(quantizer.scale, (found.high if scheme.symmetric else found.high - found.low) / steps, rel_tol=1e-12)
        if scheme.power_of_two:
            assert power_of_two_up(quantizer.scale) == quantizer.scale
        assert found.low <= 0 <= found.high


# --- Kullback-Leibler -----------------------------------------------------------------------------


def test_divergence_by_hand() -> None:
    """Bins at 1, 2, 3, 4 and 9, one integer for each two; 9 is outside and counts with 4."""
    values, counts = np.array([1.0, 2.0, 3.0, 4.0, 9.0]), np.array([4.0, 2.0, 1.0, 1.0, 2.0])
    p = np.array([4, 2, 1, 3]) / 10
    scale, zero_point, format = 2.0, -2.0, IntegerFormat(2)  # levels 0, 2, 4, 6; ties go to the even step: 1 -> 0, 3 -> 4, 5 -> 4
    levels = [0, 1, 2, 2]
    sums = {0: 4, 1: 2, 2: 2}
    q = np.array([sums[level] / levels.count(level) for level in levels]) / 8
    assert math.isclose(divergence(values, counts, scale, zero_point, format), float((p * np.log(p / q)).sum()))
    assert divergence(values, counts, 0.01, -2.0, format) == math.inf


def test_kl_clips_an_outlier_and_keeps_a_flat_distribution() -> None:
    flat = np.linspace(0, 1, 200_000, dtype=np.float32).reshape(100, -1)
    assert seen(KlObserver(ActivationScheme(8)), flat).high > 0.95
    outlier = np.append(np.random.default_rng(0).normal(0, 1, 99_999), 100.0).astype(np.float32).reshape(100, -1)
    found = seen(KlObserver(ActivationScheme(8)), outlier)
    assert 3 < found.high < 30


def test_kl_takes_the_least_divergence_of_its_candidates() -> None:
    values, scheme = np.abs(long_tailed(20_000)), ActivationScheme(4)
    one = KlObserver(scheme)
    found = seen(one, values)
    means, counts = one.histogram.filled(4)

    def of(high: float) -> float:
        quantizer = scheme.quantizer(0.0, high)
        return divergence(means, counts, quantizer.scale, quantizer.zero_point, quantizer.format)

    assert of(found.high) <= min(of(share * one.histogram.high) for share in np.linspace(1 / 24, 1, 24)) + 1e-12


# --- cross-entropy --------------------------------------------------------------------------------


def cross_entropy(values: np.ndarray, range_: Range, scheme: ActivationScheme) -> float:
    exact, near = values.astype(np.float64), quantized(values, range_, scheme)
    p = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)
    return float(-(p * (near - np.log(np.exp(near).sum(axis=1, keepdims=True)))).sum(axis=1).mean())


@pytest.mark.parametrize("scheme", [ActivationScheme(3), ActivationScheme(4, symmetric=True)], ids=str)
def test_cross_entropy_is_as_good_as_an_exhaustive_search(scheme: ActivationScheme) -> None:
    logits = np.random.default_rng(1).normal(0, 4, (200, 10)).astype(np.float32)
    found = cross_entropy(logits, seen(CrossEntropyObserver(scheme), logits, 30), scheme)
    low, high, shares = float(logits.min()), float(logits.max()), np.linspace(0.1, 1, 25)
    bound = max(-low, high)
    pairs = [(-s * bound, s * bound) for s in shares] if scheme.symmetric else [(a * low, b * high) for a in shares for b in shares]
    assert found <= min(cross_entropy(logits, Range(*pair), scheme) for pair in pairs) * 1.001
    assert found < cross_entropy(logits, seen(MseObserver(scheme), logits), scheme)


def test_cross_entropy_is_for_vectors() -> None:
    scheme = ActivationScheme(calibration=Calibrator.CROSS_ENTROPY)
    assert isinstance(observer(scheme, (10,)), CrossEntropyObserver)
    assert isinstance(observer(scheme, (4, 4, 10)), MseObserver)


def test_a_sample_is_bounded_and_the_same_for_any_batches() -> None:
    rows = np.arange(40_000 * 4, dtype=np.float32).reshape(-1, 4)
    samples = []
    for batch in (40_000, 1_234, 7_000):
        sample = RowSample()
        for start in range(0, len(rows), batch):
            sample.update(rows[start : start + batch])
            assert sample.rows().size <= SAMPLED
        samples.append(sample.rows())
    assert len(samples[0]) == SAMPLED // 4
    assert all(np.array_equal(samples[0], other) for other in samples[1:])
    # Of rows drawn alike, the mean is within four standard deviations of the middle.
    assert abs(samples[0][:, 0].mean() - 2 * 40_000) < 4 * (4 * 40_000 / math.sqrt(12)) / math.sqrt(len(samples[0]))


# --- all of them ----------------------------------------------------------------------------------


@settings(max_examples=25)
@given(values=IMAGES, batch=st.integers(1, 8), calibrator=st.sampled_from(list(Calibrator)), scheme=st.sampled_from(SCHEMES))
def test_batches_do_not_matter(values: np.ndarray, batch: int, calibrator: Calibrator, scheme: ActivationScheme) -> None:
    scheme = ActivationScheme(scheme.bits, scheme.symmetric, scheme.signed, scheme.narrow, scheme.power_of_two, calibrator, 90.0)
    one, other = (seen(observer(scheme, values.shape[1:]), values, size) for size in (batch, None))
    assert one == other


@pytest.mark.parametrize("calibrator", Calibrator)
@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_a_constant_tensor_has_a_quantizer(calibrator: Calibrator, value: float) -> None:
    for symmetric in (False, True):
        scheme = ActivationScheme(4, symmetric=symmetric, calibration=calibrator)
        for shape in ((3,), (2, 2, 3)):
            found = seen(observer(scheme, shape), np.full((4, *shape), value, np.float32))
            assert np.abs(quantized(np.array(value), found, scheme) - value) <= abs(value) * 0.05
