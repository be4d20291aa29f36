# amaranth: UnusedElaboratable=no
"""A self-test whose weights come from a flash, with a whole network: loaded, played, and equal to the golden model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Module

from golden import interpreter
from hwgen.compiler import compile_graph
from hwgen.config import NAMED
from hwgen.emit import emit
from hwgen.emit.images import image_files
from hwgen.gateware.flash_loader import FlashLoader
from hwgen.gateware.selftest import SelfTest
from hwgen.regmap import Window, host_words, volatile
from sim.build_folder import read_build
from sim.random_networks import random_network
from sim.replay import record
from tests.hwgen.test_flash_loader import OFFSET, Flash, image, until_done

CONFIG = replace(NAMED["icebreaker-4x2"], act_depth=256, weight_depth=128, param_depth=64, program_depth=64, acc_depth=16)
SEED = 1  # a convolution of 36 pixels


@pytest.mark.parametrize("changed", [False, True])
def test_weights_from_the_flash(simulate: Any, tmp_path: Path, changed: bool) -> None:
    """They are nowhere else; with all of them inverted there, an output differs."""
    assert volatile(CONFIG) == (Window.WEIGHT,)
    draw = random_network(SEED, CONFIG, images=1)
    graph = draw.graph
    program = compile_graph(graph, CONFIG)
    emit(program, tmp_path / "design", verilog=lambda _: "module weft_accelerator; endmodule\n")
    build = read_build(tmp_path / "design", graph)
    tensors = interpreter.run(graph, {graph.inputs[0]: draw.inputs}, tensors=True)
    recording = record(build, {graph.inputs[0]: draw.inputs}, {name: tensors[name] for name in build.outputs})
    images = {window: [int(line, 16) for line in (build.path / file).read_text().split()] for window, file in image_files(CONFIG).items()}
    weights = [value for word, bits in enumerate(images.pop(Window.WEIGHT)) for _, value in host_words(Window.WEIGHT, word, bits, CONFIG)]
    assert any(weights)

    flash = Flash(image([weight ^ 0xFFFF * changed for weight in weights]))
    records = recording.records.tolist()
    m = Module()
    m.submodules.dut = dut = SelfTest(CONFIG, len(records), images=images, records=records, flash_offset=OFFSET)
    limit = FlashLoader.WAKE_CYCLES + 100 * len(weights) + 2 * program.cycles + 50 * len(records)

    async def testbench(ctx: Any) -> None:
        await until_done(ctx, dut, flash, limit)
        assert (ctx.get(dut.done), ctx.get(dut.fail)) == (1, changed)
        if changed:
            assert ctx.get(dut.fail_expected) != ctx.get(dut.fail_got)

    simulate(m, testbench)
