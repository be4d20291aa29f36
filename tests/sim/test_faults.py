"""Faults on purpose, in images and in the Verilog: each is caught, and the first layer that it touches is named."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from golden.affine import Affine
from golden.graph import AveragePool2d, Conv2d, FullyConnected, Graph, Int8, MaxPool2d, Op, Padding, Reshape, Tensor, Window
from golden.rescale import TFLITE, Rescale
from hwgen.compiler import Program, compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import BY_NAME, WORDS
from hwgen.emit import emit
from hwgen.identity import HEADER_WORDS
from hwgen.params import param_fields
from sim.tools import Simulator
from sim.verify import verify

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=2, acc_depth=32, act_depth=512, weight_depth=2048, param_depth=128, program_depth=512)


@dataclass(frozen=True, eq=False)
class Case:
    """An emitted network, its inputs, and the sound folder that is copied for every fault."""

    graph: Graph
    program: Program
    inputs: Int8
    folder: Path

    def first_descriptor(self, layer: str) -> int:
        """Number of a layer's first descriptor."""
        index = next(item.index for item in self.program.layers if item.name == layer)
        return next(i for i, values in enumerate(self.program.descriptors) if values["layer"] == index)


def _network() -> Graph:
    rng = np.random.default_rng(11)
    tensors = {"input": Tensor("input", (8, 8, 5), Affine(0.1, -3))}
    ops: list[Op] = []

    def weighted(shape: tuple[int, ...]) -> dict[str, object]:
        channels = shape[0]
        return {
            "weight": rng.integers(-127, 128, shape).astype(np.int8),
            "weight_zero_point": np.zeros(channels, np.int32),
            "weight_scale": np.ones(channels),
            "bias": rng.integers(-2000, 2000, channels).astype(np.int32),
            "rescale": Rescale.from_real(TFLITE, rng.uniform(0.5, 1, channels) / (60 * np.sqrt(np.prod(shape[1:])))),
        }

    def add(op: Op, shape: tuple[int, ...], affine: Affine) -> None:
        tensors[op.output] = Tensor(op.output, shape, affine)
        ops.append(op)

    same = Window((3, 3), padding=Padding(1, 1, 1, 1))
    add(Conv2d("stem", ("input",), "a", window=same, **weighted((6, 3, 3, 5))), (8, 8, 6), Affine(0.1, 10))
    stride = Window((3, 3), (2, 2), Padding(0, 1, 0, 1))
    add(Conv2d("down", ("a",), "b", window=stride, **weighted((9, 3, 3, 6))), (4, 4, 9), Affine(0.1, -20))
    add(MaxPool2d("peak", ("b",), "c", window=Window((2, 2), (1, 1), Padding(0, 1, 0, 1))), (4, 4, 9), Affine(0.1, -20))
    add(AveragePool2d("mean", ("c",), "d", window=Window((2, 2), (2, 2))), (2, 2, 9), Affine(0.1, -20))
    add(Reshape("flat", ("d",), "e"), (36,), Affine(0.1, -20))
    add(FullyConnected("head", ("e",), "f", **weighted((10, 36))), (10,), Affine(0.2, 0))
    return Graph("faulty", TFLITE, tensors, ("input",), ("f",), tuple(ops))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    graph = _network()
    program = compile_graph(graph, CONFIG)
    folder = tmp_path_factory.mktemp("faults") / "sound"
    emit(program, folder)
    inputs = np.random.default_rng(12).integers(-128, 128, (2, 8, 8, 5)).astype(np.int8)
    report = verify(graph, inputs, build=folder, simulator=Simulator.ICARUS)
    assert report.equal
    assert report.first_difference is None
    return Case(graph, program, inputs, folder)


def _flip(path: Path, line: int, bit: int) -> None:
    """Inverts a bit of one word of a memory image."""
    lines = path.read_text().splitlines()
    lines[line] = f"{int(lines[line], 16) ^ (1 << bit):0{len(lines[line])}x}"
    path.write_text("\n".join(lines) + "\n")


def _record(case: Case, layer: str, channel: int, field: str) -> tuple[int, int]:
    """Line of params.hex and lowest bit of a field of a layer's channel."""
    offset = 0
    for item in param_fields(CONFIG):
        if item.name == field:
            break
        offset += item.bits
    return case.program.descriptors[case.first_descriptor(layer)]["param_address"] + channel, offset


def _verdict(case: Case, folder: Path, simulator: Simulator = Simulator.ICARUS) -> str | None:
    """Name of the first divergent layer; None if all is equal."""
    report = verify(case.graph, case.inputs, build=folder, simulator=simulator)
    if report.equal:
        assert report.first_difference is None
        return None
    assert report.first_difference is not None
    return report.first_difference.layer


@pytest.fixture
def folder(case: Case, tmp_path: Path) -> Path:
    return Path(shutil.copytree(case.folder, tmp_path / "faulty"))


@pytest.mark.parametrize(("layer", "word", "bit"), [("stem", 0, 7), ("down", 5, 3), ("head", 7, 30)])
def test_weight(case: Case, folder: Path, layer: str, word: int, bit: int) -> None:
    _flip(folder / "weights.hex", case.program.descriptors[case.first_descriptor(layer)]["weight_address"] + word, bit)
    assert _verdict(case, folder) == layer


@pytest.mark.parametrize(
    ("layer", "channel", "field", "bit"),
    [
        ("stem", 2, "bias", 9),
        ("down", 8, "multiplier", 29),
        ("head", 1, "right_shift", 0),
        ("mean", 0, "multiplier", 29),
        ("peak", 0, "bias", 1),
    ],
)
def test_parameter(case: Case, folder: Path, layer: str, channel: int, field: str, bit: int) -> None:
    line, offset = _record(case, layer, channel, field)
    _flip(folder / "params.hex", line, offset + bit)
    assert _verdict(case, folder) == layer


@pytest.mark.parametrize(
    ("layer", "field", "bit"),
    [
        ("stem", "pad_value", 4),
        ("stem", "output_zero_point", 2),
        ("down", "stride_x", 0),
        ("down", "act_max", 6),
        ("down", "step_kernel_y", 1),
        ("peak", "operation", 1),
        ("mean", "output_address", 0),
        ("head", "weight_address", 0),
        ("head", "channel_words", 0),
    ],
)
def test_descriptor(case: Case, folder: Path, layer: str, field: str, bit: int) -> None:
    item = BY_NAME[field]
    _flip(folder / "program.hex", HEADER_WORDS + case.first_descriptor(layer) * WORDS + item.word, item.offset + bit)
    assert _verdict(case, folder) == layer


def _break_verilog(folder: Path, pattern: str, replacement: str) -> None:
    """Replaces one line of accelerator.v, which must have it."""
    path = folder / "accelerator.v"
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, f"accelerator.v has no line like {pattern!r}"
    path.write_text(text)


#: (what breaks, the line, what becomes of it, the first layer that shows it)
VERILOG_FAULTS = {
    "a processing element subtracts": (
        r"^(  assign \S+ +=) \$signed\(psum_in\) \+ (\$signed\(product\);)$",
        r"\1 $signed(psum_in) - \2",
        "stem",
    ),
    "a lane never rounds up": (r"^    round_up <= \S+ ;$", "    round_up <= 1'b0;", "stem"),
    "memory skips a chunk": (r"if \(write_en\[k\]\)", "if (write_en[k] && k != 1)", "stem"),
    "memory reads the neighbour": (r"fetched <= mem\[read_addr\];", "fetched <= mem[read_addr ^ 1'b1];", "stem"),
    "one-pixel tiles are not forwarded": (r"^    match_1 <= \S+ ;$", "    match_1 <= 1'b0;", "head"),
    "a bank is never switched": (r"^    bank <= \S+ ;$", "    bank <= 1'b0;", "stem"),
}


@pytest.mark.parametrize("fault", VERILOG_FAULTS)
def test_verilog(case: Case, folder: Path, fault: str) -> None:
    pattern, replacement, layer = VERILOG_FAULTS[fault]
    _break_verilog(folder, pattern, replacement)
    assert _verdict(case, folder) == layer


def test_verilator_names_the_same_layer(case: Case, folder: Path) -> None:
    _flip(folder / "weights.hex", case.program.descriptors[case.first_descriptor("down")]["weight_address"] + 5, 3)
    assert _verdict(case, folder, Simulator.VERILATOR) == "down"


def test_a_program_that_never_ends_is_caught(case: Case, folder: Path) -> None:
    item = BY_NAME["groups"]
    _flip(folder / "program.hex", HEADER_WORDS + case.first_descriptor("head") * WORDS + item.word, item.offset + 14)
    assert _verdict(case, folder) == "head"
