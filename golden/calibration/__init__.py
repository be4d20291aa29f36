"""Calibration: the range of every activation tensor, from real data (SPEC section 10)."""

from golden.calibration.collect import Progress, calibrate
from golden.calibration.ranges import Range

__all__ = ["Progress", "Range", "calibrate"]
