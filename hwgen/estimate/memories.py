"""The memories of an accelerator as synthesis sees them, and the blocks that they become."""

from __future__ import annotations

from collections.abc import Iterator

from hwgen.config import AcceleratorConfig
from hwgen.estimate.blocks import Mapping, Memory, mapping
from hwgen.family import Family
from hwgen.gateware.core import IMAGE_FILES, memory_kind, memory_width
from hwgen.gateware.ram import Kind
from hwgen.regmap import COUNTERS, MEMORIES, Window, volatile
from hwgen.uart_link import BUFFER_BYTES


def memories(config: AcceleratorConfig) -> Iterator[tuple[str, int, Memory]]:
    """Every memory that may be of blocks: its component, how many there are of it, and one of them."""
    for window, memory in MEMORIES.items():
        if window is Window.TABLE:
            continue
        single = memory_kind(config, window) is Kind.SINGLE_PORT
        image = window in IMAGE_FILES and window not in volatile(config)
        yield _COMPONENTS[window], 1, Memory(memory_width(config, window), memory.depth(config), 8, single, image)
    bits = config.cols * config.acc_bits
    # A lean accelerator writes every accumulator of a word by itself.
    yield "accumulators", config.acc_banks, Memory(bits, config.acc_depth, bits if config.overlap else config.acc_bits, has_image=False)
    if config.add_tables:
        yield "add tables", config.pool_channels, Memory(config.acc_bits, MEMORIES[Window.TABLE].depth(config), config.acc_bits)
    if config.max_layers:
        yield "counters", 1, Memory(32 * len(COUNTERS), config.max_layers, 32 * len(COUNTERS))


def bridge_memories() -> Iterator[tuple[str, int, Memory]]:
    """Those of the bridge to the serial line."""
    yield "host bridge", 1, Memory(8, BUFFER_BYTES, 8, has_image=False)


_COMPONENTS = {
    Window.ACT: "activation memory",
    Window.WEIGHT: "weight memory",
    Window.PARAM: "parameter memory",
    Window.PROGRAM: "program memory",
}


def mapped(config: AcceleratorConfig, family: Family) -> Iterator[tuple[str, int, Memory, Mapping]]:
    """The memories of an accelerator and of the serial bridge, and what each becomes."""
    for component, count, memory in (*memories(config), *bridge_memories()):
        yield component, count, memory, mapping(memory, family)
