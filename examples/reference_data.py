"""Writes the data files that the documents on quantization name.

    python examples/reference_data.py FOLDER

digits_train.npz has the 1,437 training scans of `make demo`.  With the environment variable WEFT_REFERENCE naming the folder with
the reference networks and real samples, NAME_cal.npz and NAME_eval.npz have, for each network that has real samples, 100
inputs drawn with seed 0 and all others, in real units, with their labels.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.importers import tflite
from weft.demo.data import digits

CALIBRATION, SEED = 100, 0


def write(path: Path, x: npt.NDArray[np.float32], label: npt.NDArray[np.integer]) -> None:
    """One file of inputs, NHWC."""
    np.savez_compressed(path, x=x, label=label, layout="nhwc", values="real")
    print(f"{path}: {len(x)} inputs")


def split(folder: Path, samples: Path) -> None:
    """The two files of one reference network."""
    name = samples.name.removesuffix("_real.npz")
    network = tflite.import_file(samples.parent.parent / "models" / f"{name}_int8.tflite")
    tensor = network.tensors[network.inputs[0]]
    with np.load(samples) as file:
        integers, label = file["x"].astype(np.float32), file["label"].reshape(-1)
    x = ((integers - tensor.affine.zero_point) * np.float32(tensor.affine.scale)).reshape(-1, *tensor.shape)
    order = np.random.default_rng(SEED).permutation(len(x))
    for part, chosen in (("cal", order[:CALIBRATION]), ("eval", order[CALIBRATION:])):
        write(folder / f"{name}_{part}.npz", x[chosen], label[chosen])


def main(folder: Path) -> None:
    """Writes everything that there is data for."""
    folder.mkdir(parents=True, exist_ok=True)
    data = digits()
    write(folder / "digits_train.npz", data.train_x, data.train_label)
    reference = os.environ.get("WEFT_REFERENCE")
    if reference is None:
        print("WEFT_REFERENCE is not set: the reference networks are left out")
        return
    for samples in sorted(Path(reference, "samples").glob("*_real.npz")):
        split(folder, samples)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
