"""What can go wrong between a host and its accelerator."""

from __future__ import annotations

from golden.errors import ToolFailedError


class DeviceError(ToolFailedError):
    """The accelerator is not the one that is expected, or does not do what it should."""


class BusError(DeviceError):
    """An access was answered with an error, or not at all.  Raised by a `Bus`."""
