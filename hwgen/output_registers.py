"""Registers around block RAMs, where the device needs them: a pass over a netlist of ECP5's cells (Yosys's JSON), which changes no cycle
and no value.

**Addresses.**  The blocks of a large memory lie all over the device, 18 ns apart.  A register, or a table behind one, that
drives many gets copies, each for some of the blocks.

**Data.**  A memory of several blocks is read through a multiplexer; its register stands behind that, where a block's slow output
(5.7 ns) and the way across the device meet in one cycle.  The blocks have output registers of their own, which Yosys does not use.  The
pass moves the register back through the multiplexer (retiming): the blocks' registers on, the multiplexer's selections a cycle later, and
what was behind the multiplexer is a wire.

    register(mux(selection, outputs)) = mux(register(selection), register(outputs))
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hwgen.netlist
from hwgen.netlist import Netlist

#: Cells that compute without a clock, and may lie between a block RAM and its register.
_TABLES = {"LUT4", "PFUMX", "L6MUX21"}
_BLOCK, _REGISTER = "DP16KD", "TRELLIS_FF"
#: Cells that may have copies, and their output pin.
_COPIED = {_REGISTER: "Q", "LUT4": "Z"}


def source() -> str:
    """What decides what the pass makes of a netlist, for the key of a cache."""
    return "".join(Path(module).read_text(encoding="utf-8") for module in (__file__, hwgen.netlist.__file__))


def place_registers(netlist: dict[str, Any], top: str) -> None:
    """The whole pass over the flat module `top`, in place."""
    spread(netlist, top)
    move_into_blocks(netlist, top)


def _plain(cell: dict[str, Any]) -> bool:
    """Whether a register has neither enable nor reset."""
    reset = cell["connections"].get("LSR", [])
    return cell["parameters"].get("CEMUX", "1").strip() == "1" and all(bit in ("0", "x") for bit in reset)


def move_into_blocks(netlist: dict[str, Any], top: str) -> int:
    """Moves registers into the block RAMs of a flat module, in place; gives the number of blocks whose output registers are now on.

    All blocks of a memory or none: only where all that its blocks drive ends in plain registers on the blocks' clock; and a memory of
    several blocks only where registers stand behind the register too, for otherwise the multiplexer would meet what computes there.
    """
    nets = Netlist(netlist, top)
    moved = 0
    seen: set[str] = set()
    for name, cell in list(nets.cells.items()):
        if cell["type"] != _BLOCK or name in seen:
            continue
        found = _memory(nets, name)
        seen |= found.blocks
        if found.fits and not (found.tables and _computes(nets, found.registers)):
            _move(nets, found)
            moved += len(found.blocks)
    return moved


class _Memory:
    """Blocks whose outputs meet, the tables between them and their registers, the registers, and whether these can move."""

    def __init__(self) -> None:
        self.blocks: set[str] = set()
        self.tables: set[str] = set()
        self.registers: set[str] = set()
        self.fits = True


def _memory(nets: Netlist, block: str) -> _Memory:
    """Everything that hangs together with a block: forward to all that its outputs reach, back to other blocks that these reach from."""
    found = _Memory()
    waiting = [block]
    while waiting:
        name = waiting.pop()
        kind = nets.cells[name]["type"]
        group = {_BLOCK: found.blocks, _REGISTER: found.registers}.get(kind, found.tables)
        if name in group:
            continue
        group.add(name)
        if kind == _REGISTER:
            found.fits &= _plain(nets.cells[name])
            continue
        for bit in nets.outputs(name):
            found.fits &= bit not in nets.visible
            for reader, port in nets.readers[bit]:
                reads = nets.cells[reader]["type"]
                if reads in _TABLES or (reads == _REGISTER and port == "DI"):
                    waiting.append(reader)
                else:
                    found.fits = False
        if kind in _TABLES:
            waiting += [source for source in (nets.drivers.get(bit) for bit in nets.inputs(name)) if source and _reached(nets, source)]
    found.fits &= bool(found.registers)
    clocks = {nets.cells[register]["connections"]["CLK"][0] for register in found.registers}
    ports = [nets.cells[name]["connections"][port][0] for name in found.blocks for port in ("CLKA", "CLKB")]
    found.fits &= len(clocks | {bit for bit in ports if isinstance(bit, int)}) == 1
    found.fits &= all(nets.cells[name]["parameters"].get(f"REGMODE_{port}") == "NOREG" for name in found.blocks for port in "AB")
    return found


def _computes(nets: Netlist, registers: set[str]) -> bool:
    """Whether something else than registers reads what these hold."""
    read = (reader for name in registers for bit in nets.outputs(name) for reader in nets.readers[bit])
    return any(nets.cells[reader]["type"] != _REGISTER or port != "DI" for reader, port in read)


def _reached(nets: Netlist, name: str) -> bool:
    """Whether a cell is a block, or a table that some block's output reaches through tables alone."""
    kind = nets.cells[name]["type"]
    if kind == _BLOCK:
        return True
    if kind not in _TABLES:
        return False
    return any(_reached(nets, source) for source in (nets.drivers.get(bit) for bit in nets.inputs(name)) if source)


def _move(nets: Netlist, memory: _Memory) -> None:
    """Does it for one memory."""
    example = nets.cells[next(iter(memory.registers))]
    inside = {bit for name in memory.blocks | memory.tables for bit in nets.outputs(name)}
    later: dict[int, int] = {}
    for name in memory.tables:
        cell = nets.cells[name]
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "input":
                continue
            for place, bit in enumerate(bits):
                if not isinstance(bit, int) or bit in inside:
                    continue
                if bit not in later:
                    register = f"{min(memory.blocks)}$selection{len(later)}"  # reports find its unit by the name
                    later[bit] = nets.new_wire(f"{register}$q")
                    connections = {"CLK": example["connections"]["CLK"], "DI": [bit], "Q": [later[bit]], "LSR": ["0"]}
                    directions = {"CLK": "input", "DI": "input", "Q": "output", "LSR": "input"}
                    nets.cells[register] = {
                        "hide_name": 1,
                        "type": _REGISTER,
                        "parameters": dict(example["parameters"]),
                        "attributes": dict(example["attributes"]),
                        "port_directions": directions,
                        "connections": connections,
                    }
                bits[place] = later[bit]
    replaced: dict[int, int] = {}
    for name in memory.registers:
        cell = nets.cells.pop(name)
        replaced[cell["connections"]["Q"][0]] = cell["connections"]["DI"][0]
    for old, new in replaced.items():
        nets.rewire((pin for pin in nets.readers[old] if pin[0] in nets.cells), old, new)
    for net in nets.module["netnames"].values():
        net["bits"] = [replaced.get(bit, bit) for bit in net["bits"]]
    for port in nets.module["ports"].values():
        port["bits"] = [replaced.get(bit, bit) for bit in port["bits"]]
    for name in memory.blocks:
        cell = nets.cells[name]
        for port in "AB":
            cell["parameters"][f"REGMODE_{port}"] = "OUTREG"
            cell["connections"][f"OCE{port}"] = ["1"]


def spread(netlist: dict[str, Any], top: str, most: int = 12) -> int:
    """Gives the registers, and tables, that drive pins of more than `most` blocks a copy for every so many blocks, in place; gives the
    number of copies.

    The blocks of a large memory lie all over the device, further apart than a signal gets in a cycle.  Blocks that are read through one
    multiplexer stay together.
    """
    nets = Netlist(netlist, top)
    order: dict[str, int] = {}
    for name, cell in nets.cells.items():
        if cell["type"] == _BLOCK and name not in order:
            for block in sorted(_memory(nets, name).blocks):
                order.setdefault(block, len(order))
    copies = 0
    for name, cell in list(nets.cells.items()):
        if cell["type"] not in _COPIED:
            continue
        pin = _COPIED[cell["type"]]
        output = cell["connections"][pin][0]
        readers = nets.readers[output]
        blocks = sorted({reader for reader, _ in readers if reader in order}, key=order.__getitem__)
        groups = -(-len(blocks) // most)
        if groups < 2:
            continue
        for number in range(groups):
            chosen = set(blocks[len(blocks) * number // groups : len(blocks) * (number + 1) // groups])
            nets.copy(name, pin, [reader for reader in readers if reader[0] in chosen], f"$copy{number}")
            copies += 1
    return copies
