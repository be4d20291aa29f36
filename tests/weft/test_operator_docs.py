"""The tables of supported operators: docs/operators.md is what the code says now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from golden.graph import OPS
from golden.importers import onnx_operators, tflite, tflite_float, torch_operators
from tests.weft.small import Command
from weft import operator_docs

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operators.md"


def names(key: str) -> set[str]:
    (table,) = [table for table in operator_docs.tables() if table.key == key]
    return {row[0].strip("`") for row in table.rows}


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == operator_docs.markdown(), "make it again: weft operators > docs/operators.md"


def test_the_command_writes_the_document(command: Command) -> None:
    result = command("operators")
    assert (result.code, result.err) == (0, "")
    assert result.out == operator_docs.markdown()


def test_every_operator_has_a_row() -> None:
    assert names("integer") == {op.kind for op in OPS}
    assert names("tflite") == {*tflite.OPERATORS, *tflite_float.OPERATORS}
    assert names("onnx") == set(onnx_operators.OPERATORS)
    assert names("pytorch") == set(torch_operators.OPERATORS)


def test_places_are_those_of_the_compiler(command: Command) -> None:
    rows = json.loads(command("operators", "--json").out)["integer"]
    places = {row["operator"].strip("`"): row["where"] for row in rows}
    assert places["conv2d"] == "array"
    assert places["add"] == "past the array"
    assert places["reshape"] == "nothing to do"
    assert places["softmax"] == "host"


def test_an_operator_that_nothing_is_written_about_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(onnx_operators.OPERATORS, "Erf", onnx_operators.OPERATORS["Tanh"])
    with pytest.raises(KeyError, match="Erf"):
        operator_docs.tables()


def test_a_line_about_an_operator_that_is_gone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(tflite.OPERATORS, "PADV2")
    monkeypatch.delitem(tflite_float.OPERATORS, "PADV2")
    with pytest.raises(KeyError, match="PADV2"):
        operator_docs.tables()
