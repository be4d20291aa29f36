"""Emitting a component once, however often it is instantiated.

Amaranth writes every submodule out in full, so an array of 4,096 processing elements would be
4,096 modules.  `shared` gives the component itself in Amaranth's simulator, and in emission an
`Instance` of a module that `EmissionPlatform` collects and emits a single time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring

from hwgen.family import Family


class EmissionPlatform:
    """Passed as Amaranth's platform while Verilog is written.

    modules: the component to emit under each module name, collected by `shared`.
    given:   signatures of modules that another file has.
    family:  the FPGA family whose cells may be instantiated.
    """

    def __init__(self, given: Mapping[str, wiring.Signature] | None = None, family: Family = Family.PORTABLE) -> None:
        self.modules: dict[str, wiring.Component] = {}
        self.given = dict(given or {})
        self.family = family


def member_ports(interface: Any) -> list[tuple[str, str, Value]]:
    """The ports of an interface as (name, "i" or "o", value), named as Amaranth's Verilog names them."""
    ports = []
    for path, member, value in interface.signature.flatten(interface):
        direction = "i" if member.flow is wiring.In else "o"
        ports.append(("__".join(str(part) for part in path), direction, Value.cast(value)))
    return ports


def shared(m: Module, name: str, module: str, make: Callable[[], wiring.Component], platform: object) -> Any:
    """Adds a component as submodule `name` of m, and gives its interface to connect to.

    In Amaranth's simulator that is the component that `make` builds.  In emission it is an instance of the one module called
    `module`; that name must say all parameters, for two components of one name are interchangeable.
    """
    if not isinstance(platform, EmissionPlatform):
        component = make()
        m.submodules[name] = component
        return component
    signature = platform.given.get(module)
    if signature is None:
        if module not in platform.modules:
            platform.modules[module] = make()
        signature = platform.modules[module].signature
    interface = wiring.PureInterface(signature, path=(name,))
    ports = {f"{direction}_{port}": value for port, direction, value in member_ports(interface)}
    m.submodules[name] = Instance(module, i_clk=ClockSignal("sync"), i_rst=ResetSignal("sync"), **ports)
    return interface
