"""build.json: what was built of what, by which tools, and what it came to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.errors import InputError

FORMAT = 1
RECORD = "build.json"
#: The folder of the design in that of a build.
DESIGN = "design"


@dataclass(frozen=True)
class BuildRecord:
    """A finished build, as its folder says it.

    folder: that has build.json.
    data:   what it holds: board, top, network, config, cycles, clock, baud, seeds, seed, stages, tools, utilization, critical_path,
            bitstream, files.
    """

    folder: Path
    data: dict[str, Any]

    @property
    def board(self) -> str:
        """The board's name."""
        return str(self.data["board"]["name"])

    @property
    def top(self) -> str:
        """What drives the accelerator: "uart", "flash" or "selftest"."""
        return str(self.data["top"])

    @property
    def design(self) -> Path:
        """The folder as `weft generate` writes it."""
        return self.folder / DESIGN

    @property
    def bitstream(self) -> Path:
        """The bitstream."""
        return self.folder / str(self.data["bitstream"]["file"])

    @property
    def mhz(self) -> float:
        """The accelerator's clock."""
        return float(self.data["clock"]["mhz"])

    @property
    def reached_mhz(self) -> float:
        """The fastest clock that the placement allows."""
        return float(self.data["clock"]["reached_mhz"])

    @property
    def met(self) -> bool:
        """Whether the clock is one that the placement allows."""
        return bool(self.data["clock"]["met"])

    @property
    def seconds(self) -> float:
        """What the stages took when they ran."""
        return float(sum(stage["seconds"] for stage in self.data["stages"]))


def is_build(folder: Path) -> bool:
    """Whether a folder is one that `weft build` wrote."""
    return (folder / RECORD).is_file()


def serial_design(folder: Path) -> Path:
    """The folder of the design that a host drives over a serial line: of a build, or as it is where it is none.

    Raises InputError for a build of a self-test, which no host drives.
    """
    if not is_build(folder):
        return folder
    record = read_record(folder)
    if record.top == "selftest":
        raise InputError(
            f"the bitstream in {folder} is a self-test, which has no serial line: its LEDs show the result; build with --top uart"
        )
    return record.design


def read_record(folder: Path) -> BuildRecord:
    """Reads a build's folder.  Raises InputError for one that is missing, damaged, of another version or somebody else's."""
    again = "write it with `weft build`"
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{folder} is not a build: {RECORD} cannot be read ({error.strerror}); {again}") from error
    except ValueError as error:
        raise InputError(f"{folder / RECORD} is damaged ({error}); {again} again") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise InputError(f"{folder / RECORD} has the format {found!r}, and not {FORMAT}, the one that this version reads; {again} again")
    record = BuildRecord(folder, data)
    try:
        _ = (record.board, record.top, record.bitstream, record.mhz, record.reached_mhz, record.met, record.seconds, data["files"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / RECORD} is damaged ({error!r}); {again} again") from error
    return record
