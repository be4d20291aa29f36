"""Weft: a trained neural network becomes Verilog for an FPGA, and every bit on the way is proven.

The functions are those of `weft.api`, `weft.training`, `weft.comparison` and `weft.mixing`, imported when first used:
importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from weft.version import VERSION as __version__

if TYPE_CHECKING:
    from weft.api import (
        analyze,
        budget,
        build,
        check,
        doctor,
        flash,
        generate,
        inspect,
        predict,
        project,
        quantize,
        replace_weights,
        report,
        units,
        verify,
    )
    from weft.comparison.command import compare
    from weft.mixing import mix
    from weft.training import train

__all__ = [
    "__version__",
    "analyze",
    "budget",
    "build",
    "check",
    "compare",
    "doctor",
    "flash",
    "generate",
    "inspect",
    "mix",
    "predict",
    "project",
    "quantize",
    "replace_weights",
    "report",
    "train",
    "units",
    "verify",
]


#: Where the functions are that are not in `weft.api`.
_ELSEWHERE = {"compare": "weft.comparison.command", "mix": "weft.mixing", "train": "weft.training"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_ELSEWHERE.get(name, "weft.api")), name)
    raise AttributeError(f"module 'weft' has no attribute {name!r}")
