# amaranth: UnusedElaboratable=no
"""The array against matrix products: tiles without gaps, weights loaded meanwhile, both shapes, extreme sums."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.config import AcceleratorConfig
from hwgen.gateware.array import Array
from hwgen.gateware.multiplier import LATENCY as MULTIPLIER_LATENCY

CONFIGS = {
    "4x4": AcceleratorConfig(rows=4, cols=4, lanes=1),
    "8x2, 4 rows a cycle": AcceleratorConfig(rows=8, cols=2, lanes=1, weight_rows_per_cycle=4),
    "2x6, 2 slots": AcceleratorConfig(rows=2, cols=6, lanes=1, weight_rows_per_cycle=2, weight_slots=2),
    "6x3, 3 slots": AcceleratorConfig(rows=6, cols=3, lanes=1, weight_rows_per_cycle=3, weight_slots=3),
}


def run(simulate, config: AcceleratorConfig, weights: list[np.ndarray], acts: list[np.ndarray]) -> list[np.ndarray]:
    """Streams act tiles int8[P, R] without a gap; tile k's weights int8[R, C] are loaded as the loader does it, as early as SPEC
    section 4 allows while the tiles before are still in the array.  Gives the psums, int64[P, C] a tile."""
    dut = Array(config)
    latency = Array.latency(config)
    per_cycle, words = config.weight_rows_per_cycle, config.words_per_tile
    lead = words + 1
    starts = lead + np.cumsum([0, *(len(tile) for tile in acts)])
    loads: dict[int, tuple[int, int]] = {}  # cycle -> tile, word
    free = 0
    for tile in range(len(acts)):
        released = starts[tile - config.slots + 1] - 1 + config.slot_release_cycles if tile >= config.slots else 0
        free = max(free, released)
        assert free < starts[tile], "the tiles of the test are too short for the loading"
        for word in range(words):
            loads[free + word] = tile, word
        free += words
    psums: list[list[int]] = []

    async def testbench(ctx):
        flat = [(tile, row) for tile, rows in enumerate(acts) for row in rows]
        total = lead + len(flat) + latency - 1
        for cycle in range(total):
            ctx.set(dut.weight_en, 0)
            if cycle in loads:
                tile, word = loads[cycle]
                part = weights[tile][word * per_cycle : (word + 1) * per_cycle].reshape(-1).astype(np.uint8)
                ctx.set(dut.weight_en, 1 << word)
                ctx.set(dut.weight_slot, tile % config.slots)
                ctx.set(dut.weight, int.from_bytes(part.tobytes(), "little"))
            if 0 <= cycle - lead < len(flat):
                tile, row = flat[cycle - lead]
                ctx.set(dut.slot, tile % config.slots)
                for act, value in zip(dut.act, row, strict=True):
                    ctx.set(act, int(value))
            await ctx.tick()
            if cycle - lead >= latency - 1:
                psums.append([ctx.get(psum) for psum in dut.psum])

    simulate(dut, testbench)
    return np.split(np.array(psums), np.cumsum([len(tile) for tile in acts])[:-1])


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_tiles_back_to_back(simulate, config):
    """Among the tiles are those of the least length that the loading allows, so that several are in the array at once."""
    rng = np.random.default_rng(1)
    lengths = [config.min_tile_pixels + int(extra) for extra in rng.choice([0, 0, 0, 1, 5], 14)]
    weights = [rng.integers(-128, 128, (config.rows, config.cols)) for _ in lengths]
    acts = [rng.integers(-128, 128, (length, config.rows)) for length in lengths]
    for act, weight, psum in zip(acts, weights, run(simulate, config, weights, acts), strict=True):
        np.testing.assert_array_equal(psum, act @ weight)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_extreme_sums(simulate, config):
    """R products of -128 and -128 are the largest sum, R of -128 and 127 the smallest; the psums have the bits for them and no more."""
    ends = np.array([[-128] * config.rows, [127] * config.rows])
    acts = [np.repeat(ends, config.min_tile_pixels, axis=0)]
    (psum,) = run(simulate, config, [np.full((config.rows, config.cols), -128)], acts)
    assert psum[0].tolist() == [config.rows * 128 * 128] * config.cols
    assert psum[-1].tolist() == [-config.rows * 128 * 127] * config.cols
    assert config.rows * 128 * 128 >= 1 << (config.psum_bits - 2), "a bit less would do"


def test_the_latency_is_rows_plus_cols_plus_two():
    for config in CONFIGS.values():
        assert Array.latency(config) == config.rows + config.cols + MULTIPLIER_LATENCY - 1 == config.rows + config.cols + 2


def test_a_slot_written_a_cycle_before_its_release_spoils_the_tile(simulate):
    """The release of SPEC section 4 is tight: a load one cycle earlier changes psums.  The check above would see a looser one."""
    config = CONFIGS["8x2, 4 rows a cycle"]
    rng = np.random.default_rng(2)
    weights = [rng.integers(1, 128, (config.rows, config.cols)) for _ in range(8)]
    acts = [rng.integers(1, 128, (config.min_tile_pixels + 2, config.rows)) for _ in weights]
    early = AcceleratorConfig(rows=8, cols=2, lanes=1, weight_rows_per_cycle=4, weight_slots=config.slots)

    class Hasty(AcceleratorConfig):
        @property
        def slot_release_cycles(self) -> int:
            return super().slot_release_cycles - 1

    hasty = Hasty(**{name: getattr(early, name) for name in early.__dataclass_fields__})
    results = run(simulate, hasty, weights, acts)
    assert any((psum != act @ weight).any() for act, weight, psum in zip(acts, weights, results, strict=True))


# --- depthwise --------------------------------------------------------------------------------------

DEPTHWISE = {
    "4x4, 3 taps": AcceleratorConfig(rows=4, cols=4, lanes=1, depthwise_rows=3),
    "2x6, all rows": AcceleratorConfig(rows=2, cols=6, lanes=1, depthwise_rows=4),
    "6x3, 1 tap, pairs": AcceleratorConfig(rows=6, cols=3, lanes=1, depthwise_rows=1),
    "8x2, 4 taps, pairs": AcceleratorConfig(rows=8, cols=2, lanes=1, depthwise_rows=4),
}


def convolve(
    simulate, config: AcceleratorConfig, weights: np.ndarray, columns: np.ndarray, slots: list[int], columns_odd: np.ndarray | None
) -> np.ndarray:
    """Streams columns int8[P, C] with the taps int8[D, R, C] in the slots; the rows without taps get activation 0 but hold weights.

    columns_odd: what words in an odd place of the stream take instead.  Gives the psums int64[P, C] of the words, with zeros after
    the last.
    """
    dut = Array(config)
    latency = Array.latency(config)
    psums: list[list[int]] = []

    async def testbench(ctx):
        for slot, tile in enumerate(weights):
            for group, rows in enumerate(tile.reshape(config.words_per_tile, -1)):
                ctx.set(dut.weight_en, 1 << group)
                ctx.set(dut.weight_slot, slot)
                ctx.set(dut.weight, int.from_bytes(rows.astype(np.uint8).tobytes(), "little"))
                await ctx.tick()
        ctx.set(dut.weight_en, 0)
        ctx.set(dut.depthwise, 1)
        rng = np.random.default_rng(0)
        for r in range(config.depthwise_taps):
            ctx.set(dut.act[r], int(rng.integers(-128, 128)))  # what the first rows would take in a convolution
        for cycle in range(len(columns) + latency - 1):
            inside = cycle < len(columns)
            for c in range(config.cols):
                ctx.set(dut.column[c], int(columns[cycle, c]) if inside else 0)
                if columns_odd is not None:
                    ctx.set(dut.column_odd[c], int(columns_odd[cycle, c]) if inside else 0)
            if columns_odd is not None:
                ctx.set(dut.odd, cycle % 2)
            ctx.set(dut.slot, slots[cycle] if inside else 0)
            await ctx.tick()
            if cycle >= latency - 1:
                psums.append([ctx.get(psum) for psum in dut.psum])

    simulate(dut, testbench)
    return np.array(psums)


@pytest.mark.parametrize("config", DEPTHWISE.values(), ids=DEPTHWISE.keys())
def test_columns_convolve_their_own_channels(simulate, config):
    """A word's psum is the sum over K taps of the words from it on, with the weights of the word's own slot."""
    rng = np.random.default_rng(3)
    taps, count = config.depthwise_taps, 40
    weights = rng.integers(-128, 128, (config.slots, config.rows, config.cols))
    columns = rng.integers(-128, 128, (count, config.cols))
    slots = rng.integers(0, config.slots, count).tolist()
    got = convolve(simulate, config, weights, columns, slots, None)
    padded = np.concatenate([columns, np.zeros((taps, config.cols), np.int64)])
    for word, slot in enumerate(slots):
        np.testing.assert_array_equal(got[word], (padded[word : word + taps] * weights[slot, :taps]).sum(axis=0), err_msg=f"word {word}")


@pytest.mark.parametrize(
    "config", [c for c in DEPTHWISE.values() if c.depthwise_pairs], ids=[n for n, c in DEPTHWISE.items() if "pairs" in n]
)
def test_odd_words_convolve_the_odd_columns(simulate, config):
    """Words in odd places take another stream, through all their taps: two channels a column, whose pixels alternate."""
    rng = np.random.default_rng(4)
    taps, count = config.depthwise_taps, 40
    weights = rng.integers(-128, 128, (config.slots, config.rows, config.cols))
    streams = [rng.integers(-128, 128, (count, config.cols)) for _ in range(2)]
    slots = rng.integers(0, config.slots, count).tolist()
    got = convolve(simulate, config, weights, streams[0], slots, streams[1])
    padded = [np.concatenate([stream, np.zeros((taps, config.cols), np.int64)]) for stream in streams]
    for word, slot in enumerate(slots):
        expected = (padded[word % 2][word : word + taps] * weights[slot, :taps]).sum(axis=0)
        np.testing.assert_array_equal(got[word], expected, err_msg=f"word {word}")


def test_only_what_a_configuration_has_is_there():
    """Without depthwise rows no column inputs, with words of one group's channels no odd ones."""
    for config, members in (
        (AcceleratorConfig(rows=4, cols=4, lanes=1, depthwise_rows=0), set()),
        (AcceleratorConfig(rows=4, cols=4, lanes=1), {"column", "depthwise"}),
        (AcceleratorConfig(rows=8, cols=4, lanes=1), {"column", "depthwise", "column_odd", "odd"}),
    ):
        assert {"column", "depthwise", "column_odd", "odd"} & set(Array(config).signature.members) == members
