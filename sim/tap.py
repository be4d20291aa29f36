"""Reading the tap: the file in which a simulated accelerator logs every activation that it writes.

A line is `RRRRRRRR LL AAAAAA BB D..D`, all hexadecimal: the run (the first after reset is 0), the layer, the word address, the byte
offset of lane 0 in the word, and a byte for each lane, lane 0 last.  Lines have one width, so a file is a matrix of characters and is
read without a loop.  Icarus writes x (or z) for digits whose value it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.errors import ToolFailedError

_UNKNOWN, _INVALID = 0x10, 0xFF
_DIGITS = np.full(256, _INVALID, np.uint8)
for _value, _character in enumerate("0123456789abcdef"):
    _DIGITS[ord(_character)] = _DIGITS[ord(_character.upper())] = _value
_DIGITS[[ord(_character) for _character in "xXzZ"]] = _UNKNOWN

#: First column and digits of each field before the data.
_RUN, _LAYER, _ADDRESS, _OFFSET, _DATA = (0, 8), (9, 2), (12, 6), (19, 2), 22
_SPACES = (8, 11, 18, 21)


@dataclass(frozen=True, eq=False)
class TapLog:
    """N activation writes in the order in which they happened.

    run, layer, address, offset: int64[N]; -1 where a digit is unknown.
    data:    int8[N, lanes].
    unknown: bool[N, lanes], lanes with an unknown digit; their data is 0.
    """

    run: npt.NDArray[np.int64]
    layer: npt.NDArray[np.int64]
    address: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    data: npt.NDArray[np.int8]
    unknown: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.run)


def read_tap(path: Path, lanes: int) -> TapLog:
    """Reads a tap file.  Raises ToolFailedError for one that is missing, cut off or of another format."""
    try:
        text = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise ToolFailedError(f"the simulation left no log of its activation writes: {error}") from error
    return parse_tap(text, lanes, str(path))


def parse_tap(text: npt.NDArray[np.uint8], lanes: int, source: str = "tap") -> TapLog:
    """Parses the characters of a tap file, uint8[bytes]; `source` names them in errors."""
    width = _DATA + 2 * lanes + 1
    if len(text) % width:
        line = len(text) // width + 1
        raise ToolFailedError(f"{source}, line {line}: cut off, or not of the {width - 1} characters that {lanes} lanes take")
    lines = text.reshape(-1, width)
    digits = _DIGITS[lines[:, :-1]]
    separators = lines[:, [*_SPACES, width - 1]]
    wrong = (separators != np.frombuffer(b"    \n", np.uint8)).any(axis=1)
    digits[:, list(_SPACES)] = 0
    wrong |= (digits == _INVALID).any(axis=1)
    if wrong.any():
        number = int(wrong.argmax())
        shown = lines[number].tobytes().decode("ascii", "replace").rstrip("\n")
        raise ToolFailedError(f"{source}, line {number + 1}: not a line of the tap: {shown!r}")
    data = digits[:, _DATA:].reshape(-1, lanes, 2)[:, ::-1]
    unknown = (data == _UNKNOWN).any(axis=2)
    values = np.where(unknown, 0, data[:, :, 0] << 4 | data[:, :, 1] & 0xF).astype(np.uint8)
    return TapLog(
        run=_number(digits, _RUN),
        layer=_number(digits, _LAYER),
        address=_number(digits, _ADDRESS),
        offset=_number(digits, _OFFSET),
        data=np.ascontiguousarray(values).view(np.int8),
        unknown=unknown,
    )


def _number(digits: npt.NDArray[np.uint8], field: tuple[int, int]) -> npt.NDArray[np.int64]:
    """The number in some columns of each line; -1 where a digit is unknown."""
    first, count = field
    columns = digits[:, first : first + count]
    weights = 16 ** np.arange(count - 1, -1, -1, dtype=np.int64)
    return np.where((columns == _UNKNOWN).any(axis=1), -1, columns @ weights)


def last_run(path: Path, lanes: int) -> int:
    """The run of the last whole line that a simulation has written so far; -1 where there is none yet."""
    width = _DATA + 2 * lanes + 1
    try:
        with path.open("rb") as file:
            lines = file.seek(0, 2) // width
            file.seek(max(0, lines - 1) * width)
            return int(file.read(_RUN[1]), 16) if lines else -1
    except (OSError, ValueError):
        return -1
