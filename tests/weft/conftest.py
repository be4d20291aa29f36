"""A small network with its files, and the command line run in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import weft
from golden.graph import Graph
from tests.weft.small import FACTORIES, Command, Files, Result, small_network
from weft.cli import command_line
from weft.cli.terminal import run


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("small")
    (folder / "factories.py").write_text(FACTORIES)
    random = np.random.default_rng(3)
    calibration = random.normal(size=(64, 2, 8, 8)).astype(np.float32)
    np.savez(folder / "calibration.npz", x=calibration)
    test = random.normal(size=(16, 8, 8, 2)).astype(np.float32)
    np.savez(folder / "test.npz", x=test, label=random.integers(0, 4, 16))
    weft.quantize(small_network(), calibration, output=folder / "small.weft", name="small")
    return Files(folder, folder / "calibration.npz", folder / "test.npz", folder / "small.weft")


@pytest.fixture(scope="session")
def graph(files: Files) -> Graph:
    from golden import network_file

    return network_file.load(files.network)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], files: Files, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `weft` with arguments, in the folder of the small network, and gives what it wrote (by whatever process) and its exit code."""
    monkeypatch.chdir(files.folder)

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        code = run(command_line, [str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network as torch.export writes it."""
    path = tmp_path_factory.mktemp("exported") / "small.pt2"
    exported = torch.export.export(small_network(), (torch.zeros(2, 2, 8, 8),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(exported, str(path))
    return path
