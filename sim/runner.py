"""Building a design for a simulator, once, and running cocotb modules on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cocotb_tools.config

from golden.errors import InputError, ToolFailedError, ToolMissingError
from hwgen import cache
from sim import tools
from sim.lint import WAIVERS
from sim.results import RunResult, read_results
from sim.simulators import TIMESCALE, WeftIcarus, WeftVerilator
from sim.tools import Simulator

#: Waveform formats by the suffix of the file.
WAVE_FORMATS = {".vcd": "vcd", ".fst": "fst"}

_COMPILER_VARIABLES = ("CXX", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LDLIBS")


@dataclass(frozen=True)
class Design:
    """Verilog to simulate.

    top:     name of the top module.
    sources: Verilog files; memory images that they name are looked for in the folder of the run.
    defines: macros to define, as 1.
    random_x: whether an x that the sources write down is random in Verilator, anew in every run, and not whatever is fastest.
    """

    top: str
    sources: tuple[Path, ...]
    defines: tuple[str, ...] = ()
    random_x: bool = False

    def ports(self) -> tuple[str, ...]:
        """Names of the top's ports.  Raises InputError where the sources have no such module, or cannot be read."""
        for source in self.sources:
            if (names := module_ports(_read(source), self.top)) is not None:
                return names
        raise InputError(f"there is no module {self.top} in {', '.join(map(str, self.sources))}")


@dataclass(frozen=True)
class Built:
    """A design, compiled for a simulator.  trace: the waveform format that it can write, or None."""

    design: Design
    simulator: Simulator
    directory: Path
    trace: str | None


def module_ports(verilog: str, module: str) -> tuple[str, ...] | None:
    """Names of a module's ports in order of declaration; None where the text has no such module."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/|\(\*.*?\*\)", " ", verilog, flags=re.DOTALL)
    match = re.search(rf"\bmodule\s+{re.escape(module)}\s*(?:#\s*\(.*?\)\s*)?(?:\(([^;]*)\)\s*)?;", code, flags=re.DOTALL)
    if match is None:
        return None
    return tuple(port.split("=")[0].split()[-1].lstrip("\\") for port in (match[1] or "").split(",") if port.strip())


def wave_format(path: Path) -> str:
    """The waveform format of a file name.  Raises InputError for a suffix that is neither .vcd nor .fst."""
    try:
        return WAVE_FORMATS[path.suffix.lower()]
    except KeyError:
        raise InputError(f"a waveform file ends in .vcd or .fst, not {path.name!r}") from None


def build(design: Design, simulator: Simulator, *, trace: str | None = None) -> Built:
    """Compiles a design, or takes it from the cache, where its key is everything that the result depends on.

    trace: "vcd" or "fst" for a build that can write waveforms (slower).
    Raises ToolMissingError without the simulator, InputError for unreadable sources, ToolFailedError when it cannot be compiled.
    """
    tools.require(simulator)
    ports = design.ports()
    texts = [part for source in design.sources for part in (source.name, _read(source))]
    identity = (simulator.value, tools.version_of(simulator), version("cocotb"), str(cocotb_tools.config.libs_dir))
    if simulator is Simulator.VERILATOR:
        options = (*_verilator_identity(), *WeftVerilator.optimize(design.random_x), WAIVERS.read_text(encoding="utf-8"))
    else:
        options = ()
    key = cache.digest(*identity, *options, trace or "", design.top, *design.defines, *ports, *texts)
    make = _build_verilator if simulator is Simulator.VERILATOR else _build_icarus
    directory = cache.entry(f"{simulator.value}-{key}", lambda part: make(design, ports, part, trace))
    return Built(design, simulator, directory, trace)


def run(
    built: Built,
    module: str,
    directory: Path,
    *,
    seed: int,
    plusargs: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    test_filter: str | None = None,
    waves: Path | None = None,
    limit_s: float | None = None,
    watch: Callable[[], None] | None = None,
) -> RunResult:
    """Runs a cocotb module in `directory`, where the memory images are and the log and results go.

    seed:        COCOTB_RANDOM_SEED, which also seeds what the design leaves uninitialized (Verilator).
    environment: variables for the module.
    test_filter: regular expression; tests whose names it does not match are left out.
    waves:       waveform file to write; its suffix says the format, which the build must have been made for.
    limit_s:     wall-clock limit.
    watch:       called a few times a second while the simulator runs.

    Returns what the tests came to.  Raises ToolFailedError when there are no results to read.
    """
    trace = wave_format(waves) if waves is not None else None
    if trace is not None and trace != built.trace:
        raise InputError(f"a build for {built.trace or 'no'} waveforms cannot write {waves}; build with trace={trace!r}")
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    results, log = directory / "results.xml", directory / "simulation.log"
    results.unlink(missing_ok=True)
    runner = WeftVerilator() if built.simulator is Simulator.VERILATOR else WeftIcarus()
    runner.trace, runner.limit_s, runner.watch = trace, limit_s, watch
    runner.trace_file = waves.resolve() if waves is not None else None
    started = time.perf_counter()
    runner.simulate(
        module,
        built.design.top,
        build_directory=built.directory,
        directory=directory,
        results=results,
        log=log,
        seed=seed,
        plusargs=plusargs,
        environment=environment or {},
        test_filter=test_filter,
    )
    seconds = time.perf_counter() - started
    return RunResult(read_results(results, log), seed, directory, log, seconds, waves)


# --- building -------------------------------------------------------------------------------------


def control_file(top: str, ports: Sequence[str]) -> str:
    """The Verilator control file that opens the top's ports to Python."""
    return "".join(["`verilator_config\n", *(f'public_flat_rw -module "{top}" -var "{port}"\n' for port in ports)])


def _build_verilator(design: Design, ports: tuple[str, ...], part: Path, trace: str | None) -> None:
    """Fills a cache entry with the simulation program, and keeps Verilator's own compiled library for the next build."""
    work = part / "work"
    work.mkdir()
    library_key = f"verilated-{cache.digest(*_verilator_identity(), trace or '')}"
    library = cache.find(library_key)
    if library is not None:
        _copy(library.glob("*.o"), work)
    control = work / "ports.vlt"
    control.write_text(control_file(design.top, ports), encoding="utf-8")
    runner = WeftVerilator(ready_objects=library, random_x=design.random_x)
    runner.trace = trace
    try:
        _compile(runner, design, work, [control, WAIVERS], ["-Wno-fatal"])
    except ToolFailedError as error:
        if trace == "fst" and re.search(r"\b(lz4|zlib)\.h", error.message):
            raise ToolMissingError(
                "Verilator writes FST waveforms only where the libraries lz4 and zlib can be compiled against: "
                "apt-get install liblz4-dev zlib1g-dev, or name a file that ends in .vcd"
            ) from error
        raise
    (work / design.top).rename(part / design.top)
    if library is None:
        cache.entry(library_key, lambda entry: _copy(work.glob("verilated*.o"), entry))
    shutil.rmtree(work)


def _build_icarus(design: Design, ports: tuple[str, ...], part: Path, trace: str | None) -> None:
    """Fills a cache entry with the compiled design."""
    runner = WeftIcarus()
    runner.trace = trace
    _compile(runner, design, part, [], [])


def _compile(runner: WeftVerilator | WeftIcarus, design: Design, work: Path, control_files: list[Path], arguments: list[str]) -> None:
    """Runs a build; raises ToolFailedError with the compiler's messages."""
    log = work / "build.log"
    runner.build(
        sources=[*control_files, *(source.resolve() for source in design.sources)],
        hdl_toplevel=design.top,
        build_args=arguments,
        defines=dict.fromkeys(design.defines, "1"),
        build_dir=work,
        timescale=TIMESCALE,
        waves=runner.trace is not None,
        always=True,
        log_file=log,
    )


def _verilator_identity() -> tuple[str, ...]:
    """What Verilator's own library, compiled, depends on."""
    verilator = tools.verilator()
    compiler = subprocess.run([os.environ.get("CXX", "c++"), "--version"], capture_output=True, text=True, check=False).stdout
    variables = {**verilator.make_variables, **WeftVerilator.MAKE}
    environment = tuple(f"{name}={os.environ.get(name, '')}" for name in _COMPILER_VARIABLES)
    return (verilator.version, str(verilator.executable), compiler, *(f"{k}={v}" for k, v in variables.items()), *environment)


def _copy(files: Iterable[Path], folder: Path) -> None:
    for file in files:
        shutil.copy(file, folder)


def _read(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the Verilog file {source} cannot be read: {error}") from error
