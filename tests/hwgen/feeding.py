"""The feeder on a memory of its own, and everything that leaves it, cycle by cycle."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.hdl import Module

from golden.graph import Window
from hwgen.config import AcceleratorConfig
from hwgen.gateware.delay import delay
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.ram import READ_LATENCY, Ram, far_read_latency

DEPTH = 512


@dataclass
class Fed:
    """What the feeder did; cycle by cycle, the idle ones too.

    acts:    int8[R] as the array sees it.
    beside:  slot, act_slice, odd, first, tile_last, group_last of a cycle whose word counts; None of others.
    issues:  cycles in which words were issued.
    pulses:  how many tiles were taken and released, as (cycle, number).
    """

    acts: list[list[int]] = field(default_factory=list)
    beside: list[dict[str, int] | None] = field(default_factory=list)
    issues: list[int] = field(default_factory=list)
    pulses: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {"take_tile": [], "slot_released": []})

    @property
    def counting(self) -> list[int]:
        """Cycles whose words count."""
        return [cycle for cycle, beside in enumerate(self.beside) if beside is not None]


def memory_of(seed: int, rows: int) -> np.ndarray[Any, Any]:
    """Noise: int8[DEPTH, R]."""
    return np.random.default_rng(seed).integers(-128, 128, (DEPTH, rows)).astype(np.int8)


def connect_memory(m: Module, config: AcceleratorConfig, feeder: Feeder, ram: Ram) -> None:
    """As the core connects activation memory: with `overlap` with a register before it and one behind it."""
    near = m.d.sync if config.overlap else m.d.comb
    near += [ram.read_en.eq(feeder.read_en), ram.read_addr.eq(feeder.read_addr)]
    m.d.comb += feeder.read_data.eq(delay(m, ram.read_data, far_read_latency(config) - READ_LATENCY, name="answer"))


def feed(
    simulate: Any,
    config: AcceleratorConfig,
    descriptors: Sequence[Mapping[str, int]],
    memory: np.ndarray[Any, Any],
    *,
    words: int,
    ready: float = 1.0,
    seed: int = 0,
) -> Fed:
    """Offers the descriptors at once, until so many words are issued and have left.  ready: how often weights and banks are there; weights
    are of one tile half of the time, so that a pair has to wait."""
    rng = random.Random(seed)
    m = Module()
    m.submodules.dut = dut = Feeder(config, (DEPTH - 1).bit_length())
    init = [int.from_bytes(row.tobytes(), "little") for row in memory]
    m.submodules.memory = ram = Ram(width=8 * config.rows, depth=DEPTH, init=init)
    connect_memory(m, config, dut, ram)
    fed = Fed()

    async def testbench(ctx: Any) -> None:
        waiting = list(descriptors)
        cycle, left = 0, Feeder.latency(config) + config.rows + 2
        while left:
            assert cycle < 100 + 20 * words, f"only {len(fed.issues)} of {words} words"
            ctx.set(dut.command.valid, bool(waiting))
            if waiting:
                ctx.set(dut.command.payload, waiting[0])
            under_way = bool(fed.issues) and cycle - fed.issues[-1] <= Feeder.latency(config)
            ctx.set(dut.weights_ready, 2 if rng.random() < ready else rng.randrange(2))
            ctx.set(dut.bank_ready, rng.random() < ready)
            ctx.set(dut.drained, not under_way)
            if ctx.get(dut.issue):
                fed.issues.append(cycle)
            for name, pulses in fed.pulses.items():
                if number := ctx.get(getattr(dut, name)):
                    pulses.append((cycle, number))
            fed.acts.append([ctx.get(act) for act in dut.act])
            names = ("slot", "odd", *(("act_slice",) if config.slices > 1 else ()))
            fed.beside.append(
                {name: ctx.get(getattr(dut, name)) for name in names}
                | {name: ctx.get(getattr(dut.control, name)) for name in ("first", "tile_last", "group_last")}
                if ctx.get(dut.control.valid)
                else None
            )
            if waiting and ctx.get(dut.command.ready):
                waiting.pop(0)
            left -= len(fed.issues) >= words
            await ctx.tick()
            cycle += 1
        assert len(fed.issues) == words
        assert not waiting

    simulate(m, testbench)
    return fed


def with_padding(image: np.ndarray[Any, Any], window: Window, pad_value: int) -> np.ndarray[Any, Any]:
    """An image int8[H, W, C] with the window's padding around it, and with more to the right than any window needs."""
    edges = window.padding
    wide = 80
    return np.pad(image, ((edges.top, edges.bottom + wide), (edges.left, edges.right + wide), (0, 0)), constant_values=pad_value)
