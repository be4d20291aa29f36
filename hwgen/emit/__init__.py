"""Emission: a program becomes a folder of Verilog, images and documents that stands on its own."""

from hwgen.emit.folder import contents, description, emit
from hwgen.emit.images import image_depths
from hwgen.emit.verilog import (
    SELFTEST_MODULE,
    UART_MODULE,
    accelerator_verilog,
    component_verilog,
    selftest_verilog,
    templates,
    uart_verilog,
)

__all__ = [
    "SELFTEST_MODULE",
    "UART_MODULE",
    "accelerator_verilog",
    "component_verilog",
    "contents",
    "description",
    "emit",
    "image_depths",
    "selftest_verilog",
    "templates",
    "uart_verilog",
]
