"""Reads the network that a user names, by what its file is."""

from __future__ import annotations

from pathlib import Path

from golden import network_file
from golden.errors import InputError
from golden.graph import Graph


def load_network(path: Path) -> Graph:
    """A quantized network: a file that Weft wrote, an int8 TFLite file, or an ONNX file with QuantizeLinear and DequantizeLinear.

    Raises InputError for a file that cannot be read, or that holds a network which is not quantized.
    """
    if path.suffix.lower() == ".tflite":
        from golden.importers.tflite import import_file

        return import_file(path)
    if path.suffix.lower() == ".onnx":
        from golden.importers.onnx import import_file as import_onnx

        network = import_onnx(path)
        if not isinstance(network, Graph):
            raise InputError(f"{path} is a float network; quantize it first: weft quantize {path} --calibration DATA.npz -o NET")
        return network
    if path.suffix.lower() == ".pt2":
        raise InputError(f"{path} is a float network; quantize it first: weft quantize {path} --calibration DATA.npz -o NET")
    return network_file.load(path)
