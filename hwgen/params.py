"""The parameter record: what the post-processor needs to know of one output channel (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.rescale import Rescale, RescaleKind
from hwgen.config import AcceleratorConfig

LEFT_SHIFT_BITS = 3
RIGHT_SHIFT_BITS = {RescaleKind.SHIFT: 5, RescaleKind.FIXED: 6, RescaleKind.TFLITE: 5}


@dataclass(frozen=True)
class ParamField:
    """A field of the record, lowest bits first."""

    name: str
    bits: int
    signed: bool
    doc: str


def param_fields(config: AcceleratorConfig) -> tuple[ParamField, ...]:
    """The fields of a record for a configuration's rescale format."""
    kind = config.rescale.kind
    fields = [ParamField("bias", config.acc_bits, True, "added to the accumulator")]
    if kind is not RescaleKind.SHIFT:
        fields.append(ParamField("multiplier", config.rescale.bits, True, "m of the rescale"))
    fields.append(ParamField("right_shift", RIGHT_SHIFT_BITS[kind], False, "right shift of the rescale"))
    if kind is not RescaleKind.FIXED:
        fields.append(ParamField("left_shift", LEFT_SHIFT_BITS, False, "left shift of the rescale"))
    return tuple(fields)


def param_bits(config: AcceleratorConfig) -> int:
    """Width of a record."""
    return sum(field.bits for field in param_fields(config))


def shifts(rescale: Rescale) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Right and left shifts, int64[C] each, that the hardware performs for a rescale of any format."""
    if rescale.format.kind is RescaleKind.TFLITE:
        return np.maximum(-rescale.shift, 0), np.maximum(rescale.shift, 0)
    return np.maximum(rescale.shift, 0), np.maximum(-rescale.shift, 0)


def shift_problems(config: AcceleratorConfig, rescale: Rescale) -> list[str]:
    """Says which shifts the hardware does not have; empty if it has them all.

    A fixed-point shift beyond the product's width has no place for its rounding constant.
    """
    right, left = shifts(rescale)
    kind = rescale.format.kind
    most_right = (1 << RIGHT_SHIFT_BITS[kind]) - 1 if kind is not RescaleKind.FIXED else min(62, config.acc_bits + config.rescale.bits - 1)
    least_right = 1 if kind is RescaleKind.FIXED else 0
    most_left = 0 if kind is RescaleKind.FIXED else (1 << LEFT_SHIFT_BITS) - 1
    problems = []
    if right.size and (right.max() > most_right or (right.min() < least_right)):
        problems.append(f"right shifts from {right.min()} to {right.max()}, but the hardware has {least_right} to {most_right}")
    if left.size and left.max() > most_left:
        problems.append(f"left shifts up to {left.max()}, but the hardware has 0 to {most_left}")
    return problems


def encode_record(config: AcceleratorConfig, values: Mapping[str, int]) -> int:
    """One record as an unsigned integer; fields that the format lacks are ignored."""
    record, offset = 0, 0
    for field in param_fields(config):
        record |= (int(values[field.name]) & ((1 << field.bits) - 1)) << offset
        offset += field.bits
    return record
