"""The options that choose an accelerator, shared by the commands that need one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from hwgen.config import DEFAULT, NAMED, AcceleratorConfig
from hwgen.family import Family
from weft.configuration import configuration

#: Fields of AcceleratorConfig that may be given one by one, and what they mean.
_PARAMETERS = {
    "rows": "array rows: input channels per cycle",
    "cols": "array columns: output channels per cycle",
    "lanes": "output channels rescaled per cycle",
    "weight_rows_per_cycle": "array rows whose weights load in one cycle",
    "weight_slots": "weight tiles that a processing element holds (0: as many as needed)",
    "acc_bits": "bits of an accumulator",
    "acc_depth": "output pixels of an accumulator bank",
    "act_depth": "words of activation memory",
    "weight_depth": "words of weight memory",
    "param_depth": "records of parameter memory",
    "program_depth": "words of program memory",
    "max_layers": "layers that the performance counters can tell apart (0: no counters)",
    "depthwise_rows": "taps of a depthwise kernel row in one pass (0: no depthwise hardware)",
    "add_tables": "residual adds and functions (logistic, tanh) whose tables fit",
    "size_bits": "bits of the sizes of maps in a descriptor",
}

#: Those that grow with a network unless they are given.
_GROWING = ("act_depth", "weight_depth", "param_depth", "program_depth", "max_layers", "add_tables")

#: Those that are on or off.
_SWITCHES = {
    "dense_input": "whether an input of few channels is stored without gaps",
    "overlap": "whether units work ahead of each other, with two accumulator banks and memories of two ports",
}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def configuration_options(function: _Function) -> _Function:
    """Adds `--config` and an option for every parameter; the command gets `config` and the parameters as keywords."""
    function = _parameter_options(function, _PARAMETERS)
    function = click.option(
        "--family", type=click.Choice([family.value for family in Family]), help="The FPGA family whose multiplier cells the Verilog holds."
    )(function)
    return click.option("--config", type=click.Choice(list(NAMED)), help=f"A named configuration.  Default: {DEFAULT}.")(function)


def unit_options(function: _Function) -> _Function:
    """As `configuration_options`, without the parameters that a board and the network decide: family and memories."""
    function = _parameter_options(function, {name: meaning for name, meaning in _PARAMETERS.items() if name not in _GROWING})
    return click.option("--config", type=click.Choice(list(NAMED)), help="A named configuration.  Default: the board's.")(function)


def _parameter_options(function: _Function, parameters: dict[str, str]) -> _Function:
    """Options for these parameters, and for all that are on or off."""
    for name, meaning in _SWITCHES.items():
        flags = f"{flag(name)}/{flag(f'no_{name}')}"
        function = click.option(flags, name, default=None, help=f"{meaning[0].upper()}{meaning[1:]}.")(function)
    for name, meaning in reversed(parameters.items()):
        function = click.option(flag(name), name, type=int, help=f"{meaning[0].upper()}{meaning[1:]}.")(function)
    return function


def given(parameters: dict[str, int | str | None]) -> dict[str, int | str]:
    """The parameters that were given."""
    return {name: value for name, value in parameters.items() if value is not None}


def as_options(config: str | None, parameters: Mapping[str, int | str]) -> str:
    """The command line that gives these again."""
    words = [] if config is None else ["--config", config]
    for name, value in parameters.items():
        words += [flag(name if value else f"no_{name}")] if name in _SWITCHES else [flag(name), str(value)]
    return shlex.join(words)


def as_parameters(config: AcceleratorConfig) -> str:
    """The options that describe an accelerator, its memories left out: those grow with the network."""
    default = configuration(config.rescale, rows=config.rows, cols=config.cols)
    values = {
        name: int(getattr(config, name))
        for name in (*_PARAMETERS, *_SWITCHES)
        if name not in _GROWING and (name in ("rows", "cols") or getattr(config, name) != getattr(default, name))
    }
    cells = {} if config.family is default.family else {"family": config.family.value}
    return as_options(None, {**values, **cells})


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")
