"""Which observer a scheme names."""

from __future__ import annotations

from golden.calibration.cross_entropy import CrossEntropyObserver
from golden.calibration.kl import KlObserver
from golden.calibration.min_max import MinMaxObserver
from golden.calibration.moving_average import MovingAverageObserver
from golden.calibration.mse import MseObserver
from golden.calibration.observer import Observer
from golden.calibration.percentile import PercentileObserver
from golden.schemes import ActivationScheme, Calibrator


def observer(scheme: ActivationScheme, shape: tuple[int, ...]) -> Observer:
    """A new observer for one tensor of that shape.

    Cross-entropy is for vectors, whose elements compete with each other; the values of a map are weighed by their squared error.
    """
    if scheme.calibration is Calibrator.MIN_MAX:
        return MinMaxObserver()
    if scheme.calibration is Calibrator.MOVING_AVERAGE:
        return MovingAverageObserver(scheme.momentum)
    if scheme.calibration is Calibrator.PERCENTILE:
        return PercentileObserver(scheme.percentile)
    if scheme.calibration is Calibrator.KL:
        return KlObserver(scheme)
    if scheme.calibration is Calibrator.CROSS_ENTROPY and len(shape) == 1:
        return CrossEntropyObserver(scheme)
    return MseObserver(scheme)
