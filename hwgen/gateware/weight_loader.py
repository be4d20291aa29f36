"""The weight loader."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.field_widths import field_bits
from hwgen.gateware.command import DescriptorStream
from hwgen.gateware.delay import delay
from hwgen.gateware.ram import READ_LATENCY, far_read_latency


class WeightLoader(wiring.Component):
    """Streams weight tiles from weight memory into the array's slots, ahead of the feeder.

    A tile is R / L words in consecutive addresses, a depthwise tile only the words of its K rows; tiles follow each other.  A tile
    starts when a slot is free: `slot_released` says of how many tiles the feeder has issued the last activation, and
    `config.slot_release_cycles` later their slots may be overwritten.
    `tile_started` tells the feeder that it may use the tile from the next cycle on: the rows load at least as fast as the activations
    come down the skew.

    Latency: `latency(config)` = 5 cycles, without `overlap` 4, from the cycle in which a word is due to the array's write port, the read
    one cycle after it.
    Throughput: a word a cycle, no idle cycle between tiles while slots are free, one between descriptors.

    Members: command; read_en, read_addr -> weight memory -> read_data; weight_en, weight_slot, weight -> array; slot_released in,
    tile_started out.
    """

    @staticmethod
    def latency(config: AcceleratorConfig) -> int:
        """Cycles from the cycle in which a word is due to the array's write port."""
        return 1 + far_read_latency(config) + 1

    def __init__(self, config: AcceleratorConfig, address_bits: int) -> None:
        self.config = config
        bus = config.weight_rows_per_cycle * config.cols
        super().__init__(
            {
                "command": In(DescriptorStream),
                "read_en": Out(1),
                "read_addr": Out(address_bits),
                "read_data": In(bus * 8),
                "weight_en": Out(config.words_per_tile),
                "weight_slot": Out((config.slots - 1).bit_length()),
                "weight": Out(bus * 8),
                "slot_released": In(2),
                "tile_started": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words, slots = self.config.words_per_tile, self.config.slots
        tiles = Signal(field_bits(self.config, "tiles"))  # left, the current one included
        address = Signal.like(self.read_addr, name="address")
        word = Signal(range(words))
        last = Signal(range(words))  # word of a tile
        slot = Signal(range(slots))
        free = Signal(range(slots + 1), init=slots)
        some_free, first_word = Signal(init=1), Signal(init=1)
        released = delay(m, self.slot_released, self.config.slot_release_cycles - 1, name="released", resets=True)

        # What is asked of `tiles`, `free` and `word` is known before it is needed.
        some, single = Signal(), Signal(reset_less=True)  # tiles are left; it is one
        last_word = word == last
        read = Signal()
        m.d.comb += [
            read.eq(some & (~first_word | some_free)),
            self.tile_started.eq(read & first_word),
            self.command.ready.eq(~some),
        ]
        m.d.sync += [
            free.eq(free + released - self.tile_started),
            some_free.eq((released != 0) | Mux(self.tile_started, free > 1, some_free)),
            self.read_en.eq(read),
            self.read_addr.eq(address),
        ]
        with m.If(read):
            m.d.sync += [address.eq(address + 1), word.eq(word + 1), first_word.eq(last_word)]
            with m.If(last_word):
                m.d.sync += [word.eq(0), tiles.eq(tiles - 1), some.eq(~single), single.eq(tiles == 2), slot.eq(slot + 1)]
                with m.If(slot == slots - 1):
                    m.d.sync += slot.eq(0)
        with m.If(self.command.ready & self.command.valid):
            payload = self.command.payload
            depthwise = payload.operation == Operation.DEPTHWISE
            m.d.sync += [
                tiles.eq(payload.tiles),
                some.eq(payload.tiles != 0),
                single.eq(payload.tiles == 1),
                address.eq(payload.weight_address),
                last.eq(Mux(depthwise, self.config.words_per_depthwise_tile - 1, words - 1)),
            ]

        # The memory answers some cycles later; one more register stands at the array's edge.
        latency = self.latency(self.config)
        enable = Signal(words)
        m.d.comb += enable.eq(read << word)
        m.d.comb += [
            self.weight_en.eq(delay(m, enable, latency, name="weight_en", resets=True)),
            self.weight_slot.eq(delay(m, slot, latency, name="weight_slot")),
        ]
        m.d.comb += self.weight.eq(delay(m, self.read_data, latency - 1 - READ_LATENCY, name="weight_data"))
        return m
