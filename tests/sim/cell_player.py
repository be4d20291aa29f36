"""Playing recorded values on the pins of cells, in either simulator: each cycle's values go in, what the cells give comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.family import Family
from sim import network_bench, runner
from sim.cell_models import cell_models
from sim.runner import Design
from sim.tools import Simulator

UNKNOWN = 2

#: The ports are those that the network bench knows, for it runs the clock until `done`.
_PLAYER = """
module player (
    input wire clk,
    input wire rst,
    output reg done = 0,
    output wire fail,
    output wire [31:0] fail_index,
    output wire [31:0] fail_expected,
    output wire [31:0] fail_got,
    output wire [1:0] fail_response
);
  assign {{fail, fail_index, fail_expected, fail_got, fail_response}} = 99'd0;
  reg [{bits}-1:0] stimulus[0:{cycles}-1];
  reg [{bits}-1:0] s = 0;
  integer cycle = 0, file = 0;
  initial begin
    $readmemh("stimulus.hex", stimulus);
    file = $fopen("outputs.txt", "w");
  end
{instances}
  wire [{width}-1:0] outputs = {{{outputs}}};
  always @(negedge clk) begin
    if (cycle > 0 && cycle <= {cycles}) $fwrite(file, "%b\\n", outputs);
    if (cycle < {cycles}) s <= stimulus[cycle];
    if (cycle == {cycles} + 1) begin
      $fclose(file);
      done <= 1;
    end
    cycle <= cycle + 1;
  end
endmodule
"""


@dataclass(frozen=True)
class Instance:
    """A cell: its parameters as Verilog; its pins, which take bits s[...] of the stimulus and the clock clk; its outputs, highest first,
    those of several bits as "NAME[highest:0]"."""

    cell: str
    parameters: Mapping[str, str]
    pins: Mapping[str, str]
    outputs: Sequence[str]

    @property
    def ports(self) -> dict[str, int]:
        """How many bits every output has."""
        found = (re.fullmatch(r"(\w+)(?:\[(\d+):0\])?", output) for output in self.outputs)
        return {match[1]: int(match[2] or 0) + 1 for match in found if match}

    def verilog(self, name: str) -> str:
        """The cell, and a wire for each output."""
        parameters = ", ".join(f".{key}({value})" for key, value in self.parameters.items())
        pins = ", ".join([*(f".{pin}({value})" for pin, value in self.pins.items()), *(f".{pin}({name}_{pin})" for pin in self.ports)])
        wires = "".join(f"  wire [{bits - 1}:0] {name}_{pin};\n" for pin, bits in self.ports.items())
        return wires + f"  {self.cell} #({parameters}) {name} ({pins});"


def play(
    instances: Sequence[Instance], stimulus: Sequence[int], bits: int, simulator: Simulator, folder: Path, family: Family = Family.ECP5
) -> list[npt.NDArray[np.uint8]]:
    """What each cell of a family gives after the clock edge of every cycle: uint8[cycles, bits] in the order of its outputs; UNKNOWN for x.

    Raises ToolFailedError when the models end the simulation.
    """
    folder.mkdir(exist_ok=True)
    names = [f"u{number}" for number in range(len(instances))]
    wires = [f"{name}_{pin}" for name, instance in zip(names, instances, strict=True) for pin in instance.ports]
    widths = [sum(instance.ports.values()) for instance in instances]
    text = _PLAYER.format(
        bits=bits,
        cycles=len(stimulus),
        width=sum(widths),
        instances="\n".join(instance.verilog(name) for name, instance in zip(names, instances, strict=True)),
        outputs=", ".join(wires),
    )
    (folder / "player.v").write_text(text)
    (folder / "stimulus.hex").write_text("".join(f"{word:x}\n" for word in stimulus))
    built = runner.build(Design("player", (folder / "player.v", *cell_models(family)), random_x=True), simulator)
    environment: dict[str, Any] = {"WEFT_LIMIT_CYCLES": str(len(stimulus) + 100), "WEFT_OUTCOME": "outcome.json"}
    runner.run(built, network_bench.MODULE, folder, seed=1, environment=environment, limit_s=300)
    lines = (folder / "outputs.txt").read_text().split()
    assert len(lines) == len(stimulus)
    values = np.array([["01xz".index(digit) for digit in line.lower()] for line in lines], np.uint8)
    values[values > UNKNOWN] = UNKNOWN
    return np.split(values, np.cumsum(widths)[:-1], axis=1)
