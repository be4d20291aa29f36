"""Recording inferences as bus traffic: what the replay host plays, and what it compares.

An inference is: write the input's bytes, start, wait for the interrupt, clear it, compare the output's bytes, read the cycles.  Only
32-bit words that hold real channels are written or compared; padding channels in them are written as 0 and not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.graph import Int8
from hwgen import regmap
from hwgen.act_layout import host_layout
from hwgen.config import AcceleratorConfig
from hwgen.emit.images import image_files
from hwgen.gateware.replay import RECORD, Op, encode_record
from sim.build_folder import BuildFolder, Placement

Int64 = npt.NDArray[np.int64]

_DATA_SHIFT = RECORD["data"].offset
_START = regmap.BY_NAME["CONTROL"].field("start").mask | regmap.BY_NAME["CONTROL"].field("irq_enable").mask
_IRQ_DONE = regmap.BY_NAME["IRQ_STATUS"].field("done").mask


@dataclass(frozen=True, eq=False)
class HostWords:
    """Part of activation memory as the host sees it.

    addresses: int64[W] byte addresses.  data: uint32[N, W].  masks: int64[W], bit i for byte i of a word being real.
    """

    addresses: Int64
    data: npt.NDArray[np.uint32]
    masks: Int64


@dataclass(frozen=True, eq=False)
class Recording:
    """Records of consecutive inferences.

    records:        uint64[N], an END last.
    images:         inferences in it.
    read_addresses: int64[reads]: the byte addresses that the records read (COMPARE), in order.
    read_images:    int64[reads]: the inference that each read belongs to.
    record_images:  int64[N]: the inference that each record belongs to.
    """

    records: npt.NDArray[np.uint64]
    images: int
    read_addresses: Int64
    read_images: Int64
    record_images: Int64

    def write(self, path: Path, depth: int) -> None:
        """Writes the records as a `$readmemh` image of `depth` words, filled up with END."""
        words = np.zeros(depth, ">u8")
        words[: len(self.records)] = self.records
        digits = np.frombuffer(words.tobytes().hex().encode(), np.uint8).reshape(depth, 16)
        path.write_bytes(np.hstack([digits, np.full((depth, 1), ord("\n"), np.uint8)]).tobytes())


def host_words(place: Placement, values: Int8, config: AcceleratorConfig) -> HostWords:
    """The 32-bit words that hold the real channels of a tensor.  values: int8[N, *shape]."""
    layout = host_layout(place, config)
    return HostWords(layout.addresses, layout.pack(values), layout.masks)


def records_per_image(build: BuildFolder, *, load: bool = False) -> tuple[int, int]:
    """Records of one inference, and of a recording's first with the counters and the END; load: as `record` takes it."""
    inputs, outputs = (
        {name: np.zeros((1, *build.tensors[name].shape), np.int8) for name in names} for names in (build.inputs, build.outputs)
    )
    plain, counting = (len(record(build, inputs, outputs, counters=counters).records) for counters in (False, True))
    return plain - 1, counting + (len(_loads(build)) if load else 0)


def record(
    build: BuildFolder, inputs: Mapping[str, Int8], outputs: Mapping[str, Int8], *, counters: bool = False, load: bool = False
) -> Recording:
    """Records N inferences.

    inputs, outputs: int8[N, *shape] for every input and output of the network; the outputs are what the golden model computes.
    counters:        also read every layer's performance counters, after the first inference.
    load:            first write the memories that no bitstream fills; what they hold in simulation of the Verilog a netlist does not know.
    """
    config = build.config
    loads = _loads(build) if load else np.zeros(0, np.uint64)
    written = [host_words(build.tensors[name], inputs[name], config) for name in build.inputs]
    compared = [host_words(build.tensors[name], outputs[name], config) for name in build.outputs]
    images = len(next(iter(inputs.values())))

    cycles = regmap.register_address("CYCLES")
    control = [
        encode_record(Op.WRITE, regmap.register_address("CONTROL"), _START),
        encode_record(Op.WAIT_IRQ),
        encode_record(Op.WRITE, regmap.register_address("IRQ_STATUS"), _IRQ_DONE),
    ]
    columns = [_records(Op.WRITE, words, masked=False) for words in written]
    columns += [np.tile(np.array(control, np.uint64), (images, 1))]
    columns += [_records(Op.COMPARE, words, masked=True) for words in compared]
    columns += [np.full((images, 1), encode_record(Op.COMPARE, cycles, mask=0), np.uint64)]
    body = np.hstack(columns)
    reads = np.concatenate([*(words.addresses for words in compared), np.array([cycles], np.int64)])

    counted = build.layers if counters and build.config.max_layers else ()
    extra = [regmap.counter_address(layer.index, name) for layer in counted for name in regmap.COUNTERS]
    extra_records = np.array([encode_record(Op.COMPARE, address, mask=0) for address in extra], np.uint64)
    end = np.array([encode_record(Op.END)], np.uint64)
    numbers = np.arange(images, dtype=np.int64)
    return Recording(
        records=np.concatenate([loads, body[0], extra_records, body[1:].reshape(-1), end]),
        images=images,
        read_addresses=np.concatenate([reads, np.array(extra, np.int64), np.tile(reads, images - 1)]),
        read_images=np.concatenate([np.zeros(len(reads) + len(extra), np.int64), np.repeat(numbers[1:], len(reads))]),
        record_images=np.concatenate(
            [np.zeros(len(loads) + body.shape[1] + len(extra), np.int64), np.repeat(numbers[1:], body.shape[1]), numbers[-1:]]
        ),
    )


def _loads(build: BuildFolder) -> npt.NDArray[np.uint64]:
    """Records that write the images of volatile memories, uint64[N]."""
    files = image_files(build.config)
    pairs = [
        pair
        for window in regmap.volatile(build.config)
        for word, line in enumerate((build.path / files[window]).read_text(encoding="ascii").split())
        for pair in regmap.host_words(window, word, int(line, 16), build.config)
    ]
    return np.array([encode_record(Op.WRITE, address, value) for address, value in pairs], np.uint64)


def _records(op: Op, words: HostWords, *, masked: bool) -> npt.NDArray[np.uint64]:
    """Records that write or compare host words, uint64[N, W]."""
    masks = words.masks if masked else np.full(len(words.masks), 0b1111)
    plain = [encode_record(op, int(address), mask=int(mask)) for address, mask in zip(words.addresses, masks, strict=True)]
    return np.array(plain, np.uint64) | words.data.astype(np.uint64) << np.uint64(_DATA_SHIFT)
