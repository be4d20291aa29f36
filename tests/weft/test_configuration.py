"""Choosing an accelerator by name or by parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from golden.errors import InputError
from golden.rescale import SHIFT, TFLITE
from hwgen.config import DEFAULT, NAMED, AcceleratorConfig
from hwgen.family import Family
from weft.cli.configuration import _PARAMETERS, _SWITCHES, as_options
from weft.configuration import CELLS, configuration, label


def test_the_default() -> None:
    assert configuration(TFLITE) == NAMED[DEFAULT].with_rescale(TFLITE)


@pytest.mark.parametrize("name", NAMED)
def test_named(name: str) -> None:
    config = configuration(SHIFT, name)
    assert config == NAMED[name].with_rescale(SHIFT)
    assert label(config) == name


@pytest.mark.parametrize(("rows", "cols", "lanes"), [(16, 8, 4), (2, 2, 2), (6, 2, 2), (3, 9, 1), (64, 64, 4)])
def test_lanes_that_divide(rows: int, cols: int, lanes: int) -> None:
    config = configuration(TFLITE, rows=rows, cols=cols)
    assert config == AcceleratorConfig(rows=rows, cols=cols, lanes=lanes)
    assert label(config) == f"{rows} x {cols}"


def test_errors() -> None:
    with pytest.raises(InputError, match="there is no configuration 'huge'; the named ones are"):
        configuration(TFLITE, "huge")
    with pytest.raises(InputError, match=r"give the configuration 'tiny-4x4' or parameters \(rows\), not both"):
        configuration(TFLITE, "tiny-4x4", rows=4)
    with pytest.raises(InputError, match="parameters of an accelerator need cols too"):
        configuration(TFLITE, rows=4)
    with pytest.raises(InputError, match="rows must be an integer from 2 to 64, not 1"):
        configuration(TFLITE, rows=1, cols=4)


def test_the_command_line_has_every_parameter() -> None:
    assert {*_PARAMETERS, *_SWITCHES, *CELLS} == set(AcceleratorConfig.__dataclass_fields__) - {"rescale"}
    assert as_options(None, {"rows": 4, "weight_depth": 512}) == "--rows 4 --weight-depth 512"
    assert as_options("tiny-4x4", {}) == "--config tiny-4x4"
    assert as_options(None, {"dense_input": True, "cols": 2}) == "--dense-input --cols 2"
    assert as_options(None, {"dense_input": False}) == "--no-dense-input"


def test_a_family_goes_with_a_named_configuration_and_with_parameters():
    for given in ({"name": "small-8x8"}, {"rows": 8, "cols": 4}):
        config = configuration(TFLITE, **given, family="ecp5")
        assert config.family is Family.ECP5
        assert replace(config, family=Family.PORTABLE) == configuration(TFLITE, **given)
    assert label(configuration(TFLITE, "small-8x8", family="gowin")) == "small-8x8"
    with pytest.raises(InputError, match="no FPGA family 'spartan'"):
        configuration(TFLITE, family="spartan")
