"""Memories for a network: what a program lacks on an accelerator, and the same accelerator with as much as it needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph
from hwgen.compiler.compile import Demand, check_memories, demands, translate
from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.family import Family
from hwgen.regmap import MEMORIES, Window

#: Words in which a memory grows: those of a block RAM at its widest.  What is counted one by one.
_BLOCK, _COUNTED = {Family.ICE40: 256}, ("add_tables", "max_layers")
#: Accumulators of a bank that lie in LUT RAM, and the words in which that grows.
_FEW, _CELL = 64, 16


def _blocks(words: int, family: Family) -> int:
    """Words of the whole blocks that hold so many; where blocks trade width for depth, of a power of two, which need no multiplexer."""
    block = _BLOCK.get(family, 512)
    blocks = -(-words // block)
    return (1 << (blocks - 1).bit_length() if family is Family.ICE40 else blocks) * block


@dataclass(frozen=True)
class Fit:
    """Whether a network runs on an accelerator.

    config:   the accelerator.
    cycles:   of one inference, on this accelerator with memories that are large enough; None if no memories would help.
    memory:   by memory, what is needed and what there is; empty if no memories would help.
    lacks:    why it does not run, all reasons; empty if it does.
    enough:   the same accelerator with memories that hold the network; None if there is none.
    """

    config: AcceleratorConfig
    cycles: int | None
    memory: tuple[Demand, ...]
    lacks: tuple[str, ...]
    enough: AcceleratorConfig | None

    @property
    def fits(self) -> bool:
        """Whether it runs."""
        return not self.lacks


def fit(program: Program) -> Fit:
    """Whether a translated program fits the memories of its accelerator."""
    memory = demands(program, program.config)
    lacks = tuple(demand.shortage() for demand in memory if not demand.fits)
    try:
        enough = fitted(program, {demand.parameter for demand in memory})
    except InputError:
        enough = None  # larger than any accelerator
    return Fit(program.config, program.cycles, memory, lacks, enough)


def fit_of(graph: Graph, config: AcceleratorConfig) -> Fit:
    """Whether a network runs on an accelerator; what this one cannot do at all is a reason too, and no error."""
    try:
        return fit(translate(graph, config))
    except (InputError, DoesNotFitError) as error:
        return Fit(config, None, (), error.problems or (error.message,), None)


def fitted(program: Program, free: Collection[str]) -> AcceleratorConfig:
    """The program's accelerator, with those of the memories in `free` that are too small grown to what is needed, in whole blocks.

    Raises InputError where that is more than an accelerator can have.
    """
    config = program.config
    short = {demand.parameter: demand.need for demand in demands(program, config) if not demand.fits and demand.parameter in free}
    grown = {name: need if name in _COUNTED else _blocks(need, config.family) for name, need in short.items()}
    return AcceleratorConfig.from_json({**config.to_json(), **grown})


def memory_bytes(config: AcceleratorConfig) -> int:
    """Bytes of all memories of an accelerator, accumulators and every copy of the tables included."""
    memories = sum(-(-memory.word_bits(config) // 8) * memory.depth(config) for memory in MEMORIES.values())
    copies = (config.pool_channels - 1) * MEMORIES[Window.TABLE].depth(config) * (MEMORIES[Window.TABLE].word_bits(config) // 8)
    return memories + copies + 2 * config.acc_depth * config.cols * config.acc_bits // 8


def compile_fitted(graph: Graph, config: AcceleratorConfig, free: Collection[str]) -> Program:
    """Compiles a graph for an accelerator whose memories in `free` grow with it.

    Raises InputError for what the accelerator cannot run, DoesNotFitError where another memory is too small.
    """
    program = translate(graph, config)
    program = replace(program, config=fitted(program, free))
    check_memories(program)
    return program


def compile_least(graph: Graph, template: AcceleratorConfig) -> Program:
    """Compiles a graph for the accelerator that has the template's units and the least memories that hold the network, in whole blocks
    of its family; accumulators no more than the template's, and no fewer than the largest pixel tile takes of those.

    The cycles are those of the template with memories that are large enough.  Raises InputError for what the accelerator cannot run.
    """
    program = translate(graph, template)
    largest = max(values["pixels"] * (1 + values["paired"]) for values in program.descriptors)
    acc_depth = -(-largest // _CELL) * _CELL if largest <= _FEW else _blocks(largest, template.family)
    least = {"acc_depth": min(template.acc_depth, max(4, acc_depth))}
    for demand in demands(program, template):
        least[demand.parameter] = demand.need if demand.parameter in _COUNTED else _blocks(demand.need, template.family)
    config = AcceleratorConfig.from_json({**template.to_json(), **least})
    program = translate(graph, config)
    check_memories(program)
    return program
