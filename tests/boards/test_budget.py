"""Which configuration a board has room for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boards.board import Capacity
from boards.budget import BOARDS_OWN, candidates, largest, share
from boards.definitions import BOARDS
from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph
from hwgen.config import NAMED
from tests.boards.networks import digits_size_network


@pytest.fixture(scope="module")
def graph() -> Graph:
    return digits_size_network()


def test_the_largest_that_fits_is_taken(graph: Graph) -> None:
    board = BOARDS["ulx3s_85f"]
    chosen, every = largest(board, graph)
    assert [each.config.rows * each.config.cols for each in every] == sorted(
        (each.config.rows * each.config.cols for each in every), reverse=True
    )
    first = every[0]
    assert first.name == "base-16x16"
    assert "multiplier blocks: 272 are needed, 156 are there, 116 too few" in first.lacks
    assert (chosen.name, chosen.config.rows, chosen.config.cols) == (BOARDS_OWN, 16, 8)
    assert chosen.resources is not None
    assert chosen.resources.dsp == 144
    assert chosen.config.family is board.family
    assert chosen.config.weight_depth < NAMED["ulx3s-16x8"].weight_depth, "memories are the least that hold the network"


def test_a_smaller_budget_gives_a_smaller_array(graph: Graph) -> None:
    board = BOARDS["ulx3s_85f"]
    chosen = [largest(board, graph, percent)[0] for percent in (100, 50, 20)]
    sizes = [each.config.rows * each.config.cols for each in chosen]
    assert sizes == [128, 64, 16]
    for percent, each in zip((100, 50, 20), chosen, strict=True):
        assert each.resources is not None
        assert each.resources.lut <= board.capacity.lut * percent / 100


def test_where_none_fits_the_shortage_of_each_is_said(graph: Graph) -> None:
    board = replace(BOARDS["icebreaker"], capacity=Capacity(lut=1000, ff=1000, dsp=1, block_ram=1))
    with pytest.raises(DoesNotFitError, match=f"no configuration with {graph.name} fits iCEBreaker") as error:
        largest(board, graph)
    assert len(error.value.problems) == len(candidates(board, graph))
    assert all("too few" in problem for problem in error.value.problems)
    assert error.value.exit_code == 3


@pytest.mark.parametrize("percent", [0, -1, 100.5, float("nan")])
def test_a_budget_is_a_share(percent: float) -> None:
    with pytest.raises(InputError, match="the budget must be more than 0 and at most 100 per cent of the device, not"):
        share(BOARDS["ulx3s_85f"].capacity, percent)
