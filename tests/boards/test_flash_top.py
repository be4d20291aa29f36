"""Weights behind a bitstream: where the loader finds them, and builds for which that makes no sense."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boards import packing
from boards.board import Board
from boards.build import Request, _write_top
from boards.definitions import BOARDS
from boards.top import EmitTops, Top
from golden.errors import InputError
from hwgen import flash_image
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.design import read_design
from hwgen.emit import emit
from hwgen.family import Family
from sim.random_networks import random_network

BOARD = BOARDS["icebreaker"]
LEAN = NAMED["icebreaker-4x2"]


def emitted(folder: Path, config: AcceleratorConfig) -> Any:
    program = compile_graph(random_network(5, config).graph, config)
    emit(program, folder / "design", verilog=lambda _: "// none needed here\n")
    return program


def test_weights_follow_the_bitstream(tmp_path: Path) -> None:
    """At the offset that the gateware reads from: the same host words that a driver writes."""
    program = emitted(tmp_path, LEAN)
    (tmp_path / "icebreaker.bin").write_bytes(b"\x7e\xaa" * 500)
    packing.append_weights(BOARD, read_design(tmp_path / "design"), tmp_path)
    content = (tmp_path / "icebreaker.bin").read_bytes()
    assert BOARD.flash is not None
    offset = BOARD.flash.offset
    assert content[:1000] == b"\x7e\xaa" * 500
    assert set(content[1000:offset]) == {0xFF}
    words = np.ascontiguousarray(program.weights).view("<u2").reshape(-1)
    assert content[offset:] == flash_image.encode(words.tolist())
    request = Request(BOARD, Top.FLASH)
    tops = EmitTops(uart=lambda config, divisor, flash_offset: hex(flash_offset))
    _write_top(request, request.clock(), read_design(tmp_path / "design"), tmp_path, tops)
    assert (tmp_path / "uart.v").read_text() == hex(offset)
    assert "flash" in (tmp_path / "top.il").read_text()


@pytest.mark.parametrize(("config", "from_flash"), [(LEAN, True), (replace(LEAN, overlap=True), False)])
def test_a_self_test_takes_the_weights_that_no_bitstream_holds_from_the_flash(
    tmp_path: Path, config: AcceleratorConfig, from_flash: bool
) -> None:
    emitted(tmp_path, config)
    (tmp_path / "design" / "replay.hex").write_text("0\n" * 12)
    request = Request(BOARD, Top.SELFTEST)
    tops = EmitTops(selftest=lambda config, depth, flash_offset: f"{depth} {flash_offset}")
    _write_top(request, request.clock(), read_design(tmp_path / "design"), tmp_path, tops)
    assert BOARD.flash is not None
    assert (tmp_path / "selftest.v").read_text() == f"12 {BOARD.flash.offset if from_flash else None}"
    assert ("flash" in (tmp_path / "top.il").read_text()) is from_flash
    assert not (tmp_path / "uart.v").exists()


def test_a_bitstream_that_reaches_the_weights_is_refused(tmp_path: Path) -> None:
    emitted(tmp_path, LEAN)
    (tmp_path / "icebreaker.bin").write_bytes(bytes(0x20001))
    with pytest.raises(InputError, match="the bitstream has 131073 bytes, and the weights of iCEBreaker begin at 131072"):
        packing.append_weights(BOARD, read_design(tmp_path / "design"), tmp_path)


@pytest.mark.parametrize(
    ("top", "config", "board", "message"),
    [
        (
            Top.FLASH,
            replace(LEAN, overlap=True),
            BOARD,
            "bitstream of this accelerator for iCEBreaker holds its weights: use --top uart",
        ),
        (Top.SELFTEST, LEAN, replace(BOARD, flash=None), "do not hold the weights of this accelerator, nor does its flash: use --top uart"),
        (Top.FLASH, LEAN, replace(BOARD, flash=None), "do not hold the weights of this accelerator, nor does its flash: use --top uart"),
        (Top.SELFTEST, replace(LEAN, overlap=True), BOARD, "the design has no self-test: replay.hex of `weft generate` is not in"),
    ],
)
def test_tops_that_make_no_sense_are_refused(tmp_path: Path, top: Top, config: AcceleratorConfig, board: Board, message: str) -> None:
    assert config.family is Family.ICE40
    emitted(tmp_path, config)
    request = Request(board, top)
    with pytest.raises(InputError, match=message):
        _write_top(request, request.clock(), read_design(tmp_path / "design"), tmp_path, EmitTops())
