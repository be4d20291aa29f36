"""Proofs, for every input and state, that components and their netlists are equivalent; each with a netlist that is refuted.

Yosys pairs registers and wires of the Verilog and of the netlist by their names and proves each pair by induction, over as many cycles as
the longest delay line needs.  That is out of reach where a multiplier is between them, where memories are block RAM, and where synthesis
has merged or moved registers, so that pairs are missing: the host port; on iCE40 also the transmitter, the byte shifter and the weight
loader, on Gowin the byte shifter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from amaranth.lib import wiring

from golden.errors import ToolFailedError
from golden.rescale import RescaleFormat
from hwgen.config import AcceleratorConfig
from hwgen.emit import component_verilog
from hwgen.family import Family
from hwgen.gateware.address_decoder import AddressDecoder
from hwgen.gateware.byte_shifter import ByteShifter
from hwgen.gateware.lane import Lane
from hwgen.gateware.param_fetcher import ParamFetcher
from hwgen.gateware.rescaler import rescaler
from hwgen.gateware.sequencer import Sequencer
from hwgen.gateware.uart import UartReceiver, UartTransmitter
from hwgen.gateware.uart_crc import SerialCrc
from hwgen.gateware.uart_frame import FrameReader, FrameWriter
from hwgen.gateware.weight_loader import WeightLoader
from hwgen.gateware.wishbone import WishboneBridge
from hwgen.synthesis import synthesis_command
from hwgen.yosys import run_script
from sim import yosys
from sim.netlist_models import netlist_models

CONFIG = AcceleratorConfig(
    rows=4,
    cols=4,
    rescale=RescaleFormat.parse("shift"),
    lanes=2,
    acc_depth=32,
    act_depth=128,
    weight_depth=512,
    param_depth=64,
    program_depth=256,
    max_layers=8,
)
ECP5, ICE40, GOWIN = Family.ECP5, Family.ICE40, Family.GOWIN


@dataclass(frozen=True)
class Proof:
    """A component, and the families whose netlists of it are proven.

    purge: remove wires that nothing reads before pairs are made; the netlist keeps the names of some whose driver synthesis has taken away.
    slow:  whether it takes more than some seconds.
    """

    make: Callable[[], wiring.Component]
    families: tuple[Family, ...] = (ECP5, ICE40, GOWIN)
    purge: bool = False
    slow: bool = False


PROOFS = {
    "address decoder": Proof(lambda: AddressDecoder(CONFIG)),
    "parameter fetcher": Proof(lambda: ParamFetcher(CONFIG)),
    "weight loader": Proof(lambda: WeightLoader(CONFIG, 9), (ECP5, GOWIN)),
    "byte shifter": Proof(lambda: ByteShifter(CONFIG), (ECP5,)),
    "serial CRC": Proof(SerialCrc),
    "serial receiver": Proof(lambda: UartReceiver(8)),
    "serial transmitter": Proof(lambda: UartTransmitter(8), (ECP5, GOWIN)),
    "frame reader": Proof(FrameReader),
    "frame writer": Proof(FrameWriter, purge=True),
    "Wishbone bridge": Proof(WishboneBridge),
    "shift rescaler": Proof(lambda: rescaler(CONFIG), purge=True, slow=True),
    "lane with the shift rescaler": Proof(lambda: Lane(CONFIG), slow=True),
    "sequencer": Proof(lambda: Sequencer(CONFIG), slow=True),
}
#: Proven in each `make test` for the others than ECP5 too: what differs between the families is the cells, not the components.
_QUICK = {ICE40: ("address decoder", "serial CRC", "parameter fetcher"), GOWIN: ("serial CRC", "parameter fetcher")}

SCRIPT = """\
read_verilog -sv -DSYNTHESIS dut.v
prep -flatten -top dut
memory_map
async2sync
opt_clean {purge}
rename dut gold
design -stash gold
read_verilog {netlist}
read_verilog -sv models.v
prep -flatten -top dut
memory_map
async2sync
opt_clean {purge}
rename dut gate
design -stash gate
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
equiv_make gold gate equiv
hierarchy -top equiv
opt_clean -purge
equiv_simple
equiv_induct -seq 8
equiv_status -assert
"""


def cases() -> list[object]:
    found = []
    for name, proof in PROOFS.items():
        for family in proof.families:
            slow = proof.slow or name not in _QUICK.get(family, PROOFS)
            found.append(pytest.param(name, family, id=f"{name}, {family.value}", marks=[pytest.mark.slow] if slow else []))
    return found


def broken(netlist: str) -> str:
    """A netlist in which the first look-up table gives the opposite of everything; its output is read, or it would not be there."""
    text, count = re.subn(
        r"(\.(?:LUT_)?INIT\(16'h)([0-9a-f]{4})\)", lambda match: f"{match[1]}{int(match[2], 16) ^ 0xFFFF:04x})", netlist, count=1
    )
    assert count == 1
    return text


@pytest.mark.parametrize(("name", "family"), cases())
def test_equivalence(name: str, family: Family, tmp_path: Path) -> None:
    proof = PROOFS[name]
    tool = yosys.find()
    (tmp_path / "dut.v").write_text(component_verilog(proof.make(), "dut", family=family))
    synthesis = f"read_verilog -sv -DSYNTHESIS dut.v\n{synthesis_command(family, 'dut')}\nwrite_verilog -noattr netlist.v\n"
    run_script(tool, synthesis, tmp_path)
    netlist = (tmp_path / "netlist.v").read_text()
    assert re.search(r"TRELLIS_FF|SB_DFF|DFF|LUT4", netlist)
    (tmp_path / "models.v").write_text(netlist_models(family, netlist, tool))
    (tmp_path / "broken.v").write_text(broken(netlist))
    purge = "-purge" if proof.purge else ""
    run_script(tool, SCRIPT.format(netlist="netlist.v", purge=purge), tmp_path)
    with pytest.raises(ToolFailedError) as refuted:
        run_script(tool, SCRIPT.format(netlist="broken.v", purge=purge), tmp_path)
    assert any("unproven $equiv cells in 'equiv_status -assert'" in problem for problem in refuted.value.problems)
