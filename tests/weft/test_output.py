"""Output files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import InputError
from weft.output import new_file


def test_whole(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    with new_file(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")

    def write() -> None:
        with new_file(path) as draft:
            draft.write_text("ne")
            raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        write()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_errors_come_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x", tmp_path / "none" / "x", tmp_path):
        with pytest.raises(InputError, match="cannot write"), new_file(path):
            pytest.fail("the block ran")


def test_a_failure_elsewhere_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_file(tmp_path / "x"):
        (tmp_path / "another").read_text()
