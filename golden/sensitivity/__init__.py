"""How much the loss of a network minds quantizing each of its layers, in four ways."""

from golden.sensitivity.measures import MEASURES, Measure, Scores, sensitivity

__all__ = ["MEASURES", "Measure", "Scores", "sensitivity"]
