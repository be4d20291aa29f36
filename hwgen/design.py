"""What config.json of an emitted folder says, for whoever drives the accelerator: no gateware, no compiler, numpy alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from golden import graph_encoding
from golden.affine import Affine
from golden.checker import check
from golden.errors import InputError
from golden.graph import Graph, Tensor
from hwgen.config import AcceleratorConfig
from hwgen.identity import Identity
from hwgen.regmap import Window

#: Version of config.json: it rises when readers have to change.
FORMAT = 3
CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in activation memory, as `hwgen.act_layout` takes it."""

    base: int
    shape: tuple[int, int, int]
    words_per_pixel: int
    words_per_row: int
    dense: bool


@dataclass(frozen=True)
class DesignLayer:
    """A layer of the program: its index in the performance counters, name, kind, multiply-accumulates, and the cycles that it takes."""

    index: int
    name: str
    kind: str
    macs: int
    cycles: int


@dataclass(frozen=True, eq=False)
class Design:
    """An accelerator with a network's program, as it was emitted.

    inputs, outputs: of the network; real = scale * (integer - zero point).
    device_outputs:  tensors that the accelerator leaves in its memory.
    host_part:       what the host computes of these, to get the outputs; None if they are the outputs.
    stored:          where the inputs and device outputs lie in activation memory.
    identity:        digests of the network and of its memory images.
    layers, cycles:  of one inference, exactly.
    images:          files of the memories' contents.
    """

    path: Path
    config: AcceleratorConfig
    network_name: str
    identity: Identity
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    device_outputs: tuple[str, ...]
    host_part: Graph | None
    stored: Mapping[str, StoredTensor]
    layers: tuple[DesignLayer, ...]
    cycles: int
    images: Mapping[Window, str]

    @property
    def network_sha256(self) -> str:
        """What identifies the network."""
        return self.identity.network

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of what the accelerator leaves in its memory, as the network has them."""
        known = {tensor.name: tensor.shape for tensor in self.outputs}
        if self.host_part is not None:
            known |= {name: tensor.shape for name, tensor in self.host_part.tensors.items()}
        return {name: known[name] for name in self.device_outputs}


def read_design(path: Path) -> Design:
    """Reads config.json of a folder that `weft generate` wrote.

    Raises InputError for a folder that is missing, damaged, of another version or somebody else's.
    """
    again = f"write it with `weft generate NET -o {path}`"
    try:
        data = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} is not an accelerator folder: {CONFIG_FILE} cannot be read ({error.strerror}); {again}") from error
    except ValueError as error:
        raise InputError(f"{path / CONFIG_FILE} is damaged ({error}); {again}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise InputError(f"{path / CONFIG_FILE} has the format {found!r}, and not {FORMAT}, the one that this version reads; {again}")
    try:
        return _decode(path, data)
    except InputError as error:
        raise InputError(f"{path / CONFIG_FILE} is damaged: {error.message}; {again}", error.problems) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path / CONFIG_FILE} is damaged ({error!r}); {again}") from error


def encode_host_part(graph: Graph) -> dict[str, Any]:
    """The host's operators as JSON values."""
    description, arrays = graph_encoding.encode(graph)
    values = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "values": array.reshape(-1).tolist()}
        for name, array in arrays.items()
    }
    return {**json.loads(description), "arrays": values}


def _decode_host_part(data: dict[str, Any]) -> Graph:
    if (data["format"], data["version"]) != (graph_encoding.FORMAT, graph_encoding.VERSION):
        raise ValueError(f"the host part has the version {data['version']!r}, not {graph_encoding.VERSION}")
    arrays = {name: np.array(item["values"], item["dtype"]).reshape(item["shape"]) for name, item in data["arrays"].items()}
    graph = graph_encoding.decode(data["graph"], arrays)
    check(graph, after="loading")
    return graph


def _decode(path: Path, data: dict[str, Any]) -> Design:
    inputs, outputs = (tuple(_tensor(item) for item in data["interface"][role]) for role in ("inputs", "outputs"))
    device_outputs = tuple(str(name) for name in data["outputs"])
    stored = {name: _stored(data["tensors"][name]) for name in (*(tensor.name for tensor in inputs), *device_outputs)}
    layers = tuple(
        DesignLayer(int(item["index"]), str(item["name"]), str(item["kind"]), int(item["macs"]), int(item["cycles"]))
        for item in data["layers"]
    )
    design = Design(
        path=path,
        config=AcceleratorConfig.from_json(data["config"]),
        network_name=str(data["network"]["name"]),
        identity=Identity(str(data["network"]["sha256"]), str(data["images_sha256"])),
        inputs=inputs,
        outputs=outputs,
        device_outputs=device_outputs,
        host_part=None if data["host_part"] is None else _decode_host_part(data["host_part"]),
        stored=stored,
        layers=layers,
        cycles=int(data["cycles"]),
        images={Window[name.upper()]: str(file) for name, file in data["images"].items()},
    )
    for name, shape in design.sizes.items():
        if np.prod(shape) != np.prod(stored[name].shape):
            raise ValueError(f"tensor {name!r} of the shape {shape} is stored as {stored[name].shape}")
    return design


def _tensor(item: dict[str, Any]) -> Tensor:
    affine = Affine(float(item["scale"]), int(item["zero_point"]))
    return Tensor(str(item["name"]), tuple(int(size) for size in item["shape"]), affine, int(item["bits"]))


def _stored(item: dict[str, Any]) -> StoredTensor:
    height, width, channels = (int(size) for size in item["shape"])
    return StoredTensor(
        int(item["base"]), (height, width, channels), int(item["words_per_pixel"]), int(item["words_per_row"]), bool(item["dense"])
    )
