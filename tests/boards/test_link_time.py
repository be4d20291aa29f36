"""What the tensors of an inference take on a link, against cycles and bytes that are counted on it.

`tests/sim/test_bus_bench.py` counts the streams' cycles and Wishbone's in the emitted Verilog.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from boards.host import Accelerator, SerialBus, link_time, serial_bus
from boards.host.link_time import axi_lite_time, axi_stream_time, serial_time, wishbone_time
from boards.host.serial_frame import answer, content, frame
from golden.graph import Graph
from hwgen import regmap
from hwgen.act_layout import host_layout
from hwgen.compiler import compile_graph
from hwgen.config import NAMED
from hwgen.design import Design, read_design
from hwgen.emit import emit
from hwgen.gateware.host import HostPort
from hwgen.regmap import Window
from hwgen.uart_link import Op, Status, identification
from tests.boards.model_bus import ModelBus
from tests.boards.networks import branching_network, digits_size_network

GRAPHS: dict[str, Graph] = {"branching": branching_network(), "digits": digits_size_network()}


@pytest.fixture(scope="module", params=[*GRAPHS, "branching, lean", "branching, wide"])
def emitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Graph, Path]:
    name, _, how = request.param.partition(", ")
    graph = GRAPHS[name]
    program = compile_graph(graph, replace(NAMED["tiny-4x4"], overlap=how != "lean", rows=16 if how == "wide" else 4))
    path = tmp_path_factory.mktemp("link") / "out"
    emit(program, path, verilog=lambda config: "")
    return graph, program.device, path


def addresses(design: Design, names: list[str]) -> list[int]:
    return [int(address) for name in names for address in host_layout(design.stored[name], design.config).addresses]


def test_axi_lite(emitted: tuple[Graph, Graph, Path]) -> None:
    """A master that never waits; each channel's next address is offered in the cycle after the one before is taken."""
    design = read_design(emitted[2])
    port = HostPort(design.config)
    m = Module()
    m.submodules.port = port
    writes = addresses(design, [tensor.name for tensor in design.inputs])
    reads = addresses(design, list(design.device_outputs))
    cycles: dict[str, int] = {}

    async def host(ctx) -> None:  # type: ignore[no-untyped-def]
        for channel, places in (("aw", writes), ("ar", reads)):
            taken: list[int] = []
            for signal in (port.s_axil_bready, port.s_axil_rready, port.s_axil_wvalid):
                ctx.set(signal, 1)
            ctx.set(port.s_axil_wvalid, channel == "aw")
            ctx.set(getattr(port, f"s_axil_{channel}valid"), 1)
            cycle = 0
            while len(taken) <= len(places):
                ctx.set(getattr(port, f"s_axil_{channel}addr"), places[len(taken) % len(places)])
                if ctx.get(getattr(port, f"s_axil_{channel}ready")):
                    taken.append(cycle)
                await ctx.tick()
                cycle += 1
            cycles[channel] = taken[-1] - taken[0]
            ctx.set(getattr(port, f"s_axil_{channel}valid"), 0)
            await ctx.tick().repeat(10)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(host)
    simulator.run()
    found = axi_lite_time(design, 50e6)
    assert (found.inputs, found.outputs) == (cycles["aw"], cycles["ar"])
    assert found.control == (3 * 2 + 2 * 4 if design.config.overlap else 3 * 1 + 2 * 2)
    assert found.input_s == pytest.approx(found.inputs / 50e6)
    assert not found.overlaps


class CountedPort:
    """A serial port with a model of the accelerator behind it: counts bytes, none of them escaped, by what they were for."""

    def __init__(self, model: ModelBus) -> None:
        self.model, self.baud, self.name = model, 1_000_000, "counted"
        self.counted: Counter[str] = Counter()
        self._waiting = b""

    def write(self, data: bytes) -> None:
        body = content(data.strip(b"\x7e"))
        assert body is not None
        sequence, word, count = body[0], int.from_bytes(body[1:5], "little"), body[5]
        op, address = Op(word >> 30), (word & 0x3FFFFFF) << 2
        words = np.zeros(0, np.uint32)
        if op is Op.HELLO:
            words = np.array([identification(100)], np.uint32)
        elif op is Op.WRITE:
            self.model.write_block(address, np.frombuffer(body[6:], "<u4").astype(np.uint32))
        elif op is Op.READ:
            words = self.model.read_block(address, count)
        made = bytes([sequence]) + words.astype("<u4").tobytes() + bytes([Status.ANSWER | (Status.IRQ if op is Op.WAIT else 0)])
        assert answer(made) is not None
        in_memory = address >> regmap.WINDOW_SHIFT == Window.ACT and op in (Op.WRITE, Op.READ)
        self.counted[op.name if in_memory else "control"] += sum(len(each) + 4 + 2 for each in (body, made))
        self._waiting += frame(made)

    def read(self) -> bytes:
        data, self._waiting = self._waiting, b""
        return data

    def discard_input(self) -> None:
        self._waiting = b""

    def close(self) -> None:
        pass


def test_the_serial_line(emitted: tuple[Graph, Graph, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own requests: one more inference is so many bytes more."""
    graph, device, path = emitted
    model = ModelBus(path, graph, device)
    port = CountedPort(model)
    monkeypatch.setattr(serial_bus, "SerialPort", lambda name, baud: port)
    accelerator = Accelerator(SerialBus("counted"), path)
    rng = np.random.default_rng(1)

    def counted(images: int) -> Counter[str]:
        given = {name: rng.integers(-128, 128, (images, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}
        port.counted.clear()
        accelerator.run(given)
        return Counter(port.counted)

    counted(1)  # loads the network
    once, twice = counted(1), counted(2)
    found = serial_time(accelerator.design, 1_000_000)
    assert {name: twice[name] - once[name] for name in twice} == {
        "WRITE": found.inputs,
        "READ": found.outputs,
        "control": found.control,
    }
    assert found.total_s == pytest.approx((found.inputs + found.outputs + found.control) * 10 / 1e6)


def test_the_links_in_order(emitted: tuple[Graph, Graph, Path]) -> None:
    design = read_design(emitted[2])
    times = [of(design, 100e6).total_s for of in (axi_lite_time, axi_stream_time, wishbone_time)]
    assert max(times) < 100e-6 < serial_time(design, 1e6).total_s
    assert link_time.Unit.CYCLES.value.startswith("cycles")
