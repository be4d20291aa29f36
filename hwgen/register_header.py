"""Renders the register and memory map as a C header, from the declaration in `hwgen.regmap`: what all accelerators have in common."""

from __future__ import annotations

from collections.abc import Iterator

from hwgen import regmap

_HEAD = """\
/* Registers and memory windows of a Weft accelerator, the same for every configuration; weft_network.h has the values of one.
 * Addresses are byte addresses within the accelerator.  A field is (register & MASK) >> SHIFT.
 * Generated files are yours: use, change and distribute them under any terms you like. */
#ifndef WEFT_REGISTERS_H
#define WEFT_REGISTERS_H
"""


def render() -> str:
    """Text of weft_registers.h: registers, fields, values that identify an accelerator, counters, memory windows."""
    return "\n".join([_HEAD, *_registers(), *_counters(), *_windows(), "", "#endif", ""])


def _registers() -> Iterator[str]:
    streams = [(register, regmap.stream_address(register.name)) for register in regmap.STREAM_REGISTERS]
    for register, address in (*((register, register.offset) for register in regmap.REGISTERS), *streams):
        yield f"/* {register.access.value}: {register.doc} */"
        yield f"#define WEFT_REG_{register.name} {address:#05x}u"
        for field in register.fields:
            name = f"WEFT_{register.name}_{field.name.upper()}"
            yield f"#define {name}_SHIFT {field.offset}u /* {field.doc} */"
            yield f"#define {name}_MASK {field.mask:#010x}u"
        yield ""
    yield "/* What these read on every accelerator of this version of the map. */"
    yield f"#define WEFT_ID_VALUE {regmap.MAGIC:#010x}u"
    yield f"#define WEFT_VERSION_MAJOR_VALUE {regmap.VERSION_MAJOR}u"
    yield f"#define WEFT_VERSION_MINOR_VALUE {regmap.VERSION_MINOR}u"
    yield ""


def _counters() -> Iterator[str]:
    yield "/* Performance counters of a layer: 32 bits, read only. */"
    for name, doc in regmap.COUNTERS.items():
        yield f"/* {doc} */"
        yield f"#define WEFT_COUNTER_{name.upper()}(layer) ({regmap.counter_address(0, name):#x}u + {regmap.COUNTER_STRIDE}u * (layer))"
    yield ""


def _windows() -> Iterator[str]:
    yield "/* First byte addresses of the memories, which are refused while a run is under way. */"
    for memory in regmap.MEMORIES.values():
        first = memory.window << regmap.WINDOW_SHIFT
        yield f"#define WEFT_WINDOW_{memory.window.name} {first:#010x}u /* {memory.access.value}: {memory.doc} */"
