"""The table of boards, and the documents that have it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from boards.definitions import BOARDS
from golden.errors import DoesNotFitError, InputError
from golden.graph import Graph
from tests.weft.small import Command
from weft import board_table
from weft.board_table import PAIRS, Row, cells, document, from_json, latency_markdown, markdown, merged, to_json, written

ROOT = Path(__file__).parents[2]
ROWS = (
    Row("ulx3s_85f", "ResNet-8", "", 20000, 18000, 144, 180, 0, 80.0, 91.25, 116056, 1.4507, 1500.0),
    Row("ulx3s_85f", "DS-CNN", "the clock is not met"),
    Row("icebreaker", "DS-CNN", "", 5000, 3000, 8, 30, 4, 24.0, 25.5, 700000, 29.1667, 61.0),
)


def test_every_board_that_is_built_for_is_in_the_table() -> None:
    assert {board for board, _ in PAIRS} == {name for name, board in BOARDS.items() if board.buildable}
    assert len(set(PAIRS)) == len(PAIRS)


@pytest.mark.parametrize("name", board_table.DOCUMENTS)
def test_documents_have_the_results(name: str) -> None:
    """`make boards` writes docs/boards.json and the documents; the ones follow from the other."""
    rows = from_json(ROOT / board_table.RESULTS)
    text = (ROOT / name).read_text(encoding="utf-8")
    assert written(text) == board_table.DOCUMENTS[name](rows)
    assert document(text, board_table.DOCUMENTS[name](rows)) == text


def test_cells() -> None:
    assert cells(ROWS[0]) == ["ULX3S 85F", "ResNet-8", "20,000", "18,000", "144", "180", "80 (91.25)", "116,056", "1.45 ms", "25.0 min"]
    assert cells(ROWS[1])[6] == "not built"
    assert cells(ROWS[2])[5] == "30 + 4 SPRAM"
    table = markdown(ROWS).splitlines()
    assert len(table) == 2 + len(ROWS)
    assert {line.count("|") for line in table} == {len(board_table.HEADS) + 1}


def test_latencies_are_a_line_for_each_board() -> None:
    first, second = latency_markdown(ROWS).splitlines()
    assert first == (
        "| **Weft**, ULX3S 85F | reference int8, bit-exact | 1.45 | - | - | - | LFE5U-85F-6BG381C, 80 MHz, after place and route | 144 |"
    )
    assert "| - | 29.2 | - | - |" in second


def test_rows_are_kept_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "boards.json"
    path.write_text(json.dumps(to_json(ROWS)))
    assert from_json(path) == ROWS
    better = replace(ROWS[1], problem="", cycles=38679)
    found = merged(ROWS, [better])
    assert set(found) == {ROWS[0], better, ROWS[2]}
    assert [(row.board, row.network) for row in found] == [pair for pair in PAIRS if pair in {(row.board, row.network) for row in ROWS}]


def test_a_file_or_a_document_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "boards.json"
    with pytest.raises(InputError, match="no file of `weft boards --build`"):
        from_json(path)
    path.write_text('{"boards": [{"name": 3}]}')
    with pytest.raises(InputError, match="no file of `weft boards --build`"):
        from_json(path)
    with pytest.raises(InputError, match="has no line"):
        document("text", "table")


def test_boards_are_listed(command: Command) -> None:
    result = command("boards")
    assert result.code == 0
    assert all(name in result.out for name in BOARDS)
    found = json.loads(command("boards", "--json").out)["boards"]
    assert found["ulx3s_85f"]["buildable"] is True
    assert found["pynq_z2"]["buildable"] is False


def test_a_board_that_is_not_built_for(command: Command, tmp_path: Path) -> None:
    result = command("boards", "--build", tmp_path, "--only", "pynq_z2")
    assert result.code == 2
    assert "nothing is built for 'pynq_z2'; boards are ulx3s_85f, icebreaker, tang_nano_20k" in result.err


def test_a_file_of_results_that_cannot_be_written_is_noticed_before_hours_of_builds(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_table, "build_all", lambda *_, **__: pytest.fail("it builds"))
    (tmp_path / "other.json").write_text("{}")
    for name, message in (("none/boards.json", "cannot write"), ("other.json", "no file of `weft boards --build`")):
        result = command("boards", "--build", tmp_path / "out", "-o", tmp_path / name)
        assert result.code == 2
        assert message in result.err
    result = command("boards", "-o", tmp_path / "boards.json")
    assert result.code == 2
    assert "--only, --jobs and --output are of --build" in result.err


def test_the_file_of_results_keeps_those_of_others(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "boards.json"
    results.write_text(json.dumps(to_json(ROWS[:1])))
    monkeypatch.setattr(board_table, "build_all", lambda *_, **__: ROWS[2:])
    result = command("boards", "--build", tmp_path / "out", "-o", results)
    assert (result.code, result.err) == (0, "")
    assert from_json(results) == (ROWS[0], ROWS[2])


def test_what_cannot_be_built_has_its_reason(monkeypatch: pytest.MonkeyPatch, graph: Graph, tmp_path: Path) -> None:
    """The others are built all the same."""
    built: list[str] = []

    def build(network: Graph, output: Path, *, board: str, **options: object) -> None:
        assert options["jobs"] == 1
        if board == "icebreaker":
            raise DoesNotFitError("too large")
        built.append(output.name)

    monkeypatch.setattr(board_table, "_network", lambda name, progress: graph)
    monkeypatch.setattr(board_table.api, "build", build)
    monkeypatch.setattr(board_table.api, "report", lambda folder: folder.name)
    monkeypatch.setattr(board_table, "_of_report", lambda name, report: Row("tang_nano_20k", name, cycles=7))
    pairs = [("icebreaker", "digits"), ("tang_nano_20k", "DS-CNN")]
    assert board_table.build_all(tmp_path, pairs, jobs=1, progress=lambda what, done, total: None) == (
        Row("icebreaker", "digits", problem="too large"),
        Row("tang_nano_20k", "DS-CNN", cycles=7),
    )
    assert built == ["tang_nano_20k-ds-cnn"]
