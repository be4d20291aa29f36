"""`weft inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import json_option, network_argument
from weft.cli.terminal import Report


@click.command()
@network_argument
@json_option
def inspect(network: Path, as_json: bool) -> None:
    """Show a quantized network: its tensors, its layers and what they cost."""
    from weft import api

    report = Report(as_json)
    summary = api.inspect(network)
    report.table(
        f"{summary.name}: rescale format {summary.rescale}, sha256 {summary.sha256[:16]}",
        ["layer", "kind", "output shape", "scale", "zero point", "MACs", "weights"],
        [
            [layer.name, layer.kind, "x".join(map(str, layer.shape)), f"{layer.scale:.6g}", layer.zero_point, layer.macs, layer.weights]
            for layer in summary.layers
        ],
    )
    for role, tensors in (("input", summary.inputs), ("output", summary.outputs)):
        for tensor in tensors:
            shape = "x".join(map(str, tensor.shape))
            report.note(f"{role} {tensor.name}: int8 {shape}, real = {tensor.affine.scale:.6g} * (q {-tensor.affine.zero_point:+d})")
    report.note(f"{summary.macs:,} MACs, {summary.weights:,} weights")
    report.result(summary.to_json())
