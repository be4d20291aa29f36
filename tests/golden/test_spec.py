"""The specification and the code cite each other: equations that exist, and names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import golden

FOLDER = Path(next(iter(golden.__path__)))
SPEC = (FOLDER / "SPEC.md").read_text()
#: The number of the last equation.
EQUATIONS = 92
SOURCES = {path: path.read_text() for path in FOLDER.rglob("*.py")}


def test_equations_are_numbered_without_gaps() -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", SPEC, re.MULTILINE)]
    assert sorted(numbers) == list(range(1, EQUATIONS + 1))


def test_every_cited_equation_and_section_exists() -> None:
    for path, source in SOURCES.items():
        for first, last in re.findall(r"SPEC eq\. (\d+)(?: to (\d+))?", source):
            assert 1 <= int(first) <= int(last or first) <= EQUATIONS, path
        for section in re.findall(r"SPEC section (\d+)", source):
            assert f"\n## {section}. " in SPEC, path


def test_every_equation_is_cited_by_the_code() -> None:
    cited: set[int] = set()
    for source in SOURCES.values():
        for first, last in re.findall(r"eq\. (\d+)(?: to (\d+))?", source):
            cited |= set(range(int(first), int(last or first) + 1))
    assert cited == set(range(1, EQUATIONS + 1))


def test_every_file_and_function_that_the_spec_names_exists() -> None:
    for name in re.findall(r"`(golden/[\w/]+(?:\.py)?)/?`", SPEC):
        assert (FOLDER.parent / name).exists(), name
    defined = set(re.findall(r"(?:def |class |^    )(\w+)[(:]", "\n".join(SOURCES.values()), re.MULTILINE))
    table_cells = [row.rsplit("|", 2)[1] for row in SPEC.splitlines() if row.count("|") > 3]
    named = {name for cell in table_cells for name in re.findall(r"`(?:\w+\.)?([a-zA-Z]\w{4,})`", cell)}
    kinds = set(re.findall(r'kind = "(\w+)"', "\n".join(SOURCES.values())))
    assert named
    assert named <= defined | kinds, named - defined - kinds


def test_every_rule_of_the_spec_is_checked_and_the_other_way_round() -> None:
    section = SPEC.split("\n## 7. ")[1].split("\n## 8. ")[0]
    written = {
        rule for row in re.findall(r"^\| ([a-z][\w, ()-]*?) (?:\(float graphs\) )?\|", section, re.MULTILINE) for rule in row.split(", ")
    }
    written.discard("rule")
    code = "\n".join(source for path, source in SOURCES.items() if "check" in path.name or path.name == "structure.py")
    checked = set(re.findall(r'(?:Violation\(|yield )"([a-z]+(?:-[a-z0-9]+)+|arity|window)"', code))
    assert written == checked
