"""`weft compare -o`: the folder, the page and the pictures."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import weft
from tests.weft.small import Command, Files

METHODS = ("int8 min-max", "W4A4", "weight-only int8")
PICTURES = {
    "accuracy-size.svg",
    "accuracy-latency.svg",
    "layer-noise.svg",
    "weights.svg",
    "activations.svg",
    "feature-maps.png",
    "filters.png",
    "loss-landscape.png",
}


class Page(HTMLParser):
    """The tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def arguments(files: Files, folder: Path) -> list[object]:
    options = [word for method in METHODS for word in ("--method", method)]
    return ["compare", "factories:small", "--calibration", files.calibration, "--evaluation", files.test, *options, "-o", folder]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("WEFT_CACHE", str(cache))


@pytest.fixture(scope="module")
def folder(files: Files, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on the small network."""
    path = tmp_path_factory.mktemp("reports") / "report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEFT_CACHE", str(cache))
        patch.chdir(files.folder)
        weft.compare("factories:small", files.calibration, files.test, methods=METHODS, output=path)
    return path


def test_the_folder(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"index.html", "comparison.json", *PICTURES}
    assert [path.name for path in folder.parent.iterdir()] == ["report"]  # nothing is left beside it
    numbers = json.loads((folder / "comparison.json").read_text())
    assert [row["name"] for row in numbers["rows"]] == ["float", *METHODS]
    assert set(numbers["files"]) == {path.name for path in folder.iterdir()}


def test_the_page_needs_nothing_else(folder: Path) -> None:
    text = (folder / "index.html").read_text()
    assert not re.search(r"https?:|file:|//[a-z]|@import|url\(", re.sub(r'"data:[^"]*"', '""', text))
    page = Page(text)
    assert page.of("link") == []
    assert [script for script in page.of("script") if script] == []  # the one there is names no file
    images = page.of("img")
    assert len(images) == len(PICTURES)
    for image in images:
        assert len(image["alt"] or "") > 60
    inlined = {base64.b64decode((image["src"] or "").partition("base64,")[2]) for image in images}
    assert inlined == {(folder / name).read_bytes() for name in PICTURES}
    assert [head["scope"] for head in page.of("th")] == ["col"] * len(page.of("th"))
    assert len(page.of("td")) == len(page.of("th")) * (1 + len(METHODS))


def test_no_picture_is_empty(folder: Path) -> None:
    for name in PICTURES:
        data = (folder / name).read_bytes()
        if name.endswith(".svg"):
            drawn = [each for each in ElementTree.fromstring(data).iter() if each.tag.endswith(("}path", "}use"))]
            assert len(drawn) > 50
        else:
            assert np.asarray(Image.open(io.BytesIO(data)).convert("L")).std() > 20


def test_a_folder_of_its_own_is_replaced(command: Command, files: Files, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "report")
    (tmp_path / "report" / "index.html").write_text("old")
    result = command(*arguments(files, tmp_path / "report"))
    assert (result.code, result.err) == (0, "")
    assert f"{tmp_path / 'report' / 'index.html'}: the same with pictures" in result.out
    for name in ("index.html", "comparison.json", *PICTURES):  # the same numbers give the same bytes
        assert (tmp_path / "report" / name).read_bytes() == (folder / name).read_bytes()


def test_bad_folders(command: Command, files: Files, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "thesis.txt").write_text("years of work")
    result = command(*arguments(files, others))
    assert result.code == 2
    assert "also holds files that Weft did not write; name another folder, or move them away\n  - thesis.txt" in result.err
    assert (others / "thesis.txt").read_text() == "years of work"
    for number in range(20):
        (others / f"{number}.txt").touch()
    assert "  - 0.txt" in command(*arguments(files, others)).err
    assert command(*arguments(files, others)).err.endswith("\n  - and 11 more\n")
    result = command(*arguments(files, others / "thesis.txt"))
    assert result.code == 2
    assert "it is a file; give the path of a folder" in result.err
    result = command(*arguments(files, tmp_path / "nowhere" / "report"))
    assert result.code == 2
    assert "cannot write" in result.err


def test_nothing_is_left_of_a_comparison_that_fails(command: Command, files: Files, tmp_path: Path) -> None:
    before = tmp_path / "report"
    before.mkdir()
    result = command("compare", "factories:broken", "--calibration", files.calibration, "--evaluation", files.test, "-o", before)
    assert result.code == 2
    assert list(before.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
