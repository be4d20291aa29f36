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
from hwgen.gateware.flash_loader import FLASH_PINS, FlashLoader, loaded_first
from hwgen.gateware.selftest import ACCELERATOR_MODULE
from hwgen.gateware.shared import shared
from hwgen.gateware.uart_bridge import UartBridge
from hwgen.regmap import Window


class UartTop(wiring.Component):
    """What is emitted as `weft_uart`: an accelerator and the bridge that drives its bus.

    Members: rx, tx: the serial line, `divisor` clock cycles a bit, idle high.  irq: the accelerator's interrupt line, high from the
        end of a run until the host clears it.  open, activity: for lamps: a host has begun a session; changes with every request.
    With `flash_offset` a `FlashLoader` has the bus first; the host's requests wait for it.  flash_*: the flash; loaded, load_error: how
        that ended.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        divisor: int,
        *,
        images: Mapping[Window, Sequence[int]] | None = None,
        flash_offset: int | None = None,
    ) -> None:
        self.config, self.divisor, self.images, self.flash_offset = config, divisor, images, flash_offset
        flash = {**FLASH_PINS, "loaded": Out(1), "load_error": Out(1)}
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1, init=1),
                "irq": Out(1),
                "open": Out(1),
                "activity": Out(1),
                **({} if flash_offset is None else flash),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        accelerator = shared(m, "accelerator", ACCELERATOR_MODULE, partial(Accelerator, self.config, self.images), platform)
        m.submodules.bridge = bridge = UartBridge(self.divisor)
        if self.flash_offset is None:
            m.d.comb += join(bridge, accelerator)
        else:
            m.submodules.flash = loader = FlashLoader(self.config, self.flash_offset)
            m.d.comb += [
                *loaded_first(loader, self, bridge, accelerator),
                self.loaded.eq(loader.done),
                self.load_error.eq(loader.error),
            ]
        m.d.comb += [
            bridge.irq.eq(accelerator.irq),
            bridge.rx.eq(self.rx),
            self.tx.eq(bridge.tx),
            self.irq.eq(accelerator.irq),
            self.open.eq(bridge.open),
            self.activity.eq(bridge.activity),
        ]
        return m
