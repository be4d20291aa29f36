"""Number formats by name."""

from __future__ import annotations

import re

from golden.errors import InputError
from golden.number_formats.floating_point import BF16, FP4_E2M1, FP8_E4M3, FP8_E5M2, FP16, FP32, FloatingPoint
from golden.number_formats.number_format import NumberFormat
from golden.number_formats.uniform import FixedPoint, OnesComplement, SignMagnitude, TwosComplement, Unsigned

FLOATING_POINT: tuple[FloatingPoint, ...] = (FP32, FP16, BF16, FP8_E4M3, FP8_E5M2, FP4_E2M1)

_VIEWS = (Unsigned, SignMagnitude, OnesComplement, TwosComplement)
_SHORT_NAMES: dict[str, type[Unsigned] | type[TwosComplement]] = {"uint": Unsigned, "int": TwosComplement}
_FIXED = re.compile(r"(u?)q(\d{1,3})\.(\d{1,3})")
_INTEGER = re.compile(r"([a-z]+?)(\d{1,4})")

#: What may be given for a format, for messages.
NAMES = f"unsignedN, sign-magnitudeN, ones-complementN, twos-complementN (N bits), Qm.n, UQm.n, {', '.join(f.name for f in FLOATING_POINT)}"


def uniform_formats(width: int) -> tuple[NumberFormat, ...]:
    """The four views of an integer of that width, and fixed point with the point in the middle."""
    return (*(view(width) for view in _VIEWS), FixedPoint(width - width // 2, width // 2))


def all_formats(width: int = 8) -> tuple[NumberFormat, ...]:
    """Every format; integers and fixed point at one width."""
    return (*uniform_formats(width), *FLOATING_POINT)


def formats_of_width(width: int) -> tuple[NumberFormat, ...]:
    """The formats of exactly that many bits.  Raises InputError for a width below 2 or above 32."""
    return (*uniform_formats(width), *(format for format in FLOATING_POINT if format.bits == width))


def parse_format(name: str) -> NumberFormat:
    """The format with that name; case, spaces, dashes and underscores do not matter.  Raises InputError for an unknown one."""
    plain = _plain(name)
    for format in FLOATING_POINT:
        if plain in map(_plain, (format.name, *format.aliases)):
            return format
    if match := _FIXED.fullmatch(name.strip().lower()):
        return FixedPoint(int(match[2]), int(match[3]), signed=not match[1])
    if match := _INTEGER.fullmatch(plain):
        views = {_plain(view(8).name.rstrip("8")): view for view in _VIEWS}
        if view := {**views, **_SHORT_NAMES}.get(match[1]):
            return view(int(match[2]))
    raise InputError(f"there is no number format {name!r}; there are {NAMES}")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())
