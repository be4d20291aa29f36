"""The register and memory map, and the reference rendered from it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import InputError
from golden.rescale import RescaleFormat
from hwgen import register_docs, regmap
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.params import param_bits
from hwgen.regmap import Access, Window

BASE = NAMED["base-16x16"]


def test_the_map_is_what_drivers_were_written_for():
    """A change here breaks drivers: it needs a new VERSION.major."""
    assert {register.name: (register.offset, register.access.value) for register in regmap.REGISTERS} == {
        "ID": (0x00, "RO"),
        "VERSION": (0x04, "RO"),
        "CONTROL": (0x08, "RW"),
        "STATUS": (0x0C, "RO"),
        "IRQ_STATUS": (0x10, "W1C"),
        "CYCLES": (0x14, "RO"),
        "SCRATCH": (0x18, "RW"),
        "ARRAY": (0x20, "RO"),
        "ARITHMETIC": (0x24, "RO"),
        "LAYERS": (0x28, "RO"),
        "ACC_DEPTH": (0x2C, "RO"),
        "ACT_DEPTH": (0x30, "RO"),
        "WEIGHT_DEPTH": (0x34, "RO"),
        "PARAM_DEPTH": (0x38, "RO"),
        "PROGRAM_DEPTH": (0x3C, "RO"),
        "OPTIONS": (0x40, "RO"),
    }
    bits = {(register.name, field.name): (field.offset, field.bits) for register in regmap.REGISTERS for field in register.fields}
    assert bits["CONTROL", "start"] == (0, 1)
    assert bits["CONTROL", "irq_enable"] == (1, 1)
    assert bits["STATUS", "busy"] == (0, 1)
    assert bits["STATUS", "done"] == (1, 1)
    assert bits["IRQ_STATUS", "done"] == (0, 1)
    assert list(regmap.COUNTERS) == ["busy", "stall_weights", "stall_post", "stall_memory"]
    assert {window.name: window.value for window in Window} == {"REGISTERS": 0, "ACT": 1, "WEIGHT": 2, "PARAM": 3, "PROGRAM": 4, "TABLE": 5}
    assert {window: memory.access for window, memory in regmap.MEMORIES.items()} == {
        Window.ACT: Access.RW,
        Window.WEIGHT: Access.WO,
        Window.PARAM: Access.WO,
        Window.PROGRAM: Access.RW,
        Window.TABLE: Access.WO,
    }


def test_registers_and_fields_do_not_overlap():
    offsets = [register.offset for register in regmap.REGISTERS]
    assert len(set(offsets)) == len(set(regmap.BY_NAME)) == len(offsets)
    assert all(offset % 4 == 0 and offset < regmap.COUNTER_BASE for offset in offsets)
    assert regmap.counter_address(255, "stall_memory") < 0x2000
    for register in regmap.REGISTERS:
        masks = [field.mask for field in register.fields]
        assert sum(masks) < 1 << 32
        union = 0
        for mask in masks:
            assert mask
            assert not union & mask, register.name
            union |= mask


@pytest.mark.parametrize("config", NAMED.values(), ids=NAMED)
def test_constants_hold_the_configuration(config):
    read = {register.name: register.decode(register.constant(config)) for register in regmap.REGISTERS}
    assert read["ID"] == {"magic": 0x57454654}
    assert read["VERSION"] == {"minor": 0, "major": 2}
    assert read["ARRAY"] == {
        "rows": config.rows,
        "cols": config.cols,
        "lanes": config.lanes,
        "weight_rows_per_cycle": config.weight_rows_per_cycle,
    }
    assert read["ARITHMETIC"] == {"acc_bits": 32, "multiplier_bits": 32, "rescale": 2, "weight_slots": config.slots}
    assert read["LAYERS"] == {"max_layers": config.max_layers}
    assert read["ACC_DEPTH"] == {"pixels": config.acc_depth}
    assert read["ACT_DEPTH"] == {"words": config.act_depth}
    assert read["WEIGHT_DEPTH"] == {"words": config.weight_depth}
    assert read["PARAM_DEPTH"] == {"words": config.param_depth}
    assert read["PROGRAM_DEPTH"] == {"words": config.program_depth}
    assert read["OPTIONS"] == {"depthwise_rows": 3, "dense_input": 1, "add_tables": config.add_tables}
    assert read["CONTROL"] == {"start": 0, "irq_enable": 0}
    assert regmap.BY_NAME["ARRAY"].field("cols").mask == 0xFF00


@pytest.mark.parametrize(("text", "code", "bits"), [("shift", 0, 0), ("fixed4", 1, 4), ("fixed32", 1, 32), ("tflite", 2, 32)])
def test_rescale_codes(text, code, bits):
    register = regmap.BY_NAME["ARITHMETIC"]
    fields = register.decode(register.constant(BASE.with_rescale(RescaleFormat.parse(text))))
    assert (fields["rescale"], fields["multiplier_bits"]) == (code, bits)


@pytest.mark.parametrize(
    ("bits", "chunks"),
    [(1, 1), (16, 1), (32, 1), (33, 2), (48, 2), (64, 2), (65, 4), (72, 4), (128, 4), (129, 8), (512, 16), (32768, 1024)],
)
def test_chunks(bits, chunks):
    assert regmap.chunks(bits) == chunks


def test_addresses():
    assert regmap.register_address("STATUS") == 0x0C
    assert regmap.counter_address(2, "stall_post") == 0x1028
    # 16 bytes of activations are 4 chunks; 4 x 16 weights are 16; a record of 72 bits is 4
    assert regmap.host_address(Window.ACT, 3, 2, BASE) == 0x2000000 + (3 * 4 + 2) * 4
    assert regmap.host_address(Window.WEIGHT, 3, 2, BASE) == 0x4000000 + (3 * 16 + 2) * 4
    assert regmap.host_address(Window.PARAM, 3, 2, BASE) == 0x6000000 + (3 * 4 + 2) * 4
    assert regmap.host_address(Window.PROGRAM, 3, 0, BASE) == 0x8000000 + 12
    assert BASE.add_tables == 4
    assert regmap.host_address(Window.TABLE, 4 * 512 - 1, 0, BASE) == 0xA000000 + 4 * 512 * 4 - 4


@pytest.mark.parametrize(("word", "chunk"), [(8192, 0), (-1, 0), (0, 4), (0, -1)])
def test_no_address_beyond_a_memory(word, chunk):
    with pytest.raises(ValueError, match=rf"the ACT memory has 8192 words of 4 chunks, no word {word}, chunk {chunk}"):
        regmap.host_address(Window.ACT, word, chunk, BASE)


@given(st.sampled_from(list(regmap.MEMORIES)), st.sampled_from(sorted(NAMED)), st.data())
def test_host_words_hold_the_value(window, name, data):
    config, memory = NAMED[name], regmap.MEMORIES[window]
    if memory.depth(config) == 0:
        assert (window, config.add_tables) == (Window.TABLE, 0)
        with pytest.raises(ValueError, match="the TABLE memory has 0 words of 1 chunks, no word 0, chunk 0"):
            regmap.host_words(window, 0, 0, config)
        return
    word = data.draw(st.integers(0, memory.depth(config) - 1))
    value = data.draw(st.integers(0, (1 << memory.word_bits(config)) - 1))
    pairs = regmap.host_words(window, word, value, config)
    assert len(pairs) == -(-memory.word_bits(config) // 32)
    assert sum(bits << 32 * k for k, (_, bits) in enumerate(pairs)) == value
    assert [address for address, _ in pairs] == [regmap.host_address(window, word, k, config) for k in range(len(pairs))]
    assert all(bits < 1 << 32 for _, bits in pairs)


def test_a_value_wider_than_the_word_is_refused():
    assert param_bits(BASE) == 72
    regmap.host_words(Window.PARAM, 0, (1 << 72) - 1, BASE)
    for value in (1 << 72, -1):
        with pytest.raises(ValueError, match="a word of the PARAM memory has 72 bits, which cannot hold"):
            regmap.host_words(Window.PARAM, 0, value, BASE)


def test_memories_larger_than_their_window_are_all_named():
    config = AcceleratorConfig(rows=64, cols=64, weight_rows_per_cycle=64, weight_depth=8193, act_depth=2**22)
    with pytest.raises(InputError) as caught:
        regmap.check_windows(config)
    assert caught.value.problems == (
        "act_depth is 4194304, but a window of 33554432 bytes holds 524288 words of 512 bits",
        "weight_depth is 8193, but a window of 33554432 bytes holds 8192 words of 32768 bits",
    )
    regmap.check_windows(AcceleratorConfig(rows=64, cols=64, weight_rows_per_cycle=64, weight_depth=8192, act_depth=524288))
    for config in NAMED.values():
        regmap.check_windows(config)


# --- the reference ----------------------------------------------------------------------------------


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("config", NAMED.values(), ids=NAMED)
def test_the_reference_has_every_register_field_counter_and_memory(config):
    text = register_docs.render(config)
    table = rows(text)
    for register in regmap.REGISTERS:
        (row,) = [row for row in table if row[1:2] == [f"`{register.name}`"]]
        assert row[0] == f"`0x{register.offset:03x}`"
        assert row[2:] == [register.access.value, f"`{register.constant(config):#010x}`", register.doc]
        section = text.split(f"### {register.name} (`0x{register.offset:03x}`)\n")[1].split("#")[0]
        fields = rows(section)[2:]
        assert [row[1].strip("`") for row in fields] == [field.name for field in register.fields]
        for (bits, _, value, doc), field in zip(fields, register.fields, strict=True):
            low = bits.split(":")[-1]
            high = bits.split(":")[0]
            assert (int(low), int(high)) == (field.offset, field.offset + field.bits - 1)
            assert value == ("" if field.value is None else str(field.value(config)))
            assert doc == field.doc
    for k, (name, doc) in enumerate(regmap.COUNTERS.items()):
        assert [f"`{0x1000 + 4 * k:#x}`", f"`{name}`", doc] in table
    for window, memory in regmap.MEMORIES.items():
        found = [row for row in table if row[3:4] == [window.name.lower()]]
        if window is Window.TABLE and config.add_tables == 0:
            assert found == []
            continue
        (row,) = found
        first, last = (int(cell.strip("`"), 16) for cell in row[:2])
        assert first == window << 25
        assert last == first + memory.span(config) - 4
        access = "RW" if memory.window in regmap.readable(config) else memory.access.value
        assert row[4:8] == [access, str(memory.depth(config)), str(memory.word_bits(config)), str(memory.chunks(config))]


def test_the_reference_is_well_formed():
    text = register_docs.render(BASE)
    assert text.endswith("|\n")
    assert not re.search(r"[ \t]$", text, flags=re.MULTILINE)
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
        assert set(block.splitlines()[1]) == set("|- ")
