"""A flat netlist of Yosys (JSON) that passes look through and change: who drives what, who reads it, new wires and copies of cells.

Each pass makes a `Netlist` of its own: what drives and reads is looked up as it was then, while the cells are changed in place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

#: A cell and one of its ports.
Pin = tuple[str, str]


class Netlist:
    """A flat module.

    cells:   of the module, by name, as Yosys writes them.
    drivers: the cell that drives a bit.
    readers: the pins that read a bit.
    visible: bits that are seen from outside, at the module's ports.
    """

    def __init__(self, netlist: dict[str, Any], top: str) -> None:
        self.module: dict[str, Any] = netlist["modules"][top]
        self.cells: dict[str, dict[str, Any]] = self.module["cells"]
        self.drivers: dict[int, str] = {}
        self.readers: dict[int, list[Pin]] = defaultdict(list)
        self.visible = {bit for port in self.module["ports"].values() for bit in port["bits"] if isinstance(bit, int)}
        named = (bit for net in self.module["netnames"].values() for bit in net["bits"] if isinstance(bit, int))
        self._highest = max((*named, *self.visible), default=1)  # 0 and 1 stand for constants
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                for bit in bits:
                    if not isinstance(bit, int):
                        continue
                    self._highest = max(self._highest, bit)
                    if cell["port_directions"][port] == "output":
                        self.drivers[bit] = name
                    elif (name, port) not in self.readers[bit][-1:]:
                        self.readers[bit].append((name, port))

    def inputs(self, name: str) -> list[int]:
        """Bits that a cell reads."""
        return self._bits(name, "input")

    def outputs(self, name: str) -> list[int]:
        """Bits that a cell drives and something reads."""
        return [bit for bit in self._bits(name, "output") if self.readers[bit] or bit in self.visible]

    def _bits(self, name: str, direction: str) -> list[int]:
        cell = self.cells[name]
        bits = (bit for port, bits in cell["connections"].items() if cell["port_directions"][port] == direction for bit in bits)
        return [bit for bit in bits if isinstance(bit, int)]

    def new_wire(self, name: str) -> int:
        """A bit that nothing has yet, as a wire of this name."""
        self._highest += 1
        self.module["netnames"][name] = {"hide_name": 1, "bits": [self._highest], "attributes": {}}
        return self._highest

    def rewire(self, pins: Iterable[Pin], old: int, new: int) -> None:
        """Lets pins read the bit `new` instead of `old`."""
        for name, port in pins:
            bits = self.cells[name]["connections"][port]
            bits[:] = [new if bit == old else bit for bit in bits]

    def copy(self, name: str, output: str, readers: Iterable[Pin], ending: str) -> str:
        """A second cell like `name`, of one bit at its port `output`, for some of its readers; gives its name, `name` with the ending."""
        copy = f"{name}{ending}"
        while copy in self.cells:
            copy += "_"
        cell = self.cells[name]
        connections = {port: list(bits) for port, bits in cell["connections"].items()}
        (old,) = connections[output]
        connections[output] = [self.new_wire(f"{copy}$q")]
        self.cells[copy] = {
            **cell,
            "parameters": dict(cell["parameters"]),
            "attributes": dict(cell["attributes"]),
            "connections": connections,
        }
        self.rewire(readers, old, connections[output][0])
        return copy
