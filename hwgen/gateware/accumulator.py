"""The accumulators: two banks of memory that add up psums, or pool activations."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from hwgen.gateware.control import Control
from hwgen.gateware.delay import delay
from hwgen.gateware.ram import READ_LATENCY, Kind, Ram


class Accumulator(wiring.Component):
    """Adds each word of C values to the accumulators of its pixel; when a group is complete, hands its bank to the post-processor.

    The pixel is counted here: consecutive valid words are consecutive pixels, a tile's last word goes back to pixel 0, a group's last
    word goes on to the other bank.  The first tile of a group ignores what the memory holds.

    Read-modify-write takes `READ_LATENCY` + 3 cycles from the address to the write: address, memory, output register, sum, write.
    A word that meets the same pixel 1 to 4 words later is forwarded (tiles of 1 to 4 pixels); at distance 4 the memory is read
    while it is written, and the value read is not used.

    Without `overlap` there is one bank, and no word meets a sum that is on its way: the feeder begins tiles apart from each other.

    Latency: `control` comes `READ_LATENCY` = 2 cycles before its `value`; the sum is written `write_delay(config)` cycles after `value`,
    two, or one without `overlap`; `bank_full` pulses in that cycle, and from the next cycle on the post-processor may read.  Throughput:
    a word a cycle.  No back-pressure: a group is issued only when a bank is free.

    Members: control, value[c], operation; bank_full; read_en (of use without `overlap` only), read_bank, read_addr -> read_data
    (C accumulators, after 2 cycles).
    """

    @staticmethod
    def write_delay(config: AcceleratorConfig) -> int:
        """Cycles from a value to the write of its sum."""
        return 2 if config.overlap else 1

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        address = max(1, (config.acc_depth - 1).bit_length())
        super().__init__(
            {
                "control": In(Control),
                "value": In(signed(config.value_bits)).array(config.cols),
                "operation": In(Operation),
                "bank_full": Out(1),
                "read_en": In(1),
                "read_bank": In(1),
                "read_addr": In(address),
                "read_data": Out(config.cols * config.acc_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        if not config.overlap:
            self._one_bank(m)
            return m
        width = config.cols * config.acc_bits
        banks = [Ram(width=width, depth=config.acc_depth) for _ in range(2)]
        m.submodules.bank_0, m.submodules.bank_1 = banks

        # Stage 0, with `control`: the address.
        address = Signal.like(self.read_addr, name="address")
        bank = Signal()
        with m.If(self.control.valid):
            m.d.sync += address.eq(Mux(self.control.tile_last, 0, address + 1))
            m.d.sync += bank.eq(bank ^ self.control.group_last)
        for k, ram in enumerate(banks):
            adding = self.control.valid & (bank == k)
            # Read in every cycle, so that whether a word is wanted need not be known at the memory; what was not asked for is not used.
            m.d.comb += [ram.read_en.eq(1), ram.read_addr.eq(Mux(adding, address, self.read_addr))]
        read_bank = Signal()  # of the word that leaves the output registers
        read_bank_1 = Signal()
        m.d.sync += [read_bank_1.eq(self.read_bank), read_bank.eq(read_bank_1)]
        # The largest of int8 values is in the lowest 8 bits; what is above means nothing then, and its sign comes in its place.
        pools = Signal()
        m.d.sync += pools.eq(self.operation == Operation.MAX_POOL)
        found = Mux(read_bank, banks[1].read_data, banks[0].read_data)
        for c in range(config.cols):
            part = found[c * config.acc_bits : (c + 1) * config.acc_bits]
            above = Mux(pools, part[7].replicate(config.acc_bits - 8), part[8:])
            m.d.comb += self.read_data[c * config.acc_bits : (c + 1) * config.acc_bits].eq(Cat(part[:8], above))

        # Stages 1 to 5: memory, its output register, what to add to, write, and the word before that.
        assert READ_LATENCY == 2
        stages = [Signal(Control, name="stage_0")]
        places = [Signal(len(address) + 1, name="place_0")]
        m.d.comb += [stages[0].eq(self.control), places[0].eq(Cat(address, bank))]
        for stage in range(1, 6):
            stages.append(Signal(Control, name=f"stage_{stage}"))
            places.append(Signal.like(places[0], name=f"place_{stage}", reset_less=True))
            m.d.sync += [stages[stage].eq(stages[stage - 1]), places[stage].eq(places[stage - 1])]

        # In stage 1 it is known which of the four words ahead holds the newest value of the same pixel.  The sums of those at distances
        # 2 to 4 are there in stage 2, that of the word before in stage 3.
        matches = {distance: Signal(name=f"match_{distance}") for distance in (1, 2, 3, 4)}
        for distance, match in matches.items():
            ahead = 1 + distance
            m.d.sync += match.eq(stages[ahead].valid & (places[ahead] == places[1]))
        directly, largest = Signal(), Signal()  # of stage 3: to the sum of the word before; the larger one
        m.d.sync += [
            directly.eq(matches[1] & ~stages[2].first),
            largest.eq((self.operation == Operation.MAX_POOL) & ~stages[2].first),
        ]
        total = [Signal(width, name=f"total_{age}", reset_less=True) for age in range(3)]
        m.d.sync += [total[1].eq(total[0]), total[2].eq(total[1])]
        stored = Mux(places[2][-1], banks[1].read_data, banks[0].read_data)
        earlier = Mux(matches[2], total[0], Mux(matches[3], total[1], Mux(matches[4], total[2], stored)))
        for c, value in enumerate(self.value):
            part = slice(c * config.acc_bits, (c + 1) * config.acc_bits)
            added, base, before = (
                Signal(signed(config.acc_bits), name=f"{name}_{c}", reset_less=True) for name in ("added", "base", "before")
            )
            m.d.sync += [added.eq(value), before.eq(earlier[part] & (~stages[2].first).replicate(config.acc_bits))]
            m.d.comb += base.eq(Mux(directly, total[0][part], before))
            keeps = Signal(name=f"keeps_{c}")  # the sum of before is the larger
            m.d.comb += keeps.eq(added[:8].as_signed() <= base[:8].as_signed())
            summed = Signal(config.acc_bits, name=f"summed_{c}")
            low = c * config.acc_bits
            m.d.comb += summed.eq(base + added)
            m.d.sync += [
                total[0][low : low + 8].eq(Mux(largest, Mux(keeps, base, added)[:8], summed[:8])),
                total[0][low + 8 : low + config.acc_bits].eq(summed[8:]),
            ]
        for k, ram in enumerate(banks):
            m.d.comb += [
                ram.write_en.eq(stages[4].valid & (places[4][-1] == k)),
                ram.write_addr.eq(places[4][:-1]),
                ram.write_data.eq(total[0]),
            ]
        m.d.comb += self.bank_full.eq(stages[4].valid & stages[4].group_last)
        return m

    def _one_bank(self, m: Module) -> None:
        """Without `overlap`."""
        config = self.config
        m.submodules.bank = bank = Ram(width=config.cols * config.acc_bits, depth=config.acc_depth, chunk=config.acc_bits, kind=Kind.LEAN)
        address = Signal.like(self.read_addr, name="address")
        with m.If(self.control.valid):
            m.d.sync += address.eq(Mux(self.control.tile_last, 0, address + 1))
        m.d.comb += [
            bank.read_en.eq(self.control.valid | self.read_en),
            bank.read_addr.eq(Mux(self.control.valid, address, self.read_addr)),
            self.read_data.eq(bank.read_data),
        ]
        # As above: memory, sum, write.
        stages = [Signal(Control, name=f"stage_{stage}") for stage in range(4)]
        m.d.comb += stages[0].eq(self.control)
        m.d.sync += [after.eq(before) for before, after in pairwise(stages)]
        place = delay(m, address, len(stages) - 1, name="place")
        largest = Signal()  # the sum is not wanted
        m.d.comb += largest.eq(self.operation == Operation.MAX_POOL)
        for c, value in enumerate(self.value):
            part = slice(c * config.acc_bits, (c + 1) * config.acc_bits)
            stored, total = bank.read_data[part].as_signed(), Signal(signed(config.acc_bits), name=f"total_{c}", reset_less=True)
            keeps = Signal(name=f"keeps_{c}")  # what is stored is the largest
            base = stored & (~(stages[2].first | largest)).replicate(config.acc_bits).as_signed()
            m.d.sync += [total.eq(base + value), keeps.eq(largest & ~stages[2].first & (stored[:8].as_signed() >= value[:8].as_signed()))]
            m.d.comb += [bank.write_en[c].eq(stages[3].valid & ~keeps), bank.write_data[part].eq(total)]
        m.d.comb += [bank.write_addr.eq(place), self.bank_full.eq(stages[3].valid & stages[3].group_last)]
