"""Programs with damaged arguments, connections and constants: an InputError or a graph, quickly, and nothing else."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.fx import Node

from golden.errors import InputError
from golden.importers.torch_export import import_program
from tests.golden.importers.pt2e_quantizer import quantized
from tests.golden.importers.test_tflite_fuzz import PATIENCE
from tests.golden.importers.test_torch_pt2e import NETWORKS
from tests.golden.importers.torch_modules import MAP, Net, randomize

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch's own, where a program is copied

#: The seed of the short run; the long run goes on from it.
SEED = 7
Random = np.random.Generator

#: Numbers that sizes, scales, zero points and axes do not expect.
HOSTILE = (0, 1, -1, 2, 3, -2, 127, 255, 2**31 - 1, -(2**31), 2**40, 2**62, None, True, 0.0, 1e-40, 1e30, float("nan"), float("inf"), -0.5)
TYPES = (torch.int8, torch.uint8, torch.int16, torch.int32, torch.float16)


def floating() -> ExportedProgram:
    """Groups, concatenation, padding, pools, functions of one value, softmax."""

    def forward(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = m.norm(torch.cat([m.a(x), nn.functional.avg_pool2d(nn.functional.pad(m.b(x), (1, 1, 1, 1)), 3, 1)], 1))
        x = nn.functional.leaky_relu(x) * torch.sigmoid(x)
        x = nn.functional.max_pool2d(x.permute(0, 2, 3, 1).permute(0, 3, 1, 2), 2, ceil_mode=True)
        return torch.softmax(m.e(x.flatten(2).mean(2)), 1)

    layers = {"a": nn.Conv2d(3, 4, 3, padding=1, groups=1), "b": nn.Conv2d(3, 6, 1, groups=3), "norm": nn.BatchNorm2d(10)}
    return torch.export.export(randomize(Net(forward, **layers, e=nn.Linear(10, 4))), (torch.zeros(1, *MAP),))


def integer() -> ExportedProgram:
    """A network through PT2E."""
    make, shape, _ = NETWORKS["classifier"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch and torchao warn about each other
        return quantized(randomize(make()), torch.randn(4, *shape))


def changed(value: Any, rng: Random) -> Any:
    """A hostile argument in place of one, or in a list of them."""
    if isinstance(value, (list, tuple)) and value:
        made = list(value)
        made[int(rng.integers(len(made)))] = HOSTILE[int(rng.integers(len(HOSTILE)))]
        return made if rng.integers(4) else made[:-1]
    return TYPES[int(rng.integers(len(TYPES)))] if isinstance(value, torch.dtype) else HOSTILE[int(rng.integers(len(HOSTILE)))]


def damage(program: ExportedProgram, rng: Random) -> ExportedProgram:
    """A copy with one or two numbers, connections or constants changed."""
    made = copy.deepcopy(program)
    calls = [node for node in made.graph.nodes if node.op == "call_function"]
    for _ in range(int(rng.integers(1, 3))):
        kind, node = int(rng.integers(6)), calls[int(rng.integers(len(calls)))]
        if kind == 0:
            stored = list(made.state_dict.values())[int(rng.integers(len(made.state_dict)))]
            if stored.numel():
                real = float(rng.choice([0, np.nan, np.inf, -1e38, 1e-40]))
                with torch.no_grad():
                    stored.view(-1)[0] = real if stored.dtype.is_floating_point else int(rng.integers(-100, 100))
            continue
        places = [at for at, argument in enumerate(node.args) if isinstance(argument, Node) is (kind == 1)]
        before = calls[: calls.index(node)]
        if places and (kind != 1 or before):
            at = places[int(rng.integers(len(places)))]
            arguments = list(node.args)
            arguments[at] = before[int(rng.integers(len(before)))] if kind == 1 else changed(arguments[at], rng)
            node.args = tuple(arguments)
    return made


def fuzz(make: Callable[[], ExportedProgram], seed: int, count: int) -> set[bool]:
    """Whether programs were imported or refused."""
    rng, seen, program = np.random.default_rng(seed), set(), make()
    for _ in range(count):
        damaged = damage(program, rng)
        start = time.monotonic()
        try:
            import_program(damaged, "damaged")
            seen.add(True)
        except InputError:
            seen.add(False)
        assert time.monotonic() - start < PATIENCE
    return seen


@pytest.mark.parametrize("make", [floating, integer])
def test_damaged_programs(make: Callable[[], ExportedProgram]) -> None:
    assert fuzz(make, SEED, 12) == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("make", [floating, integer])
def test_damaged_programs_for_longer(make: Callable[[], ExportedProgram]) -> None:
    fuzz(make, SEED + 1, 1000)
