"""The walk over a map: its steps, followed as the feeder follows them, against the coordinates of the window."""

from __future__ import annotations

from itertools import product

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from golden.graph import Padding, Window
from hwgen.compiler.placement import Placement
from hwgen.compiler.tiling import Tile
from hwgen.compiler.walk import store, walk

SPACE = 1 << 24


@st.composite
def cases(draw):
    height, width, words = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    pair = lambda low, high: (draw(st.integers(low, high)), draw(st.integers(low, high)))  # noqa: E731
    window = Window(pair(1, 4), pair(1, 3), Padding(*pair(0, 5), *pair(0, 5)), pair(1, 3))
    rows, cols = window.output_size(height, width)
    assume(rows >= 1)
    assume(cols >= 1)
    y, x = draw(st.integers(0, rows - 1)), draw(st.integers(0, cols - 1))
    tile = Tile(y, x, draw(st.integers(1, rows - y)), draw(st.integers(1, cols - x)))
    return Placement(draw(st.integers(0, 1000)), (height, width, 4 * words), words), window, tile


@settings(deadline=None, max_examples=300)
@given(cases(), st.booleans())
def test_steps_lead_to_the_windows_words(case, pools):
    """Both sides of the padding: addresses outside the map only have to be outside by their coordinates."""
    source, window, tile = case
    channel_words = 1 if pools else source.words_per_pixel
    fields = walk(source, window, tile, channel_words=channel_words)
    assert fields["pixels"] == fields["pixels_y"] * fields["pixels_x"] == tile.pixels
    start = fields["act_address"]
    y, x = fields["start_y"], fields["start_x"]
    for ky, kx, word in product(range(fields["kernel_y"]), range(fields["kernel_x"]), range(channel_words)):
        for oy, ox in product(range(fields["pixels_y"]), range(fields["pixels_x"])):
            address = (start + oy * fields["step_y"] + ox * fields["step_x"]) % SPACE
            at_y = y + ky * fields["dilation_y"] + oy * fields["stride_y"]
            at_x = x + kx * fields["dilation_x"] + ox * fields["stride_x"]
            want_y = (tile.y + oy) * window.stride[0] - window.padding.top + ky * window.dilation[0]
            want_x = (tile.x + ox) * window.stride[1] - window.padding.left + kx * window.dilation[1]
            assert (at_y, at_x) == (want_y, want_x)
            assert address == (source.base + (want_y * source.shape[1] + want_x) * source.words_per_pixel + word) % SPACE
        if word < channel_words - 1:
            start += 1
        elif kx < fields["kernel_x"] - 1:
            start += fields["step_kernel_x"]
        else:
            start += fields["step_kernel_y"]
    assert (fields["height"], fields["width"]) == source.shape[:2]


@settings(deadline=None)
@given(cases(), st.integers(0, 3), st.integers(0, 3))
def test_a_first_tap_moves_the_start(case, tap_y, tap_x):
    source, window, tile = case
    fields = walk(source, window, tile, channel_words=1, first_tap=(tap_y, tap_x))
    plain = walk(source, window, tile, channel_words=1)
    down, right = tap_y * window.dilation[0], tap_x * window.dilation[1]
    assert fields["start_y"] == plain["start_y"] + down
    assert fields["start_x"] == plain["start_x"] + right
    assert fields["act_address"] == (plain["act_address"] + (down * source.shape[1] + right) * source.words_per_pixel) % SPACE
    same = set(fields) - {"start_y", "start_x", "act_address"}
    assert {name: fields[name] for name in same} == {name: plain[name] for name in same}


@settings(deadline=None)
@given(cases(), st.integers(1, 40), st.sampled_from([(4, 1), (4, 2), (4, 4), (8, 2)]))
def test_store_covers_the_channels(case, channels, group):
    """Lane groups up to the last that has a channel; the last group has the rest."""
    target, _, tile = case
    group_channels, lanes = group
    fields = store(target, tile, channels=channels, group_channels=group_channels, lanes=lanes)
    counts = [fields["lane_groups"]] * (fields["groups"] - 1) + [fields["lane_groups_last"]]
    assert sum(counts) == -(-channels // lanes)
    assert fields["lane_groups"] == group_channels // lanes
    assert 1 <= fields["lane_groups_last"] <= fields["lane_groups"]
    assert fields["output_address"] == target.base + (tile.y * target.shape[1] + tile.x) * target.words_per_pixel
    assert fields["output_step_x"] == target.words_per_pixel
    assert fields["output_step_y"] == target.shape[1] * target.words_per_pixel
