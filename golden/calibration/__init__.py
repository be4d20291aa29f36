"""Calibration: the range of every activation tensor, from real data (SPEC section 10)."""

from golden.calibration.calibrate import calibrate
from golden.calibration.collect import Progress
from golden.calibration.ranges import Range

__all__ = ["Progress", "Range", "calibrate"]
