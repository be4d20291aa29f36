"""What emitted Verilog depends on: the module that emits, every module of Weft that it imports, and those written in Verilog."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import golden
import hwgen

#: The packages that imports are followed into, and where they are.
PACKAGES: Mapping[str, Path] = {package.__name__: Path(package.__path__[0]) for package in (golden, hwgen)}
_FIRST = "hwgen.emit.verilog"
_TEMPLATES = "emit/templates/*.v"


@dataclass(frozen=True)
class Sources:
    """The state of the sources: a digest of all of them, and when the last one changed, in seconds since the epoch."""

    digest: str
    changed: float


def read_sources(packages: Mapping[str, Path] = PACKAGES) -> Sources:
    """The state of the sources as they are on disk, which takes some ten milliseconds to read."""
    h = hashlib.sha256()
    changed = 0.0
    files = [*_modules(packages), *packages["hwgen"].glob(_TEMPLATES)]
    for path in sorted(files):
        data = path.read_bytes()
        changed = max(changed, path.stat().st_ctime)  # unlike the time of modification it cannot be set back
        h.update(f"{path.name} {len(data)}\n".encode() + data)
    return Sources(h.hexdigest(), changed)


def _modules(packages: Mapping[str, Path]) -> set[Path]:
    """The files of the modules that the emission consists of, found by following the imports in them."""
    pending, found = [_FIRST], dict[str, Path | None]()
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found[name] = path = _file(packages, name)
        if path is not None:
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            pending += _imports(ast.parse(path.read_bytes(), path), package)
    return {path for path in found.values() if path is not None}


def _file(packages: Mapping[str, Path], name: str) -> Path | None:
    """The file of a module of these packages; None for another name, such as that of a function in a module."""
    top, _, rest = name.partition(".")
    if top not in packages:
        return None
    path = packages[top].joinpath(*rest.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Names that may be modules, of everything that a module of a package imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
