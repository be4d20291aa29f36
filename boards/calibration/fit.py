"""Fits the coefficients of the estimates to measured designs: non-negative least squares, part by part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls

from hwgen.estimate.coefficients import KINDS, Coefficients
from hwgen.estimate.measured import Measured
from hwgen.estimate.terms import COMBINATIONAL, PARTS, terms


def fit(measured: Sequence[Measured]) -> Coefficients:
    """The coefficients of a family, from the designs that are not held out.

    Every design counts the same: what is minimized is the sum of squares of the errors relative to the whole design's cells.
    """
    known = [each for each in measured if not each.held_out]
    values = [terms(each.config, each.config.family) for each in known]
    parts: dict[str, dict[str, dict[str, float]]] = {}
    for part, components in PARTS.items():
        parts[part] = {}
        for kind in KINDS:
            names = [name for name in values[0][part] if kind == "lut" or name not in COMBINATIONAL]
            weight = np.array([1 / each.total(kind) for each in known])
            columns = np.array([[row[part][name] for name in names] for row in values], dtype=np.float64)
            target = np.array([sum(each.components.get(component, {}).get(kind, 0) for component in components) for each in known])
            found, _ = nnls(columns * weight[:, None], target * weight)
            parts[part][kind] = {name: float(f"{value:.5g}") for name, value in zip(names, found, strict=True) if value > 0}
    weight = np.array([1 / each.packed_luts for each in known])
    columns = np.array([[each.total(kind) for kind in KINDS] for each in known])
    found, _ = nnls(columns * weight[:, None], np.ones(len(known)))
    packing = {kind: float(f"{value:.5g}") for kind, value in zip(KINDS, found, strict=True)}
    return Coefficients(parts, packing)
