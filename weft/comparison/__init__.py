"""Quantization methods compared on one network: a row for each, and pictures that show why."""

from weft.comparison.run import Comparison, Row, compare

__all__ = ["Comparison", "Row", "compare"]
