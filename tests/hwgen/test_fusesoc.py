"""The core file: YAML whose files are those of the folder."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hwgen.compiler import compile_graph
from hwgen.config import AcceleratorConfig
from hwgen.emit import emit, image_depths
from hwgen.emit.fusesoc import CORE_FILE, core_name

CONFIG = AcceleratorConfig(rows=8, cols=4, lanes=2, acc_depth=64, add_tables=1)
VERILOG = "module weft_accelerator(input clk);\nendmodule\n"


def files(fileset: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Names of a fileset's files, with their attributes; the fileset's file type where they have none."""
    found = {}
    for item in fileset["files"]:
        ((name, attributes),) = [(item, {})] if isinstance(item, str) else item.items()
        found[name] = {"file_type": fileset.get("file_type")} | attributes
    return found


@pytest.fixture(scope="module")
def folder(digits_like: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("core") / "accelerator"
    graph = replace(digits_like.graph(), name='8 x 8: "dig\u00edts"')
    emit(compile_graph(graph, CONFIG), target, verilog=lambda config: VERILOG)
    return target


def test_the_core_file(folder: Path) -> None:
    text = (folder / CORE_FILE).read_text(encoding="utf-8")
    first, rest = text.split("\n", 1)
    assert first == "CAPI=2:"
    core = yaml.safe_load(text)
    assert core.pop("CAPI=2") is None
    assert core == yaml.safe_load(rest)
    assert core["name"] == "weft:accelerator:8_x_8_dig_ts"
    assert core["description"] == '8 x 8: "dig\u00edts" on an int8 accelerator of 8 x 4'
    filesets = {name: files(fileset) for name, fileset in core["filesets"].items()}
    for fileset in filesets.values():
        for name in fileset:
            assert (folder / name).is_file(), name
    assert filesets["rtl"] == {"accelerator.v": {"file_type": "verilogSource"}}
    assert filesets["images"] == {name: {"file_type": "user", "copyto": name} for name in image_depths(CONFIG)}
    assert set(filesets["c_driver"]) == {path.name for path in folder.iterdir() if path.suffix in (".c", ".h")}
    for name, attributes in filesets["c_driver"].items():
        assert attributes == {"file_type": "cSource", **({"is_include_file": True} if name.endswith(".h") else {})}
    for target in core["targets"].values():
        used = [re.fullmatch(r"(?:\w+\? \()?(\w+)\)?", fileset) for fileset in target["filesets"]]
        assert {match[1] for match in used if match} == set(filesets)
        assert set(target["parameters"]) == set(core["parameters"])
        assert f"module {target['toplevel']}(" in (folder / "accelerator.v").read_text()


@pytest.mark.parametrize(
    ("network", "name"), [("resnet8_int8", "resnet8_int8"), ("a.b-c d", "a_b-c_d"), ("\u00fc", "network"), ("", "network")]
)
def test_names(network: str, name: str) -> None:
    assert core_name(network) == f"weft:accelerator:{name}"
