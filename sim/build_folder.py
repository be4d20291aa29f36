"""A folder that `generate` wrote: read as it is on disk, and checked before anything is simulated."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from hwgen.config import AcceleratorConfig
from hwgen.emit import image_depths

FORMAT = 3
VERILOG, CONFIG = "accelerator.v", "config.json"
TOP = "weft_accelerator"

_HEX = re.compile(rb"[0-9a-fA-F]+")


@dataclass(frozen=True)
class Placement:
    """Where a tensor lies in activation memory: channel c of pixel (y, x) is byte c % R of word
    base + y * words_per_row + x * words_per_pixel + c // R; where first_byte is not 0, c + first_byte takes the place of c.

    shape: (H, W, C) as stored: (1, 1, N) for a vector, the map's for a tensor that is a reshape of a map.
    dense: stored without gaps instead: byte b = x * C + c of row y is byte b % R of word base + y * words_per_row + b // R.
    """

    base: int
    words_per_pixel: int
    shape: tuple[int, int, int]
    dense: bool
    words_per_row: int
    first_byte: int = 0

    @property
    def channels(self) -> int:
        """Channels of a pixel."""
        return self.shape[2]

    @property
    def pixels(self) -> int:
        """Pixels as stored."""
        return self.shape[0] * self.shape[1]

    @property
    def size(self) -> int:
        """Elements."""
        return self.pixels * self.channels


@dataclass(frozen=True)
class Layer:
    """A layer as the program runs it: its index in the tap and the counters, the operator's name and kind, the tensor it writes (or the map
    of its own that a pack pass fills),
    its multiply-accumulate operations, and the cycles that the compiler predicts.

    parts: what of the tensor it writes, as (start, size) of rows, columns and channels; nothing where it is all of it.
    """

    index: int
    name: str
    kind: str
    output: str
    macs: int
    predicted_cycles: int
    parts: tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...] = ()


@dataclass(frozen=True, eq=False)
class BuildFolder:
    """What config.json says about an emitted folder."""

    path: Path
    config: AcceleratorConfig
    network_name: str
    network_sha256: str
    tensors: Mapping[str, Placement]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layers: tuple[Layer, ...]

    @property
    def verilog(self) -> Path:
        """The accelerator's Verilog."""
        return self.path / VERILOG

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the memory images."""
        return tuple(image_depths(self.config))

    @property
    def predicted_cycles(self) -> int:
        """Cycles of one inference, as predicted."""
        return sum(layer.predicted_cycles for layer in self.layers)


def read_build(path: Path, graph: Graph | None = None) -> BuildFolder:
    """Reads and checks a folder; with a graph, also that the folder was generated from it.

    Raises InputError, with all problems at once, for a folder that is missing, incomplete, damaged or of another network.
    """
    again = f"write it again with `weft generate NET -o {path}`"
    if not path.is_dir():
        raise InputError(f"there is no folder {path}; `weft generate NET -o {path}` writes it")
    problems = [f"{name} is missing" for name in (VERILOG, CONFIG) if not (path / name).is_file()]
    folder: BuildFolder | None = None
    if (path / CONFIG).is_file():
        try:
            folder = _decode(path, json.loads((path / CONFIG).read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            problems.append(f"{CONFIG} is damaged ({type(error).__name__}: {error})")
    for name, depth in image_depths(folder.config if folder else AcceleratorConfig()).items():
        if not (path / name).is_file():
            problems.append(f"{name} is missing")
        else:
            problems += _image_problems(path / name, depth if folder else None)
    if (path / VERILOG).is_file() and f"module {TOP}".encode() not in (path / VERILOG).read_bytes():
        problems.append(f"{VERILOG} has no module {TOP}")
    if problems or folder is None:
        raise InputError(f"{path} is not a complete accelerator folder; {again}", problems)
    if graph is not None and folder.network_sha256 != network_file.sha256(graph):
        raise InputError(
            f"{path} was generated from another network ({folder.network_name!r}, sha256 {folder.network_sha256[:12]}...) than "
            f"{graph.name!r} (sha256 {network_file.sha256(graph)[:12]}...); generate it again, or name the network that it belongs to"
        )
    return folder


def _image_problems(path: Path, depth: int | None) -> list[str]:
    """Why a file is no memory image of at most `depth` words, if it is none: one hexadecimal word a line, all of one length."""
    lines = path.read_bytes().split(b"\n")
    if lines == [b""]:
        return [f"{path.name} is empty"]
    for number, line in enumerate(lines[:-1], start=1):
        if not _HEX.fullmatch(line):
            return [f"{path.name}, line {number}: not a hexadecimal number"]
        if len(line) != len(lines[0]):
            return [f"{path.name}, line {number}: {len(line)} digits, but the first line has {len(lines[0])}"]
    if lines[-1]:
        return [f"{path.name} is cut off: line {len(lines)} has no end"]
    words = len(lines) - 1
    return [f"{path.name} has {words} words, but the memory has {depth}"] if depth is not None and words > depth else []


def _decode(path: Path, data: dict[str, Any]) -> BuildFolder:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r} is not {FORMAT}, the one that this version reads")
    tensors = {
        name: Placement(
            int(item["base"]),
            int(item["words_per_pixel"]),
            _stored_shape(item["shape"]),
            bool(item["dense"]),
            int(item["words_per_row"]),
            int(item["first_byte"]),
        )
        for name, item in data["tensors"].items()
    }
    layers = tuple(
        Layer(
            int(item["index"]),
            str(item["name"]),
            str(item["kind"]),
            str(item["output"]),
            int(item["macs"]),
            int(item["cycles"]),
            tuple((_stored_shape(part["start"]), _stored_shape(part["size"])) for part in item["parts"]),
        )
        for item in data["layers"]
    )
    inputs, outputs = (tuple(str(name) for name in data[key]) for key in ("inputs", "outputs"))
    absent = sorted({*inputs, *outputs, *(layer.output for layer in layers)} - set(tensors))
    if absent:
        raise ValueError(f"no place is given for the tensors {absent}")
    network = data["network"]
    config = AcceleratorConfig.from_json(data["config"])
    return BuildFolder(path, config, str(network["name"]), str(network["sha256"]), tensors, inputs, outputs, layers)


def _stored_shape(shape: list[int]) -> tuple[int, int, int]:
    if len(shape) not in (1, 3):
        raise ValueError(f"a shape has one or three sizes, not {shape}")
    height, width, channels = (1, 1, shape[0]) if len(shape) == 1 else shape
    return int(height), int(width), int(channels)
