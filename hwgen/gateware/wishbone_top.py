"""The accelerator as a Wishbone slave: what a LiteX design takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.accelerator import Accelerator
from hwgen.gateware.axil import join
from hwgen.gateware.selftest import ACCELERATOR_MODULE
from hwgen.gateware.shared import shared
from hwgen.gateware.wishbone import WISHBONE_MEMBERS, WishboneBridge
from hwgen.regmap import Window


class WishboneTop(wiring.Component):
    """What is emitted as `weft_wishbone`: an accelerator and the bridge to its bus.

    Members: wb_*: as of `WishboneBridge`.  irq: the accelerator's interrupt line.
    """

    def __init__(self, config: AcceleratorConfig, *, images: Mapping[Window, Sequence[int]] | None = None) -> None:
        self.config, self.images = config, images
        super().__init__({**{f"wb_{name}": member for name, member in WISHBONE_MEMBERS.items()}, "irq": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        accelerator = shared(m, "accelerator", ACCELERATOR_MODULE, partial(Accelerator, self.config, self.images), platform)
        m.submodules.bridge = bridge = WishboneBridge()
        m.d.comb += [*join(bridge, accelerator), self.irq.eq(accelerator.irq)]
        for name, member in WISHBONE_MEMBERS.items():
            inner, outer = getattr(bridge, f"wb_{name}"), getattr(self, f"wb_{name}")
            m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)
        return m
