"""The driver's own work: what it takes, what it refuses, and what it says when an accelerator does not do what it should."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boards.host import Accelerator, BusError, DeviceError
from golden import interpreter
from golden.errors import InputError
from golden.graph import Graph
from golden.input_data import dequantize_output, quantize_input
from hwgen import regmap
from hwgen.compiler import compile_graph
from hwgen.compiler.program import Program
from hwgen.config import NAMED, AcceleratorConfig
from hwgen.emit import emit
from hwgen.identity import HEADER_WORDS
from tests.boards.model_bus import ModelBus
from tests.boards.networks import branching_network, digits_size_network

WIDE = AcceleratorConfig(rows=16, cols=4, lanes=2, act_depth=256, param_depth=128, add_tables=1)
BUSY, DONE = 1, 2


@pytest.fixture(scope="module")
def programs() -> dict[str, Program]:
    return {
        "digits": compile_graph(digits_size_network(), NAMED["tiny-4x4"]),
        "branching": compile_graph(branching_network(), WIDE),
        "volatile": compile_graph(digits_size_network(), NAMED["icebreaker-4x2"]),
        "not dense": compile_graph(digits_size_network(), replace(NAMED["tiny-4x4"], dense_input=False)),
    }


@pytest.fixture(scope="module")
def folders(programs: dict[str, Program], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for name, program in programs.items():
        found[name] = tmp_path_factory.mktemp("emitted") / name
        emit(program, found[name], verilog=lambda config: "// none needed here\n")
    return found


@pytest.fixture
def bus(programs: dict[str, Program], folders: dict[str, Path]) -> Callable[[str], ModelBus]:
    return lambda name: ModelBus(folders[name], programs[name].graph, programs[name].device)


def inputs(graph: Graph, count: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    return {name: rng.integers(-128, 128, (count, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}


@pytest.mark.parametrize("interrupt", [True, None])
@pytest.mark.parametrize("name", ["digits", "branching", "not dense"])
def test_every_output_is_the_golden_models(
    name: str, interrupt: bool | None, bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]
) -> None:
    """A dense input, words of several host words, several inputs and outputs, a softmax on the host; with interrupts and by polling."""
    graph, model = programs[name].graph, bus(name)
    model.interrupt = interrupt
    given = inputs(graph, 3)
    results = Accelerator(model, folders[name]).run(given)
    expected = interpreter.run(graph, given, tensors=True)
    assert list(results.outputs) == list(graph.outputs)
    for output, value in results.outputs.items():
        np.testing.assert_array_equal(value, expected[output])
        assert value.dtype == np.int8
        np.testing.assert_array_equal(results.real(output), dequantize_output(graph, expected[output], output))
    assert results.cycles == programs[name].cycles


def test_an_array_for_a_network_of_one_input(bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    """int8, or real values, which are quantized; NHWC or NCHW."""
    graph = digits_size_network()
    accelerator = Accelerator(bus("digits"), folders["digits"])
    real = np.random.default_rng(4).uniform(-0.2, 1.2, (2, 8, 8, 1)).astype(np.float32)
    expected = interpreter.run(graph, quantize_input(graph, real))
    np.testing.assert_array_equal(accelerator.run(real).y, expected)
    np.testing.assert_array_equal(accelerator.run(quantize_input(graph, real)).y, expected)  # type: ignore[arg-type]
    np.testing.assert_array_equal(accelerator.run(real.transpose(0, 3, 1, 2), layout="NCHW").y, expected)
    np.testing.assert_array_equal(accelerator.run(real.astype(np.float64)).real(), dequantize_output(graph, expected))


def test_a_network_of_several_outputs_has_no_only_one(bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    results = Accelerator(bus("branching"), folders["branching"]).run(inputs(branching_network(), 1))
    with pytest.raises(InputError, match=r"3 outputs \['probabilities', 'top', 'scores'\]: name one"):
        _ = results.y


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"image": np.zeros((1, 4, 3, 6), np.int8)}, r"takes the inputs \['image', 'vector'\], not \['image'\]"),
        (np.zeros((1, 4, 3, 6), np.int8), r"2 inputs: hand over a dict with the keys \['image', 'vector'\]"),
        (
            {"image": np.zeros((1, 3, 4, 6), np.int8), "vector": np.zeros((1, 7), np.int32)},
            r"(?s)'image': must have the shape \[N, 4, 3, 6\], N at least 1, not \[1, 3, 4, 6\].*'vector': must hold real values",
        ),
        ({"image": np.zeros((1, 4, 3, 6), np.int8), "vector": np.full((1, 7), np.nan, np.float32)}, "NaN or infinite"),
        ({"image": np.zeros((2, 4, 3, 6), np.int8), "vector": np.zeros((1, 7), np.int8)}, r"'image': 2, 'vector': 1"),
        ({"image": np.zeros((0, 4, 3, 6), np.int8), "vector": np.zeros((1, 7), np.int8)}, "N at least 1"),
    ],
)
def test_inputs_that_cannot_be_used(given: Any, message: str, bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    model = bus("branching")
    accelerator = Accelerator(model, folders["branching"])
    with pytest.raises(InputError, match=message):
        accelerator.run(given)
    assert not model.written_blocks, "nothing is touched"


def test_memories_are_loaded_once_and_word_for_word(
    bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]
) -> None:
    """What arrives in the windows is the program's images, at the addresses of the register map."""
    program, model = programs["branching"], bus("branching")
    steps: list[tuple[str, int, int]] = []
    accelerator = Accelerator(model, folders["branching"])
    accelerator.load(lambda *step: steps.append(step))
    assert steps[-1] == ("loading the network", len(steps), len(steps))
    expected: dict[int, int] = {}
    weights = [int.from_bytes(row.tobytes(), "little") for row in program.weights]
    tables = program.tables
    for window, values in (
        (regmap.Window.WEIGHT, weights),
        (regmap.Window.PARAM, program.params),
        (regmap.Window.PROGRAM, program.words),
        (regmap.Window.TABLE, tables),
    ):
        for index, value in enumerate(values):
            expected |= dict(regmap.host_words(window, index, value, program.config))
    assert {address: model.memory[address] for address in expected} == expected
    assert not any(value for address, value in model.memory.items() if address not in expected)
    loads = len(model.written_blocks)
    accelerator.run(inputs(program.graph, 2))
    assert not [block for block in model.written_blocks[loads:] if block[0] >> regmap.WINDOW_SHIFT != regmap.Window.ACT]


def test_what_a_bitstream_holds_is_not_loaded(
    bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]
) -> None:
    model = bus("branching")
    model.hold(programs["branching"].words)
    for loaded in (True, None):
        Accelerator(model, folders["branching"], loaded=loaded).run(inputs(programs["branching"].graph, 1))
    assert all(address >> regmap.WINDOW_SHIFT == regmap.Window.ACT for address, _ in model.written_blocks)


def test_only_the_inputs_own_words_are_written(
    bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]
) -> None:
    """6 channels in words of 16 bytes: 2 host words of every 4, and not what lies between them."""
    model = bus("branching")
    model.hold(programs["branching"].words)
    Accelerator(model, folders["branching"], loaded=True).run(inputs(programs["branching"].graph, 1))
    image = [block for block in model.written_blocks if block[1] == 2]
    assert len(image) == 4 * 3 + 1  # the vector has 7 elements: 2 host words too
    assert {address % 16 for address, _ in image} == {0}


def test_counters_by_layer(bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]) -> None:
    counters = Accelerator(bus("branching"), folders["branching"]).counters()
    assert list(counters) == [layer.name for layer in programs["branching"].layers]
    assert counters["add"] == {"busy": 16, "stall_weights": 20, "stall_post": 24, "stall_memory": 28}


# --- another accelerator, or none -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("registers", "message", "problem"),
    [
        ({"ID": 0xFFFFFFFF}, "there is no accelerator: ID reads 0xffffffff", "check the base address"),
        ({"SCRATCH": 0}, "does not carry data as they are: 0xa5a53c3c was written to SCRATCH, 0x00000000 is read", "byte order"),
        ({"VERSION": 3 << 16}, "registers have version 3.0, this driver is for 2.0", None),
        ({"VERSION": 1 << 16 | 1}, "registers have version 1.1, this driver is for 2.0", None),
        ({"ARRAY": 8 | 4 << 8 | 2 << 16 | 1 << 24}, "is not the one that", "ARRAY.rows is 8, and 16 in the folder"),
        ({"OPTIONS": 0}, "is not the one that", "OPTIONS.depthwise_rows is 0, and 3 in the folder"),
        ({"WEIGHT_DEPTH": 17}, "name the folder that belongs to it", "WEIGHT_DEPTH.words is 17, and 4096 in the folder"),
    ],
)
def test_another_accelerator_is_refused(
    registers: dict[str, int], message: str, problem: str | None, bus: Callable[[str], ModelBus], folders: dict[str, Path]
) -> None:
    model = bus("branching")
    model.registers = registers
    with pytest.raises(DeviceError, match=message) as caught:
        Accelerator(model, folders["branching"])
    assert caught.value.exit_code == 6
    if problem is not None:
        assert any(problem in text for text in caught.value.problems)


def test_every_difference_is_listed(bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    with pytest.raises(DeviceError) as caught:
        Accelerator(bus("digits"), folders["branching"])
    assert {problem.split(" is ")[0] for problem in caught.value.problems} >= {"ARRAY.rows", "ARRAY.lanes", "ACT_DEPTH.words"}


def held(model: ModelBus, program: Program, **changed: str) -> None:
    """Puts the program into the model's memory, under an identity in which something is changed."""
    model.hold((*replace(program.identity, **changed).header(), *program.words[HEADER_WORDS:]))


@pytest.mark.parametrize("loaded", [None, True])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"network": "0123456789abcdef" * 4}, r"holds another network \(sha256 0123456789abcdef\.\.\.\) than .*'branching' \(sha256 "),
        ({"images": "0123456789abcdef" * 4}, r"holds the network 'branching' with other memory images \(sha256 0123456789abcdef\.\.\.\)"),
    ],
)
def test_other_weights_are_refused(
    changed: dict[str, str],
    message: str,
    loaded: bool | None,
    bus: Callable[[str], ModelBus],
    programs: dict[str, Program],
    folders: dict[str, Path],
) -> None:
    model, program = bus("branching"), programs["branching"]
    held(model, program, **changed)
    with pytest.raises(DeviceError, match=message) as caught:
        Accelerator(model, folders["branching"], loaded=loaded)
    assert "the bitstream that was made of" in caught.value.message
    assert "weft run --load" in caught.value.message
    assert not model.written_blocks
    replacing = Accelerator(model, folders["branching"], loaded=False)
    replacing.run(inputs(program.graph, 1))
    blocks = len([block for block in model.written_blocks if block[0] >> regmap.WINDOW_SHIFT == regmap.Window.WEIGHT])
    replacing.run(inputs(program.graph, 1))
    Accelerator(model, folders["branching"], loaded=loaded).run(inputs(program.graph, 1))
    assert len([block for block in model.written_blocks if block[0] >> regmap.WINDOW_SHIFT == regmap.Window.WEIGHT]) == blocks > 0


def test_an_empty_accelerator(bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    """Loaded by default; not where the bitstream should hold the network."""
    model = bus("branching")
    with pytest.raises(DeviceError, match="memories hold no network yet: configure the device"):
        Accelerator(model, folders["branching"], loaded=True)
    Accelerator(model, folders["branching"]).run(inputs(branching_network(), 1))


def test_another_network_that_comes_later_is_refused(
    bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]
) -> None:
    """Somebody else loads it between two runs."""
    model, program = bus("branching"), programs["branching"]
    accelerator = Accelerator(model, folders["branching"])
    accelerator.run(inputs(program.graph, 1))
    held(model, program, network="0" * 64)
    with pytest.raises(DeviceError, match="holds another network"):
        accelerator.run(inputs(program.graph, 1))


@pytest.mark.parametrize("written", range(6))
def test_what_is_loaded_in_part_is_no_network(
    written: int, bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]
) -> None:
    """The bus fails after some of the writes; the memories held the network before."""
    model, program = bus("branching"), programs["branching"]
    model.hold(program.words)
    accelerator = Accelerator(model, folders["branching"], loaded=False)
    write, left = model.write_block, [written]

    def limited(address: int, words: np.ndarray[Any, Any]) -> None:
        if not left[0]:
            raise BusError("unplugged")
        left[0] -= 1
        write(address, words)

    model.write_block = limited  # type: ignore[method-assign]
    with pytest.raises(BusError, match="unplugged"):
        accelerator.load()
    model.write_block = write  # type: ignore[method-assign]
    if written:
        with pytest.raises(DeviceError, match="hold no network"):
            Accelerator(model, folders["branching"], loaded=True)
    else:
        Accelerator(model, folders["branching"], loaded=True)


# --- runs that do not end as they should ----------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"ends": False, "run_cycles": 50, "cycles_per_read": 4}, "the run is on its way: allow more time with timeout_s"),
        ({"ends": False, "run_cycles": 50}, "the cycle counter stands still: check the accelerator's clock"),
        ({"ends": False, "run_cycles": 10**6, "cycles_per_read": 4}, "the program does not end: reset the accelerator"),
        ({"interrupt": False}, "the run has ended, but no interrupt arrived: check the interrupt line"),
    ],
)
def test_a_time_out_says_what_to_check(
    change: dict[str, Any], problem: str, bus: Callable[[str], ModelBus], folders: dict[str, Path]
) -> None:
    model = bus("branching")
    for name, value in change.items():
        setattr(model, name, value)
    with pytest.raises(DeviceError, match=r"no inference of 'branching' has ended within 0\.01 seconds") as caught:
        Accelerator(model, folders["branching"], timeout_s=0.01).run(inputs(branching_network(), 1))
    assert caught.value.problems[0].startswith("STATUS: busy ")
    assert f"an inference takes {model.data['cycles']}" in caught.value.problems[1]
    assert problem in caught.value.problems[2]


def test_a_reset_in_the_middle(bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    """The line says that the run has ended, and the status knows of none."""
    model = bus("branching")
    model.interrupt = True
    model.registers = {"STATUS": 0}
    with pytest.raises(DeviceError) as caught:
        Accelerator(model, folders["branching"]).run(inputs(branching_network(), 1))
    assert "was reset meanwhile" in caught.value.problems[-1]


def test_somebody_elses_run_is_waited_for(bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    model = bus("branching")
    accelerator = Accelerator(model, folders["branching"], timeout_s=0.01)
    model.state["STATUS"] = BUSY
    with pytest.raises(DeviceError, match="has ended within"):
        Accelerator(model, folders["branching"], timeout_s=0.01)
    with pytest.raises(DeviceError, match="has ended within"):
        accelerator.run(inputs(branching_network(), 1))
    assert not model.written_blocks
    model.state["STATUS"] = DONE
    accelerator.run(inputs(branching_network(), 1))


def test_a_program_that_was_changed_is_noticed(
    bus: Callable[[str], ModelBus], programs: dict[str, Program], folders: dict[str, Path]
) -> None:
    """Its cycles are another number; the network is loaded before the next run."""
    model = bus("branching")
    model.hold(programs["branching"].words)
    accelerator = Accelerator(model, folders["branching"], loaded=True)
    cycles, model.run_cycles = model.run_cycles, 77
    with pytest.raises(DeviceError, match=f"the run took 77 cycles, but an inference of 'branching' takes {cycles}"):
        accelerator.run(inputs(branching_network(), 1))
    model.run_cycles = cycles
    accelerator.run(inputs(branching_network(), 1))
    assert any(address >> regmap.WINDOW_SHIFT == regmap.Window.PROGRAM for address, _ in model.written_blocks)


def test_errors_of_the_bus_come_through(bus: Callable[[str], ModelBus], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = bus("branching")
    accelerator = Accelerator(model, folders["branching"])

    def broken(address: int, words: np.ndarray[Any, Any]) -> None:
        raise BusError(f"writing at {address:#x}: no answer within 1 s")

    monkeypatch.setattr(model, "write_block", broken)
    with pytest.raises(BusError, match="writing at 0x8000000: no answer"):
        accelerator.run(inputs(branching_network(), 1))


# --- folders that cannot be used ------------------------------------------------------------------


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads((folder / "config.json").read_text())
    change(data)
    (folder / "config.json").write_text(json.dumps(data))


def change_image(folder: Path, name: str) -> None:
    """Inverts a bit of the last word."""
    *lines, last = (folder / name).read_text().split()
    (folder / name).write_text("\n".join([*lines, f"{int(last, 16) ^ 1:0{len(last)}x}", ""]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "is not an accelerator folder: config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is damaged"),
        (lambda folder: change_config(folder, lambda data: data.update(format=1)), "has the format 1, and not 3"),
        (lambda folder: change_config(folder, lambda data: data["tensors"].pop("image")), "is damaged"),
        (lambda folder: change_config(folder, lambda data: data["interface"].pop("outputs")), "is damaged"),
        (lambda folder: change_config(folder, lambda data: data["config"].update(rows=5)), "is damaged.*invalid accelerator"),
        (lambda folder: change_config(folder, lambda data: data["host_part"].update(version=99)), "the host part has the version 99"),
        (lambda folder: change_image(folder, "weights.hex"), "are not those that its config.json is about; generate the folder again"),
        (lambda folder: change_image(folder, "program.hex"), "are not those that its config.json is about; generate the folder again"),
        (lambda folder: change_config(folder, lambda data: data.update(images_sha256="0" * 64)), "are not those that"),
        (lambda folder: (folder / "weights.hex").unlink(), "weights.hex cannot be read"),
        (lambda folder: (folder / "weights.hex").write_text(""), "weights.hex is not a memory image"),
        (lambda folder: (folder / "params.hex").write_text("xyz\n"), "params.hex is not a memory image"),
        (lambda folder: (folder / "program.hex").write_text("00000000\n" * 5000), "has 5000 words, but the memory has 2048"),
        (lambda folder: (folder / "program.hex").write_text("0" * 18), "has words of 9 bytes"),
    ],
)
def test_a_damaged_folder(
    spoil: Callable[[Path], object], message: str, bus: Callable[[str], ModelBus], folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(folders["branching"], folder)
    spoil(folder)
    model = bus("branching")
    with pytest.raises(InputError, match=message):
        Accelerator(model, folder).load()
    assert not model.written_blocks, "nothing is half loaded"


def test_the_driver_needs_numpy_alone(folders: dict[str, Path]) -> None:
    """Reading a folder and computing the host's part included: that is what runs on the computer beside the accelerator."""
    code = f"""
import sys
before = set(sys.modules)
import numpy as np
from boards.host import Accelerator
from hwgen.design import read_design
from golden import interpreter
design = read_design(__import__("pathlib").Path({str(folders["branching"])!r}))
interpreter.run(design.host_part, np.zeros((2, 5), np.int8))
installed = [name for name in set(sys.modules) - before if "site-packages" in (getattr(sys.modules[name], "__file__", None) or "")]
print(sorted({{name.split(".")[0] for name in installed}}))
"""
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert found.stdout.strip() == "['numpy']"


class FaultyBus(ModelBus):
    """An accelerator one bit of whose weight memory does not change."""

    stuck: int | None = None

    def write(self, address: int, value: int) -> None:
        super().write(address, value ^ 1 if address == self.stuck else value)


def test_memories_that_a_bitstream_cannot_fill_are_read_back(programs: dict[str, Program], folders: dict[str, Path]) -> None:
    """What is loaded into them is checked before the network counts as loaded; what is wrong is said, and nothing runs."""
    program, folder = programs["volatile"], folders["volatile"]
    bus = FaultyBus(folder, program.graph, program.device)
    x = inputs(program.graph, 2)
    accelerator = Accelerator(bus, folder)
    expected = interpreter.run(program.graph, x[program.graph.inputs[0]])
    np.testing.assert_array_equal(accelerator.run(x).y, expected)

    header = regmap.host_address(regmap.Window.PROGRAM, 0, 0, program.config)
    bus = FaultyBus(folder, program.graph, program.device)
    bus.stuck = regmap.host_address(regmap.Window.WEIGHT, 77, 0, program.config)
    with pytest.raises(DeviceError, match="the weight memory does not hold what was loaded into it: CRC-32") as raised:
        Accelerator(bus, folder).run(x)
    assert f"1 of {len(program.weights)} words differ" in raised.value.message
    assert bus.memory[header] == 0, "no network is there"


def test_only_a_memory_without_contents_is_read_back(bus: Callable[[str], ModelBus], folders: dict[str, Path]) -> None:
    model = bus("digits")
    read: list[int] = []
    whole = model.read_block

    def watched(address: int, count: int) -> Any:
        read.append(address >> regmap.WINDOW_SHIFT)
        return whole(address, count)

    model.read_block = watched  # type: ignore[method-assign]
    Accelerator(model, folders["digits"], loaded=False).load()
    assert regmap.Window.WEIGHT not in read
