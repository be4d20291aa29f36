"""What the size of each part of an accelerator grows with: the terms that the estimates' coefficients belong to.

A part is several components that synthesis moves registers between: which of two units a shared register is counted with is chance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import ceil

from golden.rescale import RescaleKind
from hwgen.config import AcceleratorConfig, psum_bits
from hwgen.estimate.memories import mapped
from hwgen.family import Family

#: Parts, and the components (as reports of builds name them) that they consist of.
PARTS: dict[str, tuple[str, ...]] = {
    "array": ("array",),
    "post-processor": ("post-processor",),
    "accumulators and pooling": ("accumulators", "pooling path", "add tables", "core, between units"),
    "control and memories": (
        *("feeder", "weight loader", "sequencer"),
        *("activation memory", "weight memory", "parameter memory", "program memory"),
    ),
    "host port and counters": ("host port", "counters"),
    "host bridge": ("host bridge",),
}

Terms = Mapping[str, float]

#: Terms of multiplexers and decoders, which have no flip-flops.
COMBINATIONAL = frozenset({"bits chosen between blocks", "enables of blocks"})


def terms(config: AcceleratorConfig, family: Family) -> dict[str, Terms]:
    """By part, the value of each of its terms."""
    return {part: make(config, family) for part, make in _TERMS.items()}


def _array(config: AcceleratorConfig, family: Family) -> Terms:
    psums = config.cols * sum(psum_bits(row + 1) for row in range(config.rows))
    taps = 8 * config.cols * config.depthwise_taps
    skew = 4 * config.rows * (config.rows - 1) + config.psum_bits * config.cols * (config.cols - 1) / 2
    slot_bits = (config.slots - 1).bit_length()
    return {
        "psum bits": psums,
        "processing elements": config.rows * config.cols,
        "bits of slots": config.rows * config.cols * slot_bits,
        # Memories of 16 words; an iCE40, which has none of logic, makes them of flip-flops and multiplexers.
        "weight stores": config.rows * config.cols * (8 * config.slots if family is Family.ICE40 else ceil(config.slots / 16)),
        "bits of depthwise taps": taps,
        "the same in pairs": taps * config.depthwise_pairs,
        "bits of skew": skew,
    }


def _post(config: AcceleratorConfig, family: Family) -> Terms:
    kind, lanes, acc = config.rescale.kind, config.lanes, config.acc_bits
    return {
        "one": 1,
        "one, overlapping": float(config.overlap),
        "tflite lanes": lanes * (kind is RescaleKind.TFLITE),
        "fixed lanes": lanes * (kind is RescaleKind.FIXED),
        "bits of fixed products": lanes * (acc + config.rescale.bits) * (kind is RescaleKind.FIXED),
        "shift lanes": lanes * (kind is RescaleKind.SHIFT),
        "accumulator bits of a word": config.cols * acc,
        "bytes of a word": config.rows,
    }


def _accumulators(config: AcceleratorConfig, family: Family) -> Terms:
    word = config.cols * config.acc_bits
    return {
        "one": 1,
        "bits of a word": word,
        "bits of a word, overlapping": word * config.overlap,
        "bits of sums": config.cols * config.value_bits,
        "bits of slices": 8 * config.rows * (config.slices > 1),
        "bits of depthwise slices": 8 * config.rows * (config.slices > 1 and config.depthwise_taps > 0),
        "bits of tables": config.pool_channels * config.acc_bits * (config.add_tables > 0),
        **_banks(config, family, ("accumulators", "add tables")),
    }


def _control(config: AcceleratorConfig, family: Family) -> Terms:
    return {
        "one": 1,
        "one, overlapping": float(config.overlap),
        "one, dense": float(config.dense_input),
        "bytes of a word": config.rows,
        "bytes of a dense word": config.rows * config.dense_input,
        "bytes of a weight word": config.weight_rows_per_cycle * config.cols,
        "bits of sizes": config.size_bits,
        "one, depthwise": float(config.depthwise_taps > 0),
        **_banks(config, family, PARTS["control and memories"]),
    }


def _banks(config: AcceleratorConfig, family: Family, components: Collection[str]) -> Terms:
    """What chooses between the blocks of memories that are deeper than one."""
    chosen = gated = 0
    for component, count, memory, mapping in mapped(config, family):
        if component in components and mapping.banks > 1:
            chosen += count * (mapping.banks - 1) * memory.width
            gated += count * mapping.banks * (memory.width // memory.chunk)
    return {"bits chosen between blocks": chosen, "enables of blocks": gated}


def _host(config: AcceleratorConfig, family: Family) -> Terms:
    return {"one": 1, "one, with counters": float(config.max_layers > 0), "bytes of a word": config.rows}


def _bridge(config: AcceleratorConfig, family: Family) -> Terms:
    return {"one": 1}


_TERMS: dict[str, Callable[[AcceleratorConfig, Family], Terms]] = {
    "array": _array,
    "post-processor": _post,
    "accumulators and pooling": _accumulators,
    "control and memories": _control,
    "host port and counters": _host,
    "host bridge": _bridge,
}
