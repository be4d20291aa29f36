"""weft_accelerator.core: the folder as a core of FuseSoC (CAPI2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from hwgen.compiler.program import Program
from hwgen.emit.images import image_depths
from hwgen.gateware.selftest import ACCELERATOR_MODULE

CORE_FILE = "weft_accelerator.core"


def core_name(network: str) -> str:
    """Vendor, library and name, as FuseSoC takes them; the name is the network's, with `_` for what may not be in one."""
    return f"weft:accelerator:{re.sub(r'[^A-Za-z0-9_-]+', '_', network).strip('_-') or 'network'}"


def core_file(program: Program, c_files: Iterable[str], bus_files: Iterable[str] = ()) -> str:
    """Text of the core file: Verilog, memory images, and as options the C driver and each of the other buses."""
    config = program.config
    description = f"{program.graph.name} on an int8 accelerator of {config.rows} x {config.cols}"
    image_lines = "\n".join(f"      - {name}: {{copyto: {name}}}" for name in image_depths(config))
    c_lines = "\n".join(f"      - {name}: {{file_type: cSource{', is_include_file: true' * name.endswith('.h')}}}" for name in c_files)
    buses = [name.removesuffix(".v") for name in bus_files]
    bus_sets = "".join(
        f"""
  # With the flag `{bus}`: the module weft_{bus}.
  {bus}:
    files: [{bus}.v]
    file_type: verilogSource
"""
        for bus in buses
    )
    chosen = ", ".join(["rtl", "images", *(f'"{name}? ({name})"' for name in ("c_driver", *buses))])
    return f"""CAPI=2:
# Depend on {core_name(program.graph.name)} in your own core; its reset, clock and interrupt are described in README.md.
name: {json.dumps(core_name(program.graph.name))}
description: {json.dumps(description)}

filesets:
  rtl:
    files: [accelerator.v]
    file_type: verilogSource
  # Read by $readmemh from the folder in which the tool runs, where copyto puts them.
  images:
    files:
{image_lines}
    file_type: user
  # With the flag `c_driver`, for a flow that compiles C beside the Verilog.
  c_driver:
    files:
{c_lines}
{bus_sets}
parameters:
  WEFT_TAP:
    datatype: bool
    paramtype: vlogdefine
    description: Log of all activation writes, in simulation

targets:
  default: &default
    filesets: [{chosen}]
    parameters: [WEFT_TAP]
    toplevel: {ACCELERATOR_MODULE}
  lint:
    <<: *default
    default_tool: verilator
    tools:
      verilator:
        mode: lint-only
        verilator_options: [-Wno-fatal]
"""
