"""Whether what answers on a bus is the accelerator that a folder was generated for, and which network it holds."""

from __future__ import annotations

from boards.host.bus import Bus
from boards.host.errors import DeviceError
from hwgen import regmap
from hwgen.config import AcceleratorConfig
from hwgen.design import Design
from hwgen.identity import HEADER_WORDS, Identity
from hwgen.regmap import Window

#: Written to SCRATCH and read back: every data bit in both states, and neighbours apart.
_PATTERNS = (0xA5A5_3C3C, 0x5A5A_C3C3)


#: Byte address of the words that say which network the memories hold.
HEADER_ADDRESS = Window.PROGRAM << regmap.WINDOW_SHIFT


def check_identity(bus: Bus, design: Design) -> None:
    """Raises DeviceError unless the accelerator answers, over a bus that carries data as they are, with the design's configuration."""
    found = bus.read(regmap.register_address("ID"))
    if found != regmap.MAGIC:
        raise DeviceError(
            f"there is no accelerator: ID reads {found:#010x}, and not {regmap.MAGIC:#010x}",
            [
                "check the base address that the bus was opened with",
                "check that the device is configured, that the accelerator's clock runs and its reset is low",
            ],
        )
    scratch = regmap.register_address("SCRATCH")
    for pattern in _PATTERNS:
        bus.write(scratch, pattern)
        if (back := bus.read(scratch)) != pattern:
            raise DeviceError(
                f"the bus does not carry data as they are: {pattern:#010x} was written to SCRATCH, {back:#010x} is read",
                ["check the width and the byte order of the bus, and its timing"],
            )
    version = regmap.BY_NAME["VERSION"].decode(bus.read(regmap.register_address("VERSION")))
    if version["major"] != regmap.VERSION_MAJOR or version["minor"] < regmap.VERSION_MINOR:
        raise DeviceError(
            f"the accelerator's registers have version {version['major']}.{version['minor']}, this driver is for "
            f"{regmap.VERSION_MAJOR}.{regmap.VERSION_MINOR}: use the driver of the Weft that generated it, or generate it again"
        )
    differences = _differences(bus, design.config)
    if differences:
        raise DeviceError(
            f"the accelerator is not the one that {design.path} was generated for: configure the device with that folder's design, "
            f"or name the folder that belongs to it",
            differences,
        )


def network_held(bus: Bus) -> Identity | None:
    """Which network an accelerator's memories hold, and which images of it, in short; None if nothing was loaded into them."""
    return Identity.decode(bus.read_block(HEADER_ADDRESS, HEADER_WORDS).tolist())


def other_network(found: Identity | None, design: Design) -> DeviceError:
    """The error for an accelerator of the right configuration that holds something else than a folder's network."""
    own, name = design.identity.short, design.network_name
    way_out = (
        f"configure the device with the bitstream that was made of {design.path}, or load the network over the bus "
        "(`weft run --load`, `Accelerator(..., loaded=False)`)"
    )
    if found is None:
        return DeviceError(f"the accelerator's memories hold no network yet: {way_out}")
    if found.network != own.network:
        return DeviceError(
            f"the accelerator holds another network (sha256 {found.network}...) than {design.path}, {name!r} (sha256 {own.network}...): "
            f"{way_out}, or name the folder that belongs to the bitstream"
        )
    return DeviceError(
        f"the accelerator holds the network {name!r} with other memory images (sha256 {found.images}...) than those of {design.path} "
        f"(sha256 {own.images}...), as another version of Weft makes them: {way_out}"
    )


def _differences(bus: Bus, config: AcceleratorConfig) -> list[str]:
    """The fields in which the accelerator's configuration registers are not those of a configuration."""
    found = []
    for register in regmap.REGISTERS:
        if register.name in ("ID", "VERSION") or any(field.value is None for field in register.fields):
            continue
        own, there = register.decode(register.constant(config)), register.decode(bus.read(register.offset))
        for name, value in own.items():
            if there[name] != value:
                found.append(f"{register.name}.{name} is {there[name]}, and {value} in the folder")
    return found
