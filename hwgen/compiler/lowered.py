"""`Lowered`: what one operator becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.rescale import Rescale
from hwgen.compiler.reciprocal import identity
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.params import encode_record, shifts


@dataclass(frozen=True)
class Box:
    """A part of a tensor (H, W, C): its first row, column and channel, and how many there are of each."""

    start: tuple[int, int, int]
    size: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Pass:
    """Descriptors that run as one layer of the hardware, with a barrier before them.

    name, kind:  for people.
    output:      the tensor that it computes, or the map of its own that it fills for the next pass.
    descriptors: field values but for those that depend on the place in the program (barrier, last, layer) and the memories' bases:
                 weight_address, param_address and table count from the operator's own.
    parts:       what of the output it writes; nothing where it is all of it.
    """

    name: str
    kind: str
    output: str
    descriptors: tuple[Mapping[str, int], ...]
    parts: tuple[Box, ...] = ()


@dataclass(frozen=True, eq=False)
class Lowered:
    """What one operator becomes.

    weights:  uint8[words, L * C].
    params:   records as unsigned integers.
    tables:   entries as unsigned integers.
    problems: why the accelerator cannot run it.
    """

    passes: tuple[Pass, ...]
    weights: npt.NDArray[np.uint8]
    params: tuple[int, ...]
    tables: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


#: Descriptor fields that only some operations use.
UNUSED = {"table": 0, "stream_x": 0, "extra_walks": 0, "decimate": 1, "paired": 0, "dense": 0, "dense_byte": 0, "dense_shift": 0}


def fixed_fields(
    operation: Operation, *, pad_value: int = 0, zero_point: int = 0, act_min: int = -128, act_max: int = 127
) -> dict[str, int]:
    """Descriptor fields that are the same in every pixel tile of a pass; one parameter record for all channels, and no weights."""
    return {
        **UNUSED,
        "operation": int(operation),
        "pad_value": pad_value,
        "param_step": 0,
        "param_address": 0,
        "output_zero_point": zero_point,
        "act_min": act_min,
        "act_max": act_max,
        "weight_address": 0,
        "tiles": 0,
    }


def no_weights(config: AcceleratorConfig) -> npt.NDArray[np.uint8]:
    """The weights of an operator that has none."""
    return np.zeros((0, config.weight_rows_per_cycle * config.cols), np.uint8)


def wrap(value: int, bits: int) -> int:
    """A value modulo 2^bits, as a signed number."""
    half = 1 << (bits - 1)
    return (value + half) % (2 * half) - half


def records(config: AcceleratorConfig, bias: npt.NDArray[np.int64], rescale: Rescale) -> tuple[int, ...]:
    """Parameter records for bias int64[C] and a rescale for C channels or for all, filled up to whole lane groups."""
    channels = len(bias)
    right, left = (np.broadcast_to(s, channels).tolist() for s in shifts(rescale))
    multiplier = np.broadcast_to(rescale.multiplier, channels).tolist()
    made = [
        encode_record(config, {"bias": wrap(b, config.acc_bits), "multiplier": m, "right_shift": r, "left_shift": s})
        for b, m, r, s in zip(bias.tolist(), multiplier, right, left, strict=True)
    ]
    return tuple(made + [made[-1]] * (-channels % config.lanes))  # a lane without a channel works along and is not looked at


def identity_record(config: AcceleratorConfig) -> tuple[int, ...]:
    """The one record of a pass that changes no value."""
    return records(config, np.zeros(1, np.int64), identity(config.rescale))[:1]


def int8_parts(weight: npt.NDArray[np.int8], zero_point: npt.NDArray[np.int32], axis: int) -> list[npt.NDArray[np.int8]]:
    """weight - zero_point (of each output channel, along `axis`) as a sum of int8 kernels: one if it fits, else two or three."""
    shape = [1] * weight.ndim
    shape[axis] = -1
    rest = weight.astype(np.int64) - zero_point.reshape(shape)
    parts: list[npt.NDArray[np.int8]] = []
    while not parts or rest.any():
        part = np.clip(rest, -128, 127)
        parts.append(part.astype(np.int8))
        rest = rest - part
    return parts


def interleave(parts: list[npt.NDArray[np.uint8]], groups: int) -> npt.NDArray[np.uint8]:
    """Weight words of several kernels, each group's of one after those of the other."""
    width = parts[0].shape[1]
    return np.concatenate([part.reshape(groups, -1, width) for part in parts], axis=1).reshape(-1, width)
