"""The cache of stages: what is the same is not done again, what differs is, and nothing half done stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from boards.stages import StageResult, run_stage
from golden.errors import ToolFailedError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Work:
    """A stage that reverses a text, and counts how often it ran."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, 0

    def __call__(self, scratch: Path) -> None:
        self.runs += 1
        (scratch / "out").write_text((scratch / "in").read_text()[::-1])

    def run(self, text: str, settings: tuple[str, ...] = ("v1",), name: str = "reverse it") -> tuple[StageResult, str]:
        source = self.folder / "source"
        source.write_text(text)
        result = run_stage(name, {"in": source}, settings, ("out",), self.folder, self)
        return result, (self.folder / "out").read_text()


def test_the_same_again_comes_from_the_cache(tmp_path: Path) -> None:
    work = Work(tmp_path)
    first, text = work.run("abc")
    assert (text, first.cached, first.name) == ("cba", False, "reverse it")
    (tmp_path / "out").unlink()
    second, text = work.run("abc")
    assert (text, second.cached, second.seconds, work.runs) == ("cba", True, first.seconds, 1)
    assert second.to_json()["cached"] is True


@pytest.mark.parametrize(
    "other",
    [{"text": "abd"}, {"text": "abc", "settings": ("v2",)}, {"text": "abc", "settings": ("v1", "-x")}, {"text": "abc", "name": "reverse"}],
)
def test_whatever_differs_is_done_anew(tmp_path: Path, other: dict[str, object]) -> None:
    work = Work(tmp_path)
    work.run("abc")
    result, text = work.run(**other)  # type: ignore[arg-type]
    assert (result.cached, work.runs, text) == (False, 2, str(other["text"])[::-1])


def test_a_failure_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    def fail(scratch: Path) -> None:
        (scratch / "out").write_text("half")
        raise ToolFailedError("no")

    (tmp_path / "source").write_text("abc")
    with pytest.raises(ToolFailedError):
        run_stage("fail", {"in": tmp_path / "source"}, (), ("out",), tmp_path, fail)
    assert not (tmp_path / "out").exists()
    assert [entry.name for entry in cache.iterdir() if entry.suffix != ".lock"] == []


def test_a_damaged_entry_is_made_again(tmp_path: Path, cache: Path) -> None:
    work = Work(tmp_path)
    work.run("abc")
    (entry,) = (path for path in cache.iterdir() if path.is_dir())
    (entry / "out.gz").write_bytes(b"damaged")
    result, text = work.run("abc")
    assert (result.cached, text, work.runs) == (False, "cba", 2)
