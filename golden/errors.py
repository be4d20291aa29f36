"""The failures a user can cause or meet; the command line maps each class to an exit code.

Every message says what is wrong, where (layer, tensor, file) and what to do next.  An error that
gathers several problems of one input (`problems`) lists them all at once.
"""

from __future__ import annotations

from collections.abc import Sequence


class WeftError(Exception):
    """Base of every error that Weft raises on purpose.  `exit_code` is what the command line returns."""

    exit_code = 2

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        self.message = message
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  - {problem}" for problem in self.problems)]))


class InputError(WeftError):
    """Bad or unsupported input or usage: files, arrays, networks, configurations."""


class DoesNotFitError(WeftError):
    """The network is sound but larger than the accelerator it was compiled for."""

    exit_code = 3


class ToolMissingError(WeftError):
    """A program or package that is needed is not installed, or too old."""

    exit_code = 4


class TimingError(WeftError):
    """A placed and routed design does not reach the clock that was asked for."""

    exit_code = 5


class ToolFailedError(WeftError):
    """A program that Weft ran (simulator, synthesizer, compiler) ended with a failure of its own."""

    exit_code = 6


class DataWarning(UserWarning):
    """Data that can be used but can hardly be what the network needs."""
