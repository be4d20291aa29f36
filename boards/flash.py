"""Loading a bitstream onto a board, by openFPGALoader."""

from __future__ import annotations

import enum
import hashlib
import re
import tempfile
from pathlib import Path

from boards.board import Board
from boards.record import BuildRecord
from boards.tools import OPENFPGALOADER, library_remedy, missing_library, require
from golden.errors import InputError, ToolFailedError, ToolMissingError
from hwgen.process import run


class Memory(enum.Enum):
    """Where a bitstream goes."""

    SRAM = "sram"  #: the device's configuration, which is gone without power
    FLASH = "flash"  #: from where the device configures itself when it gets power


_NO_ACCESS = (
    "the board's USB device may not be opened by this user: install openFPGALoader's udev rules (99-openfpgaloader.rules in its "
    "sources) into /etc/udev/rules.d, run `sudo udevadm control --reload-rules && sudo udevadm trigger`, join the group plugdev, "
    "and plug the board in again"
)
_NO_DEVICE = (
    "no such board is connected, or another program (a serial terminal, a virtual machine) has it: check the cable, which must carry "
    "data, and `lsusb`"
)
_OTHER_DEVICE = "another device than the bitstream's answers: is this the board, and the variant of it, that the bitstream was built for?"
#: What openFPGALoader says, and what that means.  libftdi's codes: -3 no device, -4 and -8 no access.
_DIAGNOSES = (
    (r"device: -[48] |LIBUSB_ERROR_ACCESS|[Aa]ccess denied|insufficient permissions|usb_open\(\) failed", _NO_ACCESS),
    (r"device not found|no device found|[Nn]o DFU|unable to open ftdi device|[Ff]ailed to claim cable|JTAG init failed", _NO_DEVICE),
    (r"IDCODE|[Mm]ismatch|not compatible|wrong device", _OTHER_DEVICE),
)


def choose(board: Board, memory: Memory | None) -> Memory:
    """Where to load to: as given, else the configuration memory if the board can, else the flash.  Raises InputError if it cannot."""
    programmer = board.programmer
    if programmer is None:
        raise InputError(f"openFPGALoader loads no bitstreams of Weft onto {board.title}: use the vendor's tools")
    possible = [each for each, can in ((Memory.SRAM, programmer.sram), (Memory.FLASH, programmer.flash)) if can]
    if memory is None:
        return possible[0]
    if memory not in possible:
        raise InputError(f"{board.title} takes a bitstream into its {possible[0].value} alone: leave --{memory.value} out")
    return memory


def command(board: Board, memory: Memory, bitstream: Path) -> list[str]:
    """openFPGALoader's command line, without the program."""
    assert board.programmer is not None
    return ["-b", board.programmer.board, "-m" if memory is Memory.SRAM else "-f", str(bitstream.resolve())]


def flash(record: BuildRecord, board: Board, memory: Memory | None = None) -> Memory:
    """Loads a build's bitstream onto its board; returns where to.

    Raises InputError for a bitstream that is not the one that was built, ToolMissingError without openFPGALoader or a library that it
    needs, ToolFailedError, with what to check, where it does not reach the board.
    """
    chosen = choose(board, memory)
    _check_bitstream(record)
    loader = require(OPENFPGALOADER)[OPENFPGALOADER]
    library = missing_library(loader)
    if library is not None:
        raise ToolMissingError(f"openFPGALoader does not start without the library {library}: {library_remedy(library)}")
    with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        folder = Path(scratch)
        log = folder / "load.log"
        try:
            run([loader.path, *command(board, chosen, record.bitstream)], folder, log, f"loading onto {board.title}")
        except ToolFailedError as error:
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            meaning = next((meaning for pattern, meaning in _DIAGNOSES if re.search(pattern, text)), None)
            raise ToolFailedError(error.message, [*error.problems, *([] if meaning is None else [meaning])]) from error
    return chosen


def _check_bitstream(record: BuildRecord) -> None:
    try:
        content = record.bitstream.read_bytes()
    except OSError as error:
        raise InputError(f"the bitstream {record.bitstream} cannot be read ({error.strerror}); build it again") from error
    if hashlib.sha256(content).hexdigest() != record.data["bitstream"]["sha256"]:
        raise InputError(f"{record.bitstream} is not the bitstream that was built: it has changed since; build it again")
