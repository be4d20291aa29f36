"""The post-processor: complete accumulator banks become int8 activations in memory."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import C, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import ARRAY_OPERATIONS, BY_NAME, Operation
from hwgen.gateware.array import Array
from hwgen.gateware.command import DescriptorStream, field_of, one_of
from hwgen.gateware.delay import delay
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.lane import Lane
from hwgen.gateware.loop_counter import loop_counter
from hwgen.gateware.param_fetcher import ParamFetcher
from hwgen.gateware.pooling_path import PoolingPath
from hwgen.gateware.ram import READ_LATENCY
from hwgen.params import param_bits, param_fields

#: Descriptor fields that the unit keeps.
_FIELDS = (
    "operation",
    "layer",
    "groups",
    "pixels",
    "pixels_x",
    "lane_groups",
    "lane_groups_last",
    "paired",
    "output_zero_point",
    "act_min",
    "act_max",
    "output_address",
    "output_step_y",
    "output_step_x",
)


class PostProcessor(wiring.Component):
    """Reads complete banks, runs `lanes` channels a cycle through the lanes, and writes them to activation memory.

    A group is worked off lane group by lane group (`lanes` channels), all pixels of one before the next, so that the parameters stand
    still for a whole pixel tile and come from a narrow memory.  Between lane groups it waits only where a tile has fewer pixels than
    `ParamFetcher.interval`.

    Early release: a bank goes back to the feeder as soon as the words of the next group, which need `bank_release_lead` cycles to
    reach the accumulators, can no longer overtake the reads that are left.

    Without `overlap` there is one bank, which the feeder may fill again after the group's last write (`group_done`).

    Latency: `latency(config)` cycles from a bank read to the write.  Throughput: `lanes` channels of one pixel a cycle.
    Back-pressure: through the banks; the write port is its own.

    Members
    -------
    command:                       the descriptor.
    bank_full, bank_release, group_done: pulses: a bank is complete; may be fed again; its last write is in memory from now on.
    bank_*:                        read port of the accumulators.
    param_*:                       read port of the parameter memory.
    write_en (a bit per lane group of the word), write_addr, write_data: activation memory, with `overlap` a cycle before its write.
    write_layer:                   layer index of the write, for the write log.
    idle:                          no descriptor accepted and nothing under way; without `overlap`, what is on its way to memory apart.
    """

    @staticmethod
    def latency(config: AcceleratorConfig) -> int:
        """Cycles from a bank read to the activation write: with `overlap` a register of the core lies before the memory."""
        return READ_LATENCY + 1 + Lane.latency(config) + config.overlap

    @staticmethod
    def bank_release_lead(config: AcceleratorConfig, pooling: bool) -> int:
        """Cycles from the issue of a group's first word to the cycle before its first access to the bank."""
        return Feeder.latency(config) + (PoolingPath.LATENCY if pooling else Array.latency(config)) - READ_LATENCY - 1

    def __init__(self, config: AcceleratorConfig, address_bits: int) -> None:
        self.config, self.address_bits = config, address_bits
        super().__init__(
            {
                "command": In(DescriptorStream),
                "bank_full": In(1),
                "bank_release": Out(1),
                "group_done": Out(1),
                "bank_read_en": Out(1),
                "bank_read_bank": Out(1),
                "bank_read_addr": Out(max(1, (config.acc_depth - 1).bit_length())),
                "bank_read_data": In(config.cols * config.acc_bits),
                "param_read_en": Out(1),
                "param_read_addr": Out(max(1, (config.param_depth - 1).bit_length())),
                "param_read_data": In(param_bits(config)),
                "write_en": Out(config.rows // config.lanes),
                "write_addr": Out(address_bits),
                "write_data": Out(config.lanes * 8),
                "write_layer": Out(BY_NAME["layer"].bits),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        lanes = config.lanes
        in_words = config.rows // lanes  # lane groups of an activation word
        payload = self.command.payload

        active = Signal()
        given = {name: field_of(config, payload, name) for name in _FIELDS}
        fields: dict[str, Value] = dict(given)
        if config.overlap:
            fields = {name: Signal.like(value, name=name, reset_less=True) for name, value in given.items()}
        if not config.depthwise_pairs:
            fields["paired"] = C(0, 1)
        pending = Signal(2)  # complete banks, the one in work included
        any_pending = Signal()
        bank = Signal()
        pixel = Signal.like(self.bank_read_addr)
        start = Signal()  # of a lane group
        per_word = config.cols // lanes  # lane groups of a bank's word
        choice = Signal(range(max(2, per_word)))  # which of them
        second = Signal()  # of a pair: its pixels are the odd ones
        choice_last = choice == per_word - 1
        released = Signal()

        m.submodules.fetcher = fetcher = ParamFetcher(config)
        accept = self.command.ready & self.command.valid
        issue, done = Signal(), Signal()

        # --- the loops --------------------------------------------------------------------------------
        def loop(name: str, step: Value) -> Value:
            return loop_counter(m, name, given=given[name], kept=fields[name], restart=accept, step=step, ahead=config.overlap)

        last_pixel, last_group = loop("pixels", issue), loop("groups", done)
        last_lane_group = self._lane_groups(m, given, fields, accept, step=issue & last_pixel, group_step=done, last_group=last_group)
        m.d.comb += [
            issue.eq(active & any_pending & (~start | fetcher.ready)),
            done.eq(issue & last_pixel & last_lane_group),
            self.bank_release.eq(issue & last_lane_group & ~released & self._near_end(m, given, fields, accept, issue, last_pixel)),
            self.command.ready.eq(~active),
            self.bank_read_en.eq(issue),
            self.bank_read_bank.eq(bank),
            self.bank_read_addr.eq(pixel),
            fetcher.take.eq(issue & start),
            fetcher.finish.eq(issue & last_pixel),
            fetcher.restart.eq(accept),
            fetcher.address.eq(payload.param_address),
            fetcher.step.eq(payload.param_step),
            self.param_read_en.eq(fetcher.read_en),
            self.param_read_addr.eq(fetcher.read_addr),
            fetcher.read_data.eq(self.param_read_data),
        ]
        m.d.sync += [pending.eq(pending + self.bank_full - done), any_pending.eq(self.bank_full | Mux(done, pending[1], any_pending))]
        with m.If(self.bank_release):
            m.d.sync += released.eq(1)

        # --- where the channels go: words and lane groups of the output -------------------------------
        # With `overlap` the place of a value is counted a cycle after its read, and waits beside it until it is written.  Without, it is
        # counted when it is written: of what comes before, only the events wait.
        latency = self.latency(config)
        group_done = delay(m, done, latency, name="group_done", resets=True)
        wait = 1 if config.overlap else latency
        placed = delay(m, issue, wait, name="placed", resets=True)
        last_placed = delay(m, issue & last_pixel, wait, name="last_placed", resets=True)
        last_column = loop("pixels_x", placed)
        word, row_word, first_word = (Signal(self.address_bits, name=n, reset_less=True) for n in ("word", "row_word", "first_word"))
        place = Signal(range(max(2, in_words)))  # of the lane group in its word
        next_place, next_first_word, next_row = Signal.like(place), Signal.like(word), Signal.like(word)
        m.d.comb += [
            next_place.eq(Mux(place == in_words - 1, 0, place + 1)),
            next_first_word.eq(first_word + (place == in_words - 1)),
            next_row.eq(row_word + fields["output_step_y"]),
        ]
        with m.If(issue):
            m.d.sync += [
                start.eq(0),
                pixel.eq(pixel + 1 + fields["paired"]),
            ]
            with m.If(last_pixel):
                m.d.sync += [choice.eq(Mux(choice_last, 0, choice + 1)), second.eq(second | (fields["paired"] & choice_last))]
                m.d.sync += [
                    start.eq(1),
                    pixel.eq(second | (fields["paired"] & choice_last)),
                ]
            with m.If(done):
                m.d.sync += [choice.eq(0), second.eq(0), pixel.eq(0)]
                m.d.sync += released.eq(0)
                if config.acc_banks > 1:
                    m.d.sync += bank.eq(~bank)
                with m.If(last_group):
                    m.d.sync += active.eq(0)
        with m.If(placed):
            m.d.sync += word.eq(word + fields["output_step_x"])
            with m.If(last_column):
                m.d.sync += [row_word.eq(next_row), word.eq(next_row)]
        with m.If(last_placed):
            m.d.sync += place.eq(next_place)
            m.d.sync += [register.eq(next_first_word) for register in (word, row_word, first_word)]
        with m.If(accept):
            if config.overlap:
                m.d.sync += [register.eq(given[name]) for name, register in fields.items() if isinstance(register, Signal)]
            m.d.sync += [active.eq(1), start.eq(1), choice.eq(0), second.eq(0), pixel.eq(0)]
            m.d.sync += [register.eq(payload.output_address) for register in (word, row_word, first_word)]
            m.d.sync += place.eq(payload.lane_place)

        # --- the lanes ----------------------------------------------------------------------------------
        chosen_part = delay(m, choice, READ_LATENCY, name="choice")
        chosen = Signal(lanes * config.acc_bits, reset_less=True)
        m.d.sync += chosen.eq(self.bank_read_data.word_select(chosen_part, lanes * config.acc_bits))
        # A layer's constants: layers are never in the lanes together, but the next descriptor may be accepted already.
        constants = {name: fields[name] for name in ("layer", "operation", "output_zero_point", "act_min", "act_max")}
        if config.overlap:
            constants = {name: Signal.like(value, name=f"lane_{name}", reset_less=True) for name, value in constants.items()}
            with m.If(issue):
                m.d.sync += [register.eq(fields[name]) for name, register in constants.items()]
        for i in range(lanes):
            m.submodules[f"lane_{i}"] = lane = Lane(config)
            m.d.comb += [
                lane.acc.eq(chosen[i * config.acc_bits : (i + 1) * config.acc_bits].as_signed()),
                lane.bias.eq(fetcher.bias[i].as_signed()),
                lane.magnitude.eq(constants["operation"] == Operation.AVERAGE_POOL),
                lane.zero_point.eq(constants["output_zero_point"]),
                lane.act_min.eq(constants["act_min"]),
                lane.act_max.eq(constants["act_max"]),
                self.write_data[i * 8 : i * 8 + 8].eq(lane.result),
            ]
            offset = 0
            for field in param_fields(config)[1:]:
                m.d.comb += getattr(lane, field.name).eq(fetcher.rest[i][offset : offset + field.bits])
                offset += field.bits

        # --- the write ----------------------------------------------------------------------------------
        enable = Signal(in_words)
        m.d.comb += [enable.eq(placed << place), self.write_layer.eq(constants["layer"]), self.group_done.eq(group_done)]
        if not config.overlap:
            m.d.comb += [self.write_en.eq(enable), self.write_addr.eq(word), self.idle.eq(~active)]
            return m
        m.d.comb += [
            self.write_en.eq(delay(m, enable, latency - 1 - wait, name="write_en", resets=True)),
            self.write_addr.eq(delay(m, word, latency - 1 - wait, name="write_addr")),
        ]
        under_way = Signal(range(latency + 1))
        m.d.sync += under_way.eq(under_way + done - self.group_done)
        m.d.comb += self.idle.eq(~active & (under_way == 0))
        return m

    def _lane_groups(
        self,
        m: Module,
        given: Mapping[str, Value],
        fields: Mapping[str, Value],
        accept: Value,
        *,
        step: Value,
        group_step: Value,
        last_group: Value,
    ) -> Value:
        """Whether a lane group is the last of its group; the last group may have fewer."""
        ahead = self.config.overlap
        names = ("lane_groups", "lane_groups_last")
        of_group, of_last = (fields[name] for name in names)
        if not ahead:
            kept = Mux(last_group, of_last, of_group)
            return loop_counter(m, names[0], given=given[names[0]], kept=kept, restart=accept, step=step, ahead=False)
        # Whether the next group is the last, and whether it then has a single lane group, is known when a group ends.
        before_last = Signal(reset_less=True)
        left = Signal(len(given["groups"]), name="groups_after", reset_less=True)
        singles = [Signal(name=f"single_{name}", reset_less=True) for name in names]
        with m.If(group_step):
            m.d.sync += [left.eq(left - 1), before_last.eq(left == 2)]
        with m.If(accept):
            m.d.sync += [left.eq(given["groups"] - 1), before_last.eq(given["groups"] == 2)]
            m.d.sync += [single.eq(given[name] == 1) for single, name in zip(singles, names, strict=True)]
        return loop_counter(
            m,
            names[0],
            given=Mux(given["groups"] == 1, given[names[1]], given[names[0]]),
            kept=Mux(before_last, of_last, of_group),
            single=Mux(before_last, singles[1], singles[0]),
            restart=accept,
            step=step,
            ahead=True,
        )

    def _near_end(
        self, m: Module, given: Mapping[str, Value], fields: Mapping[str, Value], accept: Value, step: Value, last_pixel: Value
    ) -> Value:
        """Whether so few pixels of a lane group are left that the words of the next group cannot overtake their reads.  The pixel that is
        being read counts too, and the feeder sees the release a cycle later."""
        if not self.config.overlap:
            return C(0, 1)  # no bank is given back early
        past_array = ~one_of(given["operation"], ARRAY_OPERATIONS)
        bounds = [self.bank_release_lead(self.config, past) + 2 for past in (False, True)]
        bound = Signal(range(max(bounds) + 2), reset_less=True)
        left = Signal(len(given["pixels"]), name="pixels_left", reset_less=True)
        near, near_at_first = Signal(reset_less=True), Signal(reset_less=True)
        with m.If(step):
            m.d.sync += [left.eq(Mux(last_pixel, fields["pixels"], left - 1)), near.eq(Mux(last_pixel, near_at_first, left <= bound))]
        with m.If(accept):
            first = given["pixels"] <= Mux(past_array, bounds[1], bounds[0])
            m.d.sync += [
                left.eq(given["pixels"]),
                near.eq(first),
                near_at_first.eq(first),
                bound.eq(Mux(past_array, *[b + 1 for b in bounds[::-1]])),
            ]
        return near
