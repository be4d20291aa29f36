"""Weft: a trained neural network becomes Verilog for an FPGA, and every bit on the way is proven.

The functions are those of `weft.api` and `weft.training`, imported when first used: importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.version import VERSION as __version__

if TYPE_CHECKING:
    from weft.api import analyze, check, compare, doctor, generate, inspect, mix, predict, quantize, verify
    from weft.training import train

__all__ = ["__version__", "analyze", "check", "compare", "doctor", "generate", "inspect", "mix", "predict", "quantize", "train", "verify"]


def __getattr__(name: str) -> Any:
    if name == "train":
        from weft.training import train

        return train
    if name in __all__:
        from weft import api

        return getattr(api, name)
    raise AttributeError(f"module 'weft' has no attribute {name!r}")
