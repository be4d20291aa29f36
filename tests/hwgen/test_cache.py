"""The build cache: complete entries or none, made once, the oldest removed first."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from golden.errors import InputError
from hwgen import cache


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(folder: Path) -> None:
    (folder / "file").write_text("content")


def hundred_bytes(folder: Path) -> None:
    (folder / "data").write_bytes(bytes(100))


#: A build that never ends.
SLOW = """
import time
from hwgen import cache

def make(folder):
    (folder / "file").write_text("half")
    print("ready", flush=True)
    time.sleep(60)

cache.entry("key", make)
"""


def test_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.folder() == root
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.folder() == Path("/somewhere/weft")


def test_digest_depends_on_every_part_and_its_borders() -> None:
    keys = {cache.digest(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", ""), ("b", "a"), ("a", "c"))}
    assert len(keys) == 5
    assert cache.digest("a", b"b") == cache.digest("a", "b")


def test_made_once(root: Path) -> None:
    calls = []

    def make(folder: Path) -> None:
        calls.append(folder)
        fill(folder)

    first, second = cache.entry("key", make), cache.entry("key", make)
    assert first == second == root / "key"
    assert len(calls) == 1
    assert (first / "file").read_text() == "content"
    assert cache.find("key") == first
    assert cache.find("other") is None


def test_a_failure_leaves_nothing(root: Path) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise RuntimeError("compiler")

    with pytest.raises(RuntimeError, match="compiler"):
        cache.entry("key", fail)
    assert [path.name for path in root.iterdir() if path.is_dir()] == []
    assert cache.entry("key", fill) == root / "key"


def test_a_killed_build_leaves_no_entry(root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert len(list(root.glob("key.part-*"))) == 1
    assert cache.find("key") is None
    assert (cache.entry("key", fill) / "file").read_text() == "content"
    assert list(root.glob("key.part-*")) == []


@pytest.mark.parametrize("damage", ["changed", "removed", "without digests"])
def test_a_damaged_entry_is_made_again(root: Path, damage: str) -> None:
    path = cache.entry("key", fill)
    if damage == "changed":
        (path / "file").write_text("Content")
    else:
        (path / ("file" if damage == "removed" else cache.DIGESTS)).unlink()
    assert cache.find("key") is None
    assert cache.entry("key", fill) == path
    assert (path / "file").read_text() == "content"
    assert cache.find("key") == path
    assert [path.name for path in root.iterdir() if path.is_dir()] == ["key"]


def test_digests_are_those_of_sha256sum(root: Path) -> None:
    path = cache.entry("key", fill)
    checked = subprocess.run(["sha256sum", "--check", "--strict", cache.DIGESTS], cwd=path, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "file: OK\n")


def test_text(root: Path) -> None:
    made = []

    def make() -> str:
        made.append("≤ one\r\nline")
        return made[-1]

    assert cache.text("key", make) == cache.text("key", make) == made[0]
    assert len(made) == 1


def test_text_of_a_cache_that_cannot_be_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.text("there", lambda: "kept")
    monkeypatch.setattr(cache.os, "access", lambda path, mode: False)
    assert cache.text("there", lambda: "made") == "kept"
    assert cache.text("absent", lambda: "made") == "made"
    assert cache.find("absent") is None
    monkeypatch.setenv(cache.VARIABLE, str(root / "there" / cache.DIGESTS))  # a file
    assert cache.text("absent", lambda: "made") == "made"


def test_two_at_once_make_it_once(root: Path) -> None:
    calls = []

    def make(folder: Path) -> None:
        calls.append(folder)
        time.sleep(0.2)
        fill(folder)

    threads = [threading.Thread(target=cache.entry, args=("key", make)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_the_least_recently_used_go_first(root: Path) -> None:
    now = time.time()
    for name, age in (("old", 3 * cache.GRACE), ("middle", 2 * cache.GRACE), ("new", 0)):
        path = cache.entry(name, hundred_bytes)
        os.utime(path, (now - age, now - age))
    cache.prune(root, limit=400)  # each has 100 bytes and a line of digests
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == ["middle", "new"]
    cache.prune(root, limit=0)
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == ["new"], "what may be in use stays"
    cache.find("new")
    assert now - (root / "new").stat().st_mtime < 60


def test_what_killed_builds_left_goes_after_a_day(root: Path) -> None:
    root.mkdir()
    now = time.time()
    for name, age in (("killed.part-x", 2 * cache.ABANDONED), ("under way.part-y", 2 * cache.GRACE)):
        (root / name).mkdir()
        fill(root / name)
        os.utime(root / name, (now - age, now - age))
    cache.entry("another", fill)
    assert {path.name for path in root.iterdir() if path.is_dir()} == {"another", "under way.part-y"}


def test_a_folder_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(InputError, match=r"cannot be written .* environment variable WEFT_CACHE"):
        cache.entry("key", fill)
