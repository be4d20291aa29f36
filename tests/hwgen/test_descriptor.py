"""The descriptor: encoding and decoding, and where the fields lie."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.compiler import compile_graph
from hwgen.config import NAMED
from hwgen.descriptor import BY_NAME, FIELDS, WORD_BITS, WORDS, Operation, decode, encode, out_of_range
from hwgen.emit.listing import listing
from hwgen.gateware.command import Descriptor
from hwgen.identity import HEADER_WORDS

ZERO = dict.fromkeys(BY_NAME, 0)

values = st.fixed_dictionaries({field.name: st.integers(field.low, field.high) for field in FIELDS})


@settings(deadline=None)
@given(values)
def test_decode_undoes_encode(fields):
    words = encode(fields)
    assert len(words) == WORDS
    assert all(0 <= word < 1 << WORD_BITS for word in words)
    assert decode(words) == fields


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_holds_its_ends_and_nothing_beyond(field):
    low, high = (-(2 ** (field.bits - 1)), 2 ** (field.bits - 1) - 1) if field.signed else (0, 2**field.bits - 1)
    for value in (low, high):
        assert decode(encode({**ZERO, field.name: value})) == {**ZERO, field.name: value}
    for value in (low - 1, high + 1):
        message = f"{field.name} is {value}, but the descriptor holds {low} to {high}"
        assert out_of_range({**ZERO, field.name: value}) == [message]
        with pytest.raises(ValueError, match=message):
            encode({**ZERO, field.name: value})


def test_fields_lie_in_one_word_each_and_apart():
    taken = set()
    for field in FIELDS:
        assert field.offset + field.bits <= WORD_BITS, f"{field.name} straddles two words"
        bits = {(field.word, bit) for bit in range(field.offset, field.offset + field.bits)}
        assert not bits & taken
        taken |= bits
    assert {word for word, _ in taken} == set(range(WORDS))


def test_every_problem_is_said_at_once():
    problems = out_of_range({**ZERO, "kernel_y": 256, "pad_value": -129, "tiles": -1})
    assert [problem.split()[0] for problem in problems] == ["pad_value", "kernel_y", "tiles"]


@pytest.mark.parametrize(("fields", "name"), [({**ZERO, "speed": 1}, "speed"), (dict.fromkeys(list(ZERO)[1:], 0), "operation")])
def test_fields_unknown_or_missing_are_refused(fields, name):
    with pytest.raises(ValueError, match=rf"fields differ: \['{name}'\]"):
        encode(fields)


def test_the_operations_fit_their_field():
    assert [operation.value for operation in Operation] == [0, 1, 2, 3, 4, 5]
    assert BY_NAME["operation"].high >= max(Operation)


@settings(deadline=None, max_examples=20)
@given(values)
def test_the_hardware_sees_the_same_fields(fields):
    """The gateware's layout of the WORDS words, first word lowest, has every field at the place that `encode` gives it."""
    word = sum(value << (WORD_BITS * index) for index, value in enumerate(encode(fields)))
    constant = Descriptor.from_bits(word)
    assert {name: int(getattr(constant, name)) for name in BY_NAME} == fields


def test_the_listing_shows_every_field_of_every_descriptor(digits_like):
    program = compile_graph(digits_like.graph(), NAMED["tiny-4x4"])
    blocks = listing(program).strip().split("\n\n")
    assert len(blocks) == 1 + len(program.descriptors)
    for number, (block, fields) in enumerate(zip(blocks[1:], program.descriptors, strict=True)):
        head, *rest = block.splitlines()
        layer = program.layers[fields["layer"]]
        operation = Operation(fields["operation"]).name.lower()
        assert (
            head == f"{HEADER_WORDS + number * WORDS:05x}: {operation}  layer {layer.index} {layer.name} ({layer.kind}) -> {layer.output}"
        )
        shown = " ".join(rest).split()
        assert [int(text, 16) for text in shown[:WORDS]] == list(encode(fields))
        assert dict(text.split("=") for text in shown[WORDS:]) == {name: str(value) for name, value in fields.items()}


def test_the_listing_begins_with_the_memory_map(digits_like):
    config = NAMED["tiny-4x4"]
    program = compile_graph(digits_like.graph(), config)
    head = listing(program).split("\n\n")[0]
    assert f"weights     {len(program.weights)} of {config.weight_depth} words" in head
    assert f"parameters  {len(program.params)} of {config.param_depth} records" in head
    assert f"program     {len(program.words)} of {config.program_depth} words" in head
    assert f"activations {program.act_words} of {config.act_depth} words" in head
    for name, place in program.placements.items():
        assert f"  {place.base:6d} .. {place.base + place.words - 1:6d}  {name}  {'x'.join(map(str, place.shape))}" in head
