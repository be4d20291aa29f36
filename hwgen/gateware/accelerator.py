"""The accelerator: host port and core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.gateware.axil import slave_members
from hwgen.gateware.core import Core
from hwgen.gateware.host import HostPort
from hwgen.regmap import Window

#: The accelerator's ports besides clk and rst.
MEMBERS = {**slave_members("s_axil_", regmap.ADDRESS_BITS), "irq": Out(1)}


class Accelerator(wiring.Component):
    """What is emitted as `weft_accelerator`.  It only wires; clock, reset and bus are described at `HostPort`, the work at `Core`.

    Members: the AXI4-Lite slave `s_axil_*` and `irq`.
    """

    def __init__(self, config: AcceleratorConfig, images: Mapping[Window, Sequence[int]] | None = None) -> None:
        self.config, self.images = config, images
        super().__init__(MEMBERS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.host = host = HostPort(self.config)
        m.submodules.core = core = Core(self.config, self.images)
        for name, member in self.signature.members.items():
            outer, inner = getattr(self, name), getattr(host, name)
            m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)
        for name, member in core.signature.members.items():
            inner, outer = getattr(core, name), getattr(host, name)
            m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)
        return m
