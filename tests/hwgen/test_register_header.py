"""The C header of the register map: every register, field, counter and window, at the values of the declaration."""

from __future__ import annotations

import re

from hwgen import register_header, regmap
from hwgen.regmap import BY_NAME, COUNTERS, REGISTERS, Window

TEXT = register_header.render()
DEFINED = re.findall(r"^#define (WEFT_\w+) (\w+)u", TEXT, re.MULTILINE)
VALUES = {name: int(value, 0) for name, value in DEFINED}


def test_nothing_is_defined_twice() -> None:
    assert len(VALUES) == len(DEFINED)


def test_registers_and_fields() -> None:
    assert {name.removeprefix("WEFT_REG_"): value for name, value in VALUES.items() if name.startswith("WEFT_REG_")} == {
        **{register.name: register.offset for register in REGISTERS},
        **{register.name: (6 << 25) + register.offset for register in regmap.STREAM_REGISTERS},
    }
    both = (*REGISTERS, *regmap.STREAM_REGISTERS)
    fields = {f"WEFT_{register.name}_{field.name.upper()}": field for register in both for field in register.fields}
    assert {name.removesuffix("_MASK") for name in VALUES if name.endswith("_MASK")} == set(fields)
    for name, field in fields.items():
        assert VALUES[f"{name}_MASK"] == field.mask
        assert VALUES[f"{name}_SHIFT"] == field.offset


def test_what_identifies_an_accelerator() -> None:
    assert VALUES["WEFT_ID_VALUE"] == int.from_bytes(b"WEFT", "big")
    assert BY_NAME["VERSION"].decode(VALUES["WEFT_VERSION_MAJOR_VALUE"] << 16 | VALUES["WEFT_VERSION_MINOR_VALUE"]) == {
        "major": regmap.VERSION_MAJOR,
        "minor": regmap.VERSION_MINOR,
    }


def test_windows_and_counters() -> None:
    windows = {name.removeprefix("WEFT_WINDOW_"): value for name, value in VALUES.items() if name.startswith("WEFT_WINDOW_")}
    assert windows == {window.name: window.value << 25 for window in list(Window)[1:]}
    counters = re.findall(r"^#define WEFT_COUNTER_(\w+)\(layer\) \((\w+)u \+ (\d+)u \* \(layer\)\)$", TEXT, re.MULTILINE)
    assert [name.lower() for name, _, _ in counters] == list(COUNTERS)
    for name, base, stride in counters:
        assert int(base, 0) + 3 * int(stride) == regmap.counter_address(3, name.lower())
