"""Random networks on random configurations, for benches: everything the accelerator has, drawn from a seed.

A draw is the function of its seed alone, so a failure is reproduced from the number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.affine import Affine
from golden.graph import (
    Add,
    AveragePool2d,
    Concatenation,
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
    Graph,
    Int8,
    Lookup,
    MaxPool2d,
    Mean,
    Op,
    Pad,
    Padding,
    Requantize,
    Reshape,
    Tensor,
    Window,
)
from golden.rescale import Rescale, RescaleFormat, RescaleKind
from hwgen.compiler.reciprocal import reciprocal
from hwgen.config import AcceleratorConfig

#: Left shift of the operands of a residual add.
_ADD_SHIFT = 20

FORMATS = ("tflite", "shift", "fixed8", "fixed16", "fixed32", "fixed11")


@dataclass(frozen=True, eq=False)
class Draw:
    """A network, the accelerator it runs on, and inputs int8[N, *shape]."""

    seed: int
    config: AcceleratorConfig
    graph: Graph
    inputs: Int8


def random_config(seed: int, *, largest: int = 8) -> AcceleratorConfig:
    """A valid configuration with up to `largest` rows and columns; memories are large enough for `random_network`."""
    rng = np.random.default_rng([seed, 0])
    small = int(rng.integers(2, largest // 2 + 1))
    large = small * int(rng.integers(1, largest // small + 1))
    rows, cols = (small, large) if rng.random() < 0.5 else (large, small)
    common = math.gcd(rows, cols)
    lanes = int(rng.choice([d for d in range(1, common + 1) if common % d == 0]))
    rows_per_cycle = int(rng.choice([d for d in range(1, rows + 1) if rows % d == 0]))
    return AcceleratorConfig(
        rows=rows,
        cols=cols,
        lanes=lanes,
        weight_rows_per_cycle=rows_per_cycle,
        weight_slots=int(rng.choice([0, 0, 2, 3, 5])),
        rescale=RescaleFormat.parse(str(rng.choice(FORMATS))),
        acc_depth=int(rng.integers(4, 60)),
        act_depth=2048,
        weight_depth=16384,
        param_depth=1024,
        program_depth=8192,
        depthwise_rows=int(rng.choice(np.array([0, 1, 2, 3, 3, 4]))),
        dense_input=bool(rng.random() < 0.8),
        add_tables=int(rng.choice([0, 4])),
        max_layers=int(rng.choice([0, 64])),
        overlap=bool(rng.random() < 0.75),
        size_bits=int(rng.choice([8, 16])),
    )


def random_network(seed: int, config: AcceleratorConfig, *, images: int = 2) -> Draw:
    """A network of one to six layers for a configuration: kernels, strides, dilations, uneven padding, pooling, fully connected ends,
    channel counts that divide by nothing, layers of one pixel and of more pixels than an accumulator bank holds."""
    rng = np.random.default_rng([seed, 1])
    channels = int(rng.integers(1, 4)) if rng.random() < 0.4 else int(rng.integers(1, 2 * config.rows + 2))
    shape: tuple[int, ...] = (int(rng.integers(1, 10)), int(rng.integers(1, 10)), channels)
    tensors = {"input": Tensor("input", shape, _affine(rng))}
    builder = _Builder(rng, config, tensors)
    for number in range(int(rng.integers(1, 6))):
        # What takes a narrow input in a way of its own is a convolution.
        draw = rng.random() * (0.4 if number == 0 and 2 * channels <= config.rows else 1)
        if draw < 0.35:
            builder.convolution()
        elif draw < 0.48:
            builder.depthwise()
        elif draw < 0.58 and config.add_tables:
            builder.residual()
        elif draw < 0.65:
            builder.pooling(average=False)
        elif draw < 0.72:
            builder.pooling(average=True)
        else:
            builder.elementwise()
    if all(isinstance(op, Reshape) for op in builder.ops) or rng.random() < 0.5:
        builder.fully_connected()
    graph = Graph(f"random_{seed}", config.rescale, tensors, ("input",), (builder.current,), tuple(builder.ops))
    inputs = rng.integers(-128, 128, (images, *shape)).astype(np.int8)
    return Draw(seed, config, graph, inputs)


def _affine(rng: np.random.Generator) -> Affine:
    """Zero points at both ends of the range as often as between them; the scale is a power of two, as every format can have it."""
    return Affine(0.0625, int(rng.choice(np.array([-128, 127, 0, rng.integers(-128, 128)]))))


@dataclass
class _Builder:
    rng: np.random.Generator
    config: AcceleratorConfig
    tensors: dict[str, Tensor]

    def __post_init__(self) -> None:
        self.ops: list[Op] = []
        self.current = "input"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tensors[self.current].shape

    def add(self, op: Op, shape: tuple[int, ...], affine: Affine) -> None:
        self.tensors[op.output] = Tensor(op.output, shape, affine)
        self.ops.append(op)
        self.current = op.output

    def clamp(self) -> dict[str, int]:
        """Usually the whole range, else one that cuts."""
        if self.rng.random() < 0.6:
            return {}
        low, high = sorted(int(v) for v in self.rng.integers(-128, 128, 2))
        return {"act_min": low, "act_max": high}

    def window(self, *, largest: int, pool: bool) -> Window:
        """A window that fits the current map; a pooling window never lies in the padding altogether."""
        rng = self.rng
        height, width, _ = self.shape
        while True:
            kernel = (int(rng.integers(1, largest + 1)), int(rng.integers(1, largest + 1)))
            dilation = (1, 1) if pool or rng.random() < 0.8 else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
            most = [min(k - 1, 2) for k in kernel] if pool else [3, 3]
            top, bottom = (int(v) for v in rng.integers(0, most[0] + 1, 2))
            left, right = (int(v) for v in rng.integers(0, most[1] + 1, 2))
            window = Window(kernel, (int(rng.integers(1, 4)), int(rng.integers(1, 4))), Padding(top, bottom, left, right), dilation)
            rows, cols = window.output_size(height, width)
            if rows >= 1 and cols >= 1 and rows * cols <= 150:
                return window

    def rescale(self, channels: int, taps: int) -> Rescale:
        """Factors that spread the sums over the output's range."""
        spread = 30 / (74 * 74 * math.sqrt(taps))
        return Rescale.from_real(self.config.rescale, spread * np.exp2(self.rng.uniform(-2, 2, channels)))

    def zero_points(self, channels: int) -> npt.NDArray[np.int32]:
        """Usually none, else one for all channels or one for each."""
        draw = self.rng.random()
        if draw < 0.85:
            return np.zeros(channels, np.int32)
        return self.rng.integers(-128, 128, 1 if draw < 0.9 else channels).astype(np.int32) * np.ones(channels, np.int32)

    def weights(self, shape: tuple[int, ...]) -> Int8:
        low = -128 if self.rng.random() < 0.2 else -127
        weight = self.rng.integers(low, 128, shape).astype(np.int8)
        weight[self.rng.random(shape) < self.rng.choice([0.0, 0.3])] = 0
        return weight

    def convolution(self) -> None:
        window = self.window(largest=4, pool=False)
        height, width, depth = self.shape
        channels = int(self.rng.integers(1, 2 * self.config.cols + 3))
        weight = self.weights((channels, *window.kernel, depth))
        op = Conv2d(
            f"conv_{len(self.ops)}",
            (self.current,),
            f"t{len(self.ops)}",
            weight=weight,
            weight_zero_point=self.zero_points(channels),
            weight_scale=np.ones(channels),
            bias=self.rng.integers(-2000, 2000, channels).astype(np.int32),
            rescale=self.rescale(channels, weight[0].size),
            window=window,
            **self.clamp(),
        )
        self.add(op, (*window.output_size(height, width), channels), _affine(self.rng))

    def depthwise(self) -> None:
        """A depthwise convolution, now and then with two output channels for an input channel."""
        window = self.window(largest=4, pool=False)
        height, width, depth = self.shape
        channels = depth * (2 if self.rng.random() < 0.15 else 1)
        op = DepthwiseConv2d(
            f"depthwise_{len(self.ops)}",
            (self.current,),
            f"t{len(self.ops)}",
            weight=self.weights((*window.kernel, channels)),
            weight_zero_point=self.zero_points(channels),
            weight_scale=np.ones(channels),
            bias=self.rng.integers(-2000, 2000, channels).astype(np.int32),
            rescale=self.rescale(channels, window.kernel[0] * window.kernel[1]),
            window=window,
            **self.clamp(),
        )
        self.add(op, (*window.output_size(height, width), channels), _affine(self.rng))

    def residual(self) -> None:
        """A convolution that keeps the shape, added to its input; scales as an importer or the quantizer would give them."""
        if self.tables == self.config.add_tables:
            return
        before, shape = self.current, self.shape
        kernel = int(self.rng.choice([1, 3]))
        weight = self.weights((shape[2], kernel, kernel, shape[2]))
        edge = kernel // 2
        branch = Conv2d(
            f"branch_{len(self.ops)}",
            (before,),
            f"t{len(self.ops)}",
            weight=weight,
            weight_zero_point=np.zeros(shape[2], np.int32),
            weight_scale=np.ones(shape[2]),
            bias=self.rng.integers(-2000, 2000, shape[2]).astype(np.int32),
            rescale=self.rescale(shape[2], weight[0].size),
            window=Window((kernel, kernel), padding=Padding(edge, edge, edge, edge)),
        )
        self.add(branch, shape, _affine(self.rng))
        scales = np.exp2(self.rng.integers(-2, 3, 3)) if self.config.rescale.kind is RescaleKind.SHIFT else self.rng.uniform(0.5, 2, 3)
        common = 2 * max(scales[:2])
        factors = (scales[0] / common, scales[1] / common, common / (2**_ADD_SHIFT * scales[2]))
        operands = (before, branch.output) if self.rng.random() < 0.5 else (branch.output, before)
        a, b, out = (Rescale.from_real(self.config.rescale, factor) for factor in factors)
        op = Add(
            f"add_{len(self.ops)}",
            operands,
            f"t{len(self.ops)}",
            left_shift=_ADD_SHIFT,
            rescale_a=a,
            rescale_b=b,
            rescale_out=out,
            **self.clamp(),
        )
        self.add(op, shape, _affine(self.rng))

    def elementwise(self) -> None:
        """One of the operators without weights or windows."""
        choices = [self.requantize, self.mean, self.pad, self.reshape, self.concatenation, self.concatenation]
        if self.tables < self.config.add_tables:
            choices.append(self.lookup)
        choices[int(self.rng.integers(len(choices)))]()

    @property
    def tables(self) -> int:
        """Rescale tables in use."""
        return sum(isinstance(op, (Add, Lookup)) for op in self.ops)

    def requantize(self) -> None:
        rescale = Rescale.from_real(self.config.rescale, self.rng.uniform(0.3, 3))
        op = Requantize(f"requantize_{len(self.ops)}", (self.current,), f"t{len(self.ops)}", rescale=rescale, **self.clamp())
        self.add(op, self.shape, _affine(self.rng))

    def mean(self) -> None:
        axes = ((0,), (1,), (0, 1))[int(self.rng.integers(3))]
        height, width, channels = self.shape
        count = (height if 0 in axes else 1) * (width if 1 in axes else 1)
        rescale = Rescale.from_real(self.config.rescale, self.rng.uniform(0.5, 2) / count)
        op = Mean(f"mean_{len(self.ops)}", (self.current,), f"t{len(self.ops)}", axes=axes, rescale=rescale, **self.clamp())
        self.add(op, (1 if 0 in axes else height, 1 if 1 in axes else width, channels), _affine(self.rng))

    def lookup(self) -> None:
        table = self.rng.integers(-128, 128, 256).astype(np.int8)
        op = Lookup(f"lookup_{len(self.ops)}", (self.current,), f"t{len(self.ops)}", table=table, **self.clamp())
        self.add(op, self.shape, _affine(self.rng))

    def pad(self) -> None:
        """Around the map, and one time in three in its channels."""
        padding = Padding(*(int(v) for v in self.rng.integers(0, 3, 4)))
        before, after = (int(v) for v in self.rng.integers(0, 4, 2)) if self.rng.random() < 0.35 else (0, 0)
        height, width, channels = self.shape
        op = Pad(f"pad_{len(self.ops)}", (self.current,), f"t{len(self.ops)}", padding=padding, channels=(before, after))
        shape = (height + padding.top + padding.bottom, width + padding.left + padding.right, channels + before + after)
        self.add(op, shape, self.tensors[self.current].affine)

    def reshape(self) -> None:
        """Another map of the same elements, of any number of channels that divides them; one time in four past a vector that is read as
        one."""
        size = int(np.prod(self.shape))
        if self.rng.random() < 0.25:
            self.shaped((size,))
            self.requantize()
        channels = int(self.rng.choice([d for d in range(1, min(size, 3 * self.config.rows) + 1) if size % d == 0]))
        pixels = size // channels
        heights = [d for d in range(1, pixels + 1) if pixels % d == 0]
        height = heights[int(self.rng.integers(len(heights) // 4, 1 + 3 * len(heights) // 4))]
        self.shaped((height, pixels // height, channels))

    def shaped(self, shape: tuple[int, ...]) -> None:
        if shape != self.shape:
            op = Reshape(f"reshape_{len(self.ops)}", (self.current,), f"t{len(self.ops)}")
            self.add(op, shape, self.tensors[self.current].affine)

    def concatenation(self) -> None:
        """Two to four tensors along any axis: a map and maps made from it, some of them the map itself; now and then once more with the
        result."""
        axis = int(self.rng.integers(3))
        whole = int(
            self.rng.choice([1, self.config.lanes, self.config.rows])
        )  # of which channels are a multiple, where a branch may choose
        for _ in range(1 if self.rng.random() < 0.6 else 2):
            shape, affine = self.shape, self.tensors[self.current].affine
            if math.prod(shape) > 600:
                return
            if axis == 2 and shape[2] % whole:
                self.branch(affine, whole)
                shape = self.shape
            base = self.current
            parts = [base]
            for _ in range(int(self.rng.integers(1, 4))):
                self.current = base
                draw = self.rng.random()
                if draw < 0.5:
                    self.branch(affine, whole * int(self.rng.integers(1, self.config.rows // whole + 4)) if axis == 2 else shape[2])
                elif draw < 0.8:
                    window = Window((2, 2), padding=Padding(0, 1, 0, 1))
                    self.add(MaxPool2d(f"branch_{len(self.ops)}", (base,), f"t{len(self.ops)}", window=window), shape, affine)
                parts.append(self.current)
            order = [parts[int(i)] for i in self.rng.permutation(len(parts))]
            total = tuple(sum(self.tensors[part].shape[i] for part in order) if i == axis else size for i, size in enumerate(shape))
            self.add(Concatenation(f"concatenation_{len(self.ops)}", tuple(order), f"t{len(self.ops)}", axis=axis), total, affine)

    def branch(self, affine: Affine, channels: int) -> None:
        """A convolution that keeps rows and columns."""
        height, width, depth = self.shape
        weight = self.weights((channels, 1, 1, depth))
        op = Conv2d(
            f"branch_{len(self.ops)}",
            (self.current,),
            f"t{len(self.ops)}",
            weight=weight,
            weight_zero_point=np.zeros(channels, np.int32),
            weight_scale=np.ones(channels),
            bias=self.rng.integers(-2000, 2000, channels).astype(np.int32),
            rescale=self.rescale(channels, depth),
            window=Window((1, 1)),
        )
        self.add(op, (height, width, channels), affine)

    def pooling(self, *, average: bool) -> None:
        window = self.window(largest=4, pool=True)
        height, width, channels = self.shape
        if average:
            counts = range(1, window.kernel[0] * window.kernel[1] + 1)
            if any(reciprocal(self.config.rescale, count) is None for count in counts):
                if self.config.rescale.kind is not RescaleKind.SHIFT:
                    return
                if height < 2 or width < 2:
                    return
                window = Window((2, 2), window.stride)
        make = AveragePool2d if average else MaxPool2d
        name = f"{'average' if average else 'max'}_{len(self.ops)}"
        op = make(name, (self.current,), f"t{len(self.ops)}", window=window, **self.clamp())
        self.add(op, (*window.output_size(height, width), channels), self.tensors[self.current].affine)

    def fully_connected(self) -> None:
        size = int(np.prod(self.shape))
        flat = f"t{len(self.ops)}"
        self.add(Reshape(f"flatten_{len(self.ops)}", (self.current,), flat), (size,), self.tensors[self.current].affine)
        outputs = int(self.rng.integers(1, 2 * self.config.cols + 3))
        op = FullyConnected(
            f"fc_{len(self.ops)}",
            (flat,),
            f"t{len(self.ops)}",
            weight=self.weights((outputs, size)),
            weight_zero_point=self.zero_points(outputs),
            weight_scale=np.ones(outputs),
            bias=self.rng.integers(-2000, 2000, outputs).astype(np.int32),
            rescale=self.rescale(outputs, size),
            **self.clamp(),
        )
        self.add(op, (outputs,), _affine(self.rng))
