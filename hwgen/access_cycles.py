"""What an access of the host takes on the accelerator's buses, when nobody waits (SPEC sections 9 and 13)."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.config import AcceleratorConfig


@dataclass(frozen=True)
class AccessCycles:
    """Clock cycles by what is accessed: a write of anything, the read of a register, of a counter, of a memory."""

    write: int
    register: int
    counter: int
    memory: int

    def longer(self, cycles: int) -> AccessCycles:
        """The same, so many cycles longer."""
        return AccessCycles(self.write + cycles, self.register + cycles, self.counter + cycles, self.memory + cycles)


def axi_lite_latency(config: AcceleratorConfig) -> AccessCycles:
    """From the handshake of address and data to the response's valid, of `hwgen.gateware.host.HostPort`."""
    return AccessCycles(2, 3, 5, 8) if config.overlap else AccessCycles(1, 1, 3, 3)


def axi_lite_interval(config: AcceleratorConfig) -> AccessCycles:
    """From one handshake to the next of the same kind, with a master that never waits.  Writes follow each other without a gap."""
    longer = axi_lite_latency(config).longer(1)
    return AccessCycles(longer.write - 1, longer.register, longer.counter, longer.memory)


def wishbone_latency(config: AcceleratorConfig) -> AccessCycles:
    """From stb to ack, of `hwgen.gateware.wishbone.WishboneBridge`: a register before the bus and one behind it."""
    return axi_lite_latency(config).longer(2)


def wishbone_interval(config: AcceleratorConfig) -> AccessCycles:
    """From one stb to the next, with a master that keeps stb high."""
    return wishbone_latency(config).longer(1)
