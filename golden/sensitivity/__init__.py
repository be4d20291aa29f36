"""How much the loss of a network minds quantizing each of its layers, in five ways (SPEC section 17)."""

from golden.sensitivity.measures import MEASURES, Measure, Scores, sensitivity

__all__ = ["MEASURES", "Measure", "Scores", "sensitivity"]
