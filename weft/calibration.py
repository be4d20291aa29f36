"""Calibration of the resource estimates, for who changes the hardware."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from boards.calibration import COEFFICIENTS, DOCUMENT, MEASURED
from boards.calibration import calibrate as measure
from golden.errors import InputError
from hwgen.estimate.estimate import FAMILIES


def calibrate(root: Path, families: Sequence[str], *, progress: Callable[[str, int, int], None]) -> tuple[Path, ...]:
    """Measures families again, all by default; writes the measurements, the coefficients and the document's table of errors, and gives
    their files.

    Raises InputError for a folder that is not the root of the sources, and for an unknown family.
    """
    paths = root / MEASURED, root / COEFFICIENTS, root / DOCUMENT
    if not all(path.parent.is_dir() for path in paths):
        raise InputError(f"{root} is not the root of Weft's sources; name it with --root")
    known = {family.value: family for family in FAMILIES}
    if unknown := [name for name in families if name not in known]:
        raise InputError(f"there is no family {', '.join(map(repr, unknown))}; there are {', '.join(known)}")
    measure(root, [known[name] for name in families or known], progress=progress)
    return paths
