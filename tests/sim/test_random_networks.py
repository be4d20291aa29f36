"""Random networks on random configurations, bit for bit in both simulators, with exact cycle counts."""

from __future__ import annotations

import pytest

from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.descriptor import Operation
from sim.random_networks import random_config, random_network
from sim.tools import Simulator
from sim.verify import verify

#: Seeds of configurations; between them rows > cols, rows = cols and cols > rows, every rescale format, one lane and several, one
#: weight row a cycle and several. `test_draws_cover` says so.
CONFIGS = (4, 15, 21, 27, 366)
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
        assert {layer.name: layer.cycles for layer in report.layers} == {layer.name: layer.cycles for layer in program.layers}, where
        assert report.cycles == program.cycles, where
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
    }
    assert wanted <= found, sorted(wanted - found)
