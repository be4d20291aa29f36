"""`AcceleratorConfig`: the one frozen parameter object that gateware, compiler, emission and benches share (SPEC section 1)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

from golden.errors import InputError
from golden.rescale import SHIFT, TFLITE, RescaleFormat, RescaleKind
from hwgen.family import Family


@dataclass(frozen=True)
class AcceleratorConfig:
    """Parameters of one accelerator.

    rows:                  R, array rows: input channels reduced per cycle, and the bytes of an activation word (2 to 64).
    cols:                  C, array columns: output channels per cycle (2 to 64); one of R, C divides the other.
    rescale:               the rescale format that the post-processor implements.
    lanes:                 output channels that the post-processor rescales per cycle; divides R and C.
    weight_rows_per_cycle: L, array rows whose weights load in one cycle; divides R.
    weight_slots:          D, weight tiles that every PE can hold (2 to 64); 0 takes the smallest D that keeps the array
                           busy at the shortest tile, R / L pixels; at least 4 where depthwise groups come in pairs.
    acc_bits:              width of an accumulator.
    acc_depth:             output pixels that one accumulator bank holds; there are two banks, without `overlap` one.
    act_depth:             words (of R bytes) of activation memory.
    weight_depth:          words (of L * C bytes) of weight memory.
    param_depth:           records (one output channel each) of parameter memory.
    program_depth:         32-bit words of program memory.
    max_layers:            layers that the performance counters can tell apart (at most 256); 0 for an accelerator without them, which
                           counts the cycles of a run alone.
    depthwise_rows:        array rows, at most R, that can take a column's own channel: taps of a depthwise kernel row in one pass;
                           0 for an accelerator without depthwise convolution.
    dense_input:           whether the feeder can read an input of few channels stored without gaps, several taps in one word.
    add_tables:            tables that the accelerator holds, one for each residual add and each function of one value (logistic, tanh);
                           0 for an accelerator without them.
    overlap:               whether units work ahead of each other.  False makes a lean accelerator: a group of output channels is written
                           before the next is fed, a descriptor done before the next is read, so one accumulator bank, one descriptor
                           register and memories of a single port for activations and weights are enough.
    size_bits:             bits of the sizes in a descriptor: input and output rows and columns, groups, words of a pixel (6 to 16).
    family:                the FPGA family whose cells the emitted Verilog holds; it changes no result and no cycle.
    """

    rows: int = 16
    cols: int = 16
    rescale: RescaleFormat = TFLITE
    lanes: int = 4
    weight_rows_per_cycle: int = 1
    weight_slots: int = 0
    acc_bits: int = 32
    acc_depth: int = 256
    act_depth: int = 4096
    weight_depth: int = 4096
    param_depth: int = 1024
    program_depth: int = 2048
    max_layers: int = 64
    depthwise_rows: int = 3
    dense_input: bool = True
    add_tables: int = 0
    overlap: bool = True
    size_bits: int = 16
    family: Family = Family.PORTABLE

    def __post_init__(self) -> None:
        problems = []

        def integer(name: str, low: int, high: int) -> bool:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                problems.append(f"{name} must be an integer from {low} to {high}, not {value!r}")
                return False
            return True

        sizes = [integer("rows", 2, 64), integer("cols", 2, 64), integer("lanes", 1, 64), integer("weight_rows_per_cycle", 1, 64)]
        integer("acc_bits", 20, 32)
        integer("acc_depth", 4, 65536)
        integer("act_depth", 16, 2**22)
        integer("weight_depth", 16, 2**22)
        integer("param_depth", 4, 2**16)
        integer("program_depth", 32, 2**16)
        integer("max_layers", 0, 256)
        integer("size_bits", 6, 16)
        integer("add_tables", 0, 64)
        for name in ("dense_input", "overlap"):
            if not isinstance(getattr(self, name), bool):
                problems.append(f"{name} must be true or false, not {getattr(self, name)!r}")
        if not isinstance(self.rescale, RescaleFormat):
            problems.append(f"rescale must be a RescaleFormat such as RescaleFormat.parse('fixed16'), not {self.rescale!r}")
        if not isinstance(self.weight_slots, int) or self.weight_slots not in (0, *range(2, 65)):
            problems.append(f"weight_slots must be 0 (choose) or an integer from 2 to 64, not {self.weight_slots!r}")
        if not isinstance(self.family, Family):
            problems.append(f"family must be a Family such as Family.ECP5, not {self.family!r}")
        integer("depthwise_rows", 0, 64)
        if all(sizes):
            if self.rows % self.cols and self.cols % self.rows:
                problems.append(f"one of rows and cols must divide the other, but rows is {self.rows} and cols is {self.cols}")
            if self.rows % self.lanes or self.cols % self.lanes:
                problems.append(f"lanes must divide rows and cols ({self.rows} and {self.cols}), but it is {self.lanes}")
            if isinstance(self.acc_bits, int) and self.acc_bits < psum_bits(self.rows):
                problems.append(f"acc_bits must be at least {psum_bits(self.rows)} for {self.rows} rows, not {self.acc_bits}")
            if self.rows % self.weight_rows_per_cycle:
                problems.append(f"weight_rows_per_cycle must divide rows ({self.rows}), but it is {self.weight_rows_per_cycle}")
        if problems:
            raise InputError("invalid accelerator configuration", problems)

    # --- derived ---------------------------------------------------------------------------------

    @property
    def words_per_tile(self) -> int:
        """Weight-memory words, and load cycles, of one weight tile: R / L."""
        return self.rows // self.weight_rows_per_cycle

    @property
    def depthwise_taps(self) -> int:
        """K: taps of a depthwise kernel row that one pass covers."""
        return min(self.rows, self.depthwise_rows)

    @property
    def depthwise_pairs(self) -> bool:
        """Whether a word holds channels for two depthwise groups, which at stride 2 take turns."""
        return self.overlap and self.depthwise_taps > 0 and self.rows % (2 * self.cols) == 0

    @property
    def words_per_depthwise_tile(self) -> int:
        """Weight-memory words, and load cycles, of one depthwise tile, which has K rows."""
        return max(1, ceil(self.depthwise_taps / self.weight_rows_per_cycle))

    @property
    def slot_release_cycles(self) -> int:
        """Cycles from a tile's last activation to the first in which its slot may be loaded again (SPEC section 4)."""
        return max(1, self.rows + self.cols - 2 - (self.rows - 1) // self.weight_rows_per_cycle)

    @property
    def slots(self) -> int:
        """D, as configured or chosen."""
        if self.weight_slots:
            return self.weight_slots
        least = 4 if self.depthwise_pairs else 2  # a paired depthwise stream holds two, and the next one's load while it runs
        return max(least, min(64, 1 + ceil(self.slot_release_cycles / self.words_per_tile)))

    @property
    def min_tile_pixels(self) -> int:
        """The shortest tile, in pixels, at which consecutive tiles follow each other with no idle array cycle (SPEC section 4)."""
        return max(self.words_per_tile, ceil(self.slot_release_cycles / (self.slots - 1)))

    @property
    def pool_channels(self) -> int:
        """Channels that a pooling group covers: the smaller of R and C."""
        return min(self.rows, self.cols)

    @property
    def acc_banks(self) -> int:
        """Accumulator banks: one to fill while the other is worked off, or one for both."""
        return 2 if self.overlap else 1

    @property
    def place_bits(self) -> int:
        """Signed bits of a place in the input map, which may lie in the padding."""
        return self.size_bits + 2

    @property
    def slices(self) -> int:
        """Slices of min(R, C) channels in an activation word, which pooling and depthwise groups take one after the other."""
        return self.rows // self.pool_channels

    @property
    def value_bits(self) -> int:
        """Signed width of what the accumulators take in: a psum, or a rescaled operand of a residual add."""
        return self.acc_bits if self.add_tables else self.psum_bits

    @property
    def psum_bits(self) -> int:
        """Signed width of a sum of R products of two int8 values."""
        return psum_bits(self.rows)

    # --- as data ---------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The parameters as JSON values; `from_json` reads them back."""
        return {**asdict(self), "rescale": str(self.rescale), "family": self.family.value}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AcceleratorConfig:
        """Reads what `to_json` wrote; raises InputError for unknown or invalid parameters."""
        known = set(cls.__dataclass_fields__)
        unknown = sorted(set(data) - known)
        if unknown:
            raise InputError(f"unknown accelerator parameters {unknown}; the known ones are {sorted(known)}")
        values = dict(data)
        if "rescale" in values:
            values["rescale"] = RescaleFormat.parse(str(values["rescale"]))
        if "family" in values:
            names = [family.value for family in Family]
            if values["family"] not in names:
                raise InputError(f"there is no FPGA family {values['family']!r}; the known ones are {', '.join(names)}")
            values["family"] = Family(values["family"])
        return cls(**values)

    def with_rescale(self, rescale: RescaleFormat) -> AcceleratorConfig:
        """The same accelerator with another rescale format."""
        return replace(self, rescale=rescale)


def psum_bits(rows: int) -> int:
    """Signed bits of a sum of `rows` int8 products; the extreme is rows * (-128)^2 (SPEC section 3)."""
    return (rows * 128 * 128).bit_length() + 1


#: The supported configurations.  Each is as large as some of the MLPerf Tiny networks need, the last two as all four:
#:   icebreaker-4x2   DS-CNN and the network of `weft demo` on an iCE40UP5K, whose four large RAMs hold activations and weights.
#:   tiny-4x4    DS-CNN, and the network of `weft demo` with its 8,304 weight words: 83 KB of memory.  Two residual adds or functions,
#:               for a table is expensive: 2 KB for every column.
#:   small-8x8   ResNet-8 too, with its 6,144 words of activations, 9,808 of weights, 3 adds: 209 KB.  MobileNet and the autoencoder need
#:               three times its weights, 205 and 258 KB alone, more memory than devices have whose multipliers 8 x 8 suits.
#: Depths are whole blocks of 512 words; 1,024 parameter records are the first such depth above the 590 of DS-CNN.
NAMED: dict[str, AcceleratorConfig] = {
    "icebreaker-4x2": AcceleratorConfig(
        rows=4,
        cols=2,
        lanes=1,
        weight_slots=2,
        acc_depth=256,
        act_depth=16384,
        weight_depth=32768,
        param_depth=1024,
        program_depth=256,
        max_layers=0,
        overlap=False,
        size_bits=8,
        family=Family.ICE40,
    ),
    "tiny-4x4": AcceleratorConfig(
        rows=4, cols=4, lanes=1, acc_depth=128, act_depth=4096, weight_depth=8704, param_depth=1024, program_depth=1024, add_tables=2
    ),
    "small-8x8": AcceleratorConfig(
        rows=8, cols=8, lanes=2, acc_depth=256, act_depth=6144, weight_depth=10240, param_depth=1024, program_depth=2048, add_tables=3
    ),
    "ulx3s-16x8": AcceleratorConfig(
        rows=16, cols=8, lanes=4, weight_rows_per_cycle=4, acc_depth=512, act_depth=5120, weight_depth=8704, param_depth=4096, add_tables=4
    ),
    "base-16x16": AcceleratorConfig(
        rows=16, cols=16, lanes=4, weight_rows_per_cycle=4, acc_depth=256, act_depth=8192, weight_depth=8192, param_depth=4096, add_tables=4
    ),
}

DEFAULT = "base-16x16"

__all__ = ["DEFAULT", "NAMED", "SHIFT", "TFLITE", "AcceleratorConfig", "Family", "RescaleFormat", "RescaleKind", "psum_bits"]
