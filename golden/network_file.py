"""The quantized network as one file: safetensors, with the graph as JSON in its metadata and no pickle (SPEC section 8).

The same graph always gives the same bytes.  Opening a file runs nothing from it, and what is loaded
has passed the checker.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import safetensors
import safetensors.numpy

from golden.checker import check
from golden.errors import InputError
from golden.graph import Graph
from golden.graph_encoding import FORMAT, VERSION, decode, encode

#: One metadata key alone: safetensors writes several in no fixed order, and the bytes must be reproducible.
_METADATA_KEY = "weft"
_MAKE_AGAIN = "write it again with `weft quantize`"


def save(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Writes a graph to a file, whole or not at all.  Raises InputError for an unsound graph or a path that cannot be written."""
    check(graph)
    target = Path(path)
    description, arrays = encode(graph)
    data = safetensors.numpy.save(arrays, metadata={_METADATA_KEY: description})
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # what open() would have given; temporary files are private
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise InputError(
            f"cannot write the network to {target}: {error.strerror or error}; choose a folder that exists and is writable"
        ) from error


def load(path: str | os.PathLike[str]) -> Graph:
    """Reads a graph.  Raises InputError for a file that is missing, damaged, foreign, of a newer version or unsound."""
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source}: no such file; give the path of a network that `weft quantize` wrote")
    try:
        with safetensors.safe_open(source, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
    except (safetensors.SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{source}: not a network file, or a damaged one ({error}); {_MAKE_AGAIN}") from error
    if _METADATA_KEY not in metadata:
        raise InputError(
            f"{source}: a safetensors file, but not one of Weft's: it holds weights without a quantized graph; quantize the network first"
        )
    try:
        description = json.loads(metadata[_METADATA_KEY])
        kind, version = description["format"], description["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{source}: the description of the network is damaged ({error!r}); {_MAKE_AGAIN}") from error
    if kind != FORMAT:
        raise InputError(f"{source}: the format is {kind!r}, not {FORMAT!r}; quantize the network first")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(f"{source}: written by a newer Weft (file version {version}, this one reads up to {VERSION}); update Weft")
    try:
        graph = decode(description["graph"], arrays)
    except InputError as error:
        raise InputError(f"{source}: {error.message}; {_MAKE_AGAIN}", error.problems) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{source}: the description of the network is inconsistent ({error!r}); {_MAKE_AGAIN}") from error
    try:
        check(graph, after="loading")
    except InputError as error:
        raise InputError(f"{source}: {error.message}; {_MAKE_AGAIN}", error.problems) from error
    return graph


def is_network(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that it holds a network of Weft's; what it holds may still be damaged."""
    try:
        with safetensors.safe_open(Path(path), framework="numpy") as file:
            return _METADATA_KEY in (file.metadata() or {})
    except (safetensors.SafetensorError, OSError, ValueError, TypeError):
        return False


def sha256(graph: Graph) -> str:
    """A digest, in hex, of everything in a graph: two graphs with one digest compute the same under the same names."""
    description, arrays = encode(graph)
    digest = hashlib.sha256(description.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
