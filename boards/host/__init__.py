"""The host driver: runs networks on an accelerator over any bus, from the folder that `weft generate` writes.

Needs numpy and nothing else, so that it runs on the small computer beside the accelerator; a serial port needs pyserial besides.
"""

from boards.host.accelerator import Accelerator, Results, Times
from boards.host.bus import Bus
from boards.host.errors import BusError, DeviceError
from boards.host.mapped_bus import MappedBus
from boards.host.serial_bus import SerialBus

__all__ = ["Accelerator", "Bus", "BusError", "DeviceError", "MappedBus", "Results", "SerialBus", "Times"]
