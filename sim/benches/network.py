"""The network bench: resets the self-test, lets it play its recording, and notes what it came to.

Python touches reset and done; everything else is the hardware's.  Environment: WEFT_LIMIT_CYCLES, after which a recording that has not
come to its end is given up, and WEFT_OUTCOME, the JSON file for the outcome.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.simtime import get_sim_time
from cocotb.triggers import ClockCycles, First, ReadOnly, RisingEdge, Timer

PERIOD_NS = 2
RESET_CYCLES = 4


@cocotb.test()
async def network(dut: Any) -> None:
    """Plays the recording in replay.hex; passes when all answers were the recorded ones."""
    limit = int(os.environ["WEFT_LIMIT_CYCLES"])
    dut.rst.value = 1
    # The fastest clock that cocotb has: made in C++, and written without the detour of an inertial delay.
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi", set_action=Immediate).start(start_high=False)
    await ClockCycles(dut.clk, RESET_CYCLES)
    dut.rst.value = 0
    begin = get_sim_time("ns")
    await First(RisingEdge(dut.done), Timer(limit * PERIOD_NS, "ns"))
    cycles = round((get_sim_time("ns") - begin) / PERIOD_NS)
    await ReadOnly()  # the other outputs change in the same time step as done
    signals = ("done", "fail", "fail_index", "fail_expected", "fail_got", "fail_response")
    values = {name: getattr(dut, name).value for name in signals}
    # In Icarus a signal may be x; -1 stands for it.
    outcome = {name: int(value) if value.is_resolvable else -1 for name, value in values.items()}
    Path(os.environ["WEFT_OUTCOME"]).write_text(json.dumps({**outcome, "cycles": cycles}), encoding="utf-8")
    assert outcome["done"] == 1, f"no completion within {limit} cycles"
    assert outcome["fail"] == 0, f"record {outcome['fail_index']}: expected {outcome['fail_expected']:#x}, got {outcome['fail_got']:#x}"
