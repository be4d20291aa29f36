"""Emission: a folder that is whole or absent, replaces only what Weft wrote, and whose Verilog depends on the configuration alone."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden import network_file
from golden.errors import InputError
from golden.graph import Add, MaxPool2d, Padding, Softmax, Window
from golden.rescale import Rescale
from hwgen import emit as emit_package
from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import WORDS, decode
from hwgen.emit import accelerator_verilog, component_verilog, contents, emit, folder, image_depths, templates
from hwgen.emit.documents import instantiation, ports
from hwgen.emit.images import byte_lines, hex_lines
from hwgen.gateware.array import Array
from hwgen.identity import HEADER_WORDS

CONFIG = AcceleratorConfig(rows=2, cols=2, lanes=1, acc_depth=16, act_depth=256, weight_depth=1024, param_depth=64, program_depth=512)
WITH_TABLES = replace(CONFIG, rows=8, cols=4, act_depth=512, add_tables=2)
FILES = {
    "accelerator.v",
    "weights.hex",
    "params.hex",
    "program.hex",
    "program.lst",
    "config.json",
    "instantiation.v",
    "README.md",
    "weft_registers.h",
    "weft_network.h",
    "weft_network.c",
    "weft_images.c",
    "weft_driver.h",
    "weft_driver.c",
    "csr.csv",
    "csr.json",
    "weft_accelerator.core",
}
#: What is emitted on request.
BUSES = {"axi_stream.v", "wishbone.v", "uart.v"}
#: What only `complete` can add: vectors need the golden model and a replay recording.
TESTBENCH = {"testbench.v", "selftest.v", "replay.hex"}


@pytest.fixture(scope="module")
def program(digits_like):
    return compile_graph(digits_like.graph(), CONFIG)


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_the_folder(program, tmp_path):
    """Every file, readable by everybody, nothing else beside it."""
    target = tmp_path / "a" / "b"
    emit(program, target)
    assert {path.name for path in target.iterdir()} == FILES
    assert [path.name for path in target.parent.iterdir()] == ["b"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert snapshot(target) == {name: text.encode() for name, text in contents(program).items()}


def test_a_folder_of_weft_is_replaced_and_nothing_of_it_remains(program, tmp_path):
    target = tmp_path / "out"
    emit(program, target, complete=lambda part: (part / "testbench.v").write_text("old"))
    assert (target / "testbench.v").is_file()
    emit(program, target)
    assert {path.name for path in target.iterdir()} == FILES


def test_an_empty_folder_is_used(program, tmp_path):
    emit(program, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FILES


@pytest.mark.parametrize(
    "found",
    [
        {"thesis.tex": "years of work"},
        {"config.json": '{"model_type": "bert"}', "weights.bin": "x"},
        {"config.json": "not json"},
        {"config.json": "[1]"},
        {"config.json": '{"format": 1}', "notes.txt": "x"},
    ],
    ids=["no config.json", "another program's config.json", "no JSON", "a list", "a format alone"],
)
def test_a_folder_of_somebody_else_is_left_alone(program, tmp_path, found):
    target = tmp_path / "mine"
    target.mkdir()
    for name, text in found.items():
        (target / name).write_text(text)
    before = snapshot(tmp_path)
    message = f"^{re.escape(str(target))} exists and is not a folder that Weft generated; name another one, or remove it$"
    with pytest.raises(InputError, match=message):
        emit(program, target)
    assert snapshot(tmp_path) == before


def test_a_file_in_the_way_is_left_alone(program, tmp_path):
    target = tmp_path / "file"
    target.write_text("x")
    with pytest.raises(InputError, match="is not a folder that Weft generated"):
        emit(program, target)
    with pytest.raises(InputError, match=r"^cannot write the folder .*; name one that can be written$"):
        emit(program, target / "below")
    assert snapshot(tmp_path) == {"file": b"x"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), InputError("vectors"), KeyboardInterrupt()])
def test_a_failure_on_the_way_leaves_nothing(program, tmp_path, error):
    """Neither a part of a new folder, nor a change to the old one."""

    def fail(part: Path) -> None:
        assert {path.name for path in part.iterdir()} == FILES
        raise error

    expected = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        emit(program, tmp_path / "new", complete=fail)
    assert list(tmp_path.iterdir()) == []
    emit(program, tmp_path / "old")
    before = snapshot(tmp_path)
    with pytest.raises(expected):
        emit(program, tmp_path / "old", complete=fail)
    assert snapshot(tmp_path) == before


def test_a_write_that_fails_leaves_nothing(program, tmp_path, monkeypatch):
    write = Path.write_text

    def full(self: Path, text: str, **options: str) -> int:
        if self.name == "program.lst":
            raise OSError(28, "No space left on device")
        return write(self, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match=r"cannot write the folder .*new: No space left on device; name one that can be written"):
        emit(program, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_other_weights_are_other_images_and_the_same_verilog(network, program):
    other = network(6, 5, 3, seed=9).conv(7, Window((2, 2))).fully_connected(10)
    first, second = contents(program), contents(compile_graph(other.graph(), CONFIG))
    assert first["accelerator.v"] == second["accelerator.v"]
    for name in ("weights.hex", "params.hex", "program.hex", "config.json"):
        assert first[name] != second[name]


def test_the_text_is_deterministic(program):
    """Emitted twice from scratch: no addresses of objects, no order of sets, no dates."""
    first = contents(program)
    accelerator_verilog.cache_clear()
    again = contents(program)
    assert first == again
    text = "\n".join(first.values())
    assert not re.search(r"0x[0-9a-f]{12}\b", text), "an object's address"
    assert str(Path.home()) not in text
    assert str(Path(emit_package.__file__).parent) not in text


def test_every_file_that_the_readme_names_is_there(program):
    files = contents(program)
    named = set(re.findall(r"`([a-z_]+\.(?:v|hex|lst|json|csv|md|c|h|core))`", files["README.md"]))
    assert named - TESTBENCH - BUSES == FILES - {"README.md"}


def test_config_json(program):
    data = json.loads(contents(program)["config.json"])
    graph = program.graph
    assert data["format"] == folder.FORMAT == 3
    assert AcceleratorConfig.from_json(data["config"]) == CONFIG
    assert data["network"] == {"name": graph.name, "sha256": network_file.sha256(graph)}
    assert data["inputs"] == list(graph.inputs)
    assert data["outputs"] == list(graph.outputs)
    assert data["host"] == []
    assert data["cycles"] == program.cycles == sum(layer["cycles"] for layer in data["layers"])
    assert set(data["tensors"]) == set(graph.tensors)
    for name, entry in data["tensors"].items():
        place, affine = program.placements[name], graph.tensors[name].affine
        assert entry == {
            "base": place.base,
            "words_per_pixel": place.words_per_pixel,
            "shape": list(place.shape),
            "dense": False,
            "words_per_row": place.shape[1] * place.words_per_pixel,
            "first_byte": 0,
            "scale": affine.scale,
            "zero_point": affine.zero_point,
        }
    assert [layer["name"] for layer in data["layers"]] == [layer.name for layer in program.layers]
    assert data["host_part"] is None
    assert data["files"] == sorted(FILES)
    assert data["images"] == {"weight": "weights.hex", "param": "params.hex", "program": "program.hex"}


def again(program, **options):
    """The same network's program in another configuration."""
    return compile_graph(program.graph, replace(program.config, **options))


def test_a_folder_of_another_network_is_replaced_by_force_alone(network, program, tmp_path):
    other = compile_graph(network(6, 5, 3, seed=9, name="other").conv(7, Window((2, 2))).graph(), CONFIG)
    target = tmp_path / "out"
    emit(other, target)
    before = snapshot(target)
    with pytest.raises(InputError) as caught:
        emit(program, target)
    there, own = (network_file.sha256(each.graph)[:12] for each in (other, program))
    assert caught.value.message == (
        f"{target} holds the accelerator of another network, 'other' (sha256 {there}...), and not of 'test' (sha256 {own}...); "
        f"name another folder, or replace it with --force"
    )
    assert snapshot(target) == before
    emit(program, target, force=True)
    assert snapshot(target) == {name: text.encode() for name, text in contents(program).items()}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_another_configuration_is_replaced_by_force_alone(program, tmp_path):
    emit(program, tmp_path / "out")
    larger = again(program, act_depth=512, acc_depth=32)
    with pytest.raises(
        InputError, match="of this network in another configuration; name another folder, or replace it with --force"
    ) as caught:
        emit(larger, tmp_path / "out")
    assert caught.value.problems == ("acc_depth is 16 there, and would be 32", "act_depth is 256 there, and would be 512")
    emit(larger, tmp_path / "out", force=True)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["config"]["acc_depth"] == 32


@pytest.mark.parametrize("force", [False, True])
def test_files_of_others_in_a_folder_of_weft_are_never_removed(program, tmp_path, force):
    target = tmp_path / "out"
    emit(program, target, complete=lambda part: (part / "testbench.v").write_text("ours"))
    (target / "testbench.vvp").write_text("what the testbench leaves")
    emit(program, target, force=force)
    assert {path.name for path in target.iterdir()} == FILES
    (target / "notes.txt").write_text("mine")
    (target / "measurements").mkdir()
    with pytest.raises(InputError, match="also holds files that Weft did not write; name another folder, or move them away") as caught:
        emit(program, target, force=force)
    assert caught.value.problems == ("measurements", "notes.txt")
    assert (target / "notes.txt").read_text() == "mine"


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(program, tmp_path, monkeypatch):
    target = tmp_path / "out"
    emit(program, target)
    before = snapshot(target)
    replace_path = Path.replace

    def refuse(self: Path, other: Path) -> Path:
        if other == target and self.name.startswith(".out-") and (self / "README.md").is_file() and "-old-" not in self.name:
            raise OSError(13, "Permission denied")
        return replace_path(self, other)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        emit(program, target)
    assert snapshot(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture(scope="module")
def everything(network):
    """A dense input, a pack pass, an add, a softmax on the host."""
    built = network(4, 5, 1).conv(8, Window((4, 2), padding=Padding(2, 1, 1, 0)))
    half, back = (Rescale.from_real(built.format, factor) for factor in (0.5, 2**-19))
    first = built.current
    built.conv(8, Window((1, 1)))
    add = Add("add", (first, built.current), "sum", left_shift=20, rescale_a=half, rescale_b=half, rescale_out=back)
    built.add(add, (4, 5, 8)).fully_connected(4)
    built.add(Softmax("softmax", (built.current,), "softmax.out", multiplier=1 << 30, left_shift=20), (4,), -128)
    return compile_graph(built.graph(), WITH_TABLES)


def test_config_json_of_a_network_with_a_host_part_and_a_dense_input(everything):
    """Outputs are the accelerator's; a map that only the program knows has no scale."""
    data = json.loads(contents(everything)["config.json"])
    logits = everything.host_ops[0].inputs[0]
    assert (data["outputs"], data["host"]) == ([logits], ["softmax"])
    assert [tensor["name"] for tensor in data["interface"]["outputs"]] == ["softmax.out"]
    assert data["interface"]["inputs"] == [{"name": "input", "shape": [4, 5, 1], "scale": 0.0625, "zero_point": 3, "bits": 8}]
    assert data["images"]["table"] == "tables.hex"
    assert set(data["tensors"]) == {*everything.device.tensors, "conv_0 (packed)"}
    dense, packed = data["tensors"]["input"], data["tensors"]["conv_0 (packed)"]
    assert (dense["dense"], dense["words_per_row"], dense["shape"]) == (True, 1, [4, 5, 1])
    assert (packed["dense"], packed["words_per_row"], packed["shape"]) == (False, 5, [4, 5, 8])
    assert "scale" in dense
    assert not {"scale", "zero_point"} & set(packed)
    assert [layer["kind"] for layer in data["layers"]] == ["pack", "conv2d", "conv2d", "add", "fully_connected"]


def test_the_image_of_the_tables(everything, program):
    """Of every table of the accelerator, zeros in those that no layer uses; an accelerator without tables has none."""
    files = contents(everything)
    entries = [int(line, 16) for line in files["tables.hex"].splitlines()]
    assert entries == [*everything.tables, *[0] * 512]
    assert len(everything.tables) == 512
    assert image_depths(WITH_TABLES) == {
        "weights.hex": WITH_TABLES.weight_depth,
        "params.hex": WITH_TABLES.param_depth,
        "program.hex": WITH_TABLES.program_depth,
        "tables.hex": 1024,
    }
    assert "tables.hex" in files["README.md"]
    assert "tables.hex" in files["accelerator.v"]
    without = contents(program)
    assert "tables.hex" not in without
    assert "tables.hex" not in image_depths(CONFIG)
    assert "tables.hex" not in without["README.md"]
    assert "tables.hex" not in without["accelerator.v"]


def test_the_readme_says_how_a_dense_input_lies(everything):
    place = everything.placements["input"]
    (row,) = [line for line in contents(everything)["README.md"].splitlines() if line.startswith("| input `input`")]
    assert [cell.strip() for cell in row.strip("|").split("|")][1:5] == ["4x5x1", "dense", str(place.base), "1"]
    rows = [line for line in contents(everything)["README.md"].splitlines() if line.startswith("| output")]
    assert [row.split("`")[1] for row in rows] == [everything.host_ops[0].inputs[0]]


def test_images_hold_the_program(program):
    """Read as `$readmemh` reads them: one word a line, the lowest byte last."""
    files = contents(program)
    weights = [bytes.fromhex(line)[::-1] for line in files["weights.hex"].splitlines()]
    np.testing.assert_array_equal(np.frombuffer(b"".join(weights), np.uint8).reshape(program.weights.shape), program.weights)
    assert [int(line, 16) for line in files["params.hex"].splitlines()] == list(program.params)
    words = [int(line, 16) for line in files["program.hex"].splitlines()]
    header, code = words[:HEADER_WORDS], words[HEADER_WORDS:]
    assert header == list(program.identity.header())
    assert len(code) == WORDS * len(program.descriptors)
    assert [decode(tuple(code[i : i + WORDS])) for i in range(0, len(code), WORDS)] == list(program.descriptors)


def test_hex_lines():
    assert hex_lines([0, 255, 0x1FF], 9) == "000\n0ff\n1ff\n"
    assert byte_lines(np.array([[1, 2, 255]], np.uint8)) == "ff0201\n"


def test_a_network_without_weights_has_an_image_all_the_same(network):
    """Simulators refuse an empty file."""
    files = contents(compile_graph(network(4, 4, 2).pool(MaxPool2d, Window((2, 2))).graph(), CONFIG))
    assert files["weights.hex"].split() == ["00" * CONFIG.cols]


def test_the_instantiation_names_every_port_of_the_module(program):
    """Directions and widths are those of the emitted Verilog."""
    text = accelerator_verilog(CONFIG)
    header = text[text.index("module weft_accelerator(") :]
    declared = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", header[: header.index("endmodule")], re.MULTILINE)
    found = {name: (way, int(top) + 1 if top else 1) for way, top, name in declared}
    assert {name: (way, width) for name, way, width in ports()} == found
    template = instantiation()
    assert set(re.findall(r"\.(\w+)\((\w+)\)", template)) == {(name, name) for name in found}
    for name, (_, width) in found.items():
        assert f"wire [{width - 1}:0] {name};" in template or (width == 1 and f"wire {name};" in template)


def test_every_module_is_there_once():
    text = accelerator_verilog(CONFIG)
    modules = re.findall(r"^module (\\\S+|\w+)", text, re.MULTILINE)
    assert len(modules) == len(set(modules))
    assert {"weft_accelerator", "weft_ram", "weft_tap"} <= set(modules)
    assert text.endswith(templates())


def test_modules_do_not_multiply_with_the_array():
    """Processing elements and rows are emitted once for each pair of psum widths, two for each doubling of the rows; of depthwise rows,
    which are others, there are 3."""
    for depthwise_rows, counts in ((0, {"pe": 6, "row": 6, "depthwise_row": 0}), (3, {"pe": 6, "row": 3, "depthwise_row": 3})):
        text = component_verilog(Array(AcceleratorConfig(rows=8, cols=2, lanes=1, depthwise_rows=depthwise_rows)), "array")
        for kind, count in counts.items():
            assert len(re.findall(rf"^module weft_{kind}_\d", text, re.MULTILINE)) == count, (depthwise_rows, kind)
