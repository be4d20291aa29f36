"""Quantization-aware training: a module with fake quantization, and its integer graph (SPEC section 16)."""

from golden.training.agreement import Agreement, agreement
from golden.training.convert import convert, trained
from golden.training.distillation import distillation_loss
from golden.training.float_network import FloatNetwork
from golden.training.network import QuantizedNetwork
from golden.training.prepare import prepare

__all__ = ["Agreement", "FloatNetwork", "QuantizedNetwork", "agreement", "convert", "distillation_loss", "prepare", "trained"]
