"""Naming what went wrong: from a recording's outcome and the log of activation writes to the first difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from golden.graph import Int8
from hwgen import regmap
from hwgen.gateware.replay import RECORD, Op
from sim.build_folder import BuildFolder
from sim.network_bench import Outcome
from sim.replay import Recording, host_words
from sim.scoreboard import Difference, Kind, LayerComparison, compare
from sim.tap import TapLog

_RESPONSES = {2: "SLVERR", 3: "DECERR"}


def compare_layers(
    build: BuildFolder, recording: Recording, outcome: Outcome, log: TapLog, expected: Mapping[str, Int8], first_image: int
) -> tuple[LayerComparison, ...]:
    """Compares every layer of the runs that were made.  A run that did not end differs at the layer in which it was stuck."""
    runs = runs_made(recording, outcome, log)
    results = compare(log, build.layers, build.tensors, expected, word_bytes=build.config.rows, runs=runs, first_image=first_image)
    if outcome.done:
        return results
    stuck_image = first_image + runs - 1
    first = next((i for i, result in enumerate(results) if not result.equal), len(results) - 1)
    found = results[first].difference
    if found is None or (found.kind is Kind.MISSING and found.image == stuck_image):
        written = (
            "all its layers were written, but no interrupt came" if found is None else f"{found.count} elements of it were never written"
        )
        hang = no_completion(build, outcome, stuck_image, first, written)
        return tuple(replace(result, difference=hang) if i == first else result for i, result in enumerate(results))
    return results


def no_completion(build: BuildFolder, outcome: Outcome, image: int, layer: int | None, detail: str) -> Difference:
    """The difference of a recording that did not come to its end; layer: where it was stuck, if that is known."""
    at = build.layers[layer] if layer is not None else None
    return Difference(
        layer=at.name if at else "unknown",
        layer_index=at.index if at else -1,
        tensor=at.output if at else "unknown",
        image=image,
        index=None,
        expected=None,
        got=None,
        kind=Kind.NO_COMPLETION,
        count=1,
        detail=f"given up after {outcome.cycles} cycles; {detail}",
    )


def bus_difference(build: BuildFolder, recording: Recording, outcome: Outcome, first_image: int) -> Difference:
    """The difference that the replay host saw: a byte of an output read over the bus, or an answer that was an error."""
    last = build.layers[-1]
    if not 0 <= outcome.fail_index < len(recording.records):
        detail = (
            "the replay host's outputs are x"
            if outcome.fail_index < 0
            else f"it failed at record {outcome.fail_index}, which does not exist"
        )
        return Difference(last.name, last.index, last.output, first_image, None, None, None, Kind.BUS, 1, detail)
    image = first_image + int(recording.record_images[outcome.fail_index])
    word = int(recording.records[outcome.fail_index])
    address = (word & ((1 << RECORD["word_address"].width) - 1)) << 2
    if outcome.fail_response not in (0, -1):
        name = _RESPONSES.get(outcome.fail_response, str(outcome.fail_response))
        what = {Op.WRITE: "write to", Op.COMPARE: "read of"}.get(Op((word >> RECORD["op"].offset) & 3), "access to")
        detail = f"the bus answered the {what} address {address:#x} with {name}"
        return Difference(last.name, last.index, last.output, image, None, None, None, Kind.BUS, 1, detail)
    for output in build.outputs:
        place = build.tensors[output]
        words = host_words(place, np.zeros((1, *place.shape), np.int8), build.config)
        at = np.flatnonzero(words.addresses == address)
        if not len(at):
            continue
        # Channels come in the order of the bytes: the first real byte of this word is as many elements on as there are real bytes before.
        before = sum(int(mask).bit_count() for mask in words.masks[: at[0]])
        byte = next(b for b in range(4) if words.masks[at[0]] >> b & 1 and (outcome.fail_expected ^ outcome.fail_got) >> 8 * b & 0xFF)
        flat = before + (int(words.masks[at[0]]) & ((1 << byte) - 1)).bit_count()
        shape = place.shape if place.pixels > 1 else place.shape[2:]
        index = tuple(int(i) for i in np.unravel_index(flat, shape))
        expected, got = (int(np.uint8(value >> 8 * byte & 0xFF).view(np.int8)) for value in (outcome.fail_expected, outcome.fail_got))
        maker = next((layer for layer in build.layers if layer.output == output), last)
        return Difference(maker.name, maker.index, output, image, index, expected, got, Kind.VALUE, 1, "read over the bus")
    detail = f"the read of address {address:#x}: expected {outcome.fail_expected:#x}, got {outcome.fail_got:#x}"
    return Difference(last.name, last.index, last.output, image, None, None, None, Kind.BUS, 1, detail)


def unknown_difference(build: BuildFolder, recording: Recording, outcome: Outcome, first_image: int) -> Difference | None:
    """The difference of an output byte that was read as x, which no comparison in hardware finds: in Verilog x differs from nothing."""
    ops = recording.records >> np.uint64(RECORD["op"].offset) & np.uint64(3)
    at = np.flatnonzero(ops == Op.COMPARE.value)[: len(outcome.unknown)]
    masks = (recording.records[at] >> np.uint64(RECORD["mask"].offset) & np.uint64(0b1111)).astype(np.int64)
    found = np.flatnonzero(masks & outcome.unknown[: len(at)])
    if not len(found):
        return None
    image = first_image + int(recording.read_images[found[0]])
    address = int(recording.read_addresses[found[0]])
    last = build.layers[-1]
    detail = f"the read of address {address:#x} gave x, a value that nothing defines"
    return Difference(last.name, last.index, last.output, image, None, None, None, Kind.BUS, len(found), detail)


def runs_made(recording: Recording, outcome: Outcome, log: TapLog | None) -> int:
    """How many runs of a recording can be compared: those that ended, and the one that got stuck."""
    if not outcome.done:
        return min(recording.images, 1 + (0 if log is None else int(log.run.max(initial=0))))
    if not outcome.fail or not 0 <= outcome.fail_index < len(recording.records):
        return recording.images
    op = (int(recording.records[outcome.fail_index]) >> RECORD["op"].offset) & 3
    # The answers that are compared come after the run; a write that is refused comes before it.
    return int(recording.record_images[outcome.fail_index]) + int(op == Op.COMPARE)


def measured_cycles(recording: Recording, outcome: Outcome) -> int | None:
    """Cycles of the longest inference, as the hardware counted them; None where none was read."""
    addresses = recording.read_addresses[: len(outcome.reads)]
    cycles = outcome.reads[: len(addresses)][addresses == regmap.register_address("CYCLES")]
    return int(cycles.max()) if len(cycles) and cycles.min() >= 0 else None


def measured_counters(build: BuildFolder, recording: Recording, outcome: Outcome) -> dict[int, dict[str, int]]:
    """The performance counters that the recording read: {layer index: {counter: cycles}}; layers that were not read are left out."""
    addresses = recording.read_addresses[: len(outcome.reads)]
    values = dict(zip(addresses.tolist(), outcome.reads.tolist(), strict=False))
    counters = {}
    for layer in build.layers:
        read = {name: values.get(regmap.counter_address(layer.index, name), -1) for name in regmap.COUNTERS}
        if min(read.values()) >= 0:
            counters[layer.index] = read
    return counters
