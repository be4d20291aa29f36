"""Which accelerator to generate: a named configuration or parameters one by one, in the network's rescale format."""

from __future__ import annotations

from dataclasses import replace

from golden.errors import InputError
from golden.rescale import RescaleFormat
from hwgen.config import DEFAULT, NAMED, AcceleratorConfig

#: Post-processor lanes that are tried, in this order, where none are given: the first that divides rows and columns.
_LANES = (4, 2, 1)
#: Parameters that may be given beside a named configuration, because they change no result, no cycle and no memory.
CELLS = ("family",)


def named_configuration(name: str) -> AcceleratorConfig:
    """The configuration of a name.  Raises InputError for an unknown one, with those that there are."""
    if name not in NAMED:
        raise InputError(f"there is no configuration {name!r}; the named ones are {', '.join(NAMED)}")
    return NAMED[name]


def configuration(rescale: RescaleFormat, name: str | None = None, **parameters: int | str) -> AcceleratorConfig:
    """The configuration `name`, or one of `parameters` (fields of AcceleratorConfig, `rows` and `cols` among them); DEFAULT without either.

    `family`, the FPGA family whose cells the Verilog shall hold, goes with either.

    Raises InputError for an unknown name, for both at once, for missing or invalid parameters.
    """
    cells = {name: parameters.pop(name) for name in CELLS if name in parameters}
    if not parameters:
        chosen = named_configuration(DEFAULT if name is None else name)
        return AcceleratorConfig.from_json({**chosen.with_rescale(rescale).to_json(), **cells})
    if name is not None:
        raise InputError(f"give the configuration {name!r} or parameters ({', '.join(parameters)}), not both")
    if missing := [parameter for parameter in ("rows", "cols") if parameter not in parameters]:
        raise InputError(f"parameters of an accelerator need {' and '.join(missing)} too")
    if "lanes" not in parameters:
        sizes = (int(parameters["rows"]), int(parameters["cols"]))
        parameters["lanes"] = next(lanes for lanes in _LANES if all(size % lanes == 0 for size in sizes))
    return AcceleratorConfig.from_json({"rescale": str(rescale), **parameters, **cells})


def label(config: AcceleratorConfig) -> str:
    """The name of a configuration, whatever its rescale format and family, or its size."""
    named = (name for name, other in NAMED.items() if replace(other, rescale=config.rescale, family=config.family) == config)
    return next(named, f"{config.rows} x {config.cols}")
