"""The folder of a comparison: index.html, comparison.json and a file for each picture; whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from weft.comparison.contenders import Contender
from weft.comparison.report.gallery import gallery
from weft.comparison.report.page import page
from weft.comparison.run import Comparison, Study
from weft.output import new_folder

PAGE, NUMBERS = "index.html", "comparison.json"


def new_report(folder: Path) -> AbstractContextManager[Path]:
    """A folder to fill with `write_report`, which becomes `folder` when the block ends well.

    Raises InputError, before the block runs, for one that cannot be written or that holds other files than a comparison's.
    """
    return new_folder(folder, _written)


def write_report(folder: Path, study: Study, comparison: Comparison, contenders: Sequence[Contender]) -> None:
    """Writes the page, the pictures and the numbers of a comparison into an empty folder."""
    pictures = gallery(study, comparison, contenders)
    for each in pictures:
        (folder / each.file).write_bytes(each.data)
    (folder / PAGE).write_text(page(comparison, pictures), encoding="utf-8")
    files = [PAGE, NUMBERS, *(each.file for each in pictures)]
    numbers = {"made_by": "weft compare", "files": files, **comparison.to_json()}
    (folder / NUMBERS).write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")


def _written(folder: Path) -> set[str]:
    """The files that an earlier comparison wrote into a folder."""
    try:
        numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        return set(numbers["files"]) if numbers["made_by"] == "weft compare" else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
