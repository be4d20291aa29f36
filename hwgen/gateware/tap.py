"""The tap: records, in simulation, every activation that the post-processor writes (SPEC section 11)."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME
from hwgen.gateware.shared import EmissionPlatform


class Tap(wiring.Component):
    """In emission an instance of the template module `weft_tap`, which is empty unless WEFT_TAP is defined; then, given the
    plusarg +weft_tap=FILE, it writes one line for every write: run, layer, word address, byte offset of lane 0, the lanes' bytes.

    Activation memory is reused during a run, so only this shows every layer.  In Amaranth's simulator it does nothing.

    Members: start (a run begins), write_en, write_addr, write_data, layer.
    """

    def __init__(self, config: AcceleratorConfig, address_bits: int) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "write_en": In(config.rows // config.lanes),
                "write_addr": In(address_bits),
                "write_data": In(config.lanes * 8),
                "layer": In(BY_NAME["layer"].bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if isinstance(platform, EmissionPlatform):
            m.submodules.tap = Instance(
                "weft_tap",
                p_PLACES=len(self.write_en),
                p_ADDRESS=len(self.write_addr),
                p_LANES=self.config.lanes,
                i_clk=ClockSignal("sync"),
                i_start=self.start,
                i_write_en=self.write_en,
                i_write_addr=self.write_addr,
                i_write_data=self.write_data,
                i_layer=self.layer,
            )
        return m
