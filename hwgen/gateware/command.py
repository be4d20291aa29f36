"""The descriptor as a hardware type."""

from __future__ import annotations

from collections.abc import Iterable

from amaranth.hdl import Cat, Shape, Value
from amaranth.lib import data, stream

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, FIELDS, WORD_BITS, WORDS, Operation
from hwgen.field_widths import field_bits

#: The descriptor's fields at the places where the program memory has them.
Descriptor = data.FlexibleLayout(
    WORDS * WORD_BITS,
    {field.name: data.Field(Shape(field.bits, field.signed), field.word * WORD_BITS + field.offset) for field in FIELDS},
)

#: How the sequencer hands a descriptor to a unit; a unit registers the fields that it needs when it accepts.
DescriptorStream = stream.Signature(Descriptor)


def field_of(config: AcceleratorConfig, descriptor: data.View[data.FlexibleLayout], name: str) -> Value:
    """A field of a descriptor in the bits that the accelerator looks at, signed if the field is."""
    value = getattr(descriptor, name)
    low = value[: field_bits(config, name)]
    return low.as_signed() if BY_NAME[name].signed else low


def one_of(operation: Value, operations: Iterable[Operation]) -> Value:
    """Whether an operation is among some."""
    return Cat(operation == member for member in operations).any()
