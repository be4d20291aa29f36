"""Concatenation: which inputs are written where they belong in the output, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import pytest

from golden.affine import Affine
from golden.errors import DoesNotFitError
from golden.graph import Add, Concatenation, Graph, MaxPool2d, Op, Tensor, Window
from golden.rescale import TFLITE, Rescale
from hwgen.compiler import Program, compile_graph
from hwgen.compiler.analysis import analyze
from hwgen.compiler.concatenation import GATHER, nest
from hwgen.compiler.lowered import Box
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation

CONFIG = AcceleratorConfig(rows=4, cols=2, lanes=2, acc_depth=8, act_depth=512, add_tables=1)
POINT = Window((1, 1))
HALF = Rescale.from_real(TFLITE, 0.5)


def graph(op: Op, *shapes: tuple[int, ...]) -> Graph:
    """One operator; shapes of its inputs, then of the output."""
    names = [*op.inputs, op.output]
    tensors = {name: Tensor(name, shape, Affine(0.0625, 0)) for name, shape in zip(names, shapes, strict=True)}
    return Graph("one", CONFIG.rescale, tensors, op.inputs, (op.output,), (op,))


class Maps:
    """A network of pooling operators, which keep the shape, and concatenations; the input is x."""

    def __init__(self, *shape: int) -> None:
        self.tensors = {"x": Tensor("x", shape, Affine(1.0, 0))}
        self.ops: list[Op] = []

    def declare(self, name: str, shape: tuple[int, ...]) -> str:
        self.tensors[name] = Tensor(name, shape, Affine(1.0, 0))
        return name

    def copy(self, source: str, name: str) -> Maps:
        self.ops.append(MaxPool2d(f"make {name}", (source,), self.declare(name, self.tensors[source].shape), window=POINT))
        return self

    def cat(self, inputs: str, name: str, axis: int = 2) -> Maps:
        shapes = [self.tensors[each].shape for each in inputs]
        total = tuple(sum(s[i] for s in shapes) if i == axis else size for i, size in enumerate(shapes[0]))
        self.ops.append(Concatenation(f"make {name}", tuple(inputs), self.declare(name, total), axis=axis))
        return self

    def add(self, inputs: str, name: str) -> Maps:
        output = self.declare(name, self.tensors[inputs[0]].shape)
        self.ops.append(Add(f"make {name}", tuple(inputs), output, left_shift=1, rescale_a=HALF, rescale_b=HALF, rescale_out=HALF))
        return self

    def program(self, *outputs: str, config: AcceleratorConfig = CONFIG) -> Program:
        return compile_graph(Graph("maps", TFLITE, self.tensors, ("x",), outputs, tuple(self.ops)), config)


def joined(*wanted: str) -> tuple[Concatenation, ...]:
    """Concatenations along channels, each "inputs output"."""
    return tuple(Concatenation(text, tuple(text.split()[0]), text.split()[1], axis=2) for text in wanted)


def words_of(program: Program, name: str) -> set[int]:
    """The words that hold a tensor."""
    place = program.placements[name]
    height, width, _ = place.shape
    return {
        place.base + y * place.words_per_row + x * place.words_per_pixel + word
        for y, x, word in product(range(height), range(width), range(place.pixel_words))
    }


def layers(program: Program) -> list[str]:
    return [layer.name for layer in program.layers]


def bytes_written(program: Program, output: str) -> dict[int, tuple[int, int, int, int]]:
    """For every byte of the output's storage that is written, as the descriptors say: input row, column and channel, and the descriptor."""
    config, target = program.config, program.placements[output]
    found: dict[int, tuple[int, int, int, int]] = {}
    for number, fields in enumerate(program.descriptors):
        total = (fields["groups"] - 1) * fields["lane_groups"] + fields["lane_groups_last"]
        for y, x, lane in product(range(fields["pixels_y"]), range(fields["pixels_x"]), range(total * config.lanes)):
            word = fields["output_address"] - target.base + y * fields["output_step_y"] + x * fields["output_step_x"]
            byte = word * config.rows + fields["lane_place"] * config.lanes + lane
            source = (fields["start_y"] + y * fields["stride_y"], fields["start_x"] + x * fields["stride_x"], lane, number)
            assert byte not in found, "written twice"
            found[byte] = source
    return found


@pytest.mark.parametrize(
    ("axis", "shapes", "out"),
    [
        (0, ((2, 3, 5), (1, 3, 5), (4, 3, 5)), (7, 3, 5)),
        (1, ((2, 3, 5), (2, 1, 5)), (2, 4, 5)),
        (2, ((2, 3, 6), (2, 3, 2), (2, 3, 9)), (2, 3, 17)),  # at bytes 0 and 2 of the second word, and word 2
        (2, ((1, 1, 4), (1, 1, 2), (1, 1, 4)), (1, 1, 10)),
    ],
)
def test_concatenations_copy_to_their_places(axis, shapes, out):
    names = tuple(f"x{i}" for i in range(len(shapes)))
    program = compile_graph(graph(Concatenation("cat", names, "y", axis=axis), *shapes, out), CONFIG)
    words = -(-out[2] // CONFIG.rows)
    written = bytes_written(program, "y")
    read = {program.placements[name].base: name for name in names}
    offset, expected = 0, {}
    for name, shape in zip(names, shapes, strict=True):
        at = [offset if axis == i else 0 for i in range(3)]
        for y, x, c in product(*map(range, shape)):
            byte = ((y + at[0]) * out[1] + x + at[1]) * words * CONFIG.rows + c + at[2]
            expected[byte] = (y, x, c, name)
        offset += shape[axis]
    for byte, wanted in expected.items():
        y, x, lane, number = written[byte]
        fields = program.descriptors[number]
        start = fields["act_address"] - (fields["start_y"] * fields["width"] + fields["start_x"]) * fields["step_x"]
        assert (y, x, lane, read[start]) == wanted
    # Lanes beyond an input's channels lie beyond the output's.
    assert all(byte % (words * CONFIG.rows) >= out[2] for byte in set(written) - set(expected))


def test_vectors_are_concatenated_along_their_channels():
    op = Concatenation("cat", ("a", "b"), "y", axis=0)
    program = compile_graph(graph(op, (6,), (3,), (9,)), CONFIG)
    assert [(fields["output_address"] - program.placements["y"].base, fields["lane_place"]) for fields in program.descriptors] == [
        (0, 0),
        (1, 1),
    ]


def test_inputs_that_share_a_lane_group_are_gathered():
    """They lie side by side in a map of their own, each from the start of a word on, and the array closes the gaps; others are copied."""
    shapes = ((2, 2, 3), (2, 2, 3), (2, 2, 4), (2, 2, 1), (2, 2, 2), (2, 2, 13))
    program = compile_graph(graph(Concatenation("cat", tuple("abcde"), "y", axis=2), *shapes), CONFIG)
    assert [(layer.name, layer.kind, layer.output) for layer in program.layers] == [
        ("cat (gathered)", GATHER, "cat (gathered)"),
        ("cat (gathered 2)", GATHER, "cat (gathered 2)"),
        ("cat", "concatenation", "y"),
        ("cat (copy)", "concatenation", "y"),
    ]
    assert program.placements["cat (gathered)"].shape == (2, 2, 7)
    assert program.placements["cat (gathered 2)"].shape == (2, 2, 6)
    assert program.layers[2].parts == (Box((0, 0, 0), (2, 2, 6)), Box((0, 0, 10), (2, 2, 3)))
    assert program.layers[3].parts == (Box((0, 0, 6), (2, 2, 4)),)
    closing = [fields for fields in program.descriptors if fields["layer"] == 2]
    assert {fields["operation"] for fields in closing} == {Operation.CONV}
    # Channels 0, 1 | 2, 3 | 4, 5 of the first: words 0, both, 1; channels 10, 11 | 12 of the second: both, 1.
    first, second = (program.placements[f"cat (gathered{number})"].base for number in ("", " 2"))
    assert [(fields["act_address"], fields["channel_words"]) for fields in closing] == [
        (first, 1),
        (first, 2),
        (first + 1, 1),
        (second, 2),
        (second + 1, 1),
    ]


def test_a_map_of_its_own_alone():
    shapes = ((2, 2, 1), (2, 2, 1), (2, 2, 2))
    program = compile_graph(graph(Concatenation("cat", ("a", "b"), "y", axis=2), *shapes), CONFIG)
    assert [(layer.kind, layer.parts) for layer in program.layers] == [(GATHER, ()), ("concatenation", ())]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_producers_write_where_a_concatenation_wants_it(axis):
    """No pass is left; also where something else reads an input."""
    program = Maps(3, 2, 4).copy("x", "a").copy("a", "b").cat("ba", "c", axis).copy("c", "d").program("d")
    assert layers(program) == ["make a", "make b", "make d"]
    assert words_of(program, "a") | words_of(program, "b") == words_of(program, "c")
    assert not words_of(program, "a") & words_of(program, "b")
    assert program.act_words == 12 + 12, "c and d; the input's words are free when d is made"


def test_what_the_concatenation_alone_reads_may_begin_within_a_word():
    """At a lane group; what something else reads begins with a word."""
    program = Maps(1, 3, 2).copy("x", "a").copy("x", "b").copy("x", "e").cat("abe", "c").copy("c", "d").program("d")
    assert layers(program) == ["make a", "make b", "make e", "make d"]
    assert [program.placements[name].first_byte for name in "abe"] == [0, 2, 0]
    assert [fields["lane_place"] for fields in program.descriptors] == [0, 1, 0, 0]
    program = Maps(1, 3, 2).copy("x", "a").copy("x", "b").copy("b", "e").cat("abe", "c").copy("c", "d").program("d")
    assert layers(program) == ["make a", "make b", "make e", "make c", "make d"]
    assert program.layers[3].parts == (Box((0, 0, 2), (1, 3, 2)),)


def test_what_cannot_lie_in_another_is_copied():
    """An input and an output of the network, and what is there twice."""
    program = Maps(1, 3, 4).copy("x", "a").copy("x", "b").copy("x", "e").cat("axbbe", "c").copy("c", "d").program("d", "e")
    assert layers(program) == ["make a", "make b", "make e", "make c", "make d"]
    parts = [Box((0, 0, at), (1, 3, 4)) for at in (4, 8, 12, 16)]
    assert program.layers[3].parts == tuple(parts)
    assert words_of(program, "a") < words_of(program, "c")
    alone = Maps(1, 3, 4).copy("x", "a").copy("x", "b").cat("ab", "c").program("a", "c")
    assert layers(alone) == ["make a", "make b", "make c"]


def test_concatenations_in_each_other():
    """Along different axes; the innermost tensors lie in the outermost."""
    built = Maps(2, 2, 4).copy("x", "a").copy("a", "b").cat("ab", "c", 0).copy("c", "d").cat("dc", "e", 2).copy("e", "f").cat("fe", "g", 1)
    program = built.copy("g", "h").program("h")
    assert layers(program) == ["make a", "make b", "make d", "make f", "make h"]
    inner = [words_of(program, name) for name in "abdf"]
    assert not any(one & other for one, other in combinations(inner, 2))
    assert set().union(*inner) == words_of(program, "g")


def test_inputs_that_are_joined_again_and_again():
    """As in a DenseNet: a later concatenation of them and others has the earlier one's output."""
    built = Maps(2, 2, 4).copy("x", "a").copy("a", "b").cat("ab", "p").copy("x", "c").cat("abc", "q").copy("q", "r").copy("p", "s")
    program = built.program("r", "s")
    assert [op.inputs for op in program.device.ops if isinstance(op, Concatenation)] == [("a", "b"), ("p", "c")]
    assert layers(program) == ["make a", "make b", "make c", "make r", "make s"]
    assert words_of(program, "p") == words_of(program, "a") | words_of(program, "b") < words_of(program, "q")
    nested = nest(Graph("maps", TFLITE, Maps(2, 2, 4).tensors, ("x",), (), joined("ab p", "ab q", "cabd r", "cabde s", "cabde t")))
    assert [op.inputs for op in nested.ops] == [("a", "b"), ("a", "b"), ("c", "p", "d"), ("r", "e"), ("r", "e")]
    program = Maps(2, 2, 4).copy("x", "a").copy("a", "b").cat("ba", "p").cat("ab", "q").copy("p", "s").copy("q", "t").program("s", "t")
    assert layers(program) == ["make a", "make b", "make p", "make s", "make t"], "in another order"


def test_operands_of_an_add_lie_with_the_same_steps():
    """Along channels the operand in the concatenation would have other steps; along rows it has the same."""
    for axis, expected in ((2, ["make a", "make b", "make c", "make s", "make d"]), (0, ["make a", "make b", "make s", "make d"])):
        program = Maps(2, 2, 4).copy("x", "a").copy("x", "b").cat("ab", "c", axis).add("xa", "s").copy("c", "d").program("s", "d")
        assert layers(program) == expected
    program = Maps(2, 2, 4).copy("x", "a").copy("x", "b").cat("ab", "c").add("aa", "s").copy("c", "d").program("s", "d")
    assert layers(program) == ["make a", "make b", "make s", "make d"]


def test_a_map_holds_from_the_first_tensor_in_it_to_the_last():
    """y lies in c from the start; d, which is made between, gets other words, and c's are free again after the last reader of y."""
    built = Maps(2, 2, 4).copy("x", "y").copy("y", "d").copy("d", "e").cat("ye", "c").copy("c", "f").copy("y", "g").add("gy", "h")
    program = built.program("h")
    for name in ("d", "e", "f", "g", "h"):
        assert not words_of(program, "y") & words_of(program, name), name
    assert not words_of(program, "d") & words_of(program, "c")


def test_memory_decides_where_placement_takes_more():
    """c, half of which waits for z, would take memory while v is made."""
    built = Maps(4, 4, 4).copy("x", "a").cat("aa", "w").cat("ww", "v")
    built.ops.append(MaxPool2d("make s", ("v",), built.declare("s", (1, 1, 16)), window=Window((4, 4))))
    built.copy("a", "z").cat("az", "c").copy("c", "d")
    words = {"placed": 16 * (2 + 2 + 4), "copied": 16 * (1 + 2 + 4)}
    for depth, placed in ((words["placed"], True), (words["placed"] - 1, False), (words["copied"], False)):
        program = built.program("s", "d", config=replace(CONFIG, act_depth=depth))
        assert ("make c" not in layers(program)) == placed
        assert program.act_words == words["placed" if placed else "copied"]
    with pytest.raises(DoesNotFitError, match=r"activation memory \(act_depth\): 112 words of 4 bytes are needed, 111 are there"):
        built.program("s", "d", config=replace(CONFIG, act_depth=words["copied"] - 1))


def test_the_weights_of_a_selection_are_counted_once():
    """Tiles that are equal are stored once, and an analysis of the layers adds up to the memory."""
    shapes = (*[(3, 5, 3)] * 4, (3, 5, 12))
    made = graph(Concatenation("cat", tuple("abcd"), "y", axis=2), *shapes)
    found = analyze(made, replace(CONFIG, acc_depth=8), {})
    assert sum(layer.weight_bytes for layer in found.layers) == found.weight_bytes > 0
    program = compile_graph(made, CONFIG)
    addresses = [fields["weight_address"] for fields in program.descriptors if fields["tiles"]]
    assert len(set(addresses)) < len(addresses)
