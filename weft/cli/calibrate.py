"""`weft calibrate`."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.terminal import Report


@click.command(hidden=True)
@click.option(
    "--root", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".", help="The root of the sources.  Default: here."
)
@click.option("--family", "families", multiple=True, help="A family of FPGAs; several may be named.  Default: all.")
def calibrate(root: Path, families: tuple[str, ...]) -> None:
    """Measure again what resource estimates rest on: synthesize designs, fit the coefficients, write both into the sources.

    For who changes the hardware; minutes for what the cache does not have.
    """
    from weft import calibration

    with Report(as_json=False).progress() as progress:
        written = calibration.calibrate(root, families, progress=progress)
    for path in written:
        click.echo(path)
