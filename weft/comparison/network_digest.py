"""Keys for what results depend on besides the data: the float network, and the code."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

import golden
from golden.float_graph import FloatGraph


def network_digest(graph: FloatGraph) -> str:
    """A key for a float network's content."""
    digest = hashlib.sha256(repr((graph.name, graph.tensors, graph.inputs, graph.outputs)).encode())
    for op in graph.ops:
        for text in _content(op):
            digest.update(text)
    return digest.hexdigest()


def _content(value: object) -> Iterator[bytes]:
    """A value, the arrays in it and in the dataclasses in it."""
    if isinstance(value, np.ndarray):
        yield f"{value.shape} {value.dtype}\n".encode() + value.tobytes()
    elif is_dataclass(value):
        yield f"{type(value).__name__}\n".encode()
        for entry in fields(value):
            yield f"{entry.name}\n".encode()
            yield from _content(getattr(value, entry.name))
    else:
        yield f"{value!r}\n".encode()


@functools.cache
def code_digest() -> str:
    """A key for the code that quantizes and measures: another version has other results.  What draws them is not in it."""
    comparison = Path(__file__).parent
    files = [
        *sorted(Path(golden.__path__[0]).rglob("*.py")),
        *sorted((*comparison.glob("*.py"), *(comparison / "contenders").glob("*.py"))),
        comparison.parent / "mixed_precision.py",
    ]
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"\n{path.parent.name}/{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()
