"""The descriptor as a hardware type."""

from __future__ import annotations

from amaranth.hdl import Shape
from amaranth.lib import data, stream

from hwgen.descriptor import FIELDS, WORD_BITS, WORDS

#: The descriptor's fields at the places where the program memory has them.
Descriptor = data.FlexibleLayout(
    WORDS * WORD_BITS,
    {field.name: data.Field(Shape(field.bits, field.signed), field.word * WORD_BITS + field.offset) for field in FIELDS},
)

#: How the sequencer hands a descriptor to a unit; a unit registers the fields that it needs when it accepts.
DescriptorStream = stream.Signature(Descriptor)
