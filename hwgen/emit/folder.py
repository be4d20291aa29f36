"""`emit`: the folder that stands on its own."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from hwgen.compiler.program import Program
from hwgen.emit.documents import instantiation, readme
from hwgen.emit.images import images
from hwgen.emit.listing import listing
from hwgen.emit.verilog import accelerator_verilog

FORMAT = 1
CONFIG_FILE = "config.json"


def _steps(graph: Graph, name: str) -> dict[str, Any]:
    """What a tensor's integers stand for; nothing for a map of the program's own."""
    tensor = graph.tensors.get(name)
    return {} if tensor is None else {"scale": tensor.affine.scale, "zero_point": tensor.affine.zero_point}


def description(program: Program) -> dict[str, Any]:
    """What config.json holds: everything a driver or a bench needs to know of the folder."""
    graph = program.graph
    return {
        "format": FORMAT,
        "config": program.config.to_json(),
        "network": {"name": graph.name, "sha256": network_file.sha256(graph)},
        "cycles": program.cycles,
        "tensors": {
            name: {
                "base": place.base,
                "words_per_pixel": place.words_per_pixel,
                "shape": list(place.shape),
                "dense": place.dense,
                "words_per_row": place.words_per_row,
                **_steps(graph, name),
            }
            for name, place in program.placements.items()
        },
        "inputs": list(graph.inputs),
        "outputs": list(program.device.outputs),
        "host": [op.name for op in program.host_ops],
        "layers": [
            {
                "index": layer.index,
                "name": layer.name,
                "kind": layer.kind,
                "output": layer.output,
                "macs": layer.macs,
                "cycles": layer.cycles,
                "parts": [{"start": list(part.start), "size": list(part.size)} for part in layer.parts],
            }
            for layer in program.layers
        ],
    }


def contents(program: Program, verilog: str | None = None) -> dict[str, str]:
    """Text of every file of the folder, by name; `verilog` is accelerator.v of the program's configuration, where it is at hand already."""
    return {
        "accelerator.v": accelerator_verilog(program.config) if verilog is None else verilog,
        **images(program),
        "program.lst": listing(program),
        CONFIG_FILE: json.dumps(description(program), indent=1) + "\n",
        "instantiation.v": instantiation(),
        "README.md": readme(program),
    }


def emit(program: Program, directory: Path, *, verilog: str | None = None, complete: Callable[[Path], None] | None = None) -> None:
    """Writes the folder, whole or not at all; `complete` may add files to it before it gets its name, `verilog` is as in `contents`.

    A folder that `emit` wrote is replaced.  Raises InputError if the directory holds anything else, or cannot be written.
    """
    directory = Path(directory)
    try:
        if directory.exists() and not (directory.is_dir() and (not any(directory.iterdir()) or _is_ours(directory))):
            raise InputError(f"{directory} exists and is not a folder that Weft generated; name another one, or remove it")
        files = contents(program, verilog)
        directory.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        try:
            part.chmod(0o755)
            for name, text in files.items():
                (part / name).write_text(text, encoding="utf-8")
            if complete is not None:
                complete(part)
            if directory.exists():
                shutil.rmtree(directory)
            part.replace(directory)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(f"cannot write the folder {directory}: {error.strerror or error}; name one that can be written") from error


def _is_ours(directory: Path) -> bool:
    """Whether the folder has a config.json that `emit` wrote; others use that name too."""
    try:
        data = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return False
    return isinstance(data, dict) and {"format", "config", "network", "tensors", "layers"} <= set(data)
