"""Proofs, for every input, of rounding, saturation and clamp against a second formulation; each with specifications that are refuted.

The Verilog is the emitted one.  Its registers become wires, so the proof is of the function, not of the latency; multipliers are
cut out where both sides have the same, so that the proof holds for every product.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from golden.rescale import RescaleFormat
from hwgen.config import AcceleratorConfig
from hwgen.emit import component_verilog
from hwgen.gateware.lane import Lane
from hwgen.gateware.rescaler import rescaler

SPECIFICATIONS = Path(__file__).parent / "proofs"


@dataclass(frozen=True)
class Proof:
    """A component of a configuration, its specification, and the wrong variants of that (macros), which have to be refuted."""

    specification: str
    format: str
    acc_bits: int
    wrong: tuple[str, ...]
    macros: dict[str, int] = field(default_factory=dict)

    def verilog(self) -> str:
        config = AcceleratorConfig(rows=4, cols=4, lanes=1, acc_bits=self.acc_bits, rescale=RescaleFormat.parse(self.format))
        return component_verilog(Lane(config) if self.specification == "lane" else rescaler(config), "dut")


LANE = ("NO_SIGN", "CLAMP_WRAPS", "CLAMP_FIRST")
SHIFT = ("TRUNCATES", "HALVES_DOWN")
PROOFS = {
    "lane, 32 bits": Proof("lane", "shift", 32, LANE, {"ACC_BITS": 32}),
    "lane, 20 bits": Proof("lane", "shift", 20, LANE, {"ACC_BITS": 20}),
    "shift, 32 bits": Proof("shift_rescaler", "shift", 32, SHIFT, {"ACC_BITS": 32}),
    "shift, 20 bits": Proof("shift_rescaler", "shift", 20, SHIFT, {"ACC_BITS": 20}),
    "fixed16": Proof("fixed_rescaler", "fixed16", 32, ("HALVES_DOWN",), {"ACC_BITS": 32, "BITS": 16}),
    "fixed8, 20 bits": Proof("fixed_rescaler", "fixed8", 20, ("HALVES_DOWN",), {"ACC_BITS": 20, "BITS": 8}),
    "tflite": Proof("tflite_rescaler", "tflite", 32, ("NO_SATURATION", "HALVES_UP")),
}


@pytest.mark.parametrize("name", PROOFS)
def test_proof(yosys, tmp_path, name):
    """The specification holds for every input; none of its wrong variants does."""
    proof = PROOFS[name]
    shutil.copytree(SPECIFICATIONS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "dut.v").write_text(proof.verilog())
    multipliers = 0 if proof.format == "shift" else 1
    for macro in (None, *proof.wrong):
        defines = " ".join(f"-D{key}={value}" for key, value in (proof.macros | ({macro: 1} if macro else {})).items())
        log = yosys(
            f"read_verilog -sv -formal {defines} {proof.specification}.sv; read_verilog dut.v; prep -top top -flatten; "
            "techmap -map registers_are_wires.v; select -assert-none t:$*ff*; setattr -unset init w:*; opt -full; chformal -lower; "
            f"opt_merge; opt_clean; select -assert-count {multipliers} t:$mul; cutpoint t:$mul; opt_clean; "
            "select -assert-count 1 t:$assert; sat -prove-asserts -set-assumes -timeout 60 top",
            tmp_path,
        )
        verdict = re.findall(r"SAT proof finished - (.*)!", log)
        assert verdict == (["model found: FAIL"] if macro else ["no model found: SUCCESS"]), (macro, log[-3000:])
