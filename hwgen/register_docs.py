"""Renders the register and memory map of a configuration as Markdown, from the declaration in `hwgen.regmap`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hwgen import regmap
from hwgen.config import AcceleratorConfig

_RULES = """\
One clock, `clk`. `rst` is synchronous and active high; hold it for one cycle or more, with the bus's valid signals low. The port
accepts transactions from the first cycle with `rst` low. Reset gives every register its reset value, aborts a run and drops the
bus transactions under way; memory contents stay.

The bus is AXI4-Lite with 32 data bits. Address bits 27:25 select a window; bits 1:0 are ignored, as are `awprot` and `arprot`.
`wstrb` selects the bytes that a write changes. Errors, the first that applies; none has any effect, and data read with it is 0:

- `DECERR`: no register, counter or memory word is at the address.
- `SLVERR`: the access is not among those of the tables; or it is to a memory while a run is under way; or it writes
  `CONTROL.start` = 1 while a run is under way.

`irq` is a level: high while `IRQ_STATUS.done` and `CONTROL.irq_enable` are both 1.
"""


def render(config: AcceleratorConfig) -> str:
    """The whole reference: the rules of the port, registers, fields, counters and memories; Markdown that ends in a newline."""
    return "\n".join(
        [
            "# Registers and memories",
            "",
            _RULES,
            "## Registers",
            "",
            *_table(
                ("Address", "Register", "Access", "Reset", "Meaning"),
                ((_hex(r.offset), f"`{r.name}`", r.access.value, _reset(r, config), r.doc) for r in regmap.REGISTERS),
            ),
            "",
            "RO: read only. RW: read and write. W1C: reads the bits; writing 1 clears a bit, writing 0 leaves it. WO: write only.",
            "Bits that no field names read 0 and ignore writes.",
            "",
            *(line for register in regmap.REGISTERS for line in _fields(register, config)),
            "## Performance counters",
            "",
            *([] if config.max_layers else ["This accelerator has none, only `CYCLES`: what follows is of those that have.", ""]),
            f"Four read-only 32-bit counters for each of {config.max_layers} layers; layer i is at {_hex(regmap.COUNTER_BASE)} +",
            f"{regmap.COUNTER_STRIDE} i. Read them when the run is over; they may also be read, still moving, while it is under way.",
            "",
            *_table(
                ("Address in layer 0", "Counter", "Counts"),
                ((_hex(regmap.counter_address(0, name)), f"`{name}`", doc) for name, doc in regmap.COUNTERS.items()),
            ),
            "",
            "## Registers of the streams",
            "",
            f"Of `weft_axi_stream` alone, in window {regmap.STREAM_WINDOW}, which is unmapped otherwise.  From the first beat of an",
            "inference's first packet to its last output, writes to memories and to `CONTROL` are answered with `SLVERR`.",
            "",
            *_table(
                ("Address", "Register", "Access", "Meaning"),
                ((_hex(regmap.stream_address(r.name)), f"`{r.name}`", r.access.value, r.doc) for r in regmap.STREAM_REGISTERS),
            ),
            "",
            *(line for register in regmap.STREAM_REGISTERS for line in _fields(register, config, regmap.stream_address(register.name))),
            "## Memories",
            "",
            "A memory word takes a power of two of 32-bit host words (chunks); chunk k holds bits 32 k + 31 to 32 k. The address of",
            "chunk k of word w is first + 4 (w chunks + k). Bits beyond the memory word read 0 and ignore writes.",
            "",
            *_table(
                ("First", "Last", "Window", "Memory", "Access", "Words", "Bits of a word", "Chunks of a word", "Holds"),
                (_memory(memory, config) for memory in regmap.MEMORIES.values() if memory.depth(config)),
            ),
            "",
        ]
    )


def _hex(value: int) -> str:
    return f"`{value:#05x}`" if value < 1 << 12 else f"`{value:#x}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _reset(register: regmap.Register, config: AcceleratorConfig) -> str:
    return f"`{register.constant(config):#010x}`"


def _fields(register: regmap.Register, config: AcceleratorConfig, address: int | None = None) -> list[str]:
    def bits(field: regmap.Field) -> str:
        return str(field.offset) if field.bits == 1 else f"{field.offset + field.bits - 1}:{field.offset}"

    def value(field: regmap.Field) -> str:
        return "" if field.value is None else f"{field.value(config)}"

    rows = ((bits(field), f"`{field.name}`", value(field), field.doc) for field in register.fields)
    where = register.offset if address is None else address
    return [f"### {register.name} ({_hex(where)})", "", *_table(("Bits", "Field", "Value", "Meaning"), rows), ""]


def _memory(memory: regmap.MemoryWindow, config: AcceleratorConfig) -> Sequence[str]:
    last = regmap.host_address(memory.window, memory.depth(config) - 1, memory.chunks(config) - 1, config)
    return (
        _hex(regmap.host_address(memory.window, 0, 0, config)),
        _hex(last),
        str(memory.window.value),
        memory.window.name.lower(),
        "RW" if memory.window in regmap.readable(config) else memory.access.value,
        str(memory.depth(config)),
        str(memory.word_bits(config)),
        str(memory.chunks(config)),
        memory.doc,
    )
