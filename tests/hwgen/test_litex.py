"""csr.csv and csr.json, read by LiteX's own readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from litex.soc.integration.export import get_csr_csv, load_csr_json
from litex.tools.remote.csr_builder import CSRBuilder

from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.emit.litex import csr_csv, csr_json, csr_map

BASE = 0x3000_0000

# LiteX's reader leaves the file to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


class Bus:
    """The accesses that LiteX's client makes."""

    def __init__(self) -> None:
        self.made: list[tuple[str, int, Any]] = []

    def read(self, address: int, length: int | None = None, burst: str = "incr") -> int:
        self.made.append(("read", address, length))
        return 0x1234_5678

    def write(self, address: int, data: Any) -> None:
        self.made.append(("write", address, data))


@pytest.fixture(params=[0, 2], ids=["no tables", "2 tables"])
def config(request: pytest.FixtureRequest) -> AcceleratorConfig:
    return AcceleratorConfig(rows=8, cols=4, lanes=2, add_tables=request.param)


def test_the_csv(config: AcceleratorConfig, tmp_path: Path) -> None:
    path, bus = tmp_path / "csr.csv", Bus()
    path.write_text(csr_csv(config))
    found = CSRBuilder(bus, str(path))
    assert (found.csr_data_width, found.csr_bus_address_width) == (32, 32)
    assert found.bases.d == {"weft": 0}
    assert list(found.regs.d) == [f"weft_{register.name.lower()}" for register in regmap.REGISTERS]
    for register in regmap.REGISTERS:
        mine = found.regs.d[f"weft_{register.name.lower()}"]
        bus.made.clear()
        assert mine.read() == 0x1234_5678
        assert bus.made == [("read", register.offset, 1)]
        if register.access.writable:
            mine.write(0xABCD_EF01)
            assert bus.made[1:] == [("write", register.offset, [0xABCD_EF01])]
        else:
            with pytest.raises(KeyError, match="not writable"):
                mine.write(1)
    assert found.constants.weft_id_value == regmap.MAGIC
    assert found.constants.weft_array_value == regmap.BY_NAME["ARRAY"].constant(config)
    memories = {name: (memory.base, memory.size) for name, memory in found.mems.d.items()}
    assert memories == {
        f"weft_{memory.window.name.lower()}": (memory.window << regmap.WINDOW_SHIFT, memory.span(config))
        for memory in regmap.MEMORIES.values()
        if memory.depth(config)
    }
    assert ("weft_table" in memories) == bool(config.add_tables)


def test_the_json(config: AcceleratorConfig, tmp_path: Path) -> None:
    path = tmp_path / "csr.json"
    path.write_text(csr_json(config))
    regions, constants, memories = load_csr_json(str(path), origin=BASE)
    assert json.loads(path.read_text()) == csr_map(config)
    assert regions["weft"].origin == BASE
    assert len(regions["weft"].obj) == len(regmap.REGISTERS)
    assert constants["CONFIG_CSR_DATA_WIDTH"] == 32
    assert {(memory.origin - BASE) >> regmap.WINDOW_SHIFT for memory in memories.values()} == {
        memory.window for memory in regmap.MEMORIES.values() if memory.depth(config)
    }


def test_the_csv_is_what_litex_writes(config: AcceleratorConfig) -> None:
    """Of the same constants and memories; its registers follow each other without gaps, so those lines have the form alone in common."""
    data = csr_map(config)

    class Region:
        def __init__(self, memory: dict[str, Any]) -> None:
            self.origin, self.size, self.type = memory["base"], memory["size"], memory["type"]

    theirs = get_csr_csv({}, data["constants"], {name: Region(memory) for name, memory in data["memories"].items()})
    lines = csr_csv(config).splitlines()
    assert [line for line in theirs.splitlines() if not line.startswith("#")] == [
        line for line in lines if line.startswith(("constant,", "memory_region,"))
    ]
    assert {len(line.split(",")) for line in lines if not line.startswith("#")} == {5}
