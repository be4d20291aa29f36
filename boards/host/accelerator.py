"""`Accelerator`: a network on an accelerator behind a bus, as a function from inputs to outputs."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from boards.host.bus import Bus, Closeable
from boards.host.errors import DeviceError
from boards.host.identity import check_identity, network_held, other_network
from boards.host.inputs import Inputs, as_int8
from boards.host.serial_bus import SerialBus
from boards.host.serial_port import DEFAULT_BAUD
from boards.host.transfer import Transfer, image_words, load_blocks
from golden import interpreter
from golden.errors import InputError
from golden.formats import dequantize_array
from golden.graph import Float64, Int8, Tensor
from hwgen import regmap
from hwgen.act_layout import host_layout
from hwgen.design import Design, read_design
from hwgen.identity import HEADER_MAGIC, HEADER_WORDS, images_sha256
from hwgen.regmap import Window

UInt32 = npt.NDArray[np.uint32]
#: Called with (what is being done, steps done, steps in all).
Progress = Callable[[str, int, int], None]

_START, _IRQ_ENABLE = (regmap.BY_NAME["CONTROL"].field(name).mask for name in ("start", "irq_enable"))
_IRQ_DONE = regmap.BY_NAME["IRQ_STATUS"].field("done").mask
#: Host words of a memory image that go over the bus at once.
_BLOCK = 4096


@dataclass(frozen=True)
class Times:
    """Seconds of the host's clock that a batch took.

    load:     writing the network into the accelerator's memories; 0 where it was there already.
    transfer: writing the inputs and reading the outputs.
    compute:  the accelerator's runs from start to end, as seen over the bus: a start, the end's message and the look at it are in them.
    The three follow each other: nothing is transferred while the accelerator computes.
    """

    load: float
    transfer: float
    compute: float


@dataclass(frozen=True, eq=False)
class Results:
    """What a network made of a batch.

    outputs: int8[N, *shape] by name, bit for bit what the golden model gives.
    cycles:  clock cycles of each inference, start to done; the transfers and the host's part are not in them.
    tensors: what the outputs' integers stand for.
    times:   what the batch took.
    """

    outputs: Mapping[str, Int8]
    cycles: int
    tensors: Mapping[str, Tensor]
    times: Times

    @property
    def y(self) -> Int8:
        """The output of a network that has one.  Raises InputError for a network of several."""
        return self.outputs[self._only()]

    def real(self, name: str | None = None) -> Float64:
        """The real values of an output; of the only one without a name."""
        name = self._only() if name is None else name
        affine = self.tensors[name].affine
        return dequantize_array(self.outputs[name], affine.scale, affine.zero_point)

    def _only(self) -> str:
        if len(self.outputs) != 1:
            raise InputError(f"the network has {len(self.outputs)} outputs {list(self.outputs)}: name one")
        return next(iter(self.outputs))


class Accelerator:
    """An accelerator with the network of a folder that `weft generate` wrote.

    bus:       the way to it.
    folder:    the folder, or what `hwgen.design.read_design` made of it.
    loaded:    what its memories hold already.  None: the folder's images, as those of a bitstream that was made with them, or nothing, and
               then the images are loaded before the first run; another network is refused.  True: the folder's images; anything else is
               refused.  False: whatever it may be, the folder's images replace it before the first run.
    timeout_s: seconds within which an inference must end.

    Raises InputError for a folder that cannot be used, DeviceError for an accelerator that does not answer, is another one or holds
    another network.  A driver is for one thread: the accelerator makes one inference at a time.
    """

    def __init__(self, bus: Bus, folder: Design | str | os.PathLike[str], *, loaded: bool | None = None, timeout_s: float = 10.0) -> None:
        self.design = folder if isinstance(folder, Design) else read_design(Path(folder))
        self._bus, self._timeout_s = bus, timeout_s
        self._replaces, self._loads = loaded is False, not loaded
        check_identity(bus, self.design)
        self._wait_idle()
        self._must_load()
        config, stored = self.design.config, self.design.stored
        self._transfers = {name: Transfer.of(host_layout(place, config, gaps=bus.gaps)) for name, place in stored.items()}

    @classmethod
    def open(
        cls,
        port: str,
        folder: Design | str | os.PathLike[str],
        *,
        baud: int = DEFAULT_BAUD,
        loaded: bool | None = None,
        timeout_s: float = 10.0,
    ) -> Accelerator:
        """The accelerator of a board behind a serial port, such as `/dev/ttyUSB0`; `close` it, or use it in a `with` statement.

        baud: the rate that the bitstream was made for.  Errors as of the class and of `SerialBus`.
        """
        design = folder if isinstance(folder, Design) else read_design(Path(folder))
        bus = SerialBus(port, baud=baud)
        try:
            return cls(bus, design, loaded=loaded, timeout_s=timeout_s)
        except BaseException:
            bus.close()
            raise

    def close(self) -> None:
        """Closes the bus, where it is one that can be closed."""
        if isinstance(self._bus, Closeable):
            self._bus.close()

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def clock_hz(self) -> float | None:
        """The accelerator's clock, where the bus knows it."""
        return self._bus.clock_hz if isinstance(self._bus, SerialBus) else None

    @property
    def repeated(self) -> int:
        """Requests that had to be sent again, because they or their answers did not arrive whole."""
        return self._bus.repeated if isinstance(self._bus, SerialBus) else 0

    def load(self, progress: Progress | None = None) -> None:
        """Writes program, weights, parameters and tables into the accelerator's memories.

        Memories that a bitstream cannot fill are read back before the network counts as loaded.

        Raises InputError for images that are missing or damaged, and nothing is written then; DeviceError for a memory that does not hold
        what was written.
        """
        config = self.design.config
        images = {window: image_words(self.design.path / name, window, config) for window, name in self.design.images.items()}
        self._check_images(images)
        images[Window.PROGRAM][0] = HEADER_MAGIC  # which the file lacks where the weights cannot be part of a bitstream
        blocks = list(load_blocks(images, config, _BLOCK))
        self._wait_idle()
        for index, (address, words) in enumerate(blocks):
            if index == len(blocks) - 1:  # the header, which says that the network is there
                self._check_loaded(images)
            self._bus.write_block(address, words)
            if progress is not None:
                progress("loading the network", index + 1, len(blocks))
        if (found := network_held(self._bus)) != self.design.identity.short:
            raise other_network(found, self.design)
        self._replaces = False

    def _check_loaded(self, images: Mapping[Window, UInt32]) -> None:
        """Reads those memories back whose contents came over the bus alone, and compares check sequences (CRC-32)."""
        config = self.design.config
        for window in regmap.volatile(config):
            expected = zlib.crc32(images[window].astype("<u4").tobytes())
            found = self._bus.read_block(regmap.host_address(window, 0, 0, config), len(images[window]))
            if (got := zlib.crc32(found.astype("<u4").tobytes())) != expected:
                wrong = int(np.count_nonzero(found != images[window]))
                raise DeviceError(
                    f"the {window.name.lower()} memory does not hold what was loaded into it: CRC-32 {got:08x}, and not {expected:08x}; "
                    f"{wrong} of {len(found)} words differ",
                    ["load again; if that fails in the same words, the device is damaged, or its clock is too fast for its supply"],
                )

    def run(self, inputs: Inputs, *, layout: str = "NHWC", progress: Progress | None = None) -> Results:
        """Runs a batch: each input is written, the accelerator started, its outputs read; then the host computes its part for all.

        inputs: [N, *shape] for a network of one input, or a mapping by name; int8 as the network takes it, or real values, which are
                quantized.
        layout: "NHWC" or "NCHW", how maps among the inputs lie; outputs are NHWC.
        Raises InputError for inputs that cannot be used, DeviceError when the accelerator does not end in time or as it should.
        """
        batch = as_int8(self.design, inputs, layout)
        load = compute = 0.0
        self._wait_idle()
        if self._must_load():
            begun = time.perf_counter()
            self.load(progress)
            load = time.perf_counter() - begun
        count = len(next(iter(batch.values())))
        packed = {name: self._transfers[name].layout.pack(values) for name, values in batch.items()}
        read = {name: np.empty((count, len(self._transfers[name].layout.addresses)), np.uint32) for name in self.design.device_outputs}
        begun = time.perf_counter()
        for image in range(count):
            for name, words in packed.items():
                self._transfers[name].write(self._bus, words[image])
            started = time.perf_counter()
            self._infer()
            compute += time.perf_counter() - started
            for name, words in read.items():
                words[image] = self._transfers[name].read(self._bus)
            if progress is not None:
                progress("running", image + 1, count)
        times = Times(load, time.perf_counter() - begun - compute, compute)
        sizes = self.design.sizes
        device = {name: self._transfers[name].layout.unpack(words).reshape(count, *sizes[name]) for name, words in read.items()}
        return Results(self._finish(device), self.design.cycles, {tensor.name: tensor for tensor in self.design.outputs}, times)

    def counters(self) -> dict[str, dict[str, int]]:
        """The performance counters of the last run: for every layer by name, the cycles by what they went to (`hwgen.regmap.COUNTERS`).

        Raises InputError for an accelerator without them.
        """
        if not self.design.config.max_layers:
            raise InputError("this accelerator has no performance counters: it was generated with max_layers = 0")
        names = list(regmap.COUNTERS)
        layers = self.design.layers
        words = self._bus.read_block(regmap.COUNTER_BASE, (max(layer.index for layer in layers) + 1) * len(names)).reshape(-1, len(names))
        return {layer.name: {name: int(words[layer.index, i]) for i, name in enumerate(names)} for layer in layers}

    # --- one inference ----------------------------------------------------------------------------

    def _must_load(self) -> bool:
        """Whether the network has to be loaded before a run; raises DeviceError where it lacks and may not be."""
        found = network_held(self._bus)
        if found == self.design.identity.short:
            return self._replaces
        if not self._loads or (found is not None and not self._replaces):
            raise other_network(found, self.design)
        return True

    def _check_images(self, images: Mapping[Window, UInt32]) -> None:
        """Raises InputError for images that are not those of the folder's configuration file: files of several folders, or changed ones."""
        own = self.design.identity
        header, code = np.split(images[Window.PROGRAM], [HEADER_WORDS])
        parts = {window: words.astype("<u4").tobytes() for window, words in {**images, Window.PROGRAM: code}.items()}
        if tuple(header[1:].tolist()) != own.header()[1:] or images_sha256(parts) != own.images:
            raise InputError(
                f"the memory images in {self.design.path} are not those that its config.json is about; generate the folder again"
            )

    def _get(self, name: str) -> dict[str, int]:
        """A register's fields."""
        return regmap.BY_NAME[name].decode(self._bus.read(regmap.register_address(name)))

    def _put(self, name: str, value: int) -> None:
        self._bus.write(regmap.register_address(name), value)

    def _infer(self) -> None:
        """Starts a run, waits for its end and looks at how it ended."""
        self._put("IRQ_STATUS", _IRQ_DONE)
        self._put("CONTROL", _START | _IRQ_ENABLE)
        risen = self._bus.wait_interrupt(self._timeout_s)
        status = self._poll() if risen is None else self._get("STATUS")
        if risen is False or not status["done"] or status["busy"]:
            raise self._no_end(status, risen)
        self._put("IRQ_STATUS", _IRQ_DONE)
        cycles = self._get("CYCLES")["cycles"]
        if cycles != self.design.cycles:
            self._replaces = self._loads = True
            name, expected = self.design.network_name, self.design.cycles
            raise DeviceError(
                f"the run took {cycles} cycles, but an inference of {name!r} takes {expected}: something has written to the accelerator's "
                f"memories; load() the network, or configure the device again"
            )

    def _poll(self) -> dict[str, int]:
        """Reads STATUS until the run has ended, or the time is over."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            status = self._get("STATUS")
            if not status["busy"] or time.monotonic() > deadline:
                return status

    def _wait_idle(self) -> None:
        """Waits for the end of a run that somebody else has started, such as a host program that was stopped."""
        status = self._poll()
        if status["busy"]:
            raise self._no_end(status, None)

    def _no_end(self, status: Mapping[str, int], risen: bool | None) -> DeviceError:
        """The error for a run that did not end, with what its registers say."""
        first, second = (self._get("CYCLES")["cycles"] for _ in range(2))
        expected = self.design.cycles
        found = [f"STATUS: busy {status['busy']}, done {status['done']}", f"CYCLES: {second}, where an inference takes {expected}"]
        if status["done"] and not status["busy"] and risen is False:
            found.append("the run has ended, but no interrupt arrived: check the interrupt line, or open the bus without one")
        elif not status["busy"]:
            found.append("no run is under way: the accelerator was reset meanwhile; check what drives its reset")
        elif first == second:
            found.append("the cycle counter stands still: check the accelerator's clock")
        elif second < expected:
            found.append("the run is on its way: allow more time with timeout_s")
        else:
            found.append("the program does not end: reset the accelerator, and load() the network")
        return DeviceError(f"no inference of {self.design.network_name!r} has ended within {self._timeout_s:g} seconds", found)

    def _finish(self, device: dict[str, Int8]) -> dict[str, Int8]:
        """The network's outputs, from those of the accelerator: the host's operators in the golden model's own integers."""
        rest = self.design.host_part
        found = device if rest is None else device | interpreter.run(rest, {name: device[name] for name in rest.inputs}, tensors=True)
        return {tensor.name: found[tensor.name] for tensor in self.design.outputs}
