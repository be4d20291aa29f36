"""Memory blocks that a memory takes: which ones synthesis chooses, and how many.

Yosys (`memory_libmap`) weighs the shapes that a device's blocks can take against each other: a shape's cost is that of its blocks, plus
half of every bit that multiplexers choose between banks of blocks, plus half of every write enable that is gated by bank.  The same
rule is applied here to the same shapes, so that the numbers are those of synthesis and no estimates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from hwgen.family import Family

#: Cost of a bit of a multiplexer between banks, and of a gated write enable, in the units of `Shape.cost`.
_MUX, _DEMUX = 0.5, 0.5


@dataclass(frozen=True)
class Shape:
    """One way to use a memory block.

    cell:         the block: what is counted ("block", "half block", "big block", "LUT RAM").
    width:        bits of a word, parity bits included.
    address_bits: of a word.
    cost:         of a block, as synthesis weighs it; `per_width` of it goes with the share of the block's bits that is used.
    luts:         that a block of LUT RAM takes.
    """

    cell: str
    width: int
    address_bits: int
    cost: float
    per_width: float = 0.0
    luts: int = 0


@dataclass(frozen=True)
class Memory:
    """A clocked memory.

    width, depth: of a word, in bits, and words.
    chunk:        bits that a write enable covers.
    single_port:  whether reads and writes share a port; else each has its own.
    has_image:    whether it holds something when the device starts.
    """

    width: int
    depth: int
    chunk: int
    single_port: bool = False
    has_image: bool = True


@dataclass(frozen=True)
class Mapping:
    """What a memory becomes: so many cells of one shape, in `banks` that multiplexers choose from."""

    shape: Shape
    cells: int
    banks: int

    @property
    def blocks(self) -> float:
        """Memory blocks of the device; a half one counts 0.5."""
        return self.cells * {"block": 1.0, "half block": 0.5}.get(self.shape.cell, 0.0)

    @property
    def big_blocks(self) -> int:
        """Large memory blocks."""
        return self.cells * (self.shape.cell == "big block")

    @property
    def luts(self) -> int:
        """Tables that are memory."""
        return self.cells * self.shape.luts


def _shapes(cell: str, bits: int, widths: tuple[int, ...], cost: float) -> tuple[Shape, ...]:
    return tuple(Shape(cell, width, (bits // (width - width // 9)).bit_length() - 1, cost) for width in widths)


_WIDTHS_18 = (1, 2, 4, 9, 18, 36)
#: Of the six tables, two are those that writing keeps from other use.
_ECP5_LUT_RAM, _GOWIN_LUT_RAM = (Shape("LUT RAM", 4, 4, 4.0, 4.0, luts=luts) for luts in (6, 4))

#: Shapes by family.  ECP5: DP16KD, PDPW16KD, TRELLIS_DPR16X4.  iCE40: SB_RAM40_4K, SB_SPRAM256KA.  Gowin: DPB, SDPB and those with
#: parity, RAM16SDP4.  7-series: RAMB36E1 ("block"), RAMB18E1 ("half block"), RAM32M and RAM64M as simple dual port memories.
SHAPES: dict[Family, tuple[Shape, ...]] = {
    Family.ECP5: (_ECP5_LUT_RAM, *_shapes("block", 2**14, _WIDTHS_18, 128)),
    Family.ICE40: (*_shapes("block", 2**12, (2, 4, 8, 16), 64), Shape("big block", 16, 14, 2048)),
    Family.GOWIN: (_GOWIN_LUT_RAM, *_shapes("block", 2**14, _WIDTHS_18, 128)),
    Family.XILINX7: (
        Shape("LUT RAM", 6, 5, 8.0, 7.0, luts=4),
        Shape("LUT RAM", 3, 6, 8.0, 7.0, luts=4),
        *_shapes("half block", 2**14, _WIDTHS_18, 129),
        *_shapes("block", 2**15, (*_WIDTHS_18, 72), 257),
    ),
}


def mapping(memory: Memory, family: Family) -> Mapping:
    """What a memory becomes on a device of a family."""
    return min(_choices(memory, family), key=lambda choice: choice[0])[1]


def _choices(memory: Memory, family: Family) -> Iterator[tuple[float, Mapping]]:
    enables = memory.width // memory.chunk
    for shape in SHAPES[family]:
        if shape.cell == "big block" and (memory.has_image or not memory.single_port):
            continue
        banks = ceil(memory.depth / 2**shape.address_bits)
        bits = _bits(memory, shape)
        cells = ceil(banks * bits / shape.width)
        cost = (shape.cost - shape.per_width) * cells + shape.per_width * banks * memory.width / shape.width
        cost += _MUX * (banks - 1) * memory.width + (_DEMUX * banks * enables if banks > 1 else 0)
        yield cost, Mapping(shape, cells, banks)


def _bits(memory: Memory, shape: Shape) -> int:
    """Bits that a word takes of blocks of a shape: those with parity bits are filled by lanes of nine bits, of which a byte with a write
    enable of its own takes one; LUT RAM has no enables within a word, so that none of it is shared by two bytes or two words.
    """
    enables = memory.width // memory.chunk
    if shape.width % 9 == 0:
        return 9 * (enables * ceil(memory.chunk / 9) if enables > 1 else ceil(memory.width / 9))
    if shape.luts:
        return enables * ceil(memory.chunk / shape.width) * shape.width
    return memory.width
