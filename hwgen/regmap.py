"""The host's view of the accelerator, declared once: registers, counters and memory windows (SPEC section 9).

The host port, the host drivers, the benches and the Markdown reference derive from this file.
Addresses are byte addresses of 28 bits; bits 27:25 select a window, bits 1:0 are ignored.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from golden.errors import InputError
from golden.rescale import RescaleKind
from hwgen.config import AcceleratorConfig
from hwgen.family import Family
from hwgen.params import param_bits

ADDRESS_BITS = 28
WINDOW_SHIFT = 25  #: a window spans 2^25 bytes
HOST_BITS = 32
HOST_BYTES = HOST_BITS // 8

MAGIC = 0x57454654  #: "WEFT"
VERSION_MAJOR, VERSION_MINOR = 2, 0

COUNTER_BASE = 0x1000
COUNTER_STRIDE = 16
#: The counters of a layer in the order of their addresses, with what each counts.
COUNTERS: dict[str, str] = {
    "busy": "cycles in which the layer's activations entered the array",
    "stall_weights": "cycles in which the layer waited for weights",
    "stall_post": "cycles in which the layer waited for the post-processor",
    "stall_memory": "cycles in which the layer waited for a memory port, or for the last write of the layer before",
}


class Access(enum.Enum):
    """What the host may do with a register or a memory; anything else is answered with SLVERR."""

    RO = "RO"  #: read only
    RW = "RW"  #: read and write
    W1C = "W1C"  #: read; writing 1 clears a bit, writing 0 leaves it
    WO = "WO"  #: write only

    @property
    def readable(self) -> bool:
        """Whether a read is answered."""
        return self is not Access.WO

    @property
    def writable(self) -> bool:
        """Whether a write is answered."""
        return self is not Access.RO


class Window(enum.IntEnum):
    """What address bits 27:25 select; 6 and 7 are unmapped."""

    REGISTERS = 0
    ACT = 1
    WEIGHT = 2
    PARAM = 3
    PROGRAM = 4
    TABLE = 5


# --- registers ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """Bits `offset + bits - 1` to `offset` of a register.

    value: what a field that never changes holds, given the configuration; None for a field with state.
    """

    name: str
    offset: int
    bits: int
    doc: str
    value: Callable[[AcceleratorConfig], int] | None = None

    @property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.bits) - 1) << self.offset


@dataclass(frozen=True)
class Register:
    """A 32-bit register at byte address `offset` of window 0.  Bits outside the fields read 0 and ignore writes.  Reset value 0."""

    name: str
    offset: int
    access: Access
    doc: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """The field of that name; raises KeyError."""
        return {field.name: field for field in self.fields}[name]

    def constant(self, config: AcceleratorConfig) -> int:
        """The register with its constant fields filled in and the others 0."""
        return sum((field.value(config) << field.offset) & field.mask for field in self.fields if field.value is not None)

    def decode(self, word: int) -> dict[str, int]:
        """The fields of a value read from the register."""
        return {field.name: (word & field.mask) >> field.offset for field in self.fields}


_RESCALE_CODES = {RescaleKind.SHIFT: 0, RescaleKind.FIXED: 1, RescaleKind.TFLITE: 2}

REGISTERS: tuple[Register, ...] = (
    Register(
        "ID", 0x000, Access.RO, "identifies the accelerator", (Field("magic", 0, 32, 'the bytes "WEFT", 0x57454654', lambda c: MAGIC),)
    ),
    Register(
        "VERSION",
        0x004,
        Access.RO,
        "version of this map",
        (
            Field("minor", 0, 16, "rises when something is added", lambda c: VERSION_MINOR),
            Field("major", 16, 16, "rises when drivers have to change", lambda c: VERSION_MAJOR),
        ),
    ),
    Register(
        "CONTROL",
        0x008,
        Access.RW,
        "starts runs; a write of start = 1 while busy is answered with SLVERR and changes nothing",
        (
            Field("start", 0, 1, "write 1 to start a run; reads 0"),
            Field("irq_enable", 1, 1, "drive the interrupt line from IRQ_STATUS"),
        ),
    ),
    Register(
        "STATUS",
        0x00C,
        Access.RO,
        "state of the current run",
        (
            Field("busy", 0, 1, "a run is under way"),
            Field("done", 1, 1, "a run has ended since the last start or reset"),
        ),
    ),
    Register(
        "IRQ_STATUS",
        0x010,
        Access.W1C,
        "pending interrupts; a start leaves them as they are",
        (Field("done", 0, 1, "a run has ended since this bit was cleared"),),
    ),
    Register("CYCLES", 0x014, Access.RO, "length of the current or last run", (Field("cycles", 0, 32, "clock cycles, modulo 2^32"),)),
    Register(
        "SCRATCH", 0x018, Access.RW, "does nothing, so that a host can try its bus on it", (Field("value", 0, 32, "what was last written"),)
    ),
    Register(
        "ARRAY",
        0x020,
        Access.RO,
        "shape of the array",
        (
            Field("rows", 0, 8, "R: array rows, and bytes in an activation word", lambda c: c.rows),
            Field("cols", 8, 8, "C: array columns", lambda c: c.cols),
            Field("lanes", 16, 8, "channels that the post-processor takes per cycle", lambda c: c.lanes),
            Field("weight_rows_per_cycle", 24, 8, "L: array rows whose weights load in one cycle", lambda c: c.weight_rows_per_cycle),
        ),
    ),
    Register(
        "ARITHMETIC",
        0x024,
        Access.RO,
        "widths and rescale format",
        (
            Field("acc_bits", 0, 8, "accumulator width", lambda c: c.acc_bits),
            Field("multiplier_bits", 8, 8, "width of the rescale multiplier, 0 for shift", lambda c: c.rescale.bits),
            Field("rescale", 16, 8, "0 shift, 1 fixed point, 2 TFLite", lambda c: _RESCALE_CODES[c.rescale.kind]),
            Field("weight_slots", 24, 8, "D: weight tiles that a processing element holds", lambda c: c.slots),
        ),
    ),
    Register(
        "LAYERS",
        0x028,
        Access.RO,
        "performance counters",
        (Field("max_layers", 0, 16, "layers that have counters", lambda c: c.max_layers),),
    ),
    Register(
        "ACC_DEPTH",
        0x02C,
        Access.RO,
        "accumulator size",
        (Field("pixels", 0, 32, "output pixels that one bank holds", lambda c: c.acc_depth),),
    ),
    Register(
        "ACT_DEPTH", 0x030, Access.RO, "activation memory size", (Field("words", 0, 32, "words of the memory", lambda c: c.act_depth),)
    ),
    Register(
        "WEIGHT_DEPTH", 0x034, Access.RO, "weight memory size", (Field("words", 0, 32, "words of the memory", lambda c: c.weight_depth),)
    ),
    Register(
        "PARAM_DEPTH", 0x038, Access.RO, "parameter memory size", (Field("words", 0, 32, "records in the memory", lambda c: c.param_depth),)
    ),
    Register(
        "PROGRAM_DEPTH", 0x03C, Access.RO, "program memory size", (Field("words", 0, 32, "words of the memory", lambda c: c.program_depth),)
    ),
    Register(
        "OPTIONS",
        0x040,
        Access.RO,
        "optional units",
        (
            Field("depthwise_rows", 0, 8, "K: taps of a depthwise kernel row in one pass, 0 without depthwise", lambda c: c.depthwise_taps),
            Field("dense_input", 8, 1, "whether an input of few channels can be stored without gaps", lambda c: int(c.dense_input)),
            Field("add_tables", 16, 8, "tables of residual adds and functions", lambda c: c.add_tables),
        ),
    ),
)

#: What `weft_axi_stream` has besides, and answers itself: a window of its own, which the accelerator alone leaves unmapped.
STREAM_WINDOW = 6
STREAM_REGISTERS: tuple[Register, ...] = (
    Register(
        "STREAM_CONTROL",
        0x000,
        Access.RW,
        "how the streams start runs",
        (
            Field("manual", 0, 1, "0: a run starts when all inputs are there; 1: it waits for `go`"),
            Field("go", 1, 1, "write 1 to start the run of the inputs that are there, once; ignored when there are none; reads 0"),
            Field("irq_enable", 2, 1, "drive the interrupt line from STREAM_ERRORS, too"),
        ),
    ),
    Register(
        "STREAM_STATUS",
        0x004,
        Access.RO,
        "state of the streams",
        (
            Field("active", 0, 1, "an inference of the streams is under way, from its first input to its last output"),
            Field("loaded", 1, 1, "all inputs are there, and the run waits for `go`"),
            Field("running", 2, 1, "the run is under way, or one that the host has started is waited for"),
            Field("sending", 3, 1, "the outputs are being sent"),
        ),
    ),
    Register(
        "STREAM_ERRORS",
        0x008,
        Access.W1C,
        "why inputs were thrown away: no run was started with them, and all inputs have to be sent again",
        (
            Field("early", 0, 1, "a packet has ended before its tensor"),
            Field("late", 1, 1, "a packet has not ended with its tensor"),
            Field("keep", 2, 1, "TKEEP left bytes out before the end of a tensor"),
            Field("bus", 3, 1, "the accelerator refused an access, because a run was under way"),
        ),
    ),
)

STREAM_BY_NAME: dict[str, Register] = {register.name: register for register in STREAM_REGISTERS}
BY_NAME: dict[str, Register] = {register.name: register for register in REGISTERS}


def register_address(name: str) -> int:
    """Byte address of a register; raises KeyError for an unknown one."""
    return BY_NAME[name].offset


def stream_address(name: str) -> int:
    """Byte address of a register of the streams; raises KeyError for an unknown one."""
    return (STREAM_WINDOW << WINDOW_SHIFT) + STREAM_BY_NAME[name].offset


def counter_address(layer: int, counter: str) -> int:
    """Byte address of a counter (a key of `COUNTERS`) of a layer."""
    return COUNTER_BASE + COUNTER_STRIDE * layer + HOST_BYTES * list(COUNTERS).index(counter)


# --- memories -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MemoryWindow:
    """A memory that the host reaches through its window, while the accelerator is not busy."""

    window: Window
    access: Access
    doc: str
    word_bits: Callable[[AcceleratorConfig], int]
    depth: Callable[[AcceleratorConfig], int]

    def chunks(self, config: AcceleratorConfig) -> int:
        """Host words that a memory word takes: ceil(bits / 32), rounded up to a power of two."""
        return chunks(self.word_bits(config))

    def span(self, config: AcceleratorConfig) -> int:
        """Bytes of the window that are mapped."""
        return self.depth(config) * self.chunks(config) * HOST_BYTES


MEMORIES: dict[Window, MemoryWindow] = {
    memory.window: memory
    for memory in (
        MemoryWindow(
            Window.ACT,
            Access.RW,
            "activations, R channels of a pixel in a word, channel i in byte i",
            lambda c: 8 * c.rows,
            lambda c: c.act_depth,
        ),
        MemoryWindow(
            Window.WEIGHT,
            Access.WO,
            "weights, L rows of a tile in a word",
            lambda c: 8 * c.weight_rows_per_cycle * c.cols,
            lambda c: c.weight_depth,
        ),
        MemoryWindow(Window.PARAM, Access.WO, "parameter records, an output channel in a word", param_bits, lambda c: c.param_depth),
        MemoryWindow(
            Window.PROGRAM,
            Access.RW,
            "5 words that say which network the memories hold, then the descriptors",
            lambda c: 32,
            lambda c: c.program_depth,
        ),
        MemoryWindow(
            Window.TABLE, Access.WO, "rescale tables of residual adds, an entry in a word", lambda c: 32, lambda c: 512 * c.add_tables
        ),
    )
}


def volatile(config: AcceleratorConfig) -> tuple[Window, ...]:
    """Memories with an image that a bitstream cannot fill: they have to be loaded after each start of the device.

    A single-port memory of an iCE40 is one of its large RAMs, which have no initial contents.
    """
    return (Window.WEIGHT,) if config.family is Family.ICE40 and not config.overlap else ()


def readable(config: AcceleratorConfig) -> tuple[Window, ...]:
    """Memories that the host can read between runs: what it has loaded into those that are volatile can be checked."""
    return (*(window for window, memory in MEMORIES.items() if memory.access.readable), *volatile(config))


def chunks(bits: int) -> int:
    """Host words that a memory word of `bits` bits takes: ceil(bits / 32), rounded up to a power of two."""
    return 1 << (-(-bits // HOST_BITS) - 1).bit_length()


def host_address(window: Window, word: int, chunk: int, config: AcceleratorConfig) -> int:
    """Byte address of bits [32 chunk + 31 : 32 chunk] of a memory word.  Raises ValueError for a word or chunk that does not exist."""
    memory = MEMORIES[Window(window)]
    words, per_word = memory.depth(config), memory.chunks(config)
    if not (0 <= word < words and 0 <= chunk < per_word):
        raise ValueError(f"the {memory.window.name} memory has {words} words of {per_word} chunks, no word {word}, chunk {chunk}")
    return (memory.window << WINDOW_SHIFT) | ((word * per_word + chunk) * HOST_BYTES)


def host_words(window: Window, word: int, value: int, config: AcceleratorConfig) -> list[tuple[int, int]]:
    """The (byte address, 32-bit data) pairs that hold a memory word of that unsigned value, chunks of padding left out.

    Raises ValueError for a word that does not exist or a value that the memory word cannot hold.
    """
    bits = MEMORIES[Window(window)].word_bits(config)
    if not 0 <= value < 1 << bits:
        raise ValueError(f"a word of the {Window(window).name} memory has {bits} bits, which cannot hold {value:#x}")
    return [
        (host_address(window, word, chunk, config), (value >> (HOST_BITS * chunk)) & 0xFFFFFFFF) for chunk in range(-(-bits // HOST_BITS))
    ]


def window_problems(config: AcceleratorConfig) -> list[str]:
    """Says which memories are larger than their window; empty if all fit."""
    limit = 1 << WINDOW_SHIFT
    return [
        f"{memory.window.name.lower()}_depth is {memory.depth(config)}, but a window of {limit} bytes holds "
        f"{limit // (memory.chunks(config) * HOST_BYTES)} words of {memory.word_bits(config)} bits"
        for memory in MEMORIES.values()
        if memory.span(config) > limit
    ]


def check_windows(config: AcceleratorConfig) -> None:
    """Raises InputError, naming the memories, when one is larger than its window."""
    if problems := window_problems(config):
        raise InputError("the accelerator's memories are larger than its host port can address", problems)
