"""The boards that Weft builds for, one file each."""

from __future__ import annotations

import difflib

from boards.board import Board
from golden.errors import InputError, ToolMissingError

try:
    from boards.definitions import arty_a7_100t, icebreaker, pynq_z2, tang_nano_20k, ulx3s_85f
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "amaranth_boards":
        raise
    raise ToolMissingError(
        "the boards' pins come from the package amaranth-boards, which is not installed: pip install 'weft[boards]'"
    ) from error

BOARDS: dict[str, Board] = {module.BOARD.name: module.BOARD for module in (ulx3s_85f, icebreaker, tang_nano_20k, arty_a7_100t, pynq_z2)}


def find_board(name: str) -> Board:
    """The board of a name.  Raises InputError for an unknown one, with the nearest known."""
    if name in BOARDS:
        return BOARDS[name]
    spelled = name.lower().replace("-", "_").replace(" ", "_")
    near = difflib.get_close_matches(spelled, BOARDS, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"there is no board {name!r}{hint}", [f"{board.name}: {board.title}, {board.part}" for board in BOARDS.values()])


__all__ = ["BOARDS", "find_board"]
