"""Cached Verilog: emitted once, and never served for other sources, another configuration, or out of a damaged entry."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from golden.graph import Graph, Int8
from hwgen import cache, emit
from hwgen.config import AcceleratorConfig
from sim import emission_sources, runner, tools, verilog
from sim.emission_sources import PACKAGES, Sources, read_sources
from sim.tools import Simulator
from sim.verify import verify
from tests.sim.small import SMALL


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def emitted(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was emitted and not found, in order; the emission itself is a short text."""
    made: list[str] = []

    def accelerator(config: AcceleratorConfig) -> str:
        made.append(f"accelerator {config.rows} x {config.cols}\n\u2264")
        return made[-1]

    def selftest(config: AcceleratorConfig, depth: int, *, flash_offset: int | None = None) -> str:
        made.append(f"selftest {config.rows} x {config.cols}, {depth}")
        return made[-1]

    monkeypatch.setattr(emit, "accelerator_verilog", accelerator)
    monkeypatch.setattr(emit, "selftest_verilog", selftest)
    monkeypatch.setattr(verilog, "_loaded_sources", lambda: "the sources")
    return made


def entries(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()]


def test_emitted_once(emitted: list[str], root: Path) -> None:
    first = verilog.accelerator_verilog(SMALL)
    assert first == emitted[0]
    assert verilog.accelerator_verilog(replace(SMALL)) == first
    assert len(emitted) == 1
    assert [path.name.partition("-")[0] for path in entries(root)] == ["verilog"]


def test_another_configuration_or_depth_is_another_text(emitted: list[str]) -> None:
    other = replace(SMALL, act_depth=2 * SMALL.act_depth)
    texts = [verilog.selftest_verilog(SMALL, 16), verilog.selftest_verilog(SMALL, 32), verilog.accelerator_verilog(SMALL)]
    verilog.accelerator_verilog(other)
    assert texts == emitted[:3]
    assert len(emitted) == 4
    assert [verilog.selftest_verilog(SMALL, depth) for depth in (16, 32)] == texts[:2]
    assert len(emitted) == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(verilog, "_loaded_sources", lambda: "other sources"),
        lambda patch: patch.setattr(verilog, "version", lambda package: "99"),
        lambda patch: patch.setenv("AMARANTH_USE_YOSYS", "builtin"),
        lambda patch: patch.setenv("YOSYS", sys.executable),
    ],
    ids=["sources", "Amaranth", "which Yosys", "the Yosys"],
)
def test_what_it_depends_on(emitted: list[str], monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]) -> None:
    verilog.accelerator_verilog(SMALL)
    change(monkeypatch)
    verilog.accelerator_verilog(SMALL)
    assert len(emitted) == 2


@pytest.mark.parametrize("damage", ["cut off", "changed", "removed", "without digests", "one file more"])
def test_a_damaged_entry_is_made_again(emitted: list[str], root: Path, damage: str) -> None:
    text = verilog.accelerator_verilog(SMALL)
    (path,) = entries(root)
    file = path / "text"
    if damage == "cut off":
        file.write_bytes(file.read_bytes()[:-3])
    elif damage == "changed":
        file.write_bytes(file.read_bytes().replace(b"4", b"5"))
    elif damage == "removed":
        file.unlink()
    elif damage == "without digests":
        (path / cache.DIGESTS).unlink()
    else:
        (path / "more").write_text("x")
    for _ in range(2):
        assert verilog.accelerator_verilog(SMALL) == text
    assert len(emitted) == 2
    assert entries(root) == [path]


def test_a_cache_that_cannot_be_written_is_done_without(emitted: list[str], root: Path) -> None:
    root.write_text("a file")
    assert verilog.accelerator_verilog(SMALL) == emitted[0]
    assert verilog.accelerator_verilog(SMALL) == emitted[1]


def test_sources_that_changed_under_a_running_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not what it has loaded: what it emits is not theirs."""
    for changed, digest in ((time.time() + 1, None), (0.0, "d")):
        verilog._loaded_sources.cache_clear()
        monkeypatch.setattr(verilog, "read_sources", lambda changed=changed: Sources("d", changed))
        assert verilog._loaded_sources() == digest
    verilog._loaded_sources.cache_clear()


# --- sources ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packages, in a place where a test may change them."""
    root = tmp_path_factory.mktemp("packages")
    return {name: Path(shutil.copytree(path, root / name, ignore=shutil.ignore_patterns("*.pyc"))) for name, path in PACKAGES.items()}


@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("hwgen/gateware/pe.py", True),
        ("hwgen/gateware/replay.py", True),
        ("hwgen/emit/verilog.py", True),
        ("hwgen/emit/templates/weft_ram.v", True),
        ("hwgen/config.py", True),
        ("golden/rescale.py", True),
        ("hwgen/compiler/compile.py", False),
        ("golden/interpreter.py", False),
    ],
)
def test_a_change_of_a_source_is_seen(copied: dict[str, Path], file: str, matters: bool) -> None:
    before, started = read_sources(copied), time.time()
    path = copied["hwgen"].parent / file
    path.write_bytes(path.read_bytes() + b"\n# changed\n")
    after = read_sources(copied)
    assert (after.digest != before.digest) == matters
    assert (after.changed > before.changed and after.changed > started - 1) == matters


def test_the_digest_is_of_the_contents_alone(copied: dict[str, Path], tmp_path: Path) -> None:
    elsewhere = {name: Path(shutil.copytree(path, tmp_path / name)) for name, path in copied.items()}
    assert read_sources(elsewhere).digest == read_sources(copied).digest


def test_every_module_that_the_gateware_loads_is_a_source() -> None:
    program = """
import sys
import hwgen.gateware.selftest
for name, module in list(sys.modules.items()):
    if name.partition(".")[0] in ("golden", "hwgen") and not hasattr(module, "__path__"):
        print(module.__file__)
"""
    root = str(PACKAGES["hwgen"].parent)
    loaded = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(loaded) > 20
    assert set(map(Path, loaded)) <= emission_sources._modules(PACKAGES)


# --- as a whole -------------------------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the emissions and compilations, in order."""
    names: list[str] = []

    def count(module: object, name: str) -> None:
        function = getattr(module, name)

        def counted(*arguments: object, **named: object) -> object:
            names.append(name)
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, counted)

    for module, name in (
        (emit, "accelerator_verilog"),
        (emit, "selftest_verilog"),
        (runner, "_build_icarus"),
        (runner, "_build_verilator"),
    ):
        count(module, name)
    return names


def test_the_second_verification_emits_and_compiles_nothing(
    graph: Graph, images: Int8, root: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if tools.missing(Simulator.ICARUS):
        pytest.skip(f"{tools.missing(Simulator.ICARUS)[0].problem()}")
    monkeypatch.setattr(verilog, "_loaded_sources", lambda: "the sources")
    for _ in range(2):
        assert verify(graph, images[:1], config=SMALL, simulator=Simulator.ICARUS).equal
        assert made == ["accelerator_verilog", "selftest_verilog", "_build_icarus"]
    assert verify(graph, images[:1], config=replace(SMALL, act_depth=256), simulator=Simulator.ICARUS).equal
    assert made[3:] == ["accelerator_verilog", "selftest_verilog", "_build_icarus"], "another configuration is another design"


def test_the_second_verification_of_a_folder_compiles_nothing(
    graph: Graph, images: Int8, build_path: Path, simulator: Simulator, made: list[str]
) -> None:
    assert verify(graph, images[:1], build=build_path, simulator=simulator).equal
    made.clear()  # the first one may have found it
    assert verify(graph, images[1:2], build=build_path, simulator=simulator).equal
    assert made.count(f"_build_{simulator.value}") == 0
