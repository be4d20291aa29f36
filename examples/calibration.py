"""Ways to quantize, compared on one network: the tables of docs/calibration.md and docs/recovery.md.

    python examples/calibration.py NETWORK.tflite DATA.npz [--only observers,orders,shift,recovery] [--images 100] [--draws 3]

DATA.npz holds real inputs `x` [N, H, W, C] and their classes `label` [N].  Each draw calibrates with other images and
evaluates on all the rest.  Inputs of an int8 network are made real with the parameters of its input, if it is named:
--int8 NETWORK_int8.tflite.  Tables are Markdown: mean and standard deviation of the accuracy over the draws, in percent,
and the mean signal-to-noise ratio of the outputs, in dB.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from golden.calibration.comparison import Calibrated, compare_calibrations, float_outputs
from golden.importers import tflite, tflite_file, tflite_float
from golden.interpreter import run
from golden.passes.pipeline import prepare
from golden.recipe import Order, Recipe, Recovery
from golden.schemes import ActivationScheme, Calibrator, WeightRange, WeightScheme

MSE_WEIGHTS = WeightScheme(range=WeightRange.MSE)
#: Steps of recovery that are compared.
RECOVERIES: tuple[tuple[Recovery, ...], ...] = (
    (),
    (Recovery.EQUALIZATION,),
    (Recovery.BIAS_CORRECTION,),
    (Recovery.EQUALIZATION, Recovery.BIAS_CORRECTION),
    (Recovery.ADAPTIVE_ROUNDING,),
    (Recovery.ADAPTIVE_ROUNDING, Recovery.BIAS_CORRECTION),
)


def with_bits(weights: int, activations: int, calibrator: Calibrator, order: Order = Order.TOGETHER) -> Recipe:
    """Weights over the range of the least squared error."""
    return Recipe(
        weights=replace(MSE_WEIGHTS, bits=weights), activations=ActivationScheme(activations, calibration=calibrator), order=order
    )


def tables() -> dict[str, dict[str, Recipe]]:
    """The recipes of each table, by what its rows are called."""
    observers = {f"{c.value}, W8A{bits}": with_bits(8, bits, c) for bits in (8, 5) for c in Calibrator}
    orders = {f"{o.value}, W{bits}A{bits}": with_bits(bits, bits, Calibrator.MSE, o) for bits in (8, 5) for o in Order}
    whole = Recipe()
    least = with_bits(8, 8, Calibrator.MSE)
    shift = {
        "tflite, absmax and min-max": whole,
        "shift, absmax and min-max": replace(whole, rescale="shift"),
        "tflite, squared error": least,
        "shift, squared error": replace(least, rescale="shift"),
        "shift, squared error, scales that are powers of two": replace(
            least, rescale="shift", activations=replace(least.activations, power_of_two=True)
        ),
    }
    recovered = {
        ", ".join([f"W{bits}A8", *(step.value for step in steps)]): Recipe(weights=replace(MSE_WEIGHTS, bits=bits), recovery=steps)
        for bits in (4, 3)
        for steps in RECOVERIES
    }
    return {"observers": observers, "orders": orders, "shift": shift, "recovery": recovered}


def row(name: str, result: Calibrated) -> str:
    """One line of a table."""
    accuracy = 100 * np.array(result.accuracy)
    return f"| {name} | {accuracy.mean():.1f} ± {accuracy.std():.1f} | {accuracy[0]:.1f} | {np.mean(result.sqnr):.1f} |"


def main(words: Sequence[str] | None = None) -> None:
    """Reads the arguments, prints the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("network", type=Path)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--int8", type=Path)
    arguments.add_argument("--only", default=",".join(tables()))
    arguments.add_argument("--images", type=int, default=100)
    arguments.add_argument("--draws", type=int, default=3)
    given = arguments.parse_args(words)
    graph = prepare(tflite_float.import_model(tflite_file.read(given.network)))
    with np.load(given.data) as data:
        x, label = data["x"], data["label"]
    rest = slice(given.images, None)
    print(f"{given.network.stem}: {len(x)} images\n")
    if given.int8 is not None:
        quantized = tflite.import_model(tflite_file.read(given.int8))
        right = run(quantized, x[rest]).argmax(axis=1) == label[rest]
        print(f"int8 file without the first {given.images} images: {100 * right.mean():.1f} %")
        affine = quantized.tensors[quantized.inputs[0]].affine
        x = (np.float32(affine.scale) * (x.astype(np.float32) - affine.zero_point)).astype(np.float32)
    right = float_outputs(graph, x[rest]).argmax(axis=1) == label[rest]
    print(f"float network on the same: {100 * right.mean():.1f} %\n")
    for title in given.only.split(","):
        recipes = tables()[title]
        results = compare_calibrations(
            graph,
            list(recipes.values()),
            x,
            label,
            images=given.images,
            draws=given.draws,
            progress=lambda done, total: print(f"\r{done}/{total} ", end="", file=sys.stderr, flush=True),
        )
        print(f"| {title} | accuracy, % | first draw | outputs, dB |\n|---|---|---|---|")
        print("\n".join(row(name, result) for name, result in zip(recipes, results, strict=True)), end="\n\n")


if __name__ == "__main__":
    main()
