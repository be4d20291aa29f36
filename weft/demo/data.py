"""The demonstration's data: 1,797 scans of handwritten digits that come with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Held-out images, stratified by class; the other 1,437 train the network.
HELD_OUT = 360
SPLIT_SEED = 0


@dataclass(frozen=True)
class Split:
    """Images as float32[N, 8, 8, 1] from 0 (paper) to 1 (ink) and labels as int64[N], for training and held out."""

    train_x: npt.NDArray[np.float32]
    train_label: npt.NDArray[np.int64]
    test_x: npt.NDArray[np.float32]
    test_label: npt.NDArray[np.int64]


def digits() -> Split:
    """The data set, split once and for all."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[..., np.newaxis]
    train_x, test_x, train_label, test_label = train_test_split(
        images, data.target.astype(np.int64), test_size=HELD_OUT, random_state=SPLIT_SEED, stratify=data.target
    )
    return Split(train_x, train_label, test_x, test_label)
