"""`AcceleratorConfig`: what it accepts, what it refuses and how it says so, and what it derives."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from golden.errors import InputError
from golden.rescale import SHIFT, TFLITE, RescaleFormat
from hwgen.config import DEFAULT, NAMED, AcceleratorConfig, psum_bits
from hwgen.family import Family


def refusals(**parameters: object) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        AcceleratorConfig(**parameters)
    assert caught.value.message == "invalid accelerator configuration"
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("rows", 2, 64),
        ("cols", 2, 64),
        ("lanes", 1, 64),
        ("weight_rows_per_cycle", 1, 64),
        ("acc_bits", 20, 32),
        ("acc_depth", 4, 65536),
        ("act_depth", 16, 2**22),
        ("weight_depth", 16, 2**22),
        ("param_depth", 4, 2**16),
        ("program_depth", 32, 2**16),
        ("max_layers", 0, 256),
        ("size_bits", 6, 16),
        ("depthwise_rows", 0, 64),
        ("add_tables", 0, 64),
    ],
)
def test_integers_have_a_range(name, low, high):
    for value in (low - 1, high + 1, 4.0, "4", None, True):
        assert f"{name} must be an integer from {low} to {high}, not {value!r}" in refusals(**{name: value})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rescale": "tflite"}, "rescale must be a RescaleFormat such as RescaleFormat.parse('fixed16'), not 'tflite'"),
        ({"family": "ecp5"}, "family must be a Family such as Family.ECP5, not 'ecp5'"),
        ({"dense_input": 1}, "dense_input must be true or false, not 1"),
        ({"weight_slots": 1}, "weight_slots must be 0 (choose) or an integer from 2 to 64, not 1"),
        ({"weight_slots": 65}, "weight_slots must be 0 (choose) or an integer from 2 to 64, not 65"),
        ({"weight_slots": 2.0}, "weight_slots must be 0 (choose) or an integer from 2 to 64, not 2.0"),
        ({"rows": 12, "cols": 8}, "one of rows and cols must divide the other, but rows is 12 and cols is 8"),
        ({"rows": 8, "cols": 8, "lanes": 3}, "lanes must divide rows and cols (8 and 8), but it is 3"),
        ({"rows": 8, "cols": 4, "lanes": 8}, "lanes must divide rows and cols (8 and 4), but it is 8"),
        ({"rows": 8, "cols": 8, "weight_rows_per_cycle": 3}, "weight_rows_per_cycle must divide rows (8), but it is 3"),
        ({"rows": 64, "cols": 64, "acc_bits": 21}, "acc_bits must be at least 22 for 64 rows, not 21"),
    ],
)
def test_refusals(parameters, message):
    assert refusals(**parameters) == (message,)


def test_everything_wrong_is_said_at_once():
    problems = refusals(rows=6, cols=4, lanes=4, weight_rows_per_cycle=4, acc_bits=19, acc_depth=0, rescale=None, weight_slots=-1)
    assert len(problems) == 7
    text = str(InputError("invalid accelerator configuration", problems))
    for word in ("acc_bits", "acc_depth", "rescale", "weight_slots", "one of rows", "lanes must", "weight_rows_per_cycle must"):
        assert word in text


def test_a_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        AcceleratorConfig().rows = 8


def test_named_configurations_differ_and_the_default_is_one_of_them():
    assert DEFAULT in NAMED
    assert len(set(NAMED.values())) == len(NAMED)
    for name, config in NAMED.items():
        assert name.endswith(f"{config.rows}x{config.cols}")


sizes = st.integers(1, 6).map(lambda power: 2**power)


@st.composite
def configurations(draw: st.DrawFn) -> AcceleratorConfig:
    rows, cols, lanes, per_cycle = (draw(sizes) for _ in range(4))
    assume(rows % lanes == 0 and cols % lanes == 0 and rows % per_cycle == 0)
    return AcceleratorConfig(
        rows=rows,
        cols=cols,
        lanes=lanes,
        weight_rows_per_cycle=per_cycle,
        weight_slots=draw(st.sampled_from([0, 2, 3, 64])),
        acc_bits=draw(st.integers(22, 32)),
        acc_depth=draw(st.integers(4, 65536)),
        rescale=RescaleFormat.parse(draw(st.sampled_from(["shift", "tflite", "fixed4", "fixed32"]))),
        depthwise_rows=draw(st.integers(0, 64)),
        dense_input=draw(st.booleans()),
        add_tables=draw(st.integers(0, 64)),
        max_layers=draw(st.integers(0, 256)),
        overlap=draw(st.booleans()),
        size_bits=draw(st.integers(6, 16)),
        family=draw(st.sampled_from(Family)),
    )


@settings(deadline=None)
@given(configurations())
def test_json_round_trip(config):
    data = json.loads(json.dumps(config.to_json()))
    assert set(data) == {field.name for field in fields(AcceleratorConfig)}
    assert AcceleratorConfig.from_json(data) == config


def test_json_may_leave_parameters_out_but_not_invent_any():
    assert AcceleratorConfig.from_json({"rows": 8}) == AcceleratorConfig(rows=8)
    with pytest.raises(InputError, match=r"^unknown accelerator parameters \['colums', 'speed'\]; the known ones are \['acc_bits', "):
        AcceleratorConfig.from_json({"colums": 8, "speed": 1})
    with pytest.raises(InputError, match="rescale format must be shift, tflite or fixedB"):
        AcceleratorConfig.from_json({"rescale": "round"})
    with pytest.raises(InputError, match=r"^there is no FPGA family 'ecp6'; the known ones are portable, ecp5, ice40, gowin, xilinx7$"):
        AcceleratorConfig.from_json({"family": "ecp6"})


def test_with_rescale_changes_the_format_alone():
    config = NAMED["small-8x8"].with_rescale(SHIFT)
    assert config.rescale is SHIFT
    assert config.with_rescale(TFLITE) == NAMED["small-8x8"]


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 8, 15, 16, 63, 64])
def test_psum_bits_are_those_of_the_extreme_sum(rows):
    """The sum of `rows` products reaches rows * (-128)^2 at the top and rows * (-128) * 127 at the bottom."""
    bits = psum_bits(rows)
    assert rows * 128 * 128 < 1 << (bits - 1)
    assert -rows * 128 * 127 >= -(1 << (bits - 1))
    assert rows * 128 * 128 >= 1 << (bits - 2), "one bit less would do"


@settings(deadline=None, max_examples=300)
@given(configurations())
def test_slots_chosen_keep_the_array_busy_at_the_shortest_tile(config):
    """D = 0 chooses the least D with which a tile of R / L pixels has no bubble; min_tile_pixels says what the configured D gives."""
    shortest, release = config.rows // config.weight_rows_per_cycle, config.slot_release_cycles
    assert config.words_per_tile == shortest
    # A slot is loaded again, at the earliest, `release` cycles after its tile's last activation; by then D - 1 other tiles have run.
    assert (config.slots - 1) * config.min_tile_pixels >= release
    assert config.min_tile_pixels >= shortest
    if config.min_tile_pixels > shortest:
        assert (config.slots - 1) * (config.min_tile_pixels - 1) < release, "a shorter tile would do"
    if config.weight_slots == 0:
        assert config.slots == 64 or config.min_tile_pixels == shortest
        least = 4 if config.depthwise_pairs else 2
        assert config.slots == least or (config.slots - 2) * shortest < release, "a slot less would do"
    else:
        assert config.slots == config.weight_slots


def test_the_release_of_a_slot_waits_for_the_last_row_of_the_last_column():
    """Derived anew: activations reach PE (r, c) r + c cycles after PE (0, 0), weights of row r r // L cycles after those of row 0."""
    for config in NAMED.values():
        latest = max(r + c - r // config.weight_rows_per_cycle for r in range(config.rows) for c in range(config.cols))
        # Read and written in one cycle: the read gets the old weight.  One cycle more is the register of the credit.
        assert config.slot_release_cycles == max(1, latest)


def test_pool_channels():
    assert AcceleratorConfig(rows=8, cols=4, lanes=2).pool_channels == 4
    assert AcceleratorConfig(rows=4, cols=8, lanes=2).pool_channels == 4


@pytest.mark.parametrize(
    ("rows", "cols", "per_cycle", "depthwise_rows", "taps", "pairs", "words"),
    [
        (16, 16, 4, 3, 3, False, 1),
        (16, 8, 1, 3, 3, True, 3),
        (16, 8, 2, 3, 3, True, 2),
        (4, 8, 1, 9, 4, False, 4),
        (8, 2, 1, 0, 0, False, 1),
    ],
)
def test_depthwise(rows, cols, per_cycle, depthwise_rows, taps, pairs, words):
    """A tile has the words of its K rows, of which there are never more than rows; two groups of a word take turns."""
    config = AcceleratorConfig(rows=rows, cols=cols, lanes=1, weight_rows_per_cycle=per_cycle, depthwise_rows=depthwise_rows)
    assert (config.depthwise_taps, config.depthwise_pairs, config.words_per_depthwise_tile) == (taps, pairs, words)
    assert config.words_per_depthwise_tile <= config.words_per_tile


def test_accumulators_take_in_what_comes():
    """Psums, or the rescaled operands of residual adds."""
    assert AcceleratorConfig(rows=8, cols=8, acc_bits=28).value_bits == psum_bits(8)
    assert AcceleratorConfig(rows=8, cols=8, acc_bits=28, add_tables=1).value_bits == 28
