"""What wins back accuracy after quantization without labels (SPEC section 14)."""

from golden.recovery.adaptive_rounding import round_adaptively
from golden.recovery.bias_correction import correct_biases
from golden.recovery.equalization import equalize

__all__ = ["correct_biases", "equalize", "round_adaptively"]
