"""The scoreboard: rebuilds every layer's tensor from the log of activation writes and compares it with the golden model's.

Activation memory is reused during a run, so a tensor exists only in the log.  Every element must be written exactly once in every
run; one that was never written, or twice, is a failure even where the value happens to be right.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.errors import InputError
from golden.graph import Int8
from sim.build_folder import Layer, Placement
from sim.tap import TapLog


class Kind(enum.Enum):
    """How a layer's result differs from the golden model's."""

    VALUE = "value"  #: another integer
    UNKNOWN = "unknown"  #: x: the simulation does not know the value
    MISSING = "missing"  #: never written
    DUPLICATE = "duplicate"  #: written more than once
    STRAY = "stray"  #: a write outside the layer's tensor
    BUS = "bus"  #: the host's bus gave another answer, or an error
    NO_COMPLETION = "no completion"  #: the run did not come to its end


@dataclass(frozen=True)
class Difference:
    """The first place at which a layer differs.

    image:    which input, counted from the first of all images.
    index:    where in the tensor, (y, x, c) for a map or (c,) for a vector; None for a stray write.
    expected: the golden model's integer; None for a stray write.
    got:      the hardware's; None where it is unknown or there is none.
    count:    places at which the layer differs, over all images compared.
    detail:   what an integer pair cannot say, or "".
    """

    layer: str
    layer_index: int
    tensor: str
    image: int
    index: tuple[int, ...] | None
    expected: int | None
    got: int | None
    kind: Kind
    count: int
    detail: str = ""

    def describe(self) -> str:
        """One sentence for people."""
        where = f"layer {self.layer_index} ({self.layer}), tensor {self.tensor}, image {self.image}"
        if self.index is not None:
            where += f", index {list(self.index)}"
        what = {
            Kind.VALUE: f"expected {self.expected}, got {self.got}",
            Kind.UNKNOWN: f"expected {self.expected}, got x",
            Kind.MISSING: f"expected {self.expected}, but it was never written",
            Kind.DUPLICATE: f"expected {self.expected}, written more than once, last as {self.got}",
            Kind.STRAY: "a write outside the tensor",
            Kind.BUS: "another answer on the bus",
            Kind.NO_COMPLETION: "no completion",
        }[self.kind]
        places = f"; {self.count} places in this layer differ" if self.count > 1 else ""
        return f"{where}: {what}{f' ({self.detail})' if self.detail else ''}{places}"


@dataclass(frozen=True)
class LayerComparison:
    """A layer of all runs; difference is None where every element of every run is equal."""

    layer: Layer
    difference: Difference | None

    @property
    def equal(self) -> bool:
        """Whether every element was written exactly once and is the golden model's."""
        return self.difference is None


def compare(
    log: TapLog,
    layers: Sequence[Layer],
    tensors: Mapping[str, Placement],
    expected: Mapping[str, Int8],
    *,
    word_bytes: int,
    runs: int,
    first_image: int = 0,
) -> tuple[LayerComparison, ...]:
    """Compares the layers, in execution order, of runs 0 to runs - 1 of a log.

    layers:      those whose tensors are written, in execution order.
    tensors:     where each tensor lies.
    expected:    int8[at least runs, *shape] for the output of each layer.
    word_bytes:  bytes of an activation word.
    first_image: number of the image of run 0, for the reports.

    Raises InputError when an expected tensor has another shape.
    """
    known = {layer.index for layer in layers}
    foreign = np.isin(log.layer, list(known), invert=True) | (log.run < 0) | (log.run >= runs) | (log.address < 0) | (log.offset < 0)
    if foreign.any() and not layers:
        raise InputError("there are no layers to compare with")
    results = []
    for number, layer in enumerate(layers):
        selected = (log.layer == layer.index) & ~foreign
        if layer.output not in expected:  # a map of the program's own: it rearranges the next layer's input, where a fault shows
            results.append(LayerComparison(layer, None))
            continue
        difference = _compare_layer(log, selected, layer, tensors[layer.output], expected[layer.output], word_bytes, runs, first_image)
        if difference is None and number == len(layers) - 1 and foreign.any():
            difference = _stray(log, foreign, layer, first_image, "it names no run, layer or address of this program")
        results.append(LayerComparison(layer, difference))
    return tuple(results)


def _compare_layer(
    log: TapLog,
    selected: npt.NDArray[np.bool_],
    layer: Layer,
    place: Placement,
    expected: Int8,
    word_bytes: int,
    runs: int,
    first_image: int,
) -> Difference | None:
    """Compares one layer over all runs."""
    if int(np.prod(expected.shape[1:])) != place.size or expected.shape[0] < runs:
        raise InputError(f"tensor {layer.output}: int8[{runs}, ...] of {place.size} elements are to be compared, not {expected.shape}")
    lanes = log.data.shape[1]
    height, width, channels = place.shape
    y, in_row = np.divmod(log.address[selected] - place.base, place.words_per_row)
    x, in_pixel = np.divmod(in_row, place.words_per_pixel)
    channel = (in_pixel * word_bytes + log.offset[selected] - place.first_byte)[:, None] + np.arange(lanes)
    inside = ((y >= 0) & (y < height) & (x < width) & (channel[:, 0] >= 0) & (channel[:, 0] < channels))[:, None]
    if not inside.all():
        outside = selected.copy()
        outside[selected] = ~inside.all(axis=1)
        return _stray(log, outside, layer, first_image, "")
    real = channel < channels  # the others are the padding of the pixel's last word, which nobody reads as data
    size = place.size
    element_of = log.run[selected][:, None] * size + (y * width + x)[:, None] * channels + channel
    element = element_of[real]

    writes = np.bincount(element, minlength=runs * size)
    got = np.zeros(runs * size, np.int8)
    got[element] = log.data[selected][real]
    unknown = np.zeros(runs * size, np.bool_)
    unknown[element] = log.unknown[selected][real]
    want = expected[:runs].reshape(-1)
    own = np.tile(_own(layer, place).reshape(-1), runs)
    differs = np.where(own, (got != want) | unknown | (writes != 1), writes != 0)
    if not differs.any():
        return None
    first = int(differs.argmax())
    if not own[first]:
        index = tuple(int(i) for i in np.unravel_index(first % size, place.shape))
        wrong = selected.copy()
        wrong[selected] = (real & (element_of == first)).any(axis=1)
        return _stray(log, wrong, layer, first_image, f"{list(index)} is not of the part that the layer writes")
    if writes[first] == 0:
        kind = Kind.MISSING
    elif unknown[first]:
        kind = Kind.UNKNOWN
    elif got[first] != want[first]:
        kind = Kind.VALUE
    else:
        kind = Kind.DUPLICATE
    image, flat = divmod(first, size)
    return Difference(
        layer=layer.name,
        layer_index=layer.index,
        tensor=layer.output,
        image=first_image + image,
        index=tuple(int(i) for i in np.unravel_index(flat, expected.shape[1:])),
        expected=int(want[first]),
        got=None if kind in (Kind.MISSING, Kind.UNKNOWN) else int(got[first]),
        kind=kind,
        count=int(differs.sum()),
        detail=f"written {int(writes[first])} times" if writes[first] > 1 else "",
    )


def _own(layer: Layer, place: Placement) -> npt.NDArray[np.bool_]:
    """bool[H, W, C]: the elements that a layer writes."""
    own = np.full(place.shape, not layer.parts)
    for start, size in layer.parts:
        own[tuple(slice(first, first + count) for first, count in zip(start, size, strict=True))] = True
    return own


def _stray(log: TapLog, where: npt.NDArray[np.bool_], layer: Layer, first_image: int, detail: str) -> Difference:
    """A difference for writes that belong nowhere; the first of them is described."""
    first = int(where.argmax())
    line = f"run {log.run[first]}, layer {log.layer[first]}, word {log.address[first]}, byte {log.offset[first]}"
    return Difference(
        layer=layer.name,
        layer_index=layer.index,
        tensor=layer.output,
        image=first_image + max(0, int(log.run[first])),
        index=None,
        expected=None,
        got=None,
        kind=Kind.STRAY,
        count=int(where.sum()),
        detail=f"{line}{f': {detail}' if detail else ''}",
    )
