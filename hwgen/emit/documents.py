"""What goes with the Verilog for whoever integrates it: instantiation template and README."""

from __future__ import annotations

from amaranth.hdl import Shape
from amaranth.lib.wiring import Out

from hwgen import register_docs
from hwgen.compiler.program import Program
from hwgen.emit.fusesoc import CORE_FILE, core_name
from hwgen.emit.images import image_depths
from hwgen.gateware.accelerator import MEMBERS
from hwgen.gateware.selftest import ACCELERATOR_MODULE

_PORT_DOCS = {
    "clk": "clock; everything happens at its rising edge",
    "rst": "synchronous reset, active high, at least one cycle; ends a run, leaves the memories",
    "irq": "level, high from the end of a run until IRQ_STATUS.done is cleared, if CONTROL.irq_enable is set",
}


def ports() -> list[tuple[str, str, int]]:
    """(name, "input" or "output", width) of every port of the accelerator."""
    found = [(name, "output" if member.flow is Out else "input", Shape.cast(member.shape).width) for name, member in MEMBERS.items()]
    return [("clk", "input", 1), ("rst", "input", 1), *sorted(found, key=lambda port: port[0] != "irq")]


def instantiation() -> str:
    """instantiation.v: declarations and an instance to copy from."""
    found = ports()
    wires = [f"wire {f'[{width - 1}:0] ' if width > 1 else ''}{name};" for name, _, width in found]
    connections = ",\n".join(f"    .{name}({name})" for name, _, _ in found)
    return "\n".join(
        [
            "// A template: copy the instance and connect it. Not part of the design.",
            *wires,
            "",
            f"{ACCELERATOR_MODULE} accelerator (",
            connections,
            ");",
            "",
        ]
    )


def readme(program: Program) -> str:
    """README.md of the folder: files, ports, how to run an inference, registers and memory map."""
    config, graph = program.config, program.graph
    rows = [f"| `{name}` | {way} | {width} | {_PORT_DOCS.get(name, 'AXI4-Lite')} |" for name, way, width in ports()]
    places = []
    for role, names in (("input", graph.inputs), ("output", program.device.outputs)):
        for name in names:
            place, tensor = program.placements[name], graph.tensors[name]
            places.append(
                f"| {role} `{name}` | {'x'.join(map(str, place.shape))} | {'dense' if place.dense else 'pixels'} | {place.base} | "
                f"{place.words_per_row if place.dense else place.words_per_pixel} | "
                f"{tensor.affine.scale!r} | {tensor.affine.zero_point} |"
            )
    images = ", ".join(f"`{name}`" for name in image_depths(config))
    layers = [f"| {layer.index} | {layer.name} | {layer.kind} | {layer.macs} | {layer.cycles} |" for layer in program.layers]
    return f"""# Accelerator for {graph.name}

An int8 accelerator of {config.rows} x {config.cols} multipliers with the network's program and weights. One inference takes
{program.cycles} cycles from start to done, the transfers not counted.

These files were generated. They are yours: use, change and distribute them under any terms you like.

| file | what it is |
|---|---|
| `accelerator.v` | module `{ACCELERATOR_MODULE}` and everything below it; the same for every network on this configuration |
| {images} | memory images, read by `$readmemh` from the folder in which the tool runs; other weights need other images, not other Verilog |
| `program.lst` | the program and the memory map, readable |
| `config.json` | configuration, tensors, layers, for programs |
| `instantiation.v` | a template to copy |
| `axi_stream.v` | module `weft_axi_stream`, if the folder has it: inputs and outputs as AXI4-Stream, for this network's shapes |
| `wishbone.v` | module `weft_wishbone`, if the folder has it: the accelerator as a Wishbone slave |
| `uart.v` | module `weft_uart`, if the folder has it: the accelerator behind a serial line, for one clock and baud rate |
| `csr.csv`, `csr.json` | registers and memories of `weft_wishbone` for the tools of LiteX |
| `weft_driver.h`, `weft_driver.c` | a driver in C99 for any processor, the same for every network |
| `weft_registers.h` | registers and memory windows, the same for every configuration |
| `weft_network.h`, `weft_network.c` | this network for the driver: places, sizes and scales of tensors |
| `weft_images.c` | the memory images as arrays |
| `{CORE_FILE}` | the folder as a core of FuseSoC, `{core_name(graph.name)}` |
| `testbench.v`, `selftest.v`, `replay.hex` | a testbench with recorded vectors that needs nothing but a simulator, if the folder has it |

The testbench prints PASS or FAIL:

    iverilog -g2012 -o testbench.vvp accelerator.v selftest.v testbench.v && vvp testbench.vvp

Defines: `WEFT_TAP` compiles the log of all activation writes in (simulation only). `SYNTHESIS`, which synthesis tools define, leaves the
simulation's memory initialization out.

## Ports

| port | direction | bits | |
|---|---|---|---|
{chr(10).join(rows)}

## An inference

1. Write the input to activation memory, int8. Layout `pixels`: channel c of pixel (y, x) is byte c mod {config.rows} of memory word
   base + (y * W + x) * words_per_pixel + c div {config.rows}. Layout `dense`: with b = x * C + c it is byte b mod {config.rows} of memory
   word base + y * words_per_row + b div {config.rows}. Bytes beyond the channels, or the row, may hold anything.
2. Write CONTROL with `start` (and `irq_enable`) set; wait for the interrupt, or poll STATUS.
3. Read the output from activation memory, laid out in the same way. Clear IRQ_STATUS.

The input is overwritten during the run: write it again before the next.

In C, with `weft_driver.c`, `weft_network.c` and `weft_images.c`; every result but `WEFT_OK` has a name (`weft_result_name`):

    struct weft_accelerator accelerator;
    weft_open(&accelerator, weft_mapped((volatile uint32_t *)BASE), &weft_model); /* or a bus of two callbacks */
    weft_load(&accelerator, weft_images, WEFT_IMAGE_COUNT);                       /* unless the device has the images */
    weft_run(&accelerator, inputs, outputs, 0);                                   /* arrays of pointers to int8_t */

## In your own design

- **Clock**: one, `clk`. The bus and `irq` belong to it: cross from another clock with the bus's own converter.
- **Reset**: `rst`, synchronous to `clk` and active high, one cycle or more, with the bus's valid signals low. Synchronize one that comes
  from elsewhere. Reset once after power-up; a reset ends a run and leaves the memories.
- **Bus**: AXI4-Lite, a slave of 32 data bits and 28 address bits: a range of 256 MiB, at a multiple of that.
- **Interrupt**: `irq` is a level and stays high until IRQ_STATUS.done is cleared by writing 1: clear it in the handler, or the handler runs
  again. A start does not clear it. Without it, poll STATUS.
- **Streams**: `weft_axi_stream` (`axi_stream.v`) takes each input as a packet at `s_axis`, in the order of the table below, starts the run
  by itself, and sends each output as a packet at `m_axis`. A packet is a tensor in C order (row, column, channel), a byte an element, 4 a
  beat, the first in bits 7:0; it ends with TLAST in the beat of its last byte, to which TKEEP applies. What ends early or late is thrown
  away and said in STREAM_ERRORS. No input is taken while a run is under way. `s_axil` is the bus of the ports above.
- **Wishbone**: `weft_wishbone` (`wishbone.v`), classic cycles, 32 bits, word addresses of 26 bits: LiteX's `wishbone.Interface` without
  changes. `ack` or `err` ends a cycle. A pipelined master takes `stall` = `cyc & ~(ack | err)`. Addresses in `csr.csv` and `csr.json`
  count from the base that the design gives it, which LiteX's readers add.
- **Serial line**: `weft_uart` (`uart.v`, written with `--clock` and `--baud`), ports `clk`, `rst`, `rx`, `tx`.
- **FuseSoC**: add this folder as a library (`fusesoc library add accelerator <this folder>`) and depend on
  `{core_name(graph.name)}`. The flags `c_driver`, `axi_stream`, `wishbone` and `uart` add those files. The images are copied to the
  folder in which the tool runs.

| tensor | stored as H x W x C | layout | base word | words per pixel, or per row | scale | zero point |
|---|---|---|---|---|---|---|
{chr(10).join(places)}

real = scale * (integer - zero point)

| layer | name | kind | MACs | cycles |
|---|---|---|---|---|
{chr(10).join(layers)}

{register_docs.render(config)}
"""
