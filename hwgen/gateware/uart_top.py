"""The accelerator behind a serial line: what a board with a UART has in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.accelerator import Accelerator
from hwgen.gateware.axil import join
from hwgen.gateware.selftest import ACCELERATOR_MODULE
from hwgen.gateware.shared import shared
from hwgen.gateware.uart_bridge import UartBridge
from hwgen.regmap import Window


class UartTop(wiring.Component):
    """What is emitted as `weft_uart`: an accelerator and the bridge that drives its bus.

    Members: rx, tx: the serial line, `divisor` clock cycles a bit, idle high.  irq: the accelerator's interrupt line, high from the
        end of a run until the host clears it.  open, activity: for lamps: a host has begun a session; changes with every request.
    """

    def __init__(self, config: AcceleratorConfig, divisor: int, *, images: Mapping[Window, Sequence[int]] | None = None) -> None:
        self.config, self.divisor, self.images = config, divisor, images
        super().__init__({"rx": In(1), "tx": Out(1, init=1), "irq": Out(1), "open": Out(1), "activity": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        accelerator = shared(m, "accelerator", ACCELERATOR_MODULE, partial(Accelerator, self.config, self.images), platform)
        m.submodules.bridge = bridge = UartBridge(self.divisor)
        m.d.comb += [
            *join(bridge, accelerator),
            bridge.irq.eq(accelerator.irq),
            bridge.rx.eq(self.rx),
            self.tx.eq(bridge.tx),
            self.irq.eq(accelerator.irq),
            self.open.eq(bridge.open),
            self.activity.eq(bridge.activity),
        ]
        return m
