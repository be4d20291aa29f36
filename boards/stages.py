"""The stages of a build, each cached by content: the same inputs, options and tool version give what they gave before."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen import cache

#: The file of an entry that says how long the stage took.
_RECORD = "stage.json"
_LEVEL = 1  #: of compression; a netlist shrinks to a twentieth of its size, in a second


@dataclass(frozen=True)
class StageResult:
    """How a stage came to its result.

    name:    of the stage.
    seconds: it took, when it ran.
    cached:  whether it ran earlier.
    """

    name: str
    seconds: float
    cached: bool

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return {"name": self.name, "seconds": round(self.seconds, 2), "cached": self.cached}


def run_stage(
    name: str,
    inputs: Mapping[str, Path],
    settings: Sequence[str],
    outputs: Collection[str],
    into: Path,
    make: Callable[[Path], None],
) -> StageResult:
    """Puts a stage's outputs into a folder, from the cache or made now.

    inputs:   files by the names that the stage knows them by.
    settings: everything else that the outputs depend on: versions, options, scripts.
    outputs:  names of the files that `make` leaves in the folder that it is called with, which has the inputs.
    What `make` raises goes through, and leaves nothing behind.
    """
    data = {key: path.read_bytes() for key, path in sorted(inputs.items())}
    named = (part for key, value in data.items() for part in (key, value))
    key = f"build-{name.partition(' ')[0]}-{cache.digest(name, *settings, *sorted(outputs), *named)}"
    cached = cache.find(key) is not None

    def fill(entry: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
            folder = Path(scratch)
            for key, value in data.items():
                (folder / key).write_bytes(value)
            start = time.monotonic()
            make(folder)
            seconds = time.monotonic() - start
            for output in outputs:
                with (folder / output).open("rb") as source, gzip.GzipFile(entry / f"{output}.gz", "wb", _LEVEL, mtime=0) as target:
                    shutil.copyfileobj(source, target)
            (entry / _RECORD).write_text(json.dumps({"seconds": seconds}), encoding="utf-8")

    entry = cache.entry(key, fill)
    for output in outputs:
        with gzip.open(entry / f"{output}.gz", "rb") as source, (into / output).open("wb") as target:
            shutil.copyfileobj(source, target)
    return StageResult(name, float(json.loads((entry / _RECORD).read_text(encoding="utf-8"))["seconds"]), cached)
