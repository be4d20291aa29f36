"""The emitted C driver: compiled strictly, it gives the golden model's integers on the Verilated accelerator, and names what goes wrong."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden import interpreter
from golden.graph import Graph
from hwgen import regmap
from hwgen.compiler import compile_graph
from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.emit import emit
from sim.verilog import accelerator_verilog
from tests.boards.c_driver import COMPILER, STRICT, Board, CDriver, Int8, python_bus, verilated
from tests.boards.model_bus import ModelBus
from tests.boards.networks import branching_network, digits_size_network

ROOT = Path(__file__).resolve().parents[2]
#: Words of two host words; the image of `digits` is stored densely, the map of `branching` pixel by pixel.
CONFIG = AcceleratorConfig(rows=8, cols=4, lanes=1, act_depth=512, weight_depth=16384, param_depth=256, depthwise_rows=0, add_tables=1)
#: Words of half a host word, of one, of four; a dense input where there are so few channels that it is worth it.
OTHERS = {
    "R = 2": (branching_network, replace(CONFIG, rows=2, cols=4, act_depth=1024)),
    "R = 4": (digits_size_network, replace(CONFIG, rows=4, act_depth=1024)),
    "R = 16": (branching_network, replace(CONFIG, rows=16)),
    "R = 16, dense": (digits_size_network, replace(CONFIG, rows=16)),
    "no dense input": (digits_size_network, replace(CONFIG, rows=16, dense_input=False)),
}


def emitted(graph: Graph, config: AcceleratorConfig, folder: Path) -> tuple[Program, Path]:
    program = compile_graph(graph, config)
    emit(program, folder / "emitted", verilog=lambda config: "// none needed here\n")
    return program, folder / "emitted"


def images(graph: Graph, count: int) -> list[dict[str, Int8]]:
    rng = np.random.default_rng(11)
    return [{name: rng.integers(-128, 128, graph.tensors[name].shape).astype(np.int8) for name in graph.inputs} for _ in range(count)]


def golden(program: Program, given: dict[str, Int8]) -> dict[str, Int8]:
    """What the accelerator leaves: int8[*shape] by name."""
    made = interpreter.run(program.graph, {name: values[None] for name, values in given.items()}, tensors=True)
    return {name: made[name][0] for name in program.device.outputs}


def equal(program: Program, made: dict[str, Int8], given: dict[str, Int8]) -> bool:
    expected = golden(program, given)
    assert made.keys() == expected.keys()
    return all(np.array_equal(made[name], expected[name]) for name in expected)


def shapes(program: Program) -> dict[str, tuple[int, ...]]:
    return {name: program.graph.tensors[name].shape for name in program.device.outputs}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Program, Path]]:
    return {graph.name: emitted(graph, CONFIG, tmp_path_factory.mktemp("c")) for graph in (digits_size_network(), branching_network())}


@pytest.fixture
def board(programs: dict[str, tuple[Program, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """The simulated accelerator; its memories hold the images of `branching`, as a bitstream's would."""
    for image in programs["branching"][1].glob("*.hex"):
        shutil.copyfile(image, tmp_path / image.name)
    monkeypatch.chdir(tmp_path)
    made = Board(verilated(accelerator_verilog(CONFIG)), seed=5)
    yield made
    made.close()


# --- against the Verilated accelerator ------------------------------------------------------------


def test_every_output_is_the_golden_models(programs: dict[str, tuple[Program, Path]], board: Board) -> None:
    """One network after another in the same accelerator: what is in its memories, another that is loaded, the first that is loaded."""
    dense = [program.placements[name].dense for program, _ in programs.values() for name in program.graph.inputs]
    assert dense == [True, False, False]
    for name, before in (("branching", "WEFT_OK"), ("digits-size", "WEFT_OTHER_NETWORK"), ("branching", "WEFT_OTHER_NETWORK")):
        program, folder = programs[name]
        c = CDriver(folder)
        assert c.open(board.bus) == "WEFT_OK"
        assert c.run(images(program.graph, 1)[0], shapes(program))[0] == before
        if before != "WEFT_OK":
            assert c.accelerator.address >> regmap.WINDOW_SHIFT == regmap.Window.PROGRAM
            assert c.load() == "WEFT_OK"
        for given in images(program.graph, 4):
            result, made = c.run(given, shapes(program))
            assert result == "WEFT_OK"
            assert equal(program, made, given)
            assert c.cycles() == ("WEFT_OK", program.cycles)


def test_a_run_step_by_step(programs: dict[str, tuple[Program, Path]], board: Board) -> None:
    """A time-out, accesses that the driver does not make while a run is under way, the interrupt, a reset."""
    program, folder = programs["branching"]
    c = CDriver(folder)
    (given,) = images(program.graph, 1)
    values = list(given.values())
    assert c.open(board.bus) == "WEFT_OK"

    def write_all() -> None:
        assert [c.write(i, each) for i, each in enumerate(values)] == ["WEFT_OK"] * len(values)

    write_all()
    assert c.start() == "WEFT_OK"
    assert c.wait(3) == "WEFT_TIMEOUT"
    assert c.accelerator.address == regmap.register_address("STATUS")
    assert c.write(0, values[0]) == c.read(0, (5,))[0] == c.load() == c.start() == "WEFT_BUSY"
    assert c.wait() == "WEFT_OK"
    assert not board.irq()
    expected = golden(program, given)
    for index, name in enumerate(program.device.outputs):
        result, made = c.read(index, expected[name].shape)
        assert result == "WEFT_OK"
        np.testing.assert_array_equal(made, expected[name])

    write_all()
    assert c.start(interrupt=True) == "WEFT_OK"
    assert not board.irq()
    assert 0 < board.wait_irq(2 * program.cycles) <= program.cycles
    assert board.irq()
    assert c.wait(1) == "WEFT_OK"
    assert not board.irq()

    assert c.start() == "WEFT_OK"
    board.reset()
    assert c.wait() == "WEFT_WAS_RESET"
    assert c.open(board.bus) == "WEFT_OK"
    result, made = c.run(given, shapes(program))
    assert (result, equal(program, made, given)) == ("WEFT_OK", True)


def test_an_accelerator_of_another_configuration_is_refused(board: Board, tmp_path: Path) -> None:
    _, folder = emitted(branching_network(), replace(CONFIG, act_depth=1024), tmp_path)
    c = CDriver(folder)
    assert c.open(board.bus) == "WEFT_OTHER_DESIGN"
    assert c.accelerator.address == regmap.register_address("ACT_DEPTH")


def filled(program: Program, folder: Path) -> ModelBus:
    """A model that holds the program."""
    model = ModelBus(folder, program.graph, program.device)
    model.hold(program.words)
    return model


# --- against a model of it ------------------------------------------------------------------------


@pytest.mark.parametrize("name", OTHERS)
def test_every_layout(name: str, tmp_path: Path) -> None:
    make, config = OTHERS[name]
    program, folder = emitted(make(), config, tmp_path)
    c, model = CDriver(folder), filled(program, folder)
    assert c.open(python_bus(model)) == "WEFT_OK"
    for given in images(program.graph, 2):
        result, made = c.run(given, shapes(program))
        assert (result, equal(program, made, given)) == ("WEFT_OK", True)


def test_the_images_are_the_folders(programs: dict[str, tuple[Program, Path]]) -> None:
    """Word for word at the addresses of the register map."""
    program, folder = programs["branching"]
    c, model = CDriver(folder), ModelBus(folder, program.graph, program.device)
    assert c.open(python_bus(model)) == "WEFT_OK"
    assert c.load() == "WEFT_OK"
    for window, name in (("WEIGHT", "weights"), ("PARAM", "params"), ("PROGRAM", "program"), ("TABLE", "tables")):
        for number, line in enumerate((folder / f"{name}.hex").read_text().split()):
            for address, value in regmap.host_words(regmap.Window[window], number, int(line, 16), CONFIG):
                assert model.memory.pop(address) == value
    assert set(model.memory.values()) <= {0}, "padding of words"


@pytest.mark.parametrize("word", range(5))
def test_another_network_is_not_started(word: int, programs: dict[str, tuple[Program, Path]]) -> None:
    program, folder = programs["branching"]
    c, model = CDriver(folder), ModelBus(folder, program.graph, program.device)
    assert c.open(python_bus(model)) == "WEFT_OK"
    assert (c.check(), c.load(), c.check()) == ("WEFT_OTHER_NETWORK", "WEFT_OK", "WEFT_OK")
    assert c.run(images(program.graph, 1)[0], shapes(program))[0] == "WEFT_OK"
    address = (regmap.Window.PROGRAM << regmap.WINDOW_SHIFT) + 4 * word
    model.memory[address] ^= 1 << 7 * word
    assert (c.check(), c.start()) == ("WEFT_OTHER_NETWORK", "WEFT_OTHER_NETWORK")
    assert c.accelerator.address == address


def test_what_is_loaded_in_part_is_no_network(programs: dict[str, tuple[Program, Path]]) -> None:
    """However many of the writes succeed."""
    program, folder = programs["branching"]
    c, model = CDriver(folder), ModelBus(folder, program.graph, program.device)
    assert (c.open(python_bus(model)), c.load()) == ("WEFT_OK", "WEFT_OK")
    loading = sum(c.images[i].count for i in range(c.image_count))
    for fail_at in (1, 2, 100, loading - 2, loading - 1):
        opening: list[int] = []
        assert c.open(python_bus(model, opening)) == "WEFT_OK"
        assert c.open(python_bus(model, [], len(opening) + 1 + fail_at)) == "WEFT_OK"
        assert c.load() == "WEFT_BUS_FAILED"
        assert c.open(python_bus(model)) == "WEFT_OK"
        assert c.check() == "WEFT_OTHER_NETWORK"
    assert (c.load(), c.check()) == ("WEFT_OK", "WEFT_OK")


@pytest.mark.parametrize(
    ("register", "value", "result"),
    [
        ("ID", 0, "WEFT_NO_ACCELERATOR"),
        ("SCRATCH", 0xA5A53C3C, "WEFT_BUS_CORRUPTS"),
        ("VERSION", (regmap.VERSION_MAJOR + 1) << 16 | regmap.VERSION_MINOR, "WEFT_OTHER_VERSION"),
        ("VERSION", regmap.VERSION_MAJOR - 1 << 16 | 0xFFFF, "WEFT_OTHER_VERSION"),
        ("VERSION", regmap.VERSION_MAJOR << 16 | regmap.VERSION_MINOR + 1, "WEFT_OK"),
        *((r.name, r.constant(CONFIG) ^ 1 << r.fields[-1].offset, "WEFT_OTHER_DESIGN") for r in regmap.REGISTERS if r.offset >= 0x20),
    ],
)
def test_what_is_refused(register: str, value: int, result: str, programs: dict[str, tuple[Program, Path]]) -> None:
    program, folder = programs["branching"]
    c, model = CDriver(folder), ModelBus(folder, program.graph, program.device)
    model.registers[register] = value
    assert c.open(python_bus(model)) == result
    if result != "WEFT_OK":
        assert c.accelerator.address == regmap.register_address(register)


def test_a_run_that_does_not_end(programs: dict[str, tuple[Program, Path]]) -> None:
    """Without a number of polls: given up after as many as the inference has cycles."""
    program, folder = programs["branching"]
    c, model = CDriver(folder), filled(program, folder)
    accesses: list[int] = []
    assert c.open(python_bus(model, accesses)) == "WEFT_OK"
    model.ends = False
    assert c.run(images(program.graph, 1)[0], shapes(program))[0] == "WEFT_TIMEOUT"
    assert accesses[-program.cycles :] == [regmap.register_address("STATUS")] * program.cycles
    assert accesses[-program.cycles - 1] == regmap.register_address("CONTROL")


def test_a_run_of_other_cycles(programs: dict[str, tuple[Program, Path]]) -> None:
    program, folder = programs["branching"]
    c, model = CDriver(folder), filled(program, folder)
    assert c.open(python_bus(model)) == "WEFT_OK"
    model.run_cycles += 1
    assert c.run(images(program.graph, 1)[0], shapes(program))[0] == "WEFT_OTHER_PROGRAM"


def test_an_access_that_fails_ends_everything(programs: dict[str, tuple[Program, Path]]) -> None:
    """Whichever of all accesses it is: its address is said, and none follows."""
    program, folder = programs["branching"]
    (given,) = images(program.graph, 1)
    c = CDriver(folder)

    def all_of_it(accesses: list[int], fail_at: int | None) -> str:
        model = filled(program, folder)
        for step in (lambda: c.open(python_bus(model, accesses, fail_at)), lambda: c.run(given, shapes(program))[0], c.load):
            if (result := step()) != "WEFT_OK":
                return result
        return result

    accesses: list[int] = []
    assert all_of_it(accesses, None) == "WEFT_OK"
    loading = sum(c.images[i].count for i in range(c.image_count))
    before = len(accesses) - loading
    for fail_at in (*range(before), *np.linspace(before, len(accesses) - 1, 8).astype(int).tolist()):
        made: list[int] = []
        assert all_of_it(made, fail_at) == "WEFT_BUS_FAILED"
        assert made == accesses[: fail_at + 1]
        assert c.accelerator.address == accesses[fail_at]


def test_an_accelerator_in_the_address_space(programs: dict[str, tuple[Program, Path]]) -> None:
    """Registers in ordinary memory: what reads as it was written is SCRATCH enough."""
    c = CDriver(programs["branching"][1])
    memory = np.zeros(64, np.uint32)
    for register in regmap.REGISTERS:
        memory[register.offset // 4] = register.constant(CONFIG)
    bus = c.library.weft_mapped(memory.ctypes.data_as(ctypes.c_void_p))
    assert c.open(bus) == "WEFT_OK"
    assert memory[regmap.register_address("SCRATCH") // 4] == 0x5A5AC3C3
    memory[0] = 0xFFFFFFFF
    assert c.open(bus) == "WEFT_NO_ACCELERATOR"


# --- as sources -----------------------------------------------------------------------------------


def test_results_have_names(programs: dict[str, tuple[Program, Path]]) -> None:
    c = CDriver(programs["branching"][1])
    listed = re.search(r"enum weft_result \{(.*?)\}", (programs["branching"][1] / "weft_driver.h").read_text(), re.DOTALL)
    assert listed is not None
    names = re.findall(r"^ +(WEFT_\w+)", listed[1], re.MULTILINE)
    assert [c.library.weft_result_name(i).decode() for i in range(len(names) + 1)] == [*names, "unknown"]


def test_names_that_c_does_not_take_as_they_are(tmp_path: Path) -> None:
    """Quotes, trigraphs, ends of comments and letters of all the world."""
    name = 'n"e\\t ??/ */ /* gr\u00fc\u00df\n%d'
    _, folder = emitted(replace(branching_network(), name=name), CONFIG, tmp_path)
    assert CDriver(folder).network.name.decode() == name


def test_two_networks_in_one_program(programs: dict[str, tuple[Program, Path]], tmp_path: Path) -> None:
    """As docs/own_design.md says: one driver, the others under names of their own; and all headers in C++."""
    objects = []
    for number, (_, folder) in enumerate(programs.values()):
        for source in ("weft_network", "weft_images", *(["weft_driver"] if not number else [])):
            objects.append(tmp_path / f"{number}_{source}.o")
            renamed = [f"-Dweft_model=model_{number}", f"-Dweft_images=images_{number}"]
            subprocess.run([COMPILER, *STRICT, *renamed, "-c", "-o", str(objects[-1]), str(folder / f"{source}.c")], check=True)
    (tmp_path / "main.cpp").write_text(
        '#include "weft_driver.h"\n#include "weft_network.h"\n#include "weft_registers.h"\n'
        'extern "C" { extern const struct weft_network model_0, model_1; }\n'
        "int main() { return model_0.cycles == model_1.cycles || WEFT_REG_ID != 0; }\n"
    )
    include = f"-I{programs['branching'][1]}"
    subprocess.run(["c++", "-Wall", "-Wextra", "-Werror", include, "-o", "main", "main.cpp", *map(str, objects)], cwd=tmp_path, check=True)
    subprocess.run([str(tmp_path / "main")], check=True)


def test_the_example_of_the_documents(programs: dict[str, tuple[Program, Path]], tmp_path: Path) -> None:
    """It compiles as strictly, for the network of one input and one output that it is about."""
    (example,) = re.findall(r"```c\n(.*?)```", (ROOT / "docs" / "own_design.md").read_text(), re.DOTALL)
    (tmp_path / "example.c").write_text(example)
    folder = programs["digits-size"][1]
    command = [COMPILER, *STRICT, f"-I{folder}", "-c", "-o", str(tmp_path / "example.o"), str(tmp_path / "example.c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
