"""The range that keeps what a softmax makes of the values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.calibration.range_search import least_error
from golden.calibration.ranges import Range
from golden.calibration.row_sample import RowSample
from golden.schemes import ActivationScheme

Float64 = npt.NDArray[np.float64]


class CrossEntropyObserver:
    """Cross-entropy of softmax(V) against softmax(V-hat) along the last axis (SPEC eq. 71), after Nagel et al. 2021.

    It weighs values by what they do to a distribution: right for logits.  It sees a bounded sample of the vectors.
    """

    def __init__(self, scheme: ActivationScheme) -> None:
        self.scheme = scheme
        self.low, self.high = np.inf, -np.inf
        self.sample = RowSample()

    def update(self, values: npt.NDArray[np.float32]) -> None:
        """Takes a batch."""
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.sample.update(values)

    def range(self) -> Range:
        """The best range that the search finds."""
        rows, format = self.sample.rows().astype(np.float64), self.scheme.format()
        target = np.exp(_log_softmax(rows))

        def error(scale: Float64, zero_point: Float64) -> Float64:
            result = []
            for s, z in zip(scale, zero_point, strict=True):
                quantized = s * np.clip(np.rint(rows / s), format.low - z, format.high - z)
                result.append(-(target * _log_softmax(quantized)).sum() / len(rows))
            return np.array(result)

        return least_error(self.low, self.high, self.scheme, error)


def _log_softmax(rows: Float64) -> Float64:
    """Along the last axis."""
    shifted = rows - rows.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
