"""Fetches the parameters of the next lane group while the current one is in work."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.delay import delay
from hwgen.gateware.lane import Lane
from hwgen.gateware.ram import READ_LATENCY
from hwgen.params import param_bits, param_fields


class ParamFetcher(wiring.Component):
    """Reads one record a cycle from parameter memory into a shadow set for all lanes; `take` moves the set to the lanes.

    After `take` in cycle t the bias is at `bias` from t + `BIAS_DELAY` on and multiplier and shifts `Lane.PARAMETER_DELAY` cycles
    later, where the lanes want them.  The next set is read meanwhile: `ready` is up again at t + `interval(config)`.

    Without `overlap` there is no shadow set, and of a single lane no set at all but the memory's own answer: the next records are read
    when the last value of a lane group, issued with `finish` in cycle t, has passed the lanes' parameters; `ready` is up at
    t + `gap(config)`.

    Members: restart, address, step (a descriptor begins; step 0 gives every lane group the same record); ready, take, finish; read_en,
    read_addr -> read_data; bias[lane], and for each lane the rest of the record as `rest[lane]`, lowest bits first.
    """

    BIAS_DELAY = 3

    @staticmethod
    def interval(config: AcceleratorConfig) -> int:
        """Cycles from one take to the next at the earliest."""
        return ParamFetcher.BIAS_DELAY + config.lanes + READ_LATENCY

    @staticmethod
    def gap(config: AcceleratorConfig) -> int:
        """Without `overlap`: cycles from the last issue of a lane group, or from a restart, to the first of the next at the earliest."""
        # Multiplier and shifts are read `Lane.PARAMETER_DELAY` after the bias; the records of several lanes come one after the other.
        return Lane.PARAMETER_DELAY + 1 + (config.lanes if config.lanes > 1 else 0)

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        record, bias = param_bits(config), param_fields(config)[0].bits
        address = max(1, (config.param_depth - 1).bit_length())
        super().__init__(
            {
                "restart": In(1),
                "address": In(address),
                "step": In(1),
                "ready": Out(1),
                "take": In(1),
                "finish": In(1),
                "read_en": Out(1),
                "read_addr": Out(address),
                "read_data": In(record),
                "bias": Out(bias).array(config.lanes),
                "rest": Out(record - bias).array(config.lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not self.config.overlap:
            self._one_set(m)
            return m
        lanes = self.config.lanes
        bias_bits = len(self.bias[0])
        shadow = [Signal(len(self.read_data), name=f"shadow_{i}", reset_less=True) for i in range(lanes)]
        address = Signal.like(self.address, reset_less=True)
        first_address = Signal.like(self.address, reset_less=True)
        step = Signal(reset_less=True)
        left = Signal(range(lanes + 1))  # records still to be read
        full = Signal()
        # The last set of the descriptor before may still be on its way to the lanes, so a restart takes effect when that has left.
        restart_1 = delay(m, self.restart, 1, name="restart", resets=True)
        restart_2 = delay(m, restart_1, 1, name="restart_later", resets=True)

        # A restart throws away what is under way: answers carry a tag that says to which descriptor they belong.
        tag = Signal()
        lane = Signal(range(max(2, lanes)))
        m.d.comb += [self.read_en.eq(left != 0), self.read_addr.eq(address), self.ready.eq(full)]
        answer_valid = delay(m, self.read_en, READ_LATENCY, name="answer_valid", resets=True)
        answer_lane = delay(m, lane, READ_LATENCY, name="answer_lane")
        answer_tag = delay(m, tag, READ_LATENCY, name="answer_tag", resets=True)
        with m.If(self.read_en):
            m.d.sync += [left.eq(left - 1), address.eq(address + step), lane.eq(lane + 1)]
        with m.If(answer_valid & (answer_tag == tag)):
            for i, record in enumerate(shadow):
                with m.If(answer_lane == i):
                    m.d.sync += record.eq(self.read_data)
            with m.If(answer_lane == lanes - 1):
                m.d.sync += full.eq(1)

        to_bias = delay(m, self.take, self.BIAS_DELAY - 1, name="to_bias", resets=True)
        to_rest = delay(m, to_bias, Lane.PARAMETER_DELAY, name="to_rest", resets=True)
        for i, record in enumerate(shadow):
            bias = Signal.like(self.bias[i], name=f"bias_{i}", reset_less=True)
            rest = Signal.like(self.rest[i], name=f"rest_{i}", reset_less=True)
            with m.If(to_bias):
                m.d.sync += bias.eq(record[:bias_bits])
            with m.If(to_rest):
                m.d.sync += rest.eq(record[bias_bits:])
            m.d.comb += [self.bias[i].eq(bias), self.rest[i].eq(rest)]
        with m.If(self.take):
            m.d.sync += full.eq(0)
        # The first answer overwrites the shadow READ_LATENCY cycles after the read, when `rest` has been taken.
        with m.If(to_bias):
            m.d.sync += [left.eq(lanes), lane.eq(0)]
        with m.If(self.restart):
            m.d.sync += [first_address.eq(self.address), step.eq(self.step)]
        with m.If(restart_2):
            m.d.sync += [left.eq(lanes), lane.eq(0), address.eq(first_address), tag.eq(~tag)]
        with m.If(self.restart | restart_1 | restart_2):
            m.d.sync += full.eq(0)
        return m

    def _one_set(self, m: Module) -> None:
        """Without `overlap`."""
        lanes = self.config.lanes
        address = Signal.like(self.address, reset_less=True)
        left = Signal(range(lanes + 1))
        full = Signal()
        ended = Signal()
        m.d.comb += [ended.eq(self.restart | self.finish), self.ready.eq(full), self.read_en.eq(left != 0), self.read_addr.eq(address)]
        # Read so that the answer comes when the lanes have taken the last of what it replaces.
        with m.If(delay(m, ended, self.BIAS_DELAY + Lane.PARAMETER_DELAY - READ_LATENCY, name="ended", resets=True)):
            m.d.sync += left.eq(lanes)
        with m.If(self.read_en):
            m.d.sync += [left.eq(left - 1), address.eq(address + self.step)]
        with m.If(self.restart):
            m.d.sync += address.eq(self.address)
        with m.If(delay(m, ended, self.gap(self.config) - 1, name="almost_ready", resets=True)):
            m.d.sync += full.eq(1)
        with m.If(self.take | self.restart):
            m.d.sync += full.eq(0)
        bias_bits = len(self.bias[0])
        if lanes == 1:
            m.d.comb += [self.bias[0].eq(self.read_data[:bias_bits]), self.rest[0].eq(self.read_data[bias_bits:])]
            return
        answers = delay(m, self.read_en, READ_LATENCY, name="answer_valid", resets=True)
        answer_left = delay(m, left, READ_LATENCY, name="answer_left")
        for i in range(lanes):
            record = Signal(len(self.read_data), name=f"record_{i}", reset_less=True)
            with m.If(answers & (answer_left == lanes - i)):
                m.d.sync += record.eq(self.read_data)
            m.d.comb += [self.bias[i].eq(record[:bias_bits]), self.rest[i].eq(record[bias_bits:])]
