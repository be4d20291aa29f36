"""Loading a bitstream: the command line, and what is said when it does not work."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from boards import tools
from boards.definitions import BOARDS
from boards.flash import Memory, choose, command, flash
from boards.record import FORMAT, BuildRecord, read_record, serial_design
from golden.errors import InputError, ToolFailedError, ToolMissingError
from hwgen import programs

ULX3S, ICEBREAKER = BOARDS["ulx3s_85f"], BOARDS["icebreaker"]


def record(folder: Path, name: str = "ulx3s_85f") -> BuildRecord:
    (folder / f"{name}.bit").write_bytes(b"bits")
    data = {
        "format": FORMAT,
        "board": {"name": name, "title": name},
        "top": "uart",
        "clock": {"mhz": 80.0, "reached_mhz": 85.0, "met": True},
        "stages": [],
        "bitstream": {"file": f"{name}.bit", "sha256": hashlib.sha256(b"bits").hexdigest()},
        "files": [],
    }
    (folder / "build.json").write_text(json.dumps(data), encoding="utf-8")
    return read_record(folder)


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that is run in openFPGALoader's place; it notes its arguments."""
    script = tmp_path / "loader"
    monkeypatch.setenv("OPENFPGALOADER", str(script))
    tools.missing_library.cache_clear()
    programs.version.cache_clear()
    return script


def write(script: Path, failure: str = "") -> None:
    last = f"echo '{failure}' >&2; exit 1" if failure else "exit 0"
    text = f'#!/bin/sh\nif [ "$1" = --Version ]; then echo openFPGALoader v1.1.1; exit; fi\necho "$@" > {script}.args\n{last}\n'
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)


def test_command_lines() -> None:
    bit = Path("/x/a.bit")
    assert command(ULX3S, Memory.SRAM, bit) == ["-b", "ulx3s", "-m", "/x/a.bit"]
    assert command(ULX3S, Memory.FLASH, bit) == ["-b", "ulx3s", "-f", "/x/a.bit"]
    assert command(BOARDS["tang_nano_20k"], Memory.SRAM, bit)[1] == "tangnano20k"


def test_where_to() -> None:
    assert choose(ULX3S, None) is Memory.SRAM
    assert choose(ULX3S, Memory.FLASH) is Memory.FLASH
    assert choose(ICEBREAKER, None) is Memory.FLASH
    with pytest.raises(InputError, match="iCEBreaker takes a bitstream into its flash alone: leave --sram out"):
        choose(ICEBREAKER, Memory.SRAM)
    with pytest.raises(InputError, match="use the vendor's tools"):
        choose(BOARDS["arty_a7_100t"], None)


def test_a_bitstream_is_loaded(tmp_path: Path, loader: Path) -> None:
    write(loader)
    assert flash(record(tmp_path), ULX3S) is Memory.SRAM
    assert Path(f"{loader}.args").read_text().split() == ["-b", "ulx3s", "-m", str((tmp_path / "ulx3s_85f.bit").resolve())]


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("unable to open ftdi device: -3 (device not found)", "no such board is connected"),
        ("unable to open ftdi device: -4 (usb_open() failed)", "udev rules"),
        ("JTAG init failed with: unable to open ftdi device", "no such board is connected"),
        ("Error: Failed to claim cable", "no such board is connected"),
        ("mismatch between target's idcode and bitstream idcode", "another device than the bitstream's answers"),
    ],
)
def test_failures_say_what_to_check(tmp_path: Path, loader: Path, said: str, meaning: str) -> None:
    write(loader, said.replace("'", ""))
    with pytest.raises(ToolFailedError, match="loading onto ULX3S 85F failed") as error:
        flash(record(tmp_path), ULX3S)
    assert error.value.problems[0] == said.replace("'", "")
    assert meaning in error.value.problems[-1]


def test_a_missing_library(tmp_path: Path, loader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "packaged", lambda program: None)
    loader.write_text("#!/bin/sh\necho 'x: error while loading shared libraries: libusb-1.0.so.0: cannot open' >&2; exit 127\n")
    loader.chmod(0o755)
    with pytest.raises(ToolMissingError, match=r"does not start without the library libusb-1\.0\.so\.0: .*apt-get install libusb-1\.0-0"):
        flash(record(tmp_path), ULX3S)


def test_another_bitstream_than_was_built_is_refused(tmp_path: Path, loader: Path) -> None:
    write(loader)
    made = record(tmp_path)
    made.bitstream.write_bytes(b"others")
    with pytest.raises(InputError, match="is not the bitstream that was built"):
        flash(made, ULX3S)
    made.bitstream.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        flash(made, ULX3S)
    assert not Path(f"{loader}.args").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "is not a build"), ("{", "is damaged"), ('{"format": 99}', "has the format 99"), (f'{{"format": {FORMAT}}}', "is damaged")],
)
def test_folders_that_are_no_builds(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "build.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_record(tmp_path)


def test_the_design_that_a_host_drives(tmp_path: Path) -> None:
    assert serial_design(tmp_path) == tmp_path  # of `weft generate`
    made = record(tmp_path)
    assert serial_design(tmp_path) == made.design == tmp_path / "design"
    (tmp_path / "build.json").write_text(json.dumps({**made.data, "top": "selftest"}), encoding="utf-8")
    with pytest.raises(InputError, match="is a self-test, which has no serial line"):
        serial_design(tmp_path)
