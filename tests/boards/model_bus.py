"""A bus with a model of the accelerator behind it: registers, memories, and the golden model instead of an array.

It finds its data in activation memory by the formulas of hwgen/SPEC.md section 8, element by element, and knows nothing of the driver.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from boards.host import BusError
from golden import interpreter
from golden.graph import Graph
from hwgen import regmap
from hwgen.config import AcceleratorConfig


class ModelBus:
    """An accelerator made for `folder`, which runs `graph`.

    registers:    what constant registers read instead of their own values.
    interrupt:    True or False, as the line says at the end of a run, or None for a bus that does not see it.
    run_cycles:   what CYCLES counts in a run, and whether it ends: by default as many as the program takes.
    """

    gaps = False

    def __init__(self, folder: Path, graph: Graph, device: Graph) -> None:
        self.data: dict[str, Any] = json.loads((folder / "config.json").read_text())
        self.config = AcceleratorConfig.from_json(self.data["config"])
        self.graph, self.device = graph, device
        self.registers: dict[str, int] = {}
        self.memory: dict[int, int] = {}
        self.state = {"SCRATCH": 0, "STATUS": 0, "IRQ_STATUS": 0, "CYCLES": 0, "CONTROL": 0}
        self.interrupt: bool | None = None
        self.run_cycles, self.ends, self.cycles_per_read = int(self.data["cycles"]), True, 0
        self.written_blocks: list[tuple[int, int]] = []

    # --- the bus ----------------------------------------------------------------------------------

    def read(self, address: int) -> int:
        for register in regmap.REGISTERS:
            if register.offset == address:
                if register.name == "CYCLES":
                    self.state["CYCLES"] += self.cycles_per_read
                own = self.state.get(register.name, register.constant(self.config))
                return self.registers.get(register.name, own)
        if regmap.COUNTER_BASE <= address < regmap.COUNTER_BASE + regmap.COUNTER_STRIDE * self.config.max_layers:
            return address - regmap.COUNTER_BASE
        self._refuse_while_busy(address)
        if address >> regmap.WINDOW_SHIFT in (regmap.Window.PROGRAM, *regmap.volatile(self.config)):
            return self.memory.get(address, 0)
        if address >> regmap.WINDOW_SHIFT != regmap.Window.ACT:
            raise BusError(f"reading at {address:#x} was answered with SLVERR")
        return self.memory.get(address, 0xEE)

    def write(self, address: int, value: int) -> None:
        name = next((register.name for register in regmap.REGISTERS if register.offset == address), None)
        if name == "CONTROL" and value & 1:
            self._run()
        elif name == "IRQ_STATUS":
            self.state["IRQ_STATUS"] &= ~value
        elif name == "SCRATCH":
            self.state["SCRATCH"] = value
        else:
            self._refuse_while_busy(address)
            assert address >> regmap.WINDOW_SHIFT in list(regmap.Window)[1:], hex(address)
            self.memory[address] = value

    def read_block(self, address: int, count: int) -> npt.NDArray[np.uint32]:
        return np.array([self.read(address + 4 * i) for i in range(count)], np.uint32)

    def write_block(self, address: int, words: npt.NDArray[np.uint32]) -> None:
        self.written_blocks.append((address, len(words)))
        for i, word in enumerate(words.tolist()):
            self.write(address + 4 * i, word)

    def wait_interrupt(self, timeout_s: float) -> bool | None:
        return self.interrupt

    def hold(self, words: tuple[int, ...]) -> None:
        """Puts words into program memory, as a bitstream's contents."""
        first = regmap.Window.PROGRAM << regmap.WINDOW_SHIFT
        self.memory |= {first + 4 * index: word for index, word in enumerate(words)}

    # --- the accelerator --------------------------------------------------------------------------

    def _refuse_while_busy(self, address: int) -> None:
        if self.state["STATUS"] & 1:
            raise BusError(f"the access at {address:#x} was answered with SLVERR")

    def _run(self) -> None:
        self.state["CYCLES"] = self.run_cycles
        if not self.ends:
            self.state["STATUS"] = 0b01
            return
        inputs = {name: self._take(name) for name in self.graph.inputs}
        for address in [address for address in self.memory if address >> regmap.WINDOW_SHIFT == regmap.Window.ACT]:
            self.memory[address] = 0xDEADBEEF  # a run overwrites its input
        found = interpreter.run(self.device, inputs, tensors=True)
        for name in self.device.outputs:
            self._leave(name, found[name])
        self.state |= {"STATUS": 0b10, "IRQ_STATUS": 1}

    def _elements(self, name: str) -> Iterator[tuple[int, int]]:
        """(byte address of a 32-bit word, byte in it) of every element in C order."""
        place, rows = self.data["tensors"][name], self.config.rows
        chunk_bytes = 4 * regmap.chunks(8 * rows)
        height, width, channels = place["shape"]
        for y, x, c in product(range(height), range(width), range(channels)):
            byte = x * channels + c if place["dense"] else c
            word = place["base"] + y * place["words_per_row"] + (0 if place["dense"] else x * place["words_per_pixel"]) + byte // rows
            address = (regmap.Window.ACT << regmap.WINDOW_SHIFT) + word * chunk_bytes + byte % rows
            yield address - address % 4, address % 4

    def _take(self, name: str) -> npt.NDArray[np.int8]:
        values = [(self.memory[address] >> 8 * byte) & 0xFF for address, byte in self._elements(name)]
        return np.array(values, np.uint8).view(np.int8).reshape(1, *self.graph.tensors[name].shape)

    def _leave(self, name: str, values: npt.NDArray[np.int8]) -> None:
        for (address, byte), value in zip(self._elements(name), values.reshape(-1).tolist(), strict=True):
            kept = self.memory.get(address, 0xEEEEEEEE) & ~(0xFF << 8 * byte)
            self.memory[address] = kept | (value & 0xFF) << 8 * byte
