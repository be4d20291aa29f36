"""csr.csv and csr.json: registers and memories of `weft_wishbone` in the form that LiteX writes for its own, and its tools read.

Addresses are bytes from the accelerator's base on: LiteX's readers add the base to them (`base_address` of its RemoteClient, `origin` of
load_csr_json).
"""

from __future__ import annotations

import json
from typing import Any

from hwgen import regmap
from hwgen.config import AcceleratorConfig

CSR_CSV, CSR_JSON = "csr.csv", "csr.json"
REGION = "weft"  #: the name before those of the registers


def csr_map(config: AcceleratorConfig) -> dict[str, Any]:
    """Registers, memories and what never changes, as LiteX arranges them; its modes are `ro` and `rw`."""
    registers = {
        f"{REGION}_{register.name.lower()}": {
            "addr": register.offset,
            "size": 1,
            "type": "rw" if register.access.writable else "ro",
        }
        for register in regmap.REGISTERS
    }
    fixed = [register for register in regmap.REGISTERS if all(field.value is not None for field in register.fields)]
    memories = {
        f"{REGION}_{memory.window.name.lower()}": {
            "base": regmap.host_address(memory.window, 0, 0, config),
            "size": memory.span(config),
            "type": "io",
        }
        for memory in regmap.MEMORIES.values()
        if memory.depth(config)
    }
    return {
        "csr_bases": {REGION: 0},
        "csr_registers": registers,
        "constants": {
            "config_csr_data_width": regmap.HOST_BITS,
            "config_csr_alignment": regmap.HOST_BITS,
            "config_bus_data_width": regmap.HOST_BITS,
            "config_bus_address_width": 32,
            **{f"{REGION}_{register.name.lower()}_value": register.constant(config) for register in fixed},
        },
        "memories": memories,
    }


def csr_json(config: AcceleratorConfig) -> str:
    """Text of csr.json."""
    return json.dumps(csr_map(config), indent=4) + "\n"


def csr_csv(config: AcceleratorConfig) -> str:
    """Text of csr.csv."""
    data = csr_map(config)
    return "".join(
        [
            "# Registers and memories of weft_wishbone in LiteX's form; addresses count from the accelerator's base.\n",
            *(f"csr_base,{name},0x{base:08x},,\n" for name, base in data["csr_bases"].items()),
            *(f"csr_register,{name},0x{each['addr']:08x},{each['size']},{each['type']}\n" for name, each in data["csr_registers"].items()),
            *(f"constant,{name},{value},,\n" for name, value in data["constants"].items()),
            *(f"memory_region,{name},0x{each['base']:08x},{each['size']},{each['type']}\n" for name, each in data["memories"].items()),
        ]
    )
