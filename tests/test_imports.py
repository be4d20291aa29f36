"""The layering rules that hold the folders apart, read from the source with `ast`.

golden <- hwgen <- {sim, boards} <- weft; golden knows no hardware; the gateware knows no compiler; only weft/cli
talks to a terminal or ends the process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: What each top-level package may import of the others.
ALLOWED = {
    "golden": {"golden"},
    "hwgen": {"golden", "hwgen"},
    "sim": {"golden", "hwgen", "sim"},
    "boards": {"golden", "hwgen", "boards"},
    "weft": {"golden", "hwgen", "sim", "boards", "weft"},
}

#: (modules, what they must not import): prefixes of dotted names.
FORBIDDEN = [
    ("golden", "amaranth"),
    ("golden", "cocotb"),
    ("hwgen.gateware", "hwgen.compiler"),
    ("hwgen.gateware", "hwgen.emit"),
    ("hwgen.gateware", "golden.interpreter"),
    ("hwgen", "cocotb"),
]

FILES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Absolute dotted names of everything that a module imports, wherever in the file the import stands."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def import_violations(source: str, module: str, is_package: bool = False) -> list[str]:
    violations = []
    top = module.split(".")[0]
    for name in imported(ast.parse(source), module, is_package):
        target = name.split(".")[0]
        if target in ALLOWED and target not in ALLOWED[top]:
            violations.append(f"{module} imports {name}, but {top} may only import {sorted(ALLOWED[top])}")
        if target == "tests":
            violations.append(f"{module} imports {name}: what is shipped never needs the tests")
        violations += [
            f"{module} imports {name}, but {who} must not know {what}"
            for who, what in FORBIDDEN
            if within(module, who) and within(name, what)
        ]
    return violations


def terminal_violations(source: str, module: str) -> list[str]:
    """Uses of the terminal, of argv and of the process's end, which belong to weft.cli alone."""
    if within(module, "weft.cli") or module == "weft.__main__":
        return []
    violations = []
    for node in ast.walk(ast.parse(source)):
        found = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "exit", "quit", "input"}:
            found = f"{node.func.id}()"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dotted = f"{node.value.id}.{node.attr}"
            found = dotted if dotted in {"sys.exit", "sys.argv", "os._exit", "sys.stdout", "sys.stderr"} else None
        elif isinstance(node, ast.Name) and node.id == "SystemExit":
            found = "SystemExit"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found = next((f"import {name}" for name in names if name.split(".")[0] in {"argparse", "click", "rich"}), None)
        if found:
            violations.append(f"{module}, line {node.lineno}: {found} belongs in weft.cli")
    return violations


@pytest.mark.parametrize("path", FILES, ids=[module_name(path) for path in FILES])
def test_layering(path: Path) -> None:
    source, module = path.read_text(encoding="utf-8"), module_name(path)
    assert import_violations(source, module, path.name == "__init__.py") == []
    assert terminal_violations(source, module) == []


def test_every_package_is_read() -> None:
    assert {module_name(path).split(".")[0] for path in FILES} == {"golden", "hwgen", "sim", "boards", "weft"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("golden.graph", "import hwgen.config"),
        ("golden.graph", "def f():\n    from amaranth.hdl import Module"),
        ("hwgen.emit", "from sim import verify"),
        ("sim.verify", "from weft.api import quantize"),
        ("sim.verify", "from boards import ulx3s"),
        ("boards.ulx3s", "import sim"),
        ("hwgen.gateware.top", "from hwgen import compiler"),
        ("hwgen.gateware.top", "from ..compiler import compile_graph"),
        ("weft.api", "from tests.conftest import x"),
    ],
)
def test_a_forbidden_import_is_seen(module: str, source: str) -> None:
    assert len(import_violations(source, module)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "print('x')",
        "import sys\nsys.exit(1)",
        "raise SystemExit",
        "import argparse",
        "from rich.table import Table",
        "import sys\nsys.argv[1]",
    ],
)
def test_use_of_the_terminal_is_seen(source: str) -> None:
    assert len(terminal_violations(source, "weft.api")) == 1
    assert terminal_violations(source, "weft.cli.verify") == []


def test_allowed_imports_pass() -> None:
    assert import_violations("from golden.graph import Graph\nfrom .descriptor import X\nimport numpy", "hwgen.compiler.tiles") == []
    assert import_violations("from .api import quantize", "weft", is_package=True) == []
