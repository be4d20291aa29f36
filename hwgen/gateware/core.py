"""The core: memories and units wired together, without the host port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Array as Array_
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import ARRAY_OPERATIONS, Operation
from hwgen.gateware.accumulator import Accumulator
from hwgen.gateware.array import Array
from hwgen.gateware.command import one_of
from hwgen.gateware.control import Control
from hwgen.gateware.credit import Credit
from hwgen.gateware.delay import delay
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.host import core_members
from hwgen.gateware.performance_counters import PerformanceCounters
from hwgen.gateware.pooling_path import TABLE_FILE, PoolingPath
from hwgen.gateware.post_processor import PostProcessor
from hwgen.gateware.ram import READ_LATENCY, Kind, Ram, far_read_latency
from hwgen.gateware.sequencer import Sequencer
from hwgen.gateware.tap import Tap
from hwgen.gateware.weight_loader import WeightLoader
from hwgen.regmap import MEMORIES, Window

#: Files of the memory images, as the emitted Verilog reads them.
IMAGE_FILES = {Window.WEIGHT: "weights.hex", Window.PARAM: "params.hex", Window.PROGRAM: "program.hex", Window.TABLE: TABLE_FILE}


def memory_width(config: AcceleratorConfig, window: Window) -> int:
    """Bits of a word of a memory, in whole bytes."""
    return -(-MEMORIES[window].word_bits(config) // 8) * 8


def memory_kind(config: AcceleratorConfig, window: Window) -> Kind:
    """Of a memory of the core: without `overlap` nothing reads activations or weights while anything writes them."""
    if config.overlap:
        return Kind.TWO_PORTS
    return Kind.SINGLE_PORT if window in (Window.ACT, Window.WEIGHT) else Kind.LEAN


class Core(wiring.Component):
    """Runs the program in its memory over the input in its activation memory.

    Latency and throughput: `hwgen.cycles` computes them exactly.  Between runs the host reads and writes the memories.

    Members: those of the host port towards the core, mirrored (see `HostPort`).
    """

    def __init__(self, config: AcceleratorConfig, images: Mapping[Window, Sequence[int]] | None = None) -> None:
        self.config = config
        self.images = images or {}
        super().__init__({name: member.flip() for name, member in core_members(config).items()})

    def _host_writes(self, m: Module) -> tuple[Value, Value, dict[Window, Value]]:
        """What the host writes: word, data, and for each memory the byte enables; with `overlap` registers, for they go far."""
        strobes: dict[Window, Value] = {}
        for window in MEMORIES:
            count = 4 if window is Window.TABLE else memory_width(self.config, window) // 8
            here = self.mem_write & (self.mem_window == window)
            strobes[window] = Mux(here, (self.mem_strobe << (self.mem_chunk * 4))[:count], 0)[:count]
        if not self.config.overlap:
            return self.mem_word, self.mem_data, strobes
        word, data = (Signal.like(value, name=f"host_{value.name}", reset_less=True) for value in (self.mem_word, self.mem_data))
        m.d.sync += [word.eq(self.mem_word), data.eq(self.mem_data)]
        for window, strobe in strobes.items():
            register = Signal(len(strobe), name=f"host_writes_{window.name.lower()}")
            m.d.sync += register.eq(strobe)
            strobes[window] = register
        return word, data, strobes

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        host_word, host_data, host_strobe = self._host_writes(m)
        ram: dict[Window, Ram] = {}
        for window, memory in MEMORIES.items():
            if window is Window.TABLE:
                continue  # the pooling path has a copy of it for every channel
            width = memory_width(config, window)
            ram[window] = Ram(
                width=width,
                depth=memory.depth(config),
                chunk=8,
                init=self.images.get(window, ()),
                init_file=IMAGE_FILES.get(window, ""),
                kind=memory_kind(config, window),
                volatile=window in regmap.volatile(config),
            )
            m.submodules[f"{memory.window.name.lower()}_memory"] = ram[window]
            if window is not Window.ACT:
                m.d.comb += [
                    ram[window].write_en.eq(host_strobe[window]),
                    ram[window].write_addr.eq(host_word),
                    ram[window].write_data.eq(host_data.replicate(-(-width // 32))),
                ]
        acts, weights, params, program = (ram[window] for window in (Window.ACT, Window.WEIGHT, Window.PARAM, Window.PROGRAM))

        m.submodules.sequencer = sequencer = Sequencer(config)
        m.submodules.loader = loader = WeightLoader(config, len(weights.read_addr))
        m.submodules.feeder = feeder = Feeder(config, len(acts.read_addr))
        m.submodules.array = array = Array(config)
        m.submodules.pooling = pooling = PoolingPath(config, tuple(self.images.get(Window.TABLE, ())))
        m.submodules.accumulator = accumulator = Accumulator(config)
        m.submodules.post = post = PostProcessor(config, len(acts.read_addr))
        m.submodules.counters = counters = PerformanceCounters(config)
        m.submodules.tap = tap = Tap(config, len(acts.read_addr))

        # Program -> units.
        wiring.connect(m, sequencer.loader, loader.command)
        wiring.connect(m, sequencer.feeder, feeder.command)
        wiring.connect(m, sequencer.post, post.command)
        m.d.comb += [
            sequencer.start.eq(self.start),
            self.busy.eq(sequencer.busy),
            self.done.eq(sequencer.done),
            program.read_en.eq(sequencer.read_en | self.program_read_en),
            program.read_addr.eq(Mux(self.program_read_en, self.program_read_addr, sequencer.read_addr)),
            self.program_read_data.eq(program.read_data),
            sequencer.read_data.eq(program.read_data),
        ]
        # Weights -> array.
        checked = Window.WEIGHT in regmap.readable(config)
        if checked:
            m.d.comb += self.weight_read_data.eq(weights.read_data)
        m.d.comb += [
            weights.read_en.eq(loader.read_en | (self.weight_read_en if checked else 0)),
            weights.read_addr.eq(Mux(self.weight_read_en, self.weight_read_addr, loader.read_addr) if checked else loader.read_addr),
            loader.read_data.eq(weights.read_data),
            array.weight_en.eq(loader.weight_en),
            array.weight_slot.eq(loader.weight_slot),
            loader.slot_released.eq(feeder.slot_released),
        ]
        m.d.comb += array.weight.eq(loader.weight)
        # Activations -> array or pooling path -> accumulators.  Layers of the two kinds are never under way together.
        near = m.d.sync if config.overlap else m.d.comb  # registers before the memory's blocks, and behind them, where there are many
        answer = delay(m, acts.read_data, far_read_latency(config) - READ_LATENCY, name="act_answer")
        near += [
            acts.read_en.eq(feeder.read_en | self.act_read_en),
            acts.read_addr.eq(Mux(self.act_read_en, self.act_read_addr, feeder.read_addr)),
        ]
        m.d.comb += [
            feeder.read_data.eq(answer),
            self.act_read_data.eq(answer),
            array.slot.eq(feeder.slot),
            pooling.operand.eq(feeder.operand),
            pooling.table.eq(feeder.table),
            pooling.table_write_en.eq(host_strobe[Window.TABLE].any()),
            pooling.table_write_addr.eq(host_word),
            pooling.table_write_data.eq(host_data),
        ]
        if config.slices > 1:
            m.d.comb += pooling.act_slice.eq(feeder.act_slice)
        # What the operation means goes to every corner of the device; it changes long before the words that it is for, and with
        # `overlap` is registered on the way.
        operation = Signal(Operation)
        convolves, depthwise, adds = Signal(), Signal(), Signal()
        domain = m.d.sync if config.overlap else m.d.comb
        domain += [
            operation.eq(feeder.operation),
            convolves.eq(one_of(feeder.operation, ARRAY_OPERATIONS)),
            depthwise.eq(feeder.operation == Operation.DEPTHWISE),
            adds.eq(feeder.operation == Operation.ADD),
        ]
        m.d.comb += pooling.add.eq(adds)
        m.d.comb += [sink.eq(source) for sink, source in zip(pooling.act, feeder.act, strict=True)]
        for r, (sink, source) in enumerate(zip(array.act, feeder.act, strict=True)):
            # In depthwise mode the rows that hold no taps add nothing, whatever weights they hold.
            m.d.comb += sink.eq(Mux(depthwise, 0, source) if r >= config.depthwise_taps > 0 else source)
        if config.depthwise_taps:
            m.d.comb += array.depthwise.eq(depthwise)
            channels = config.pool_channels
            for c in range(channels):
                slices = [feeder.act[k * channels + c] for k in range(config.slices)]
                m.d.comb += array.column[c].eq(Array_(slices)[feeder.act_slice] if config.slices > 1 else slices[0])
                if config.depthwise_pairs:
                    # The pair's second slice is one column late.
                    partner = Array_([*slices[1:], slices[-1]])[feeder.act_slice]
                    late = Signal(signed(8), name=f"late_{c}", reset_less=True)
                    m.d.sync += late.eq(partner)
                    m.d.comb += array.column_odd[c].eq(late)
            if config.depthwise_pairs:
                m.d.comb += array.odd.eq(feeder.odd)
        to_array = Signal(Control)
        m.d.comb += [to_array.eq(feeder.control), to_array.valid.eq(feeder.control.valid & convolves)]
        # One of the registers on the way is behind the choice.
        past_array = delay(m, to_array.as_value(), Array.latency(config) - READ_LATENCY - 1, name="past_array", resets=True)
        past_pooling = delay(m, feeder.control.as_value(), PoolingPath.LATENCY - READ_LATENCY - 1, name="past_pooling", resets=True)
        chosen = delay(m, Mux(convolves, past_array, past_pooling), 1, name="chosen_control", resets=True)
        m.d.comb += [accumulator.operation.eq(operation), accumulator.control.as_value().eq(chosen)]
        for value, psum, pooled in zip(accumulator.value, array.psum, pooling.value, strict=True):
            m.d.comb += value.eq(Mux(convolves, psum, pooled))
        # Accumulators -> post-processor -> activations.
        m.d.comb += [
            post.bank_full.eq(accumulator.bank_full),
            accumulator.read_en.eq(post.bank_read_en),
            accumulator.read_bank.eq(post.bank_read_bank),
            accumulator.read_addr.eq(post.bank_read_addr),
            post.bank_read_data.eq(accumulator.read_data),
            params.read_en.eq(post.param_read_en),
            params.read_addr.eq(post.param_read_addr),
            post.param_read_data.eq(params.read_data),
        ]
        post_strobe = Signal(config.rows)
        m.d.comb += [post_strobe[i].eq(post.write_en[i // config.lanes]) for i in range(config.rows)]
        host_writes = Signal()
        m.d.comb += host_writes.eq(host_strobe[Window.ACT].any())
        near += [
            acts.write_en.eq(host_strobe[Window.ACT] | post_strobe),
            acts.write_addr.eq(Mux(host_writes, host_word, post.write_addr)),
            acts.write_data.eq(
                Mux(host_writes, host_data.replicate(-(-config.rows // 4)), post.write_data.replicate(config.rows // config.lanes))
            ),
        ]

        # Credits: tiles that are loaded, banks that are free, groups that are not yet in memory.
        released = post.bank_release if config.overlap else post.group_done
        issue, begins_group = feeder.issue, feeder.take_bank
        tiles = Credit(m, "tiles", most=config.slots, init=0, gain=loader.tile_started, spend=issue, amount=feeder.wanted)
        banks = Credit(m, "banks", most=config.acc_banks, init=config.acc_banks, gain=released, spend=begins_group)
        writing = Credit(m, "writing", most=2 * config.acc_banks, init=0, gain=begins_group, spend=post.group_done)
        drained = writing.flag("drained", 1, 1, lambda count: count == 0)
        m.d.comb += [
            feeder.weights_ready.eq(tiles.flag("ready", 0, 2, lambda count: Mux(count > 2, 2, count))),
            feeder.bank_ready.eq(banks.flag("ready", 1, 1, lambda count: count != 0)),
            feeder.drained.eq(drained),
            sequencer.drained.eq(feeder.idle & post.idle & drained),
        ]
        # Counters and tap.
        m.d.comb += [
            counters.running.eq(sequencer.busy),
            counters.issue.eq(feeder.issue),
            counters.waits_post.eq(feeder.waits_post),
            counters.waits_weights.eq(feeder.waits_weights),
            counters.waits_program.eq(sequencer.waits_program),
            counters.layer.eq(feeder.layer),
            counters.read_layer.eq(self.counter_layer),
            self.counter_data.eq(counters.read_data),
            self.cycles.eq(counters.cycles),
            tap.start.eq(self.start),
            tap.write_en.eq(post.write_en),
            tap.write_addr.eq(post.write_addr),
            tap.write_data.eq(post.write_data),
            tap.layer.eq(post.write_layer),
        ]
        return m
