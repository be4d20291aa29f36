"""`emit`: the folder that stands on its own."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph
from hwgen.compiler.host_part import host_graph
from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.design import CONFIG_FILE, encode_host_part
from hwgen.design import FORMAT as DESIGN_FORMAT
from hwgen.emit.c_sources import c_sources
from hwgen.emit.documents import instantiation, readme
from hwgen.emit.fusesoc import CORE_FILE, core_file
from hwgen.emit.images import image_files, images
from hwgen.emit.listing import listing
from hwgen.emit.litex import CSR_CSV, CSR_JSON, csr_csv, csr_json
from hwgen.emit.verilog import accelerator_verilog

FORMAT = DESIGN_FORMAT

#: What the commands that the folder's README names leave in it.
_PRODUCTS = {"testbench.vvp", "testbench.vcd"}


def _steps(graph: Graph, name: str) -> dict[str, Any]:
    """What a tensor's integers stand for; nothing for a map of the program's own."""
    tensor = graph.tensors.get(name)
    return {} if tensor is None else {"scale": tensor.affine.scale, "zero_point": tensor.affine.zero_point}


def _network(graph: Graph) -> dict[str, str]:
    """What identifies a network."""
    return {"name": graph.name, "sha256": network_file.sha256(graph)}


def description(program: Program) -> dict[str, Any]:
    """What config.json holds: everything a driver or a bench needs to know of the folder."""
    graph = program.graph
    return {
        "format": FORMAT,
        "config": program.config.to_json(),
        "network": _network(graph),
        "cycles": program.cycles,
        "tensors": {
            name: {
                "base": place.base,
                "words_per_pixel": place.words_per_pixel,
                "shape": list(place.shape),
                "dense": place.dense,
                "words_per_row": place.words_per_row,
                "first_byte": place.first_byte,
                **_steps(graph, name),
            }
            for name, place in program.placements.items()
        },
        "inputs": list(graph.inputs),
        "outputs": list(program.device.outputs),
        "host": [op.name for op in program.host_ops],
        "host_part": None if (rest := host_graph(graph)) is None else encode_host_part(rest),
        "interface": {
            role: [
                {"name": name, "shape": list(graph.tensors[name].shape), **_steps(graph, name), "bits": graph.tensors[name].bits}
                for name in names
            ]
            for role, names in (("inputs", graph.inputs), ("outputs", graph.outputs))
        },
        "images": {window.name.lower(): name for window, name in image_files(program.config).items()},
        "images_sha256": program.identity.images,
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


def contents(
    program: Program,
    verilog: Callable[[AcceleratorConfig], str] = accelerator_verilog,
    buses: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Text of every file of the folder, by name.

    verilog: gives accelerator.v of a configuration, from a cache perhaps.
    buses:   what `hwgen.emit.bus_files` gives, if the folder shall have it.
    """
    driver = c_sources(program)
    files = {
        "accelerator.v": verilog(program.config),
        **images(program),
        "program.lst": listing(program),
        "instantiation.v": instantiation(),
        **(buses or {}),
        **driver,
        CSR_CSV: csr_csv(program.config),
        CSR_JSON: csr_json(program.config),
        CORE_FILE: core_file(program, driver, buses or {}),
        "README.md": readme(program),
    }
    return {**files, CONFIG_FILE: _config_json(program, {*files, CONFIG_FILE})}


def _config_json(program: Program, files: Collection[str]) -> str:
    """Text of config.json of a folder with these files."""
    return json.dumps({**description(program), "files": sorted(files)}, indent=1) + "\n"


def emit(
    program: Program,
    directory: Path,
    *,
    verilog: Callable[[AcceleratorConfig], str] = accelerator_verilog,
    buses: Mapping[str, str] | None = None,
    complete: Callable[[Path], None] | None = None,
    force: bool = False,
) -> None:
    """Writes the folder, whole or not at all; `complete` may add files to it before it gets its name, `verilog` and `buses` are as
    in `contents`.

    A folder that `emit` wrote for the same network and configuration is replaced; with `force`, one for any.  Raises InputError if the
    directory holds anything else, or cannot be written.
    """
    directory = Path(directory)
    try:
        if directory.exists():
            _check_replaceable(program, directory, force)
        files = contents(program, verilog, buses)
        directory.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        try:
            part.chmod(0o755)
            for name, text in files.items():
                (part / name).write_text(text, encoding="utf-8")
            if complete is not None:
                complete(part)
                (part / CONFIG_FILE).write_text(_config_json(program, [path.name for path in part.iterdir()]), encoding="utf-8")
            _put_in_place(part, directory)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(f"cannot write the folder {directory}: {error.strerror or error}; name one that can be written") from error


def _check_replaceable(program: Program, directory: Path, force: bool) -> None:
    """Raises InputError unless the directory is empty, or all of it is Weft's and may be replaced by this program's."""
    if directory.is_dir() and not any(directory.iterdir()):
        return
    data = _ours(directory) if directory.is_dir() else None
    if data is None:
        raise InputError(f"{directory} exists and is not a folder that Weft generated; name another one, or remove it")
    foreign = sorted({path.name for path in directory.iterdir()} - {str(name) for name in data["files"]} - _PRODUCTS)
    if foreign:
        raise InputError(f"{directory} also holds files that Weft did not write; name another folder, or move them away", foreign)
    if force:
        return
    way_out = "name another folder, or replace it with --force"
    if data["network"] != (own := _network(program.graph)):
        name, digest = (str(data["network"].get(key)) for key in ("name", "sha256"))
        raise InputError(
            f"{directory} holds the accelerator of another network, {name!r} (sha256 {digest[:12]}...), and not of {own['name']!r} "
            f"(sha256 {own['sha256'][:12]}...); {way_out}"
        )
    config = program.config.to_json()
    differing = [
        f"{key} is {data['config'].get(key)!r} there, and would be {value!r}"
        for key, value in config.items()
        if data["config"].get(key) != value
    ]
    if differing:
        raise InputError(f"{directory} holds the accelerator of this network in another configuration; {way_out}", differing)


def _ours(directory: Path) -> dict[str, Any] | None:
    """What config.json says in a folder that `emit` wrote; others use that name too."""
    try:
        data = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return None
    kinds = {"config": dict, "network": dict, "tensors": dict, "layers": list, "files": list}
    return data if isinstance(data, dict) and all(isinstance(data.get(key), kind) for key, kind in kinds.items()) else None


def _put_in_place(part: Path, directory: Path) -> None:
    """Gives a finished folder its name; what had it before goes away, or comes back if that fails."""
    if not directory.exists():
        part.replace(directory)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}-old-", dir=directory.parent))
    directory.replace(old)
    try:
        part.replace(directory)
    except BaseException:
        old.replace(directory)
        raise
    shutil.rmtree(old)
