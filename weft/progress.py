"""Progress: how the functions of the Python API tell how far they are."""

from __future__ import annotations

from collections.abc import Callable

#: Called with (what is being done, steps done, steps in all).
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
