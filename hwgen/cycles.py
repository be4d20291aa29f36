"""The cycle model: exactly how long the hardware takes, from the units' own latencies (SPEC section 5).

The model follows the units tile by tile.  Every number in it is a latency that a unit states, so that a test can demand equality
with the hardware's counters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import ARRAY_OPERATIONS, Operation
from hwgen.gateware.accumulator import Accumulator
from hwgen.gateware.array import Array
from hwgen.gateware.feeder import Feeder
from hwgen.gateware.param_fetcher import ParamFetcher
from hwgen.gateware.pooling_path import PoolingPath
from hwgen.gateware.post_processor import PostProcessor
from hwgen.gateware.sequencer import Sequencer


@dataclass(frozen=True)
class Timing:
    """Cycles of a layer, and those in which a word enters the array or the pooling path."""

    cycles: int
    busy: int


def predict(config: AcceleratorConfig, descriptors: Sequence[Mapping[str, int]]) -> list[Timing]:
    """Timing of every layer of a program; the cycles add up to those of the run, from the cycle after start to done."""
    model = _Model(config)
    starts: list[int] = []
    busy: list[int] = []
    for values in descriptors:
        start, issued = model.run(values)
        if values["layer"] == len(starts):
            starts.append(start)
            busy.append(0)
        busy[-1] += issued
    starts[0] = 1  # the fetch of the first descriptor counts for the first layer
    ends = [*starts[1:], model.finish() + 1]
    return [Timing(end - start, issued) for start, end, issued in zip(starts, ends, busy, strict=True)]


class _Model:
    """Cycle numbers; `start` is seen in cycle 0."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.fetch = 1  # first cycle of the next descriptor's fetch
        self.loader_ready = 0  # first cycle in which a unit can accept
        self.feeder_ready = 0
        self.post_ready = 0
        self.tile_ends: list[int] = []  # cycle of each weight tile's last issue
        self.loads = 0  # weight tiles loaded
        self.next_load = 0
        self.releases: list[int] = []  # cycle from which each group's bank is free again
        self.fetched = False  # any descriptor
        self.drained = 0  # first cycle in which everything so far is in memory

    def run(self, values: Mapping[str, int]) -> tuple[int, int]:
        """Runs one descriptor; gives the cycle in which its layer's time begins, and the words issued."""
        config = self.config
        if not config.overlap and self.fetched:
            self.fetch = self.drained + 1
        self.fetched = True
        offer = self.fetch + Sequencer.FETCH_CYCLES
        loader, feeder, post = (max(offer, ready) for ready in (self.loader_ready, self.feeder_ready, self.post_ready))
        self.fetch = max(loader, feeder, post) + 1

        operation = Operation(values["operation"])
        through_array = operation in ARRAY_OPERATIONS
        depthwise = operation is Operation.DEPTHWISE
        words_per_tile = config.words_per_depthwise_tile if depthwise else config.words_per_tile
        # Words that a tile issues, and the last of them that begins an output pixel.
        stream = values["pixels_y"] * values["stream_x"] if depthwise else values["pixels"]
        tail = values["stream_x"] - ((values["pixels_x"] - 1) * values["decimate"] + 1 + values["paired"]) if depthwise else 0
        tiles_per_group = (1 + values["extra_walks"]) * values["kernel_y"] * values["kernel_x"] * values["channel_words"]
        pixels = values["pixels"]
        path = Feeder.latency(config) + (Array.latency(config) if through_array else PoolingPath.LATENCY)
        lead = PostProcessor.bank_release_lead(config, not through_array)

        begin = feeder + 1
        if values["barrier"]:
            begin = max(begin, self.drained)
        issue = begin
        load = max(loader + 1, self.next_load)
        param = post + (ParamFetcher.interval(config) if config.overlap else ParamFetcher.gap(config))
        lane_start = post + 1
        for group in range(values["groups"]):
            index = len(self.releases)
            if index >= config.acc_banks:
                issue = max(issue, self.releases[index - config.acc_banks])
            tile_begin = issue
            for _ in range(tiles_per_group):
                shared = (1 + values["paired"]) if through_array else 0  # weight tiles that these words meet
                for _ in range(shared):
                    if self.loads >= config.slots:
                        load = max(load, self.tile_ends[self.loads - config.slots] + config.slot_release_cycles)
                    issue = max(issue, load + 1)
                    self.loads += 1
                    load += words_per_tile
                if not config.overlap:
                    issue = max(issue, tile_begin)
                    tile_begin = issue + Feeder.TILE_INTERVAL
                self.tile_ends += [issue + stream - 1] * shared
                issue += stream
            # The bank is full; the post-processor goes through its lane groups.
            lane_start = max(lane_start, issue - 1 - tail + path + Accumulator.write_delay(config) + 1)
            last_group = group == values["groups"] - 1
            lane_groups = values["lane_groups_last"] if last_group else values["lane_groups"]
            for _ in range(lane_groups):
                lane_start = max(lane_start, param)
                begin_last, lane_start = lane_start, lane_start + pixels
                param = begin_last + ParamFetcher.interval(config) if config.overlap else lane_start - 1 + ParamFetcher.gap(config)
            self.drained = lane_start - 1 + PostProcessor.latency(config) + 1
            self.releases.append(begin_last + max(0, pixels - (lead + 2)) + 1 if config.overlap else self.drained)
        self.next_load = load
        # A unit accepts when it is idle: in the cycle after its last.
        self.loader_ready = load if through_array else loader + 1
        self.feeder_ready = issue
        self.post_ready = lane_start
        return begin, values["groups"] * tiles_per_group * stream

    def finish(self) -> int:
        """The cycle of `done`."""
        return max(self.fetch, self.drained) if self.config.overlap else self.drained
