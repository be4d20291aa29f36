"""Which observer a scheme names."""

from __future__ import annotations

from golden.calibration.min_max import MinMaxObserver
from golden.calibration.observer import Observer
from golden.errors import InputError
from golden.schemes import ActivationScheme, Calibrator


def observer(scheme: ActivationScheme, *, power_of_two: bool) -> Observer:
    """A new observer for one tensor.

    power_of_two: the scale will be a power of two, so that an observer that searches weighs those alone.
    """
    if scheme.calibration is Calibrator.MIN_MAX:
        return MinMaxObserver()
    raise InputError(f"calibrator {scheme.calibration.value!r} is not known")
