"""`weft verify`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.configuration import as_options, configuration_options, given
from weft.cli.options import images_option, inputs_option, json_option, layout_option, network_argument, values_option
from weft.cli.terminal import FINE, MISMATCH, Report

if TYPE_CHECKING:
    from sim.report import VerifyReport


#: What `--netlist` without a family stands for.
_OWN = "own"


@click.command()
@network_argument
@inputs_option
@click.option(
    "--build",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Verify this folder, which `weft generate` wrote, as it is on disk.  Default: generate one for the purpose.",
)
@images_option
@click.option("--first", metavar="N", type=click.IntRange(min=0), default=0, help="Begin with input N, counted from 0.")
@click.option("--simulator", type=click.Choice(["verilator", "icarus", "both"]), default="verilator", show_default=True)
@click.option(
    "--netlist",
    metavar="[FAMILY]",
    is_flag=False,
    flag_value=_OWN,
    type=click.Choice([_OWN, "ecp5", "ice40", "gowin"]),
    help="Synthesize the accelerator, for a family (ecp5, ice40, gowin) or its own, and simulate the netlist: outputs only, and slow.",
)
@click.option("--outputs-only", is_flag=True, help="Compare the network's outputs and not every layer: faster.")
@click.option("--junit", metavar="F", type=click.Path(path_type=Path), help="Write a JUnit XML file.")
@click.option(
    "--waves", metavar="F", type=click.Path(path_type=Path), help="Write a waveform, .vcd or .fst; for few inputs and one simulator."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of what the design leaves uninitialized.")
@configuration_options
@layout_option
@values_option
@json_option
def verify(
    network: Path,
    inputs: Path,
    build: Path | None,
    images: int | None,
    first: int,
    simulator: str,
    netlist: str | None,
    outputs_only: bool,
    junit: Path | None,
    waves: Path | None,
    seed: int | None,
    config: str | None,
    layout: str | None,
    values: str | None,
    as_json: bool,
    **parameters: int | str | None,
) -> int:
    """Run a network's Verilog in a simulator and compare every layer with the golden model, bit for bit.

    The exit code is 1 where a bit differs; then the first layer that does is named, and the command that shows it again
    with a waveform.
    """
    from weft import api

    report = Report(as_json)
    chosen = given(parameters)
    with report.progress() as progress:
        found = api.verify(
            network,
            inputs,
            build=build,
            config=config,
            images=images,
            first=first,
            simulator=simulator,
            netlist=netlist == _OWN or netlist or False,
            compare_layers=not outputs_only,
            seed=seed,
            waves=waves,
            junit=junit,
            layout=layout,
            values=values,
            progress=progress,
            **chosen,
        )
    again = " ".join(
        filter(
            None,
            [
                "weft verify",
                shlex.quote(str(network)),
                "--inputs",
                shlex.quote(str(inputs)),
                as_options(config, chosen),
                _stated(layout, values),
            ],
        )
    )
    show(report, found, again)
    report.result({**found.to_json(), "reproduce": found.reproduce(again)})
    return FINE if found.equal else MISMATCH


def show(report: Report, found: VerifyReport, again: str) -> None:
    """The verification for people: layers, simulators, the verdict and, after a difference, what to run."""
    report.layers(f"{found.network}: {found.images} inputs against the golden model", found.to_json()["layers"])
    report.table(
        "",
        ["simulator", "inputs", "cycles", "seconds", "cycles/s", "build s", "bits"],
        [
            [
                f"{each.simulator.value} {each.version}",
                each.images,
                each.cycles,
                f"{each.seconds:.1f}",
                round(each.cycles_per_second),
                f"{each.build_seconds:.1f}",
                "equal" if each.equal else "NOT EQUAL",
            ]
            for each in found.simulators
        ],
    )
    if found.netlist is not None:
        cells = ", ".join(f"{count:,} {name}" for name, count in sorted(found.netlist.cells.items()))
        report.note(f"netlist for {found.netlist.family}, by Yosys {found.netlist.yosys} in {found.netlist.seconds:.0f} s: {cells}")
    if found.cycles is not None:
        report.note(f"{found.cycles:,} cycles per inference")
    report.note(found.verdict)
    if (command := found.reproduce(again)) is not None:
        report.note(f"to see it in a waveform: {command}")


def _stated(layout: str | None, values: str | None) -> str:
    options = {"--layout": layout, "--values": values}
    return shlex.join([word for flag, value in options.items() if value is not None for word in (flag, value)])
