"""Random networks on random configurations, bit for bit in both simulators, with exact cycle counts."""

from __future__ import annotations

import pytest

from golden.graph import Concatenation, Graph, Pad
from hwgen.compiler import Program, compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from sim.random_networks import random_config, random_network
from sim.tools import Simulator
from sim.verify import verify

#: Seeds of configurations; between them rows > cols, rows = cols and cols > rows, every rescale format, one lane and several, one
#: weight row a cycle and several. `test_draws_cover` says so.
CONFIGS = (107, 201, 261, 294, 346)
NETWORKS = 4


def check(config_seed: int, networks: range, simulator: Simulator) -> None:
    config = random_config(config_seed)
    for number in networks:
        draw = random_network(1000 * config_seed + number, config)
        program = compile_graph(draw.graph, config)
        report = verify(draw.graph, draw.inputs, config=config, simulator=simulator)
        where = f"config seed {config_seed}, network seed {draw.seed}"
        assert report.equal, f"{where}: {report.first_difference}"
        assert all(layer.equal for layer in report.layers), where
        assert report.cycles == program.cycles, where
        if not config.max_layers:  # no counters but that of all cycles
            assert all(layer.cycles is None for layer in report.layers), where
            continue
        assert {layer.name: layer.cycles for layer in report.layers} == {layer.name: layer.cycles for layer in program.layers}, where
        assert all(layer.counters["busy"] == planned.busy for layer, planned in zip(report.layers, program.layers, strict=True)), where


@pytest.mark.parametrize("simulator", Simulator)
@pytest.mark.parametrize("config_seed", CONFIGS)
def test_random_networks(config_seed: int, simulator: Simulator) -> None:
    check(config_seed, range(NETWORKS), simulator)


@pytest.mark.slow
@pytest.mark.parametrize("config_seed", range(100, 160))
def test_many_random_networks(config_seed: int) -> None:
    check(config_seed, range(6), Simulator.VERILATOR)


def _features(config: AcceleratorConfig, config_seed: int) -> set[str]:
    found = {f"rescale {config.rescale.kind.value}", "lanes" if config.lanes > 1 else "one lane"}
    found.add("rows > cols" if config.rows > config.cols else "cols > rows" if config.cols > config.rows else "rows = cols")
    found.add("several weight rows a cycle" if config.weight_rows_per_cycle > 1 else "one weight row a cycle")
    for number in range(NETWORKS):
        draw = random_network(1000 * config_seed + number, config)
        program = compile_graph(draw.graph, config)
        layers = [values["layer"] for values in program.descriptors]
        found |= _joins(draw.graph, program)
        found |= {layer.kind for layer in program.layers}
        for values in program.descriptors:
            layer = program.layers[values["layer"]]
            found |= {f"{name} descriptors" for name in ("paired", "dense", "extra_walks") if values[name]}
            if values["operation"] == Operation.CONV:
                if layers.count(values["layer"]) > 1:
                    found.add("several pixel tiles")
                if values["channel_words"] > 1:
                    found.add("several K tiles")
                if values["groups"] > 1:
                    found.add("several output groups")
                channels = program.placements[layer.output].shape[2]
                if channels % config.rows and channels % config.cols:
                    found.add("channels a multiple of neither")
                if values["pixels"] <= 3:
                    found.add("very short tiles")
    return found


def _joins(graph: Graph, program: Program) -> set[str]:
    """What becomes of concatenations, of padding in channels and of reshapes."""
    found = set()
    for op in program.device.ops:
        if isinstance(op, Concatenation):
            own = [layer for layer in program.layers if layer.output == op.output]
            inside = [program.placements[name].whole_row > 0 for name in op.inputs]
            found.add(
                "nothing copied" if not own else "part of a concatenation copied" if any(layer.parts for layer in own) else "all copied"
            )
            found |= {"placed along channels" for placed in inside if placed and op.axis == 2 and not own}
            found |= {"placed along columns" for placed in inside if placed and op.axis == 1 and not own}
            found |= {"placed along rows" for placed in inside if placed and op.axis == 0 and not own}
            found |= {"a concatenation in another" for _ in inside if program.placements[op.output].whole_row}
            found |= {"placed within a word" for name in op.inputs if program.placements[name].first_byte}
            found |= {"the same input twice" for name in op.inputs if op.inputs.count(name) > 1}
        elif isinstance(op, Pad) and any(op.channels):
            found.add("pad of channels")
    found |= {"a reshape over a map between" for layer in program.layers if layer.kind == "reshape" and layer.output not in graph.tensors}
    return found


def test_draws_cover() -> None:
    """The seeds above draw everything that they are meant to draw."""
    found = set().union(*(_features(random_config(seed), seed) for seed in CONFIGS))
    wanted = {
        *(f"rescale {kind}" for kind in ("shift", "fixed", "tflite")),
        *("lanes", "one lane", "rows > cols", "cols > rows", "rows = cols"),
        *("several weight rows a cycle", "one weight row a cycle", "several pixel tiles", "several K tiles", "several output groups"),
        *("channels a multiple of neither", "very short tiles", "conv2d", "fully_connected", "max_pool2d", "average_pool2d"),
        *("depthwise_conv2d", "add", "mean", "requantize", "lookup", "pad", "concatenation", "pack"),
        *("paired descriptors", "dense descriptors", "extra_walks descriptors"),
        *("gather", "nothing copied", "part of a concatenation copied", "all copied", "the same input twice", "placed within a word"),
        *("placed along rows", "placed along columns", "placed along channels", "a concatenation in another"),
        *("pad of channels", "reshape", "a reshape over a map between"),
    }
    assert wanted <= found, sorted(wanted - found)
