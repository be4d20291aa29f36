"""Reading .pt2 files: an ordinary one loads, and one that would run code when torch loads it is refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from golden.errors import InputError
from golden.importers.torch_tracing import quiet
from tests.weft.small import Trap, small_network
from weft.exported_program import load

Records = dict[str, bytes]


def rewrite(source: Path, target: Path, change: Callable[[Records], None]) -> Path:
    """A copy of an archive with its records changed; names are given without the archive's root."""
    with zipfile.ZipFile(source) as archive:
        records = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    change(records)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in records.items():
            archive.writestr(f"{target.stem}/{name}", data)
    return target


def edit(records: Records, name: str, change: Callable[[dict[str, object]], None]) -> None:
    value = json.loads(records[name])
    change(value)
    records[name] = json.dumps(value).encode()


def pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_an_exported_network_loads(program: Path) -> None:
    loaded = load(program)
    x = torch.randn(3, 2, 8, 8)
    assert torch.equal(loaded.module()(x), small_network()(x))


def test_an_unchanged_copy_loads(program: Path, tmp_path: Path) -> None:
    load(rewrite(program, tmp_path / "copy.pt2", lambda records: None))


def trap_in_example_inputs(records: Records, trap: Trap) -> None:
    records["data/sample_inputs/model.pt"] = pickled(((trap,), {}))


def trap_in_weights(records: Records, trap: Trap) -> None:
    def use_pickle(config: dict[str, dict[str, dict[str, object]]]) -> None:
        next(iter(config["config"].values()))["use_pickle"] = True

    edit(records, "data/weights/model_weights_config.json", use_pickle)  # type: ignore[arg-type]
    records["data/weights/weight_0"] = pickled(trap)


def trap_in_constants(records: Records, trap: Trap) -> None:
    payload = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    edit(records, "data/constants/model_constants_config.json", lambda config: config["config"].update(trap=payload))  # type: ignore[attr-defined]
    records["data/constants/opaque_obj_0"] = pickled(trap)


def trap_in_legacy_weights(records: Records, trap: Trap) -> None:
    records["data/weights/model.pt"] = pickled({"weight": trap})


def trap_in_a_size(records: Records, trap: Trap) -> None:
    code = f"__import__('pathlib').Path('{trap.path}').touch()"
    records["models/model.json"] = replace_expression(records["models/model.json"], code)


def replace_expression(model: bytes, code: str) -> bytes:
    def replace(value: object) -> object:
        if isinstance(value, dict):
            return {key: code if key == "expr_str" else replace(member) for key, member in value.items()}
        return [replace(member) for member in value] if isinstance(value, list) else value

    return json.dumps(replace(json.loads(model))).encode()


def trap_in_an_operator(records: Records, trap: Trap) -> None:
    records["models/model.json"] = records["models/model.json"].replace(b"torch.ops.aten.relu.default", b"torch.hub.load")


TRAPS = [trap_in_example_inputs, trap_in_weights, trap_in_constants, trap_in_legacy_weights, trap_in_a_size, trap_in_an_operator]


@pytest.mark.parametrize("trap", TRAPS)
def test_a_file_that_could_run_code_is_refused(program: Path, tmp_path: Path, trap: Callable[[Records, Trap], None]) -> None:
    sprung = tmp_path / "sprung"
    path = rewrite(program, tmp_path / "trap.pt2", lambda records: trap(records, Trap(sprung)))
    with pytest.raises(InputError, match="refused, because loading it could run code"):
        load(path)
    assert not sprung.exists()


def test_the_traps_are_real(program: Path, tmp_path: Path) -> None:
    """torch itself springs the one in the example inputs: refusing is not for show."""
    sprung = tmp_path / "sprung"
    path = rewrite(program, tmp_path / "trap.pt2", lambda records: trap_in_example_inputs(records, Trap(sprung)))
    with quiet():  # torch's message about it is malformed
        torch.export.load(path)
    assert sprung.exists()


@pytest.mark.parametrize("code", ["f(x)", "x.real", "Symbol('a b')", "[x for x in y]", "lambda: 0", "Add(exit(), 1)", "(", "x if y else z"])
def test_sizes_are_arithmetic_alone(program: Path, tmp_path: Path, code: str) -> None:
    def change(records: Records) -> None:
        records["models/model.json"] = replace_expression(records["models/model.json"], code)

    with pytest.raises(InputError, match="is no arithmetic expression"):
        load(rewrite(program, tmp_path / "size.pt2", change))


def test_truncated_and_foreign_files(program: Path, tmp_path: Path) -> None:
    data = program.read_bytes()
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("hello.txt", "hello")
    for content in (b"", data[:1000], data[:-100], data[: len(data) // 2], b"x = 1", foreign.getvalue()):
        path = tmp_path / "damaged.pt2"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"damaged\.pt2: (not a torch\.export file|refused)"):
            load(path)
