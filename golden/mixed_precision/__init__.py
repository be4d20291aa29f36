"""Bits for each layer of its own, within limits on what a network may cost (SPEC section 17)."""

from golden.mixed_precision.choice import Limit, choose_bits
from golden.mixed_precision.front import non_dominated
from golden.mixed_precision.layer_costs import bit_operations, tied_layers, weight_bytes

__all__ = ["Limit", "bit_operations", "choose_bits", "non_dominated", "tied_layers", "weight_bytes"]
