"""cocotb's runners, made fast and predictable.

Two things are changed.  Verilator is built without `--public-flat-rw`, which stops most optimizations; only the ports of the top
are made public, in a control file (61,000 -> 485,000 cycles/s for a 16 x 16 array).  And what a run does depends on its arguments
alone, not on variables of the environment that happen to be set (WAVES, COCOTB_*, PYTEST_*).

cocotb's `Runner.test` judges by exit codes and ends the process; `simulate` does its preparation and leaves the verdict to the
results file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cocotb_tools.runner import Icarus, PathLike, Runner, Verilator

from golden.errors import ToolFailedError
from sim import tools
from sim.results import errors, tail

#: Verilog without a `timescale: a time unit of 1 ns.
TIMESCALE = ("1ns", "1ps")

_WATCH_SECONDS = 0.25

_FOREIGN_PREFIXES = ("COCOTB_", "PYTEST_", "GPI_", "MAKE", "MFLAGS", "VERILATOR_")
_FOREIGN = frozenset({"WAVES", "GUI", "SIM", "TOPLEVEL", "MODULE", "SIM_CMD_PREFIX", "SIM_CMD_SUFFIX"})


def clean_environment() -> dict[str, str]:
    """This process's environment without the variables that change what a simulation does."""
    return {key: value for key, value in os.environ.items() if key not in _FOREIGN and not key.startswith(_FOREIGN_PREFIXES)}


class IsolatedRunner(Runner):
    """What both simulators share: a clean environment, output to a log, a limit on the wall clock."""

    trace: str | None = None  #: "vcd" or "fst"
    trace_file: Path | None = None
    limit_s: float | None = None
    watch: Callable[[], None] | None = None

    def _set_env_common(self) -> None:
        given = dict(self.env)
        super()._set_env_common()
        foreign = {key for key in self.env if key in _FOREIGN or key.startswith(_FOREIGN_PREFIXES)} - {"GPI_USERS"}
        self.env = {key: value for key, value in self.env.items() if key not in foreign} | given
        self.waves = self.trace is not None  # whatever WAVES says

    def _get_sim_cmd_prefix(self) -> list[str]:
        return []

    def _get_sim_cmd_suffix(self) -> list[str]:
        return []

    def simulate(
        self,
        module: str,
        top: str,
        *,
        build_directory: Path,
        directory: Path,
        results: Path,
        log: Path,
        seed: int,
        plusargs: Sequence[str],
        environment: Mapping[str, str],
        test_filter: str | None,
    ) -> None:
        """Runs a cocotb module; the verdict is in `results`.  Raises ToolFailedError when the wall clock's limit is reached."""
        self.build_dir, self.test_dir = build_directory, directory
        self.sim_hdl_toplevel, self.hdl_toplevel_lang, self.gpi_interfaces = top, "verilog", ["vpi"]
        self.test_module = module
        self.test_args, self.plusargs, self.pre_cmd = [], list(plusargs), None
        self.waves, self.gui = self.trace is not None, False
        self.log_file = log
        self.env = dict(environment)
        if test_filter is not None:
            self.env["COCOTB_TEST_FILTER"] = test_filter
        self.env |= {"COCOTB_RANDOM_SEED": str(seed), "COCOTB_RESULTS_FILE": str(results)}
        self._set_env_test()
        self._run(self._test_command(), directory, log)

    def _execute(self, cmds: Sequence[Sequence[str]], cwd: PathLike) -> None:
        """Runs the commands of a build; raises ToolFailedError, with what the tool said, when one fails."""
        log = Path(self.log_file) if self.log_file is not None else Path(os.devnull)
        for command in cmds:
            if code := self._run([command], cwd, log):
                program = Path(command[0]).name
                raise ToolFailedError(f"{program} ended with exit code {code}\n{errors(log)}")

    def _run(self, commands: Sequence[Sequence[str]], cwd: PathLike, log: Path) -> int:
        """Runs commands, output to `log`; returns the last exit code.  Raises ToolFailedError when the wall clock's limit is reached."""
        code = 0
        with log.open("w", encoding="utf-8") as output:
            for command in commands:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                try:
                    code = self._wait(process, log)
                except BaseException:
                    os.killpg(process.pid, signal.SIGKILL)  # its children too, such as make's compilers
                    process.wait()
                    raise
        return code

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> int:
        """Waits for the end of a process, its exit code; raises ToolFailedError at the limit."""
        started = time.monotonic()
        while True:
            try:
                return process.wait(_WATCH_SECONDS)
            except subprocess.TimeoutExpired:
                if self.watch is not None:
                    self.watch()
                if self.limit_s is not None and time.monotonic() - started > self.limit_s:
                    program = Path(str(process.args[0])).name  # type: ignore[index]
                    raise ToolFailedError(f"{program} did not end within {self.limit_s:g} s and was stopped\n{tail(log)}") from None


class WeftVerilator(IsolatedRunner, Verilator):
    """Verilator with the top's ports, and nothing else, open to Python."""

    MAKE = {"OPT_FAST": "-O2", "OPT_GLOBAL": "-O2"}  # noqa: RUF012

    def __init__(self, ready_objects: Path | None = None, random_x: bool = False) -> None:
        """ready_objects: a folder with objects of Verilator's own library, compiled before with the same options.

        random_x: whether an x in the sources becomes random in every run.
        """
        super().__init__()
        self.ready_objects, self.random_x = ready_objects, random_x

    @staticmethod
    def optimize(random_x: bool) -> tuple[str, ...]:
        """Verilator's options for speed."""
        return ("-O3", "--x-assign", "unique" if random_x else "fast", "--x-initial", "unique", "--noassert")

    def _simulator_in_path_build_only(self) -> None:
        found = tools.verilator()
        self.executable = str(found.executable)
        self.env = found.environment(self.env)

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate = [argument for argument in verilate if argument not in ("--public-flat-rw", "--trace")]
        if self.trace is not None:
            verilate.insert(1, f"--trace-{self.trace}")
        variables = {**tools.verilator().make_variables, **self.MAKE}
        make += [f"{name}={value}" for name, value in variables.items()]
        if self.ready_objects is not None:
            make += [argument for file in sorted(self.ready_objects.glob("*.o")) for argument in ("-o", file.name)]
        return [[*verilate, *self.optimize(self.random_x)], make]

    def _test_command(self) -> list[list[str]]:
        command = [str(self.build_dir / self.sim_hdl_toplevel)]
        if self.trace_file is not None:
            command += ["--trace", "--trace-file", str(self.trace_file)]
        # What the design does not initialize is random, differently for every seed.
        return [
            [*command, "+verilator+rand+reset+2", f"+verilator+seed+{1 + int(self.env['COCOTB_RANDOM_SEED']) % 0x7FFFFFFE}", *self.plusargs]
        ]


class WeftIcarus(IsolatedRunner, Icarus):
    """Icarus Verilog; an open-ended simulation ends instead of waiting for a command."""

    def _test_command(self) -> list[list[str]]:
        ((command),) = super()._test_command()
        at = command.index(str(self.sim_file))
        plusargs = [argument for argument in command[at + 1 :] if argument not in ("-none", "-fst")]
        if self.trace_file is None:
            plusargs.append("-none")
        else:
            plusargs += [f"-{self.trace}", f"+dumpfile_path={self.trace_file}"]
        return [[*command[:at], "-n", command[at], *plusargs]]
