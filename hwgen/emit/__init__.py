"""Emission: a program becomes a folder of Verilog, images and documents that stands on its own."""

from hwgen.emit.buses import AXI_STREAM_FILE, UART_FILE, WISHBONE_FILE, bus_files
from hwgen.emit.folder import contents, description, emit
from hwgen.emit.images import image_depths
from hwgen.emit.verilog import (
    AXI_STREAM_MODULE,
    SELFTEST_MODULE,
    UART_MODULE,
    WISHBONE_MODULE,
    accelerator_verilog,
    axi_stream_verilog,
    component_verilog,
    selftest_verilog,
    templates,
    uart_verilog,
    wishbone_verilog,
)

__all__ = [
    "AXI_STREAM_FILE",
    "AXI_STREAM_MODULE",
    "SELFTEST_MODULE",
    "UART_FILE",
    "UART_MODULE",
    "WISHBONE_FILE",
    "WISHBONE_MODULE",
    "accelerator_verilog",
    "axi_stream_verilog",
    "bus_files",
    "component_verilog",
    "contents",
    "description",
    "emit",
    "image_depths",
    "selftest_verilog",
    "templates",
    "uart_verilog",
    "wishbone_verilog",
]
