"""The accelerator on other buses than AXI4-Lite: files of Verilog beside accelerator.v, each with a top that instantiates it."""

from __future__ import annotations

from hwgen.compiler.program import Program
from hwgen.emit.verilog import axi_stream_verilog, uart_verilog, wishbone_verilog
from hwgen.stream_layout import StreamTensor, stream_tensor

AXI_STREAM_FILE, WISHBONE_FILE, UART_FILE = "axi_stream.v", "wishbone.v", "uart.v"


def stream_tensors(program: Program) -> tuple[tuple[StreamTensor, ...], tuple[StreamTensor, ...]]:
    """What the streams of a program carry: its inputs and its outputs, a packet each, in this order."""
    inputs, outputs = program.graph.inputs, program.device.outputs
    return tuple(stream_tensor(program.placements[name]) for name in inputs), tuple(
        stream_tensor(program.placements[name]) for name in outputs
    )


def bus_files(program: Program, divisor: int | None = None) -> dict[str, str]:
    """Text of the files by name.

    divisor: clock cycles of a bit of the serial line (`hwgen.uart_link.divisor`); without it there is none, for the line is of no use at
             another clock's rate.
    """
    files = {
        AXI_STREAM_FILE: axi_stream_verilog(program.config, *stream_tensors(program)),
        WISHBONE_FILE: wishbone_verilog(program.config),
    }
    return files if divisor is None else {**files, UART_FILE: uart_verilog(program.config, divisor)}
