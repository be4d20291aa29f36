"""Damaged model files through `weft check`'s survey: operators with their places or an InputError, and nothing else."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from golden.errors import InputError
from tests.golden.importers import onnx_networks
from tests.golden.importers.test_onnx_fuzz import mutate
from tests.golden.importers.test_tflite_float import network as float_network
from tests.golden.importers.test_tflite_fuzz import PATIENCE, mutations
from tests.golden.importers.test_tflite_fuzz import network as int8_network
from weft.survey import NOT_JUDGED, UNSUPPORTED, survey

SEED = 31
Random = np.random.Generator

#: Operators that the importers do not know, or not everywhere.
ODD = ("LeakyRelu", "Resize", "QLinearConv", "LSTM", "LRN")


def surveyed(path: Path) -> str:
    """What came of a file: "supported", "unsupported" or "refused"."""
    start = time.process_time()
    try:
        found = survey(path)
        result = "supported" if found.supported else "unsupported"
        assert found.places
        assert all(place.why for place in found.places if place.where in (UNSUPPORTED, NOT_JUDGED))
        assert found.supported or found.unsupported
        assert found.unsupported or not any(place.where == NOT_JUDGED for place in found.places)
    except InputError:
        result = "refused"
    assert time.process_time() - start < PATIENCE
    return result


def tflite(rng: Random) -> bytes:
    data = float_network(np.random.default_rng(0), half=bool(rng.integers(2))) if rng.integers(2) else int8_network()
    return next(mutations(data, rng, 1))


def onnx_file(rng: Random) -> bytes:
    make = list(onnx_networks.NETWORKS.values())[rng.integers(len(onnx_networks.NETWORKS))]
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(make()[0]))
    for _ in range(int(rng.integers(3))):
        model.graph.node[int(rng.integers(len(model.graph.node)))].op_type = str(rng.choice(ODD))
    for _ in range(int(rng.integers(3))):
        mutate(model, rng)
    return model.SerializeToString()


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every member of a JSON value, as what holds it and where."""
    members = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(value, key) for key, _ in members] + [found for _, member in members for found in places(member)]


def damage(description: bytes, rng: Random) -> bytes:
    """JSON with a few members changed, taken out, or replaced by others of the same file."""
    value = json.loads(description)
    for _ in range(int(rng.integers(1, 4))):
        found = places(value)
        holder, key = found[int(rng.integers(len(found)))]
        other, its = found[int(rng.integers(len(found)))]
        kind = rng.integers(4)
        if kind == 0:
            holder[key] = (None, True, -1, 2**31, 2**63, "", "x", [], {})[int(rng.integers(9))]
        elif kind == 1:
            holder[key] = json.loads(json.dumps(other[its]))
        elif kind == 2:
            del holder[key]
        elif isinstance(holder[key], int):
            holder[key] += int(rng.integers(-3, 4))
    return json.dumps(value).encode()


@pytest.fixture
def damaged_program(program: Path, tmp_path: Path) -> Callable[[Random], bytes]:
    with zipfile.ZipFile(program) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    descriptions = [name for name in records if name.endswith(".json")]
    (model,) = (name for name in descriptions if name.endswith("models/model.json"))

    def make(rng: Random) -> bytes:
        target = tmp_path / "made.pt2"
        name = model if rng.integers(4) else str(rng.choice(descriptions))
        with zipfile.ZipFile(target, "w") as archive:
            for each, data in records.items():
                archive.writestr(each, damage(data, rng) if each == name else data)
        return target.read_bytes()

    return make


def fuzz(make: Callable[[Random], bytes], path: Path, seed: int, count: int) -> set[str]:
    rng = np.random.default_rng(seed)
    seen = set()
    for _ in range(count):
        path.write_bytes(make(rng))
        seen.add(surveyed(path))
    return seen


def test_tflite(tmp_path: Path) -> None:
    assert fuzz(tflite, tmp_path / "net.tflite", SEED, 250) == {"supported", "unsupported", "refused"}


def test_onnx(tmp_path: Path) -> None:
    assert fuzz(onnx_file, tmp_path / "net.onnx", SEED, 120) == {"supported", "unsupported", "refused"}


def test_programs(damaged_program: Callable[[Random], bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert fuzz(damaged_program, tmp_path / "net.pt2", SEED, 25) >= {"supported", "refused"}
    assert capfd.readouterr() == ("", "")  # PyTorch says nothing of its own


@pytest.mark.slow
def test_tflite_for_longer(tmp_path: Path) -> None:
    fuzz(tflite, tmp_path / "net.tflite", SEED + 1, 20_000)


@pytest.mark.slow
def test_onnx_for_longer(tmp_path: Path) -> None:
    fuzz(onnx_file, tmp_path / "net.onnx", SEED + 1, 5_000)


@pytest.mark.slow
def test_programs_for_longer(damaged_program: Callable[[Random], bytes], tmp_path: Path) -> None:
    fuzz(damaged_program, tmp_path / "net.pt2", SEED + 1, 1_000)
