"""What config.json says of a design, read back; tests/boards/test_accelerator.py has damaged ones, as a user of the driver meets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden import interpreter, network_file
from golden.affine import Affine
from golden.graph import Graph, Lookup, MaxPool2d, Requantize, Reshape, Softmax, Tensor, Window
from golden.rescale import TFLITE, Rescale
from hwgen.compiler import compile_graph
from hwgen.compiler.host_part import finish
from hwgen.config import AcceleratorConfig
from hwgen.design import read_design
from hwgen.emit import emit
from hwgen.regmap import Window as Memory

CONFIG = AcceleratorConfig(rows=4, cols=4, lanes=1, add_tables=0)


def long_host_part() -> Graph:
    """A softmax, and after it every operator that the host also computes then: constants of all kinds."""
    probability = Affine(1 / 256, -128)
    tensors = {
        "x": Tensor("x", (2, 2, 6), Affine(0.5, 3)),
        "p": Tensor("p", (1, 1, 6), Affine(0.5, 3)),
        "s": Tensor("s", (1, 1, 6), probability),
        "v": Tensor("v", (6,), probability),
        "r": Tensor("r", (6,), Affine(1 / 128, 5)),
        "y": Tensor("y", (6,), Affine(1 / 128, 5)),
    }
    table = np.random.default_rng(1).integers(-128, 128, 256).astype(np.int8)
    ops = (
        MaxPool2d("pool", ("x",), "p", window=Window((2, 2))),
        Softmax("softmax", ("p",), "s", multiplier=1 << 30, left_shift=23),
        Reshape("flat", ("s",), "v"),
        Requantize("requantize", ("v",), "r", rescale=Rescale.from_real(TFLITE, 0.5), act_max=100),
        Lookup("lookup", ("r",), "y", table=table),
    )
    return Graph("long", TFLITE, tensors, ("x",), ("y", "s"), ops)


def test_a_design_is_read_as_it_was_emitted(tmp_path: Path) -> None:
    graph = long_host_part()
    program = compile_graph(graph, CONFIG)
    emit(program, tmp_path / "out", verilog=lambda config: "// none needed here\n")
    design = read_design(tmp_path / "out")
    assert design.config == CONFIG
    assert (design.network_name, design.network_sha256) == ("long", network_file.sha256(graph))
    assert design.inputs == (graph.tensors["x"],)
    assert design.outputs == (graph.tensors["y"], graph.tensors["s"])
    assert design.sizes == {"p": (1, 1, 6)}
    assert set(design.stored) == {"x", "p"}
    for name, stored in design.stored.items():
        place = program.placements[name]
        assert (stored.base, stored.shape, stored.words_per_pixel, stored.words_per_row, stored.dense) == (
            place.base,
            place.shape,
            place.words_per_pixel,
            place.words_per_row,
            place.dense,
        )
    assert [(layer.name, layer.cycles) for layer in design.layers] == [(layer.name, layer.cycles) for layer in program.layers]
    assert design.cycles == program.cycles
    assert design.images == {Memory.WEIGHT: "weights.hex", Memory.PARAM: "params.hex", Memory.PROGRAM: "program.hex"}


def test_the_host_part_is_read_with_its_constants(tmp_path: Path) -> None:
    graph = long_host_part()
    emit(compile_graph(graph, CONFIG), tmp_path / "out", verilog=lambda config: "// none needed here\n")
    host_part = read_design(tmp_path / "out").host_part
    assert host_part is not None
    assert (host_part.inputs, host_part.outputs) == (("p",), ("y", "s"))
    x = np.random.default_rng(2).integers(-128, 128, (50, 2, 2, 6)).astype(np.int8)
    every = interpreter.run(graph, x, tensors=True)
    found = interpreter.run(host_part, {"p": every["p"]}, tensors=True)
    finished = finish(graph, {"p": every["p"]})
    for name in graph.outputs:
        np.testing.assert_array_equal(found[name], every[name])
        np.testing.assert_array_equal(finished[name], every[name])


def test_a_design_without_a_host_part(tmp_path: Path) -> None:
    whole = long_host_part()
    graph = Graph("short", TFLITE, {name: whole.tensors[name] for name in "xp"}, ("x",), ("p",), whole.ops[:1])
    emit(compile_graph(graph, CONFIG), tmp_path / "out", verilog=lambda config: "// none needed here\n")
    assert read_design(tmp_path / "out").host_part is None
