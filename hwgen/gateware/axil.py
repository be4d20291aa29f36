"""The signals and response codes of AXI4-Lite (Arm IHI 0022, part B)."""

from __future__ import annotations

import enum
from typing import Any

from amaranth.lib.wiring import In, Member, Out


class Response(enum.IntEnum):
    """What bresp and rresp say."""

    OKAY = 0
    SLVERR = 2  #: the address exists, the access is not allowed (now)
    DECERR = 3  #: nothing is at the address


# (name, bits, driven by the master)
_SIGNALS = (
    ("awaddr", 0, True),
    ("awprot", 3, True),
    ("awvalid", 1, True),
    ("awready", 1, False),
    ("wdata", 32, True),
    ("wstrb", 4, True),
    ("wvalid", 1, True),
    ("wready", 1, False),
    ("bresp", 2, False),
    ("bvalid", 1, False),
    ("bready", 1, True),
    ("araddr", 0, True),
    ("arprot", 3, True),
    ("arvalid", 1, True),
    ("arready", 1, False),
    ("rdata", 32, False),
    ("rresp", 2, False),
    ("rvalid", 1, False),
    ("rready", 1, True),
)


def slave_members(prefix: str, address_bits: int) -> dict[str, Member]:
    """Members of a slave with a 32-bit data bus, named prefix + the AXI signal's name."""
    return {prefix + name: (In if by_master else Out)(bits or address_bits) for name, bits, by_master in _SIGNALS}


def master_members(prefix: str, address_bits: int) -> dict[str, Member]:
    """Members of a master with a 32-bit data bus, named prefix + the AXI signal's name."""
    return {prefix + name: (Out if by_master else In)(bits or address_bits) for name, bits, by_master in _SIGNALS}


def join(master: Any, slave: Any) -> list[Any]:
    """Connects a component's `m_axil_` members to another's `s_axil_` members."""
    return [
        getattr(slave, f"s_axil_{name}").eq(getattr(master, f"m_axil_{name}"))
        if by_master
        else getattr(master, f"m_axil_{name}").eq(getattr(slave, f"s_axil_{name}"))
        for name, _, by_master in _SIGNALS
    ]
