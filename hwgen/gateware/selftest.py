"""The self-test: an accelerator and a replay host that plays recorded bus traffic to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hwgen.config import AcceleratorConfig
from hwgen.gateware.accelerator import Accelerator
from hwgen.gateware.axil import join
from hwgen.gateware.flash_loader import FLASH_PINS, FlashLoader, loaded_first
from hwgen.gateware.ram import Ram
from hwgen.gateware.replay import RECORD_BITS, Replay
from hwgen.gateware.shared import shared
from hwgen.regmap import Window

#: What the self-test shows, with widths.
OUTPUTS = {"done": 1, "fail": 1, "fail_index": 32, "fail_expected": 32, "fail_got": 32, "fail_response": 2}
ACCELERATOR_MODULE = "weft_accelerator"
REPLAY_FILE = "replay.hex"


class SelfTest(wiring.Component):
    """Starts by itself after reset, plays the records of its replay memory, and says whether every answer was the recorded one.

    Members: done, fail, fail_index, fail_expected, fail_got, fail_response (see `Replay`).
    With `flash_offset` a `FlashLoader` has the bus first (flash_*: the flash).  Where it finds no image, or a damaged one, the test has
    failed, and no record is named.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        replay_depth: int,
        *,
        images: Mapping[Window, Sequence[int]] | None = None,
        records: Sequence[int] = (),
        flash_offset: int | None = None,
    ) -> None:
        self.config, self.images, self.records = config, images, records
        self.replay_depth, self.flash_offset = replay_depth, flash_offset
        super().__init__({**{name: Out(width) for name, width in OUTPUTS.items()}, **({} if flash_offset is None else FLASH_PINS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        accelerator = shared(m, "accelerator", ACCELERATOR_MODULE, partial(Accelerator, self.config, self.images), platform)
        m.submodules.replay = replay = Replay(self.replay_depth)
        m.submodules.memory = ram = Ram(width=RECORD_BITS, depth=self.replay_depth, init=self.records, init_file=REPLAY_FILE)
        m.d.comb += [
            ram.read_en.eq(1),
            ram.read_addr.eq(replay.mem_addr),
            replay.mem_data.eq(ram.read_data),
            replay.irq.eq(accelerator.irq),
        ]
        for name in OUTPUTS:
            m.d.comb += getattr(self, name).eq(getattr(replay, name))
        if self.flash_offset is None:
            m.d.comb += join(replay, accelerator)
        else:
            m.submodules.flash = loader = FlashLoader(self.config, self.flash_offset)
            m.d.comb += loaded_first(loader, self, replay, accelerator)
            with m.If(loader.error):
                m.d.comb += [getattr(self, name).eq(name in ("done", "fail")) for name in OUTPUTS]
        return m
