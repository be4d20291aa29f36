"""Reads arrays for calibration, prediction and verification from `.npz` files, and brings them to the form that a network takes.

Keys of a file:

- `x`       the inputs, one after the other along the first axis: [N, H, W, C] or [N, C, H, W] for maps, [N, L, C] or [N, C, L]
            for maps of one row, [N, F] for vectors.
            A network of several inputs has an array for each, under the name of the input.
- `label`   optional: the right class of each input, integers [N].
- `layout`  optional: "nhwc" or "nchw", how the maps of `x` lie.
- `values`  optional: "real" (what the float network takes) or "int8" (already quantized, as the accelerator takes them).

A command's option may state layout and values too; file and option must then agree.  What neither states follows
from the array: float elements are real values, int8 elements are int8 values, and of other integers it must be stated;
the layout is the one that fits the network.
"""

from __future__ import annotations

import enum
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from golden.errors import InputError


class Layout(enum.Enum):
    """Where the channels of a map are; inside Weft they are always last."""

    NHWC = "nhwc"
    NCHW = "nchw"


class Values(enum.Enum):
    """What the numbers of an input are."""

    REAL = "real"
    INT8 = "int8"


_Choice = TypeVar("_Choice", Layout, Values)


def choice(kind: type[_Choice], text: str, where: str = "") -> _Choice:
    """The layout or the kind of values that a word names.  Raises InputError; `where` says where the word stands."""
    choices = {member.value: member for member in kind}
    if text.lower() not in choices:
        raise InputError(f"{where}{kind.__name__.lower()} must be {' or '.join(choices)}, not {text!r}")
    return choices[text.lower()]


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs as a user handed them over; there is at least one.

    source: the file, or what else to call them in a message.
    x:      float32[N, ...] for real values, int8[N, ...] for int8 ones.
    values: which of the two.
    layout: as stated, or None.
    label:  int64[N], or None.
    """

    source: str
    x: npt.NDArray[np.float32] | npt.NDArray[np.int8]
    values: Values
    layout: Layout | None = None
    label: npt.NDArray[np.int64] | None = None

    def layout_for(self, shape: tuple[int, ...]) -> Layout:
        """The layout in which `x` has inputs of `shape`, the (H, W, C) or (N,) of the network's input.

        Raises InputError where `x` does not fit, or where both layouts would and none is stated.
        """
        given = self.x.shape[1:]
        if len(shape) != 3:
            if given != shape:
                raise InputError(f"{self.source}: x has inputs of the shape {given}, but the network takes vectors of {shape[0]} values")
            return Layout.NHWC
        expected: dict[Layout, tuple[int, ...]] = {Layout.NHWC: shape, Layout.NCHW: (shape[2], shape[0], shape[1])}
        if len(given) == 2 and shape[0] == 1:  # a map of one row
            expected = {Layout.NHWC: shape[1:], Layout.NCHW: (shape[2], shape[1])}
        fitting = [layout for layout, wanted in expected.items() if given == wanted]
        if self.layout is not None:
            if self.layout in fitting:
                return self.layout
            other = f"; it has that shape in {fitting[0].value}, so state that layout" if fitting else ""
            raise InputError(
                f"{self.source}: x is stated to be {self.layout.value}, in which the network takes inputs of the shape "
                f"{expected[self.layout]}, but they have {given}{other}"
            )
        if not fitting:
            raise InputError(
                f"{self.source}: x has inputs of the shape {given}, but the network takes {expected[Layout.NHWC]} in nhwc "
                f"or {expected[Layout.NCHW]} in nchw{'; a single channel needs its own axis too' if len(given) == 2 else ''}"
            )
        if len(fitting) == 2:
            raise InputError(f"{self.source}: x of the shape {given} may be nhwc or nchw; state the layout (--layout, or the key 'layout')")
        return fitting[0]

    def first(self, count: int | None) -> Samples:
        """The first `count` of them; all for None.  Raises InputError where there are fewer."""
        if count is None:
            return self
        if not 1 <= count <= len(self.x):
            raise InputError(f"{self.source}: {count} inputs are asked for, but there are {len(self.x)}")
        return replace(self, x=self.x[:count], label=None if self.label is None else self.label[:count])

    def real(self, purpose: str) -> npt.NDArray[np.float32]:
        """`x`, which must hold real values; `purpose` says in the message what for."""
        if self.x.dtype != np.float32:
            raise InputError(
                f"{self.source}: {purpose} needs real values, but x holds int8; state --values real if they are meant as real numbers"
            )
        return cast(npt.NDArray[np.float32], self.x)


@contextmanager
def named(source: str) -> Iterator[None]:
    """Puts the name of the file in front of errors about its contents."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source}: {error.message}", error.problems) from error


def read_samples(path: Path, layout: Layout | None = None, values: Values | None = None) -> Samples:
    """The samples in an npz file; `layout` and `values` state what the file may leave open.  Raises InputError."""
    arrays = _read_npz(path)
    if "x" not in arrays:
        raise InputError(f"{path}: there is no array 'x' in it; store the inputs under the key 'x'")
    return make_samples(
        str(path),
        arrays["x"],
        arrays.get("label"),
        _agreed(path, "layout", layout, Layout, arrays),
        _agreed(path, "values", values, Values, arrays),
    )


def read_labels(path: Path, layout: str | None, values: str | None) -> npt.NDArray[np.int64]:
    """The labels in an npz file, int64[N].  Raises InputError where there are none."""
    samples = read_samples(path, None if layout is None else choice(Layout, layout), None if values is None else choice(Values, values))
    if samples.label is None:
        raise InputError(f"{path}: there are no labels; store the class of each input under the key 'label'")
    return samples.label


def read_samples_by_name(
    path: Path, names: Sequence[str], layout: Layout | None = None, values: Values | None = None
) -> dict[str, Samples]:
    """The same for a network of several inputs, each of which has its own array under its name; those that are not there are left out."""
    arrays = _read_npz(path, names)
    stated = _agreed(path, "layout", layout, Layout, arrays), _agreed(path, "values", values, Values, arrays)
    return {name: make_samples(f"{path}, {name!r}", arrays[name], arrays.get("label"), *stated) for name in names if name in arrays}


def make_samples(
    source: str,
    x: npt.NDArray[Any],
    label: npt.NDArray[Any] | None = None,
    layout: Layout | None = None,
    values: Values | None = None,
) -> Samples:
    """Samples from arrays; raises InputError with all that is wrong with them."""
    chosen = values or (Values.INT8 if x.dtype == np.int8 else Values.REAL)
    problems = [*_shape_problems(x), *_type_problems(x, chosen, values)]
    problems += [] if label is None else _label_problems(label, len(x) if x.ndim else 0)
    if problems:
        raise InputError(f"{source}: these inputs cannot be used", problems)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
        x = x.astype(np.float32 if chosen is Values.REAL else np.int8)
    return Samples(source, x, chosen, layout, None if label is None else label.astype(np.int64))


def _shape_problems(x: npt.NDArray[Any]) -> list[str]:
    if x.ndim not in (2, 3, 4):
        return [f"x must be [N, H, W, C], [N, C, H, W], [N, L, C], [N, C, L] or [N, F], but its shape is {list(x.shape)}"]
    return [f"x is empty: its shape is {list(x.shape)}"] if x.size == 0 else []


def _type_problems(x: npt.NDArray[Any], values: Values, stated: Values | None) -> list[str]:
    if values is Values.INT8:
        return (
            []
            if x.dtype == np.int8
            else [f"x is stated to be int8, but its elements are {x.dtype}; quantize them, or state that they are real"]
        )
    if np.issubdtype(x.dtype, np.integer):
        hint = "state that they are real (--values real, or the key 'values') if the float network takes these very numbers"
        return [] if stated else [f"x holds {x.dtype} elements: {hint}"]
    return [] if np.issubdtype(x.dtype, np.floating) else [f"x must hold float or int8 elements, not {x.dtype}"]


def _label_problems(label: npt.NDArray[Any], count: int) -> list[str]:
    problems = []
    if label.shape != (count,):
        problems.append(f"label must be [{count}], one for each input, but its shape is {label.shape}")
    if not np.issubdtype(label.dtype, np.integer):
        problems.append(f"label must hold integers, not {label.dtype}")
    elif label.size and label.min() < 0:
        problems.append(f"label must not be negative, but one is {label.min()}")
    return problems


def _read_npz(path: Path, inputs: Sequence[str] = ("x",)) -> dict[str, npt.NDArray[Any]]:
    wanted = {*inputs, "label", "layout", "values"}
    try:
        # Opened here, because numpy leaves a file open that turns out to be damaged.
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: a single array, not an npz file; write one with numpy.savez('{path.stem}.npz', x=...)")
            return {name: file[name] for name in file.files if name in wanted}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not an npz file of plain arrays, or a damaged one ({reason})") from error


def _agreed(path: Path, key: str, option: _Choice | None, kind: type[_Choice], arrays: dict[str, npt.NDArray[Any]]) -> _Choice | None:
    """What the file's key and the option say together."""
    if key not in arrays:
        return option
    said = choice(kind, str(arrays[key]), f"{path}: ")
    if option is not None and option is not said:
        raise InputError(
            f"{path}: says that {key} is {said.value}, but the option says {option.value}; drop the option or correct the file"
        )
    return said
