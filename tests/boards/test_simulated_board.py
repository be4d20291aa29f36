"""The whole way: the real host driver and command line, over a pseudo-terminal, on the Verilated module `weft_uart`.

Every output is the golden model's, whatever happens on the line.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from boards.host import Accelerator, BusError, DeviceError, SerialBus
from golden import interpreter, network_file
from golden.graph import Graph, Int8
from hwgen.compiler import compile_graph
from hwgen.config import NAMED
from hwgen.emit import emit
from sim import tools
from sim.tools import Simulator
from sim.verilog import accelerator_verilog, uart_verilog
from tests.boards.networks import branching_network, digits_size_network
from tests.boards.simulated_board import DIVISOR, Fault, build, plugged_in
from weft.cli import command_line
from weft.cli.terminal import run

CONFIG = NAMED["tiny-4x4"]
TIMEOUT_S = 120.0  #: of the real clock, and the simulation may be slow


def inputs(graph: Graph, count: int) -> dict[str, Int8]:
    rng = np.random.default_rng(5)
    return {name: rng.integers(-128, 128, (count, *graph.tensors[name].shape)).astype(np.int8) for name in graph.inputs}


@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    return {graph.name: graph for graph in (digits_size_network(), branching_network())}


@pytest.fixture(scope="module")
def folders(graphs: dict[str, Graph], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for name, graph in graphs.items():
        found[name] = tmp_path_factory.mktemp("emitted") / name
        emit(compile_graph(graph, CONFIG), found[name], verilog=accelerator_verilog)
    return found


@pytest.fixture(scope="module")
def program() -> Path:
    if tools.missing(Simulator.VERILATOR):
        pytest.skip(f"Verilator is not installed: {tools.missing(Simulator.VERILATOR)[0].problem()}")
    return build(accelerator_verilog(CONFIG), uart_verilog(CONFIG, DIVISOR))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers may take long here: the bus waits as long as it takes, but for faults, which a short time would find sooner."""
    monkeypatch.setattr(SerialBus.__init__, "__kwdefaults__", {**(SerialBus.__init__.__kwdefaults__ or {}), "answer_s": 1.0, "attempts": 8})


def test_digits(program: Path, graphs: dict[str, Graph], folders: dict[str, Path], patient: None) -> None:
    """Loaded over the line, several images, from a host whose adapter is 1.5 % slow; the softmax is the host's."""
    graph, folder = graphs["digits-size"], folders["digits-size"]
    with (
        plugged_in(program, folder, bit_cycles=DIVISOR * 1.015) as (port, _),
        Accelerator.open(port, folder, loaded=False, timeout_s=TIMEOUT_S) as accelerator,
    ):
        given = inputs(graph, 3)
        results = accelerator.run(given)
        assert np.array_equal(results.y, interpreter.run(graph, given["x"]))
        assert results.cycles == accelerator.design.cycles
        assert accelerator.clock_hz == 8e6
        assert min(results.times.load, results.times.transfer, results.times.compute) > 0
        assert accelerator.run(given).times.load == 0, "it is loaded"
        counters = accelerator.counters()
        assert {name: sum(each.values()) for name, each in counters.items()} == {
            each.name: each.cycles for each in accelerator.design.layers
        }


def spoiler(seed: int, every: int) -> tuple[Fault, list[int]]:
    """Spoils a byte in `every` on average, in one of five ways; and how many it has spoiled."""
    chooser, spoiled = random.Random(seed), [0]

    def fault(data: bytes) -> bytes:
        made = b""
        for byte in data:
            one = bytes([byte])
            if chooser.randrange(every) == 0:
                spoiled[0] += 1
                one = chooser.choice([b"", one + one, bytes([byte ^ 1 << chooser.randrange(8)]), chooser.randbytes(1) + one, b"\x7e"])
            made += one
        return made

    return fault, spoiled


def test_a_line_that_spoils_bytes_in_both_directions(
    program: Path, graphs: dict[str, Graph], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames are lost, damaged, cut and doubled, and the outputs are the golden model's."""
    graph, folder = graphs["branching"], folders["branching"]
    monkeypatch.setattr(SerialBus.__init__, "__kwdefaults__", {"baud": 1_000_000, "answer_s": 0.15, "attempts": 30})
    with plugged_in(program, folder) as (port, line), Accelerator.open(port, folder, timeout_s=TIMEOUT_S) as accelerator:
        accelerator.load()
        line.to_board, to_board = spoiler(1, 150)
        line.to_host, to_host = spoiler(2, 150)
        given = inputs(graph, 6)
        results = accelerator.run(given)
        expected = interpreter.run(graph, given, tensors=True)
        assert all(np.array_equal(results.outputs[name], expected[name]) for name in graph.outputs)
        assert min(to_board[0], to_host[0], accelerator.repeated) >= 3, "there was something to spoil"


def test_a_bitstream_of_other_weights(program: Path, graphs: dict[str, Graph], folders: dict[str, Path]) -> None:
    """The same accelerator with another network in its memories is refused, until it may be replaced."""
    with plugged_in(program, folders["branching"]) as (port, _):
        with pytest.raises(DeviceError, match=r"holds another network \(sha256 [0-9a-f]{16}\.\.\.\) than .*'digits-size'"):
            Accelerator.open(port, folders["digits-size"])
        given = inputs(graphs["branching"], 1)
        with Accelerator.open(port, folders["branching"], timeout_s=TIMEOUT_S) as accelerator:
            results = accelerator.run(given)
            assert results.times.load == 0, "the bitstream has it"
        expected = interpreter.run(graphs["branching"], given, tensors=True)
        assert all(np.array_equal(results.outputs[name], expected[name]) for name in graphs["branching"].outputs)


def test_another_design_and_a_line_that_dies(program: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folders["branching"], other)
    data = json.loads((other / "config.json").read_text())
    data["config"].update(act_depth=2048, max_layers=64)
    (other / "config.json").write_text(json.dumps(data))
    with plugged_in(program, folders["branching"]) as (port, line):
        with pytest.raises(DeviceError, match=r"the accelerator is not the one that .*other was generated for") as caught:
            Accelerator.open(port, other)
        assert f"ACT_DEPTH.words is {CONFIG.act_depth}, and 2048 in the folder" in caught.value.problems
        with SerialBus(port, answer_s=0.05, attempts=2) as bus:
            bus.read(0)
            line.to_host = lambda data: b""
            with pytest.raises(BusError, match="nothing answers"):
                bus.read(0)


def test_the_command(
    program: Path,
    graphs: dict[str, Graph],
    folders: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    patient: None,
) -> None:
    """`weft run`: text, JSON, the file of outputs, the comparison, and what it refuses before it opens the port."""
    graph, folder = graphs["branching"], folders["branching"]
    network, other = tmp_path / "network.weft", tmp_path / "other.weft"
    network_file.save(graph, network)
    network_file.save(graphs["digits-size"], other)
    given = inputs(graph, 3)
    np.savez(tmp_path / "x.npz", **given)
    with plugged_in(program, folder) as (port, _):

        def weft(*options: object) -> tuple[int, str, str]:
            arguments = ["run", folder, "--port", port, "--inputs", tmp_path / "x.npz", "--timeout", TIMEOUT_S, *options]
            code = run(command_line, [str(each) for each in arguments])
            return code, *capfd.readouterr()

        code, out, err = weft("--images", 2, "--load", "--compare", network, "-o", tmp_path / "out.npz", "--json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert (found["images"], found["different"], found["clock_hz"]) == (2, 0, 8e6)
        assert found["cycles"] == json.loads((folder / "config.json").read_text())["cycles"]
        expected = interpreter.run(graph, given, tensors=True)
        with np.load(tmp_path / "out.npz") as written:
            assert all(np.array_equal(written[f"y.{name}"], expected[name][:2]) for name in graph.outputs)
        code, out, err = weft("--loaded", "--compare", network)
        assert (code, err) == (0, "")
        assert "every output is the golden model's, bit for bit" in out
        assert "ms at 8 MHz" in out
        code, out, err = weft("--compare", other)
        assert code == 2
        assert "was generated of another network, 'branching', than" in err


@pytest.mark.parametrize(
    ("port", "folder", "message"),
    [("/dev/ttyNONE", True, "there is no port /dev/ttyNONE"), ("/dev/ttyNONE", False, "is not an accelerator folder")],
)
def test_the_command_says_what_is_wrong(
    port: str, folder: bool, message: str, folders: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "x.npz", **inputs(branching_network(), 1))
    where = folders["branching"] if folder else tmp_path
    assert run(command_line, ["run", str(where), "--port", port, "--inputs", str(tmp_path / "x.npz")]) == 2
    assert message in capfd.readouterr().err


def test_a_file_of_outputs_that_cannot_be_written_is_noticed_before_the_port_is_opened(
    folders: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "x.npz", **inputs(branching_network(), 1))
    arguments = ["run", str(folders["branching"]), "--port", "/dev/ttyNONE", "--inputs", str(tmp_path / "x.npz")]
    assert run(command_line, [*arguments, "-o", str(tmp_path / "none" / "y.npz")]) == 2
    assert "y.npz: No such file or directory" in capfd.readouterr().err
