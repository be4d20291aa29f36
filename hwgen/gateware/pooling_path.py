"""The way past the array: activations straight to the accumulators, for pooling."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.delay import delay


class PoolingPath(wiring.Component):
    """Takes the `config.pool_channels` channels of the chosen slice of each activation word to the accumulators' columns.

    Latency: `LATENCY` = 2 cycles.  Throughput: a word a cycle.  No flow control.  Columns beyond the channels get 0.

    Members: act[r], act_slice -> value[c].
    """

    LATENCY = 2

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.slices = config.rows // config.pool_channels
        super().__init__(
            {
                "act": In(signed(8)).array(config.rows),
                "act_slice": In(range(self.slices)),
                "value": Out(signed(8)).array(config.cols),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        channels = self.config.pool_channels
        for c in range(channels):
            chosen = Signal(signed(8), name=f"chosen_{c}", reset_less=True)
            with m.Switch(self.act_slice):
                for k in range(self.slices):
                    with m.Case(k):
                        m.d.sync += chosen.eq(self.act[k * channels + c])
            m.d.comb += self.value[c].eq(delay(m, chosen, self.LATENCY - 1, name=f"value_{c}"))
        return m
