"""What an accelerator takes of a device, before synthesis: blocks counted, tables and flip-flops estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil

from golden.errors import InputError
from hwgen.config import AcceleratorConfig
from hwgen.estimate.coefficients import coefficients
from hwgen.estimate.memories import mapped
from hwgen.estimate.multipliers import multipliers
from hwgen.family import Family

#: Families that there are estimates of.
FAMILIES = tuple(family for family in Family if family is not Family.PORTABLE)
_BRIDGE = "host bridge"


@dataclass(frozen=True)
class Resources:
    """Cells of a device.

    lut:       tables; of an iCE40, logic cells.
    ff:        flip-flops.
    dsp:       multiplier blocks: MULT18X18D, SB_MAC16, MULT9X9, DSP48E1.
    block_ram: memory blocks: DP16KD, SB_RAM40_4K, BSRAM, RAMB36E1.
    big_ram:   large memory blocks: SB_SPRAM256KA.
    """

    lut: int
    ff: int
    dsp: int
    block_ram: int
    big_ram: int

    def to_json(self) -> dict[str, int]:
        """The fields."""
        return asdict(self)


@dataclass(frozen=True)
class Estimate:
    """An accelerator on a family's devices.

    parts: tables and flip-flops of each part, with its name.
    total: the whole; multipliers and memory blocks are exact.
    """

    family: Family
    parts: Mapping[str, tuple[int, int]]
    total: Resources


def estimate(config: AcceleratorConfig, family: Family | None = None, *, bridge: bool = True) -> Estimate:
    """The estimate of a configuration on a family, that of the configuration by default.

    bridge: with the bridge to a serial line.
    Raises InputError for the portable family, which is of no device.
    """
    chosen = config.family if family is None else family
    if chosen is Family.PORTABLE:
        raise InputError(f"resources depend on the family of the device; name one of {', '.join(each.value for each in FAMILIES)}")
    known = coefficients()[chosen]
    luts, ffs = (known.cells(config, chosen, kind) for kind in ("lut", "ff"))
    parts = {part: (round(known.packed(luts[part], ffs[part])), round(ffs[part])) for part in luts if bridge or part != _BRIDGE}
    blocks = big = 0.0
    for component, count, _, mapping in mapped(config, chosen):
        if bridge or component != _BRIDGE:
            blocks += count * mapping.blocks
            big += count * mapping.big_blocks
    total = Resources(
        lut=sum(lut for lut, _ in parts.values()),
        ff=sum(ff for _, ff in parts.values()),
        dsp=multipliers(config, chosen),
        block_ram=ceil(blocks),
        big_ram=ceil(big),
    )
    return Estimate(chosen, parts, total)
