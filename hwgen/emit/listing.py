"""program.lst: the program as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

from hwgen.compiler.program import Program
from hwgen.descriptor import FIELDS, WORDS, Operation, encode
from hwgen.identity import HEADER_WORDS


def listing(program: Program) -> str:
    """The disassembly: every descriptor with its address, its words and all of its fields; and the memory map."""
    return "\n".join([*_memory_map(program), "", *_descriptors(program)]) + "\n"


def _memory_map(program: Program) -> Iterator[str]:
    config = program.config
    yield f"network {program.graph.name}: {len(program.layers)} layers, {len(program.descriptors)} descriptors, {program.cycles} cycles"
    yield f"weights     {len(program.weights)} of {config.weight_depth} words"
    yield f"parameters  {len(program.params)} of {config.param_depth} records"
    yield f"program     {HEADER_WORDS + len(program.descriptors) * WORDS} of {config.program_depth} words"
    yield f"activations {program.act_words} of {config.act_depth} words:"
    for name, place in sorted(program.placements.items(), key=lambda item: (item[1].base, item[0])):
        yield f"  {place.base:6d} .. {place.base + place.words - 1:6d}  {name}  {'x'.join(map(str, place.shape))}"


def _descriptors(program: Program) -> Iterator[str]:
    for number, values in enumerate(program.descriptors):
        layer = program.layers[values["layer"]]
        operation = Operation(values["operation"]).name.lower()
        yield f"{HEADER_WORDS + number * WORDS:05x}: {operation}  layer {layer.index} {layer.name} ({layer.kind}) -> {layer.output}"
        words = encode(values)
        for row in range(0, WORDS, 6):
            yield "       " + " ".join(f"{word:08x}" for word in words[row : row + 6])
        fields = [f"{field.name}={values[field.name]}" for field in FIELDS]
        for row in range(0, len(fields), 6):
            yield "       " + "  ".join(fields[row : row + 6])
        yield ""
