"""Errors carry their exit code and list every problem."""

from __future__ import annotations

import pytest

from golden.errors import DoesNotFitError, InputError, ToolFailedError, ToolMissingError, WeftError


@pytest.mark.parametrize(("kind", "code"), [(InputError, 2), (DoesNotFitError, 3), (ToolMissingError, 4), (ToolFailedError, 6)])
def test_exit_codes(kind: type[WeftError], code: int) -> None:
    assert kind("what").exit_code == code


def test_problems_are_listed_under_the_message() -> None:
    error = InputError("two things", ["first", "second"])
    assert str(error) == "two things\n  - first\n  - second"
    assert (error.message, error.problems) == ("two things", ("first", "second"))
