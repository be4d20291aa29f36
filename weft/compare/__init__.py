"""Quantization methods compared on one network: a row for each, and pictures that show why."""

from weft.compare.comparison import Comparison, Row, compare

__all__ = ["Comparison", "Row", "compare"]
