"""A recipe as a TOML document for people: every field with what it means and what it can be."""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from golden.recipe import Recipe

#: How wide a comment gets.
_WIDTH = 120


def document(recipe: Recipe) -> str:
    """The recipe with all its fields, as TOML that `read_recipe` reads back; comments come from the fields' own documentation."""
    first = "# A recipe says how a network is quantized.  Every line may be left out; it has its default then."
    return "\n".join([first, *_section(recipe)]) + "\n"


def _section(part: Any) -> Iterator[str]:
    """The lines of one dataclass: its plain fields first, as TOML wants it, then those that are sections of their own."""
    meaning, types = _meanings(type(part)), typing.get_type_hints(type(part))
    sections, said = [], ""
    for field in fields(part):
        value = getattr(part, field.name)
        if is_dataclass(value) or field.name == "layers":
            sections.append((field.name, value))
            continue
        comment = " ".join([meaning.get(field.name, ""), _choices(types[field.name])]).strip()
        if comment != said:  # fields that are explained together stand together
            yield ""
            yield from _comment(comment)
        said = comment
        yield msgspec.toml.encode({field.name: msgspec.to_builtins(value)}).decode().rstrip("\n")
    for key, value in sections:
        yield ""
        if is_dataclass(value):
            yield from _comment((inspect.getdoc(type(value)) or "").split("\n")[0])
            yield f"[{key}]"
            yield from _section(value)
        else:
            yield from _comment(meaning.get(key, ""))
            yield from _layers(value)


def _layers(layers: Any) -> Iterator[str]:
    """A section for each layer, or an example in comments where there is none."""
    if not layers:
        yield from ('# [layers."conv.1"]', "# weights = 4", "# activations = 6")
    for name, bits in layers.items():
        given = {key: value for key, value in msgspec.to_builtins(bits).items() if value is not None}
        yield from msgspec.toml.encode({"layers": {name: given}}).decode().rstrip("\n").split("\n")


def _meanings(kind: type) -> dict[str, str]:
    """What each field means, from lines such as "bits, group_size: ..." of the class's documentation."""
    result: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(kind) or "").split("\n"):
        start = re.match(r"([a-z_]+(?:, [a-z_]+)*): +(.*)", line)
        if start:
            names = start[1].split(", ")
            result |= dict.fromkeys(names, start[2])
        elif line.startswith(" ") and names:
            result |= {name: f"{result[name]} {line.strip()}" for name in names}
        else:
            names = []
    return result


def _choices(kind: Any) -> str:
    """The values of an enumeration, or of a list of them."""
    inner = next(iter(typing.get_args(kind)), kind)
    if not (isinstance(inner, type) and issubclass(inner, enum.Enum)):
        return ""
    return ("One of: " if inner is kind else "Any of: ") + ", ".join(str(member.value) for member in inner) + "."


def _comment(text: str) -> Iterator[str]:
    """Comment lines."""
    line = "#"
    for word in f"{text[:1].upper()}{text[1:]}".split():
        if len(line) + 1 + len(word) > _WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    if line != "#":
        yield line
