"""Packing: a placed and routed design becomes a bitstream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from boards.board import Board
from boards.placement import CONFIGURATION, PLACED
from boards.process import run
from boards.tools import FoundProgram
from hwgen.family import Family

LOG = "pack.log"
_SUFFIX = {Family.ECP5: "bit", Family.ICE40: "bin", Family.GOWIN: "fs"}
#: As gowin_pack names the device of a part.
_GOWIN_DEVICE = "GW2A-18C"


def bitstream_file(board: Board) -> str:
    """The file name of a board's bitstream."""
    return f"{board.name}.{_SUFFIX[board.family]}"


def source_file(board: Board) -> str:
    """The file that the packer reads."""
    return CONFIGURATION.get(board.family, PLACED)


def options(board: Board) -> list[str]:
    """The packer's command line, without the program."""
    source, target = source_file(board), bitstream_file(board)
    return {
        Family.ECP5: ["--compress", "--input", source, "--bit", target],
        Family.ICE40: [source, target],
        Family.GOWIN: ["-d", _GOWIN_DEVICE, "--sspi_as_gpio", "--mspi_as_gpio", "-o", target, source],
    }[board.family]


def pack(board: Board, packer: FoundProgram, folder: Path, compiling: Callable[[], None] | None = None) -> None:
    """Runs the packer in a folder that has the source; leaves the bitstream and LOG in it.  Raises ToolFailedError."""
    run([packer.path, *options(board)], folder, folder / LOG, "packing the bitstream", compiling=compiling)
