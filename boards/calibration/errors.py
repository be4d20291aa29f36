"""How far the estimates are from what synthesis makes: of the designs that they are fitted to, and of those that they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from boards.calibration.fit import fit
from hwgen.estimate.measured import Measured
from hwgen.family import Family


@dataclass(frozen=True)
class Error:
    """A design, measured and estimated: tables once they are packed, and flip-flops."""

    design: Measured
    luts: float
    ffs: float

    @property
    def lut(self) -> float:
        """Relative error of the tables."""
        return self.luts / self.design.packed_luts - 1

    @property
    def ff(self) -> float:
        """Relative error of the flip-flops."""
        return self.ffs / self.design.total("ff") - 1


def errors(family: Family, measured: Sequence[Measured]) -> tuple[Error, ...]:
    """The error of every design, with coefficients fitted to those that are not held out."""
    found = fit(measured)
    made = []
    for each in measured:
        luts, ffs = (sum(found.cells(each.config, family, kind).values()) for kind in ("lut", "ff"))
        made.append(Error(each, found.packed(luts, ffs), ffs))
    return tuple(made)


def markdown(measured: Mapping[Family, Sequence[Measured]]) -> str:
    """The table of the documents: a line for each family, and one for each held-out design."""
    lines = [
        "| family | design | LUT: synthesized | estimated | FF: synthesized | estimated |",
        "|---|---|---|---|---|---|",
    ]
    for family, designs in measured.items():
        found = errors(family, designs)
        fitted = [each for each in found if not each.design.held_out]
        mean, worst = (tuple(pick([abs(getattr(each, kind)) for each in fitted]) for kind in ("lut", "ff")) for pick in (_mean, max))
        name = f"{len(fitted)} designs, fitted to"
        lines.append(f"| {family.value} | {name} | | {mean[0]:.1%} off, worst {worst[0]:.1%} | | {mean[1]:.1%} off, worst {worst[1]:.1%} |")
        for each in found:
            if each.design.held_out:
                luts = f"{each.design.packed_luts:,} | {each.luts:,.0f}, {each.lut:+.1%}"
                ffs = f"{each.design.total('ff'):,.0f} | {each.ffs:,.0f}, {each.ff:+.1%}"
                lines.append(f"| {family.value} | {each.design.name}, held out | {luts} | {ffs} |")
    return "\n".join(lines) + "\n"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
