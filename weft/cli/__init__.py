"""The command line: one file per command, each a leaf over the Python API."""

from __future__ import annotations

import sys

import click

from weft.cli.analyze import analyze
from weft.cli.bench import bench
from weft.cli.boards import boards
from weft.cli.build import build
from weft.cli.calibrate import calibrate
from weft.cli.check import check
from weft.cli.compare import compare
from weft.cli.compress import compress
from weft.cli.demo import demo
from weft.cli.doctor import doctor
from weft.cli.flash import flash
from weft.cli.formats import formats
from weft.cli.generate import generate
from weft.cli.inspect import inspect
from weft.cli.mix import mix
from weft.cli.operators import operators
from weft.cli.predict import predict
from weft.cli.quantize import quantize
from weft.cli.recipe import recipe
from weft.cli.report import report
from weft.cli.run import run_command
from weft.cli.terminal import run
from weft.cli.train import train
from weft.cli.units import units
from weft.cli.verify import verify
from weft.version import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="weft")
def command_line() -> None:
    """A trained neural network becomes Verilog for an FPGA, and every bit on the way is proven.

    The usual order is quantize, generate, verify.  Exit codes: 0 fine, 1 a mismatch, 2 bad or unsupported input or usage,
    3 the network does not fit the accelerator, 4 a tool is missing, 5 a design does not reach its
    clock, 6 a tool failed.
    """


for _command in (
    demo,
    doctor,
    check,
    quantize,
    recipe,
    compare,
    mix,
    compress,
    train,
    inspect,
    analyze,
    predict,
    generate,
    verify,
    boards,
    build,
    flash,
    report,
    units,
    run_command,
    operators,
    formats,
    bench,
    calibrate,
):
    command_line.add_command(_command)


def main() -> None:
    """The program `weft`."""
    sys.exit(run(command_line))
