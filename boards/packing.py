"""Packing: a placed and routed design becomes a bitstream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from boards.board import Board
from boards.host.transfer import image_words
from boards.placement import CONFIGURATION, PLACED
from golden.errors import InputError
from hwgen import flash_image
from hwgen.design import Design
from hwgen.family import Family
from hwgen.process import run
from hwgen.programs import FoundProgram
from hwgen.regmap import Window

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


def append_weights(board: Board, design: Design, folder: Path) -> None:
    """Puts the image of a design's weights behind the bitstream that is in a folder, where the board's flash has them then.

    Raises InputError where the bitstream reaches that far.
    """
    assert board.flash is not None
    path = folder / bitstream_file(board)
    content = path.read_bytes()
    if len(content) > board.flash.offset:
        raise InputError(f"the bitstream has {len(content)} bytes, and the weights of {board.title} begin at {board.flash.offset}")
    words = image_words(design.path / design.images[Window.WEIGHT], Window.WEIGHT, design.config)
    path.write_bytes(content.ljust(board.flash.offset, b"\xff") + flash_image.encode(words.tolist()))


def pack(board: Board, packer: FoundProgram, folder: Path, compiling: Callable[[], None] | None = None) -> None:
    """Runs the packer in a folder that has the source; leaves the bitstream and LOG in it.  Raises ToolFailedError."""
    run([packer.path, *options(board)], folder, folder / LOG, "packing the bitstream", compiling=compiling)
