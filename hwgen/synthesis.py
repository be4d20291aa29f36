"""What Yosys is told to make a netlist of a family's cells with: the same for bitstreams, for estimates and for the netlist proof."""

from __future__ import annotations

from golden.errors import InputError
from hwgen.family import Family

#: Synthesis for a family, without the top module.
_COMMANDS = {
    Family.ECP5: "synth_ecp5",
    # Without `-dsp`: Verilog for this family has its multipliers as cells, and with that option Yosys (0.70) takes the registers between
    # two SB_MAC16 for those of the second one and drops the first: sums of an array lose all but their last product.
    Family.ICE40: "synth_ice40 -device u -spram",
    Family.GOWIN: "synth_gowin -family gw2a",
    # With `-nodsp` for the same reason: Yosys takes the adder behind a DSP48E1 into the cell, and drops the register that is behind it.
    Family.XILINX7: "synth_xilinx -family xc7 -flatten -nodsp",
}


def synthesis_command(family: Family, top: str) -> str:
    """Yosys's command that makes a flat netlist of the module `top`.  Raises InputError for `PORTABLE`, which is no device's family."""
    if family not in _COMMANDS:
        raise InputError(f"there is no synthesis for the family {family.value}; name one of {', '.join(each.value for each in _COMMANDS)}")
    return f"{_COMMANDS[family]} -top {top}"
