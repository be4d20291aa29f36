"""New memory contents in a finished bitstream: which blocks, in which bits, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from boards import weights
from boards.weights import (
    Contents,
    MemoryImage,
    block_numbers,
    blocks,
    memory_images,
    new_contents,
    patch_configuration,
    patch_netlist,
    section,
)
from golden.errors import InputError, ToolFailedError

VERILOG = """
  weft_ram #(
    .ADDRESS(32'd6),
    .CHUNK(32'd128),
    .DEPTH(32'd64),
    .INIT(),
    .WIDTH(32'd128)
  ) ram (
    .clk(clk)
  );
  weft_ram #(
    .ADDRESS(32'd14),
    .CHUNK(32'd8),
    .DEPTH(32'd8704),
    .INIT("weights.hex"),
    .WIDTH(32'd32)
  ) ram (
    .clk(clk)
  );
"""
A, B = MemoryImage(18, 1024, 18, 10, "a.hex"), MemoryImage(18, 1024, 18, 10, "b.hex")


def contents(number: int) -> Contents:
    """A block whose word i is number + i, modulo 2^18."""
    words = [(number + index) % (1 << 18) for index in range(1024)]
    texts = []
    for start in range(0, 1024, 16):
        value = sum(word << 20 * index for index, word in enumerate(words[start : start + 16]))
        texts.append(f"{value:0320b}")
    return tuple(texts)


def netlist(held: dict[str, Contents]) -> dict[str, Any]:
    cells = {
        name: {"type": "DP16KD", "parameters": {**dict(zip(weights._PARAMETERS, each, strict=True)), "GSR": "DISABLED"}}
        for name, each in held.items()
    }
    return {"modules": {"top": {"cells": {**cells, "logic": {"type": "LUT4", "parameters": {}}}}}}


def test_memories_of_verilog() -> None:
    assert memory_images(VERILOG) == (MemoryImage(32, 8704, 8, 14, "weights.hex"),)


def test_a_section_has_nine_bits_of_a_word_after_the_other() -> None:
    words = section(contents(0x155))
    assert len(words) == 2048
    assert [low | high << 9 for low, high in zip(words[::2], words[1::2], strict=True)] == [0x155 + index for index in range(1024)]


def test_undefined_bits_are_zero() -> None:
    assert section(("x" * 320,) * 64) == [0] * 2048
    assert section(("1",) + ("",) * 63)[:2] == [1, 0]


FINISHED = {"w.core.one.ram.mem.0.0": contents(1), "w.core.one.ram.mem.0.1": contents(2), "w.core.two.ram.mem.0.0": contents(9)}


def test_blocks_get_what_the_memory_alone_says() -> None:
    old = {A: {"mem.0.0": contents(1), "mem.0.1": contents(2)}}
    new = {A: {"mem.0.0": contents(11), "mem.0.1": contents(12)}}
    assert new_contents(FINISHED, old, new) == {"w.core.one.ram.mem.0.0": contents(11), "w.core.one.ram.mem.0.1": contents(12)}
    assert blocks(netlist(FINISHED)) == FINISHED


def test_copies_of_a_memory_all_get_it() -> None:
    finished = {"t.copy_0.ram.mem.0.0": contents(5), "t.copy_1.ram.mem.0.0": contents(5)}
    assert new_contents(finished, {A: {"mem.0.0": contents(5)}}, {A: {"mem.0.0": contents(6)}}) == dict.fromkeys(finished, contents(6))


@pytest.mark.parametrize(
    "alone",
    [
        {"mem.0.0": contents(1), "mem.0.1": contents(3)},  # other contents
        {"mem.0.0": contents(1)},  # divided otherwise
        {"mem.0.0": contents(1), "mem.1.0": contents(2)},
    ],
)
def test_a_netlist_that_differs_from_the_memories_alone_is_refused(alone: dict[str, Contents]) -> None:
    with pytest.raises(InputError, match=r"does not hold a\.hex in blocks of its own; build it anew"):
        new_contents(FINISHED, {A: alone}, {A: alone})


def test_memories_that_cannot_be_told_apart_are_refused() -> None:
    finished = {"one.ram.mem.0.0": contents(0), "two.ram.mem.0.0": contents(0)}
    old = {A: {"mem.0.0": contents(0)}, B: {"mem.0.0": contents(0)}}
    with pytest.raises(InputError, match=r"cannot be told apart \(a\.hex, b\.hex\)"):
        new_contents(finished, old, {A: {"mem.0.0": contents(1)}, B: {"mem.0.0": contents(2)}})
    assert new_contents(finished, old, {A: {"mem.0.0": contents(1)}, B: {"mem.0.0": contents(1)}}) == dict.fromkeys(finished, contents(1))


def configuration(held: dict[int, Contents]) -> str:
    parts = [".device LFE5U-85F\n"]
    for number, each in held.items():
        rows = section(each)
        lines = [" ".join(f"{value:03x}" for value in rows[start : start + 8]) for start in range(0, 2048, 8)]
        parts.append("\n".join([f".bram_init {number}", *lines, "", ""]))
    return "\n".join(parts)


def test_a_configuration_gets_new_sections() -> None:
    numbers = {"a": 3, "b": 13}
    old, new = {"a": contents(1), "b": contents(2)}, {"b": contents(7)}
    patched = patch_configuration(configuration({3: contents(1), 13: contents(2)}), numbers, old, new)
    assert patched == configuration({3: contents(1), 13: contents(7)})


def test_a_configuration_with_other_contents_is_refused() -> None:
    with pytest.raises(ToolFailedError, match="does not hold the contents of a"):
        patch_configuration(configuration({3: contents(4)}), {"a": 3}, {"a": contents(1)}, {"a": contents(2)})


def test_netlists_get_new_parameters() -> None:
    held = netlist(FINISHED)
    patch_netlist(held, {"w.core.two.ram.mem.0.0": contents(4)})
    assert blocks(held) == {**FINISHED, "w.core.two.ram.mem.0.0": contents(4)}


def test_numbers_of_blocks() -> None:
    cells = {"a": {"attributes": {"WID": "00001010"}}, "b": {"attributes": {}}}
    assert block_numbers({"modules": {"top": {"cells": cells}}}) == {"a": 10}
