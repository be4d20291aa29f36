"""The specification and the code agree: tables, numbers, names, sections, and the timing diagram, which is simulated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from amaranth.hdl import Module

import hwgen
from golden.graph import Window
from golden.rescale import RescaleFormat
from hwgen import regmap, uart_link
from hwgen.compiler import compile_graph
from hwgen.config import NAMED, AcceleratorConfig, psum_bits
from hwgen.cycles import predict
from hwgen.descriptor import FIELDS, WORD_BITS, WORDS, Field, Operation
from hwgen.gateware import multiplier
from hwgen.gateware.array import Array
from hwgen.gateware.core import Core
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.lane import Lane
from hwgen.gateware.param_fetcher import ParamFetcher
from hwgen.gateware.pe import ProcessingElement
from hwgen.gateware.pooling_path import PoolingPath
from hwgen.gateware.post_processor import PostProcessor
from hwgen.gateware.ram import READ_LATENCY, far_read_latency
from hwgen.gateware.rescaler import FixedRescaler, ShiftRescaler, TfliteRescaler
from hwgen.gateware.sequencer import Sequencer
from hwgen.gateware.weight_loader import WeightLoader
from hwgen.params import param_fields

FOLDER = Path(next(iter(hwgen.__path__)))
TESTS = Path(__file__).parent
SPEC = (FOLDER / "SPEC.md").read_text(encoding="utf-8")
SOURCES = {path: path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.py")}


def section(number: int) -> str:
    return SPEC.split(f"\n## {number}. ")[1].split("\n## ")[0]


def table(number: int, head: str) -> list[list[str]]:
    """Cells of the rows of the table of a section whose first line begins with `head`."""
    lines = section(number).split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(head))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def descriptor_row(field: Field) -> str:
    top = field.offset + field.bits - 1
    bits = str(field.offset) if field.bits == 1 else f"{top}:{field.offset}"
    return f"| {field.word} | {bits} | `{field.name}`{' (signed)' if field.signed else ''} | {field.unit} | {field.doc} |"


def test_every_cited_section_exists():
    for path, source in SOURCES.items():
        for number in re.findall(r"(?<!golden/)SPEC section (\d+)", source):
            assert f"\n## {number}. " in SPEC, path
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", SPEC, re.MULTILINE)]
    assert numbers == list(range(1, 14))
    for path in TESTS.glob("test_*.py"):
        for number in re.findall(r"SPEC\s+section (\d+)", path.read_text(encoding="utf-8")):
            assert int(number) in numbers, path


def test_every_file_and_test_that_is_named_exists():
    for name in re.findall(r"`((?:hwgen|tests|golden)/[\w/]+\.(?:py|md))`", SPEC):
        assert (FOLDER.parent / name).is_file(), name
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", SPEC)
    assert len(named) >= 18
    for file, function in named:
        assert f"\ndef {function}(" in (TESTS / file).read_text(encoding="utf-8"), (file, function)


def test_every_name_of_the_code_exists():
    """Classes with a member, and functions and parameters of snake_case."""
    code = "\n".join(SOURCES.values())
    defined = set(re.findall(r"(?:def|class) (\w+)", code)) | set(
        re.findall(r"(?:^ *|\"|self\.)([a-z]\w+)(?:\"| ?[:=])", code, re.MULTILINE)
    )
    named = set(re.findall(r"`([A-Z]\w+)\.\w+`", SPEC)) | set(re.findall(r"`(?:[A-Z]\w+\.)?([a-z]+(?:_[a-z]+)+)`", SPEC))
    named -= {"no_rw_check", "weft_selftest", "weft_uart", "weft_wishbone", "weft_axi_stream", "s_axil", "s_axis", "m_axis"}
    assert named
    assert named <= defined | set(regmap.BY_NAME), named - defined


def test_the_configuration_has_these_parameters():
    rows = table(1, "| symbol | parameter")
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[1])]
    assert named == list(AcceleratorConfig.__dataclass_fields__)


def test_the_registers_of_the_streams_are_these():
    rows = [(int(row[0], 16), row[1], row[2]) for row in table(13, "| registers in window 6")]
    registers = regmap.STREAM_REGISTERS
    assert rows == [(regmap.stream_address(each.name), f"`{each.name}`: {each.doc}", each.access.value) for each in registers]


def test_the_operations_are_these():
    named = [name for row in table(2, "| operation |") for name in re.findall(r"`([A-Z_]+)`", row[0])]
    assert sorted(named) == sorted(operation.name for operation in Operation)


def test_psum_widths():
    (widths,) = table(3, "| R | 2 |")
    rows = [2, 4, 8, 16, 32, 64]
    assert [int(cell) for cell in widths[1:]] == [psum_bits(r) for r in rows]


def test_slots_of_the_named_configurations():
    rows = table(4, "| | R x C |")
    assert len(rows) == len(NAMED)
    for name, size, per_cycle, release, slots, least, with_two in rows:
        config = NAMED[name.strip("`")]
        assert size == f"{config.rows} x {config.cols}"
        two = AcceleratorConfig(
            rows=config.rows, cols=config.cols, lanes=1, weight_rows_per_cycle=config.weight_rows_per_cycle, weight_slots=2
        )
        assert [int(cell) for cell in (per_cycle, release, slots, least, with_two)] == [
            config.weight_rows_per_cycle,
            config.slot_release_cycles,
            config.slots,
            config.min_tile_pixels,
            two.min_tile_pixels,
        ]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(("format", "rescaler"), [("shift", 3), ("fixed16", 7), ("tflite", 9)])
def test_latencies(name, format, rescaler):
    """Those that section 5 names are what the classes say."""
    config = NAMED[name].with_rescale(RescaleFormat.parse(format))
    rows, cols = config.rows, config.cols
    assert f"| F | {Sequencer.FETCH_CYCLES}: " in section(5)
    assert WORDS + READ_LATENCY == Sequencer.FETCH_CYCLES
    assert f"A descriptor is {WORDS} words of {WORD_BITS} bits" in section(6)
    far = 5 if config.overlap else 4
    assert Feeder.latency(config) == WeightLoader.latency(config) == far
    assert PoolingPath.LATENCY == multiplier.LATENCY == 3
    assert ProcessingElement.LATENCY == 4
    assert READ_LATENCY == 2
    assert far_read_latency(config) == 2 + config.overlap
    assert Array.latency(config) == rows + cols + 2
    assert ParamFetcher.interval(config) == config.lanes + 5
    assert (ShiftRescaler.LATENCY, FixedRescaler.LATENCY, TfliteRescaler.LATENCY) == (3, 7, 9)
    assert Lane.latency(config) == 4 + rescaler
    assert PostProcessor.latency(config) == 7 + rescaler + config.overlap
    assert PostProcessor.bank_release_lead(config, pooling=False) == far + rows + cols + 2 - 3
    assert PostProcessor.bank_release_lead(config, pooling=True) == far + 3 - 3


def test_the_closed_form_of_section_5(network):
    """As it is written there; `test_cycles` draws layers at random."""
    config = AcceleratorConfig(rows=8, cols=4, lanes=2, rescale=RescaleFormat.parse("fixed16"), acc_depth=64)
    graph = network(6, 7, 16, format=config.rescale).conv(10, Window((3, 3))).conv(9, Window((2, 2))).conv(3, Window((1, 1))).graph()
    timings = predict(config, compile_graph(graph, config).descriptors)
    path, post, interval = 5 + 8 + 4 + 2, 8 + 7, 2 + 5
    layers = [(3, 18, 20, 1), (3, 8, 12, 1), (1, 2, 12, 2)]  # G, T, P, lane groups of the last group
    closed = [g * t * p + path + 2 + (n - 1) * max(p, interval) + p + post for g, t, p, n in layers]
    closed[0] += Sequencer.FETCH_CYCLES + 2
    closed[-1] += 1
    assert [timing.cycles for timing in timings] == closed


def test_the_descriptor_is_as_declared():
    rows = "\n".join(descriptor_row(field) for field in FIELDS)
    assert f"| word | bits | field | unit | |\n|---|---|---|---|---|\n{rows}\n" in section(6)


def test_the_records_are_as_declared():
    for name, format in (("`shift`", "shift"), ("`fixedB`", "fixed16"), ("`tflite`", "tflite")):
        config = AcceleratorConfig(rescale=RescaleFormat.parse(format))
        (row,) = (row for row in table(7, "| format | record") if row[0] == name)
        bits = {"bias": "`acc_bits`, signed", "multiplier": "B, signed" if name == "`fixedB`" else "32, signed"}
        fields = param_fields(config)
        assert row[1] == ", ".join(f"{field.name.replace('_', ' ')} ({bits.get(field.name, field.bits)})" for field in fields)


def test_registers_and_counters_are_as_declared():
    rows = "\n".join(
        f"| {register.offset:#05x} | `{register.name}`: {register.doc} | {register.access.value} |" for register in regmap.REGISTERS
    )
    assert f"| offset | register | access |\n|---|---|---|\n{rows}\n" in section(9)
    assert f"Counters of layer i are at {regmap.COUNTER_BASE:#x} + {regmap.COUNTER_STRIDE} i: " + ", ".join(
        f"`{name}`" for name in regmap.COUNTERS
    ) in section(9)
    for window in regmap.Window:
        assert re.search(rf"Windows: .*\b{window.value} ", section(9).replace("\n", " "))


def test_the_serial_link_is_as_declared():
    text = section(12)
    assert [(row[0].strip("`"), int(row[1])) for row in table(12, "| operation | number")] == [(op.name, op.value) for op in uart_link.Op]
    flags = {int(row[0]): row[1].split("`")[1] for row in table(12, "| bit | status |")[1:]}
    assert {1 << bit: name for bit, name in flags.items()} == {flag.value: flag.name for flag in uart_link.Status}
    header = table(12, "| byte | request |")
    assert [row[0] for row in header] == ["0", "1 to 4", str(uart_link.HEADER_BYTES - 1)]
    assert f"bits {uart_link.ADDRESS_BITS - 1}:0" in header[1][1]
    assert f"bits 31:{uart_link.OP_SHIFT}" in header[1][1]
    assert f"0 to {uart_link.MAX_WORDS}" in header[2][1]
    for value in (uart_link.FLAG, uart_link.ESCAPE):
        assert f"{value:#04X}".replace("0X", "0x") in text
    assert uart_link.FLIP == 1 << 5
    assert f"0x{uart_link.CRC_POLYNOMIAL:08X}" in text
    assert f"version of the link, {uart_link.VERSION}, in bits 7:0" in text
    assert uart_link.identification(20) == 20 << 16 | uart_link.MAX_WORDS << 8 | uart_link.VERSION
    assert f"the buffer's {uart_link.BUFFER_BYTES}" in text
    assert f"{uart_link.MIN_DIVISOR} to {uart_link.MAX_DIVISOR}" in text
    assert f"more than {uart_link.RATE_TOLERANCE:.0%} off".replace("%", " %") in text


def test_the_timing_diagram_is_what_the_hardware_does(simulate, network):
    """Rendered from a simulation of the core."""
    format = RescaleFormat.parse("shift")
    config = AcceleratorConfig(
        rows=2, cols=2, lanes=1, rescale=format, acc_depth=16, act_depth=64, weight_depth=64, param_depth=16, program_depth=64
    )
    program = compile_graph(network(1, 2, 4, format=format).conv(2, Window((1, 1))).graph(), config)
    units = {}

    class Watched(Core):
        def elaborate(self, platform: object) -> Module:
            m = super().elaborate(platform)
            units.update({name: getattr(m.submodules, name) for name in ("loader", "feeder", "accumulator", "post", "act_memory")})
            return m

    core = Watched(
        config,
        {
            regmap.Window.WEIGHT: [int.from_bytes(row.tobytes(), "little") for row in program.weights],
            regmap.Window.PARAM: list(program.params),
            regmap.Window.PROGRAM: list(program.words),
        },
    )
    words = ["a0", "a1", "b0", "b1"]
    labels = {
        "weight memory read": words,
        "weights written, row 0": ["a0", "b0"],
        "                 row 1": ["a1", "b1"],
        "word issued": words,
        "word at the array": words,
        "place at the accumulators": words,
        "bank full": ["*"],
        "post-processor reads, pixel": ["0", "1", "0", "1"],
        "activations written, pixel": ["0", "1", "0", "1"],
    }
    events: dict[str, list[int]] = {name: [] for name in labels}

    async def testbench(ctx):
        ctx.set(core.start, 1)
        await ctx.tick()
        ctx.set(core.start, 0)
        for cycle in range(100):
            loader, feeder, accumulator, post, act_memory = units.values()
            happened = (
                loader.read_en,
                loader.weight_en[0],
                loader.weight_en[1],
                feeder.issue,
                feeder.control.valid,
                accumulator.control.valid,
                accumulator.bank_full,
                post.bank_read_en,
                act_memory.write_en.any(),
            )
            for name, signal in zip(labels, happened, strict=True):
                if ctx.get(signal):
                    events[name].append(cycle)
            await ctx.tick()

    simulate(core, testbench)
    first = events["weight memory read"][0]
    count = events["activations written, pixel"][-1] - first + 1
    lines = [f"{'cycle':28}" + "".join(f"{cycle:3}" for cycle in range(count))]
    for name, texts in labels.items():
        cells = dict(zip(events[name], texts, strict=True))
        lines.append((f"{name:28}" + "".join(f"{cells.get(first + cycle, ''):>3}" for cycle in range(count))).rstrip())
    assert "\n".join(lines) in section(5), "\n".join(lines)
