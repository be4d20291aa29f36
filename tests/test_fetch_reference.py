"""Fetching reference networks: from a server on this machine, with all that can go wrong."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from golden.importers.tflite import import_file
from golden.interpreter import run
from tests import fetch_reference
from tests.fetch_reference import FetchError, Model, fetch, main, random_samples
from tests.golden.importers.tflite_builder import FileBuilder


class Handler(SimpleHTTPRequestHandler):
    """Serves files, counts requests, says nothing."""

    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        super().do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path, type[Handler]]]:
    """A server: its URL, the folder that it serves, and what counts its requests."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = type("CountingHandler", (Handler,), {"requests": 0})
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder, handler
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def command(folder: Path, url: str) -> Result:
    return CliRunner().invoke(main, [str(folder), "--url", url])


def serve(folder: Path, path: str, content: bytes) -> Model:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    return Model(path.replace("/", "_"), path, hashlib.sha256(content).hexdigest())


def test_files_are_fetched_once(served: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    url, folder, handler = served
    models = [serve(folder, f"a/{name}.tflite", name.encode()) for name in ("one", "two")]
    for _ in range(2):
        fetch(tmp_path / "models", models, url)
        assert [(tmp_path / "models" / model.name).read_bytes() for model in models] == [b"one", b"two"]
        assert handler.requests == 2
    (tmp_path / "models" / models[0].name).write_bytes(b"damaged")
    fetch(tmp_path / "models", models, url)
    assert (tmp_path / "models" / models[0].name).read_bytes() == b"one"
    assert handler.requests == 3


def test_what_the_server_lacks_or_has_changed(served: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    url, folder, _ = served
    good, changed = serve(folder, "good.tflite", b"good"), serve(folder, "changed.tflite", b"other")
    models = [Model("none.tflite", "none.tflite", good.sha256), replace(changed, sha256=good.sha256), good]
    with pytest.raises(FetchError) as caught:
        fetch(tmp_path / "models", models, url)
    message = str(caught.value)
    assert "none.tflite: 404" in message
    assert f"changed.tflite: what {url}/changed.tflite holds is not the file" in message
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["good.tflite"]


def test_without_a_network(tmp_path: Path) -> None:
    result = command(tmp_path, "http://127.0.0.1:9")  # nobody listens there
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: http://127.0.0.1:9 cannot be reached (ConnectionError): check the network connection" in result.stderr
    assert "ic_resnet8_int8.tflite" in result.stderr


def test_a_folder_that_cannot_be_written(served: tuple[str, Path, type[Handler]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "models").write_text("a file")
    monkeypatch.setattr(fetch_reference, "MODELS", (serve(served[1], "net.tflite", b"net"),))
    result = command(tmp_path / "reference", served[0])
    assert result.exit_code == 1
    assert f"Error: {tmp_path / 'reference'} cannot be written: " in result.stderr


def small_model() -> bytes:
    """RELU of a vector of 5."""
    file = FileBuilder()
    x, y = file.tensor((1, 5), 0.1, 3), file.tensor((1, 5), 0.2, -4)
    file.op("RELU", [x], [y])
    return file.file([x], [y])


def test_random_samples(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(small_model())
    random_samples(tmp_path / "net.tflite", 20, tmp_path / "samples.npz")
    samples = np.load(tmp_path / "samples.npz")
    assert (samples["x"].shape, samples["x"].dtype, samples["y_tflm"].dtype) == ((20, 5), np.int8, np.int8)
    assert (run(import_file(tmp_path / "net.tflite"), samples["x"]) == samples["y_tflm"]).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.tflite", "samples.npz"]


def test_the_command(served: tuple[str, Path, type[Handler]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, folder, _ = served
    model = replace(serve(folder, "net.tflite", small_model()), name="net_int8.tflite")
    monkeypatch.setattr(fetch_reference, "RANDOM", {"net": 3})
    monkeypatch.setattr(fetch_reference, "MODELS", (model,))
    target = tmp_path / "reference"
    result = command(target, url)
    assert result.exit_code == 0
    assert f"export WEFT_REFERENCE={target}" in result.stdout
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*.*")) == ["models/net_int8.tflite", "samples/net_random.npz"]
    (target / "samples" / "net_random.npz").write_bytes(b"one's own")
    assert command(target, url).exit_code == 0
    assert (target / "samples" / "net_random.npz").read_bytes() == b"one's own"


@pytest.mark.reference
def test_the_digests_are_those_of_the_reference_networks(served: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    """The whole command against a server that has the files where the benchmark has them; the samples' outputs equal the golden model's."""
    url, folder, _ = served
    for model in fetch_reference.MODELS:
        (folder / model.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(os.environ["WEFT_REFERENCE"]) / "models" / model.name, folder / model.path)
    target = tmp_path / "reference"
    assert command(target, url).exit_code == 0
    assert len(list((target / "models").iterdir())) == 8
    for name, count in fetch_reference.RANDOM.items():
        samples = np.load(target / "samples" / f"{name}_random.npz")
        graph = import_file(target / "models" / f"{name}_int8.tflite")
        x = samples["x"].reshape(-1, *graph.tensors[graph.inputs[0]].shape)
        assert len(x) == count
        assert (run(graph, x[:10]) == samples["y_tflm"][:10].reshape(-1, *graph.tensors[graph.outputs[0]].shape)).all()
