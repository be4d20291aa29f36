"""The parts of a design that reports name: which there are, their colours, and which instance is part of which."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """A part of a design.

    name:  in tables.
    group: the entry of a picture's legend that it is part of.
    units: whether it is a unit, so that what is inside is part of it; else it holds units, and names inside say little.
    """

    name: str
    group: str
    unit: bool = True


#: Groups of components, and their colours: told apart by all kinds of colour vision (Tol, "Colour Schemes", 2021, scheme "muted").
GROUPS: dict[str, str] = {
    "array": "#332288",
    "post-processor": "#CC6677",
    "accumulators": "#DDCC77",
    "feeder": "#117733",
    "pooling": "#999933",
    "loader and sequencer": "#882255",
    "memories": "#88CCEE",
    "host": "#44AA99",
    "counters": "#AA4499",
    "other": "#777777",
}

CORE = Component("core, between units", "other", unit=False)
TOP = Component("board top", "other", unit=False)
OTHER = Component("other", "other", unit=False)
_HOST = Component("host port", "host")
_BRIDGE = Component("host bridge", "host")
_SELFTEST = Component("self-test", "host")
_FLASH = Component("flash loader", "host")
_TABLES = Component("add tables", "memories")

#: By the name of the instance inside the core.
_UNITS: dict[str, Component] = {
    "array": Component("array", "array"),
    "post": Component("post-processor", "post-processor"),
    "accumulator": Component("accumulators", "accumulators"),
    "feeder": Component("feeder", "feeder"),
    "pooling": Component("pooling path", "pooling"),
    "loader": Component("weight loader", "loader and sequencer"),
    "sequencer": Component("sequencer", "loader and sequencer"),
    "act_memory": Component("activation memory", "memories"),
    "weight_memory": Component("weight memory", "memories"),
    "param_memory": Component("parameter memory", "memories"),
    "program_memory": Component("program memory", "memories"),
    "counters": Component("counters", "counters"),
}

#: Everything, in the order of tables.
COMPONENTS: tuple[Component, ...] = (*_UNITS.values(), _TABLES, CORE, _HOST, _BRIDGE, _SELFTEST, _FLASH, TOP, OTHER)

#: By the name of a module, which says its place: those of instances end with the names of the instances around it.
_MODULES: tuple[tuple[re.Pattern[str], Component], ...] = (
    *((re.compile(rf"\bcore\.{name}$"), component) for name, component in _UNITS.items()),
    (re.compile(r"\bcore\.pooling\.table_\d+$"), _TABLES),
    (re.compile(r"\bcore$"), CORE),
    (re.compile(r"^weft_accelerator\.host$|\baccelerator\.host$"), _HOST),
    (re.compile(r"\bbridge$"), _BRIDGE),
    (re.compile(r"^weft_(?:uart|selftest)\.flash$"), _FLASH),
    (re.compile(r"^weft_selftest\b.*\b(?:replay|memory)$|\bselftest\.(?:replay|memory)$"), _SELFTEST),
)


def component_of_module(module: str) -> Component | None:
    """The component that a module is, by its name; None for one that is part of whatever it stands in."""
    return next((component for pattern, component in _MODULES if pattern.search(module)), None)
