"""The accelerator between streams: inputs and outputs as AXI4-Stream, registers and memories as AXI4-Lite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.gateware.accelerator import Accelerator
from hwgen.gateware.axil import join, slave_members
from hwgen.gateware.selftest import ACCELERATOR_MODULE
from hwgen.gateware.shared import shared
from hwgen.gateware.shared_bus import SharedBus
from hwgen.gateware.stream_engine import STREAM_MEMBERS, StreamEngine
from hwgen.regmap import Window
from hwgen.stream_layout import StreamTensor

_CONTROL = {field.name: field.offset for field in regmap.STREAM_BY_NAME["STREAM_CONTROL"].fields}
_STATUS = {field.name: field.offset for field in regmap.STREAM_BY_NAME["STREAM_STATUS"].fields}


class AxiStreamTop(wiring.Component):
    """What is emitted as `weft_axi_stream`: an accelerator whose inputs and outputs are streams, for one network's shapes and places.

    Members: s_axis_*, m_axis_*: the streams, see `StreamEngine`.  s_axil_*: registers, of the streams too, and memories, see `SharedBus`.
        irq: the accelerator's interrupt line; also high while there is an error of the streams, if STREAM_CONTROL.irq_enable is set.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        inputs: Sequence[StreamTensor],
        outputs: Sequence[StreamTensor],
        *,
        images: Mapping[Window, Sequence[int]] | None = None,
    ) -> None:
        self.config, self.images = config, images
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        super().__init__({**STREAM_MEMBERS, **slave_members("s_axil_", regmap.ADDRESS_BITS), "irq": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        accelerator = shared(m, "accelerator", ACCELERATOR_MODULE, partial(Accelerator, self.config, self.images), platform)
        m.submodules.bus = bus = SharedBus()
        m.submodules.engine = engine = StreamEngine(self.config, self.inputs, self.outputs)
        m.d.comb += join(bus, accelerator)
        for component, names in ((engine, STREAM_MEMBERS), (bus, slave_members("s_axil_", regmap.ADDRESS_BITS))):
            for name, member in names.items():
                inner, outer = getattr(component, name), getattr(self, name)
                m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)
        manual, irq_enable = Signal(), Signal()
        errors = Signal(len(engine.failed))
        m.d.comb += [
            bus.request.eq(engine.request),
            bus.write.eq(engine.write),
            bus.address.eq(engine.address),
            bus.data.eq(engine.data),
            bus.strobe.eq(engine.strobe),
            engine.done.eq(bus.done),
            engine.read_data.eq(bus.read_data),
            engine.error.eq(bus.error),
            bus.lock.eq(engine.active),
            engine.manual.eq(manual),
            engine.go.eq(bus.control_write & bus.control[_CONTROL["go"]]),
            bus.stream_control[_CONTROL["manual"]].eq(manual),
            bus.stream_control[_CONTROL["irq_enable"]].eq(irq_enable),
            *(bus.status[_STATUS[name]].eq(getattr(engine, name)) for name in ("active", "loaded", "running", "sending")),
            bus.errors.eq(errors),
            self.irq.eq(accelerator.irq | (errors.any() & irq_enable)),
        ]
        m.d.sync += errors.eq((errors & ~bus.clear) | engine.failed)
        with m.If(bus.control_write):
            m.d.sync += [manual.eq(bus.control[_CONTROL["manual"]]), irq_enable.eq(bus.control[_CONTROL["irq_enable"]])]
        return m
