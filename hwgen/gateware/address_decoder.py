"""What a host address selects."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen import regmap
from hwgen.config import AcceleratorConfig


def word_bits(config: AcceleratorConfig) -> int:
    """Width of a word address that reaches every memory."""
    return max((memory.depth(config) - 1).bit_length() for memory in regmap.MEMORIES.values())


def chunk_bits(config: AcceleratorConfig) -> int:
    """Width of a chunk index that reaches every chunk of every memory; at least 1."""
    return max(1, *((memory.chunks(config) - 1).bit_length() for memory in regmap.MEMORIES.values()))


class AddressDecoder(wiring.Component):
    """Takes a host byte address apart as `hwgen.regmap` declares it.  Combinational.

    Members: address ->
        register, counter, memory: what is there; all 0 at an unmapped address.
        register_index: place in `regmap.REGISTERS`.
        layer, counter_index: which counter.
        window, word, chunk: which part of which memory word.
        padding: the chunk lies wholly beyond the memory word's bits.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        super().__init__(
            {
                "address": In(regmap.ADDRESS_BITS),
                "register": Out(1),
                "register_index": Out((len(regmap.REGISTERS) - 1).bit_length()),
                "counter": Out(1),
                "layer": Out(max(1, (config.max_layers - 1).bit_length())),
                "counter_index": Out((len(regmap.COUNTERS) - 1).bit_length()),
                "memory": Out(1),
                "window": Out(regmap.ADDRESS_BITS - regmap.WINDOW_SHIFT),
                "word": Out(word_bits(config)),
                "chunk": Out(chunk_bits(config)),
                "padding": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        host_word = self.address[2 : regmap.WINDOW_SHIFT]
        byte = host_word << 2
        m.d.comb += self.window.eq(self.address[regmap.WINDOW_SHIFT :])
        stride_shift = (regmap.COUNTER_STRIDE - 1).bit_length()
        counter_end = regmap.COUNTER_BASE + regmap.COUNTER_STRIDE * self.config.max_layers
        m.d.comb += [
            self.counter_index.eq(self.address[2:stride_shift]),
            self.layer.eq((byte - regmap.COUNTER_BASE) >> stride_shift),
        ]
        with m.Switch(self.window):
            with m.Case(regmap.Window.REGISTERS):
                if self.config.max_layers:
                    m.d.comb += self.counter.eq((byte >= regmap.COUNTER_BASE) & (byte < counter_end))
                with m.Switch(host_word):
                    for index, register in enumerate(regmap.REGISTERS):
                        with m.Case(register.offset >> 2):
                            m.d.comb += [self.register.eq(1), self.register_index.eq(index)]
            for window, memory in regmap.MEMORIES.items():
                if not memory.depth(self.config):
                    continue  # a memory that this accelerator lacks is an unmapped window
                chunks, bits = memory.chunks(self.config), memory.word_bits(self.config)
                shift = (chunks - 1).bit_length()
                with m.Case(window):
                    m.d.comb += [
                        self.memory.eq(host_word < memory.depth(self.config) * chunks),
                        self.word.eq(host_word >> shift),
                        self.chunk.eq(host_word[:shift]),
                        self.padding.eq(self.chunk >= -(-bits // regmap.HOST_BITS)),
                    ]
        return m


class DecodedAddress:
    """What an `AddressDecoder` says, a cycle later: registers by the names of its outputs."""

    register: Signal
    register_index: Signal
    counter: Signal
    layer: Signal
    counter_index: Signal
    memory: Signal
    window: Signal
    word: Signal
    chunk: Signal

    def __init__(self, m: Module, decoder: AddressDecoder) -> None:
        for name in type(self).__annotations__:
            source = getattr(decoder, name)
            register = Signal.like(source, name=f"read_{name}", reset_less=True)
            m.d.sync += register.eq(source)
            setattr(self, name, register)
