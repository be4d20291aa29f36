"""Quantization methods compared on one network: a row for each, and pictures that show why."""

from weft.comparison.row import Row
from weft.comparison.run import Comparison, Study, compare

__all__ = ["Comparison", "Row", "Study", "compare"]
