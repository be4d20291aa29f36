"""`weft inspect`."""

from __future__ import annotations

import math
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
        ["layer", "kind", "output shape", "scale", "zero point", "bits", "MACs", "weights", "weight bits", "BOPS"],
        [
            [
                layer.name,
                layer.kind,
                "x".join(map(str, layer.shape)),
                f"{layer.scale:.6g}",
                layer.zero_point,
                layer.bits,
                layer.macs,
                layer.weights,
                layer.weight_bits or "",
                layer.bops or "",
            ]
            for layer in summary.layers
        ],
    )
    report.table(
        "the same network in other formats, one inference",
        ["format", "parameter bytes", "BOPS", "arithmetic uJ", "moved bytes", "1 MB SRAM uJ", "DRAM uJ"],
        [
            [
                cost.format,
                math.ceil(cost.parameter_bytes),
                cost.bops or "",
                "" if cost.mac_energy is None else _microjoules(cost.mac_energy),
                math.ceil(cost.moved_bytes),
                _microjoules(cost.sram[0]),
                f"{_microjoules(cost.dram[0])} to {_microjoules(cost.dram[1])}",
            ]
            for cost in summary.formats
        ],
    )
    report.note("energy at 45 nm after Horowitz, ISSCC 2014, to compare formats with (golden/SPEC.md section 12)")
    for role, tensors in (("input", summary.inputs), ("output", summary.outputs)):
        for tensor in tensors:
            shape = "x".join(map(str, tensor.shape))
            report.note(
                f"{role} {tensor.name}: int{tensor.bits} {shape}, real = {tensor.affine.scale:.6g} * (q {-tensor.affine.zero_point:+d})"
            )
    report.note(f"{summary.macs:,} MACs, {summary.weights:,} weights, {summary.bops:,} BOPS")
    report.result(summary.to_json())


def _microjoules(picojoules: float) -> str:
    return f"{picojoules / 1e6:.4g}"
