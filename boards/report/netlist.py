"""A netlist as Yosys and nextpnr write it (JSON), and the component that each of its cells belongs to."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from boards.report.components import CORE, OTHER, TOP, Component, component_of_module
from golden.errors import InputError

#: What flattening leaves of an instance: its name, its module and the lines of Verilog that describe it.
_SCOPE = "$scopeinfo"
#: Rounds in which cells without a name of their own learn where they belong from those that they drive.
_ROUNDS = 24
#: Nets that so many cells read say nothing: clocks, resets, enables of whole units.
_MANY = 200
#: What nextpnr adds: pins, buffers of clocks, constants.
_ADDED = re.compile(r"\$tr_io$|\$sb_io$|\$iob$|^\$gbuf\$|^\$PACKER_|_TRELLIS_IO_")
#: nextpnr gives the parts of a packed cell the cell's name and an ending of its own.
_ENDING = re.compile(r"\$[^$.]*$")
_SOURCE = re.compile(r"([^|]*?\.s?v):(\d+)\.\d+-(\d+)\.\d+")


class Cell(msgspec.Struct, frozen=True):
    """A cell: `connections` are net numbers by port, or constants as text."""

    type: str
    parameters: dict[str, str | int] = {}
    attributes: dict[str, str | int] = {}
    port_directions: dict[str, str] = {}
    connections: dict[str, list[int | str]] = {}

    def nets(self, direction: str) -> Iterator[int]:
        """Numbers of the nets at its ports of a direction ("input" or "output")."""
        for port, bits in self.connections.items():
            if self.port_directions.get(port) == direction:
                yield from (bit for bit in bits if isinstance(bit, int))


class _Module(msgspec.Struct, frozen=True):
    attributes: dict[str, str | int] = {}
    cells: dict[str, Cell] = {}


class _File(msgspec.Struct, frozen=True):
    modules: dict[str, _Module]


@dataclass(frozen=True)
class Scopes:
    """The instances of a design before it was flattened.

    component: by path, joined with dots, the component that an instance is, or that it is part of.
    lines:     by file of Verilog, (first line, last line, component) of the modules that belong to one component only.
    """

    component: Mapping[str, Component] = field(default_factory=dict)
    lines: Mapping[str, Sequence[tuple[int, int, Component]]] = field(default_factory=dict)

    def of_path(self, name: str) -> Component:
        """The component of the innermost known instance around a cell of that name."""
        path = name.split(".")
        for length in range(len(path) - 1, 0, -1):
            if (found := self.component.get(".".join(path[:length]))) is not None:
                return found
        return TOP

    def of_source(self, source: str) -> Component | None:
        """The component whose Verilog made a cell, by the `src` attribute."""
        for file, first, _ in _SOURCE.findall(source):
            line = int(first)
            for start, end, component in self.lines.get(Path(file).name, ()):
                if start <= line <= end:
                    return component
        return None


def read_cells(path: Path) -> dict[str, Cell]:
    """The cells of a netlist's top module by name, `$scopeinfo` among them.

    Raises InputError for a file that cannot be read or that is no netlist.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); build the design again with `weft build`") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is no netlist of Yosys or nextpnr ({error}); build the design again with `weft build`") from error
    tops = [module for module in file.modules.values() if int(str(module.attributes.get("top", 0)), 2)]
    if len(tops) != 1:
        raise InputError(f"{path} has {len(tops)} top modules instead of one; build the design again with `weft build`")
    return tops[0].cells


def scopes_of(cells: Mapping[str, Cell]) -> Scopes:
    """The instances that a flattened netlist still names."""
    component: dict[str, Component] = {}
    modules: dict[str, set[tuple[str, Component]]] = defaultdict(set)
    for name in sorted((name for name, cell in cells.items() if cell.type == _SCOPE), key=lambda name: name.count(".")):
        attributes = cells[name].attributes
        module = str(attributes.get("module", ""))
        around = component.get(name.rpartition(".")[0], TOP)
        component[name] = component_of_module(module) or around
        modules[str(attributes.get("module_src", ""))].add((module, component[name]))
    lines: dict[str, list[tuple[int, int, Component]]] = defaultdict(list)
    for source, uses in modules.items():
        owners = {owner for _, owner in uses}
        if len(owners) == 1 and (match := _SOURCE.search(source)):
            lines[Path(match[1]).name].append((int(match[2]), int(match[3]), owners.pop()))
    return Scopes(component, lines)


def attribute(cells: Mapping[str, Cell], scopes: Scopes, known: Mapping[str, Component] | None = None) -> dict[str, Component]:
    """The component of every cell but `$scopeinfo`.

    A cell inside a unit's instance belongs to the unit; so does a register, memory or multiplier whose line of Verilog is the
    unit's, wherever the name that flattening chose for its net puts it.  Logic on nets between units has no such line: it belongs
    where most of the cells that it drives do, then where those that drive it do.

    known: components of cells by name, from an earlier stage of the same design; nextpnr adds endings to these names.
    """
    earlier = known or {}
    found: dict[str, Component] = {}
    open_: dict[str, Component] = {}  # and the instance around them
    for name, cell in cells.items():
        if cell.type == _SCOPE:
            continue
        component = _earlier(name, earlier)
        if component is None:
            place = scopes.of_path(name)
            if _ADDED.search(name):
                found[name] = TOP
                continue
            component = place if place.unit else scopes.of_source(str(cell.attributes.get("src", "")))
            if component is None:
                open_[name] = place
                continue
        found[name] = component
    _follow(cells, found, open_)
    for name, place in open_.items():
        if name not in found:
            found[name] = place if place is CORE else OTHER
    return found


def _earlier(name: str, earlier: Mapping[str, Component]) -> Component | None:
    while True:
        if (component := earlier.get(name)) is not None:
            return component
        shorter = _ENDING.sub("", name)
        if shorter == name or not earlier:
            return None
        name = shorter


def _follow(cells: Mapping[str, Cell], found: dict[str, Component], open_: Mapping[str, Component]) -> None:
    """Finds components of the open cells by the nets that they drive, from the known ones backwards; then by those that they read."""
    readers: dict[int, list[str]] = defaultdict(list)
    drivers: dict[int, list[str]] = defaultdict(list)
    for name, cell in cells.items():
        if cell.type == _SCOPE:
            continue
        for net in cell.nets("input"):
            readers[net].append(name)
        for net in cell.nets("output"):
            drivers[net].append(name)
    for direction, users in (("output", readers), ("input", drivers)):
        for _ in range(_ROUNDS):
            learned: dict[str, Component] = {}
            for name in open_:
                if name in found:
                    continue
                votes: Counter[Component] = Counter()
                for net in cells[name].nets(direction):
                    near = users[net]
                    if len(near) <= _MANY:
                        votes.update(found[each] for each in near if each in found)
                if votes:
                    learned[name] = votes.most_common(1)[0][0]
            if not learned:
                break
            found.update(learned)
