"""What a layer moves through the accelerator's memories, by its descriptors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwgen.config import AcceleratorConfig
from hwgen.descriptor import ARRAY_OPERATIONS, WORDS, Operation, decode
from hwgen.identity import HEADER_WORDS


@dataclass(frozen=True)
class Traffic:
    """Words and cycles of a layer.

    words_read:   activation words (of R bytes) that enter the array or the pooling path, each in a cycle of its own.
    weight_words: words (of L * C bytes) loaded into the array, each in a cycle of its own.
    post_cycles:  cycles of the post-processor, each of which writes `lanes` bytes.
    """

    words_read: int
    weight_words: int
    post_cycles: int

    def bytes_moved(self, config: AcceleratorConfig) -> int:
        """Bytes of activations and weights that are read and written."""
        weights = self.weight_words * config.weight_rows_per_cycle * config.cols
        return self.words_read * config.rows + weights + self.post_cycles * config.lanes


def traffic(config: AcceleratorConfig, descriptors: Sequence[Mapping[str, int]]) -> Traffic:
    """The traffic of a layer's descriptors."""
    depthwise = Operation(descriptors[0]["operation"]) is Operation.DEPTHWISE
    words_per_tile = config.words_per_depthwise_tile if depthwise else config.words_per_tile
    through_array = Operation(descriptors[0]["operation"]) in ARRAY_OPERATIONS
    return Traffic(
        words_read=sum(_words_read(values, depthwise) for values in descriptors),
        weight_words=sum(values["tiles"] for values in descriptors) * words_per_tile if through_array else 0,
        post_cycles=sum(
            ((values["groups"] - 1) * values["lane_groups"] + values["lane_groups_last"]) * values["pixels"] for values in descriptors
        ),
    )


def _words_read(values: Mapping[str, int], depthwise: bool) -> int:
    stream = values["pixels_y"] * values["stream_x"] if depthwise else values["pixels"]
    walks = (1 + values["extra_walks"]) * values["kernel_y"] * values["kernel_x"] * values["channel_words"]
    return values["groups"] * walks * stream


def program_traffic(config: AcceleratorConfig, words: Sequence[int]) -> dict[int, Traffic]:
    """By index, the traffic of a program's layers; `words` is the image of program memory, its header included."""
    layers: dict[int, list[dict[str, int]]] = {}
    for start in range(HEADER_WORDS, len(words) - WORDS + 1, WORDS):
        values = decode(tuple(words[start : start + WORDS]))
        layers.setdefault(values["layer"], []).append(values)
        if values["last"]:
            break
    return {layer: traffic(config, descriptors) for layer, descriptors in layers.items()}
