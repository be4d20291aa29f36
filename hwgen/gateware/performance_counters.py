"""Performance counters: what every cycle of a run was spent on, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME
from hwgen.gateware.ram import READ_LATENCY
from hwgen.regmap import COUNTERS


class PerformanceCounters(wiring.Component):
    """Puts every cycle of a run into one of four counters of one layer, so that the counters add up to the cycles of the run.

    busy: a word was issued to the array or the pooling path; stall_weights: the feeder waited for weights; stall_memory: it waited for
    the program memory; stall_post: everything else: for a bank, for the last write of the layer before, for the end of the run.
    A cycle belongs to the layer that the feeder is at; the wait at a barrier belongs to the layer that it waits for.

    Latency: a layer's counters are in the memory 3 cycles after its last cycle; `read_layer` to `read_data` `READ_LATENCY` = 2
    cycles.  Throughput: every cycle is counted.

    An accelerator with `max_layers` 0 counts the cycles of the run alone.

    Members: running, issue, waits_weights, waits_program, layer; cycles (of the run, 32 bits); read_layer -> read_data (four counters
    of 32 bits in the order of `regmap.COUNTERS`).
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.address_bits = max(1, (config.max_layers - 1).bit_length())
        super().__init__(
            {
                "running": In(1),
                "issue": In(1),
                "waits_post": In(1),
                "waits_weights": In(1),
                "waits_program": In(1),
                "layer": In(BY_NAME["layer"].bits),
                "cycles": Out(32),
                "read_layer": In(self.address_bits),
                "read_data": Out(32 * len(COUNTERS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # What a cycle was spent on is known late in it, so it is counted in the next.
        names = ("running", "issue", "waits_post", "waits_weights", "waits_program", "layer")
        seen = {name: Signal.like(getattr(self, name), name=f"seen_{name}") for name in names}
        m.d.sync += [register.eq(getattr(self, name)) for name, register in seen.items()]
        counting = Signal()  # `running` one cycle before that
        m.d.sync += counting.eq(seen["running"])
        with m.If(seen["running"]):
            with m.If(~counting):
                m.d.sync += self.cycles.eq(1)
            with m.Else():
                m.d.sync += self.cycles.eq(self.cycles + 1)
        if self.config.max_layers:
            self._by_layer(m, seen, counting)
        return m

    def _by_layer(self, m: Module, seen: Mapping[str, Signal], counting: Signal) -> None:
        m.submodules.memory = store = memory.Memory(shape=32 * len(COUNTERS), depth=self.config.max_layers, init=[])
        write, read = store.write_port(), store.read_port()
        assert READ_LATENCY == 2
        m.d.comb += read.addr.eq(self.read_layer)
        m.d.sync += self.read_data.eq(read.data)

        reasons = {name: Signal(name=f"is_{name}") for name in COUNTERS}
        with m.If(seen["issue"]):
            m.d.comb += reasons["busy"].eq(1)
        with m.Elif(seen["waits_weights"]):
            m.d.comb += reasons["stall_weights"].eq(1)
        with m.Elif(~seen["waits_post"] & seen["waits_program"]):
            m.d.comb += reasons["stall_memory"].eq(1)
        with m.Else():
            m.d.comb += reasons["stall_post"].eq(1)

        # Until the first word is issued the feeder still shows the layer of the run before; a program begins with layer 0.
        begun = Signal()
        layer = Signal.like(self.layer)
        m.d.comb += layer.eq(Mux(begun | seen["issue"], seen["layer"], 0))
        m.d.sync += begun.eq(seen["running"] & (begun | seen["issue"]))

        current = Signal.like(self.layer)
        counters = [Signal(32, name=f"count_{name}") for name in COUNTERS]
        begins = ~counting | (layer != current)
        m.d.sync += current.eq(layer)
        for counter, reason in zip(counters, reasons.values(), strict=True):
            with m.If(begins):
                m.d.sync += counter.eq(reason)
            with m.Else():
                m.d.sync += counter.eq(counter + reason)
        # What has been counted so far belongs to `current`; it is stored when the layer changes or the run ends.
        m.d.comb += [
            write.en.eq(counting & (~seen["running"] | (layer != current))),
            write.addr.eq(current),
            write.data.eq(Cat(counters)),
        ]
