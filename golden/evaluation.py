"""How near a quantized network comes to its float network: accuracy, agreement, signal to noise (SPEC section 10)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from golden import float_interpreter, interpreter
from golden.float_graph import FloatGraph
from golden.graph import Graph
from golden.input_data import dequantize_output, quantize_input
from golden.simulated import SimulatedNetwork

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
#: Any network of the comparison.
Network = FloatGraph | Graph | SimulatedNetwork


def real_tensors(network: Network, inputs: Mapping[str, Float32]) -> dict[str, npt.NDArray[np.floating]]:
    """Every tensor of a network in real units for a batch float32[N, *shape] per input: {name: float[N, *shape]}."""
    if isinstance(network, FloatGraph):
        return dict(float_interpreter.run(network, inputs))
    if isinstance(network, SimulatedNetwork):
        return dict(network.run(inputs))
    integers = quantize_input(network, dict(inputs))
    assert isinstance(integers, dict)
    values = interpreter.run(network, integers, tensors=True)
    return {name: dequantize_output(network, array, name) for name, array in values.items()}


def real_outputs(
    network: Network,
    inputs: Mapping[str, Float32],
    output: str,
    *,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> npt.NDArray[np.floating]:
    """One output in real units, float[N, *shape], computed batch by batch."""
    count = len(next(iter(inputs.values())))
    parts = []
    for start in range(0, count, batch_size):
        parts.append(real_tensors(network, {name: array[start : start + batch_size] for name, array in inputs.items()})[output])
        if progress is not None:
            progress(min(start + batch_size, count), count)
    return np.concatenate(parts)


def top_k(scores: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], k: int = 1) -> float:
    """Share of the rows [N, classes] whose label is among the k greatest scores.

    Of equal scores the first counts as the greater, as in `argmax`.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((order == labels[:, None]).any(axis=1).mean())


class Noise:
    """Signal-to-noise ratio of every tensor over batches (SQNR): 10 log10(sum r^2 / sum (r - r_quantized)^2), in dB."""

    def __init__(self) -> None:
        self._signal: dict[str, float] = {}
        self._noise: dict[str, float] = {}

    def update(self, real: Mapping[str, npt.NDArray[np.floating]], quantized: Mapping[str, npt.NDArray[np.floating]]) -> None:
        """Takes a batch of the tensors that both have."""
        for name in real.keys() & quantized.keys():
            exact = real[name].astype(np.float64)
            self._signal[name] = self._signal.get(name, 0.0) + float((exact**2).sum())
            self._noise[name] = self._noise.get(name, 0.0) + float(((exact - quantized[name]) ** 2).sum())

    def sqnr(self) -> dict[str, float]:
        """In dB by tensor, the worst first; infinite for a tensor without noise."""
        found = {
            name: math.inf if self._noise[name] == 0 else (10 * math.log10(signal / self._noise[name]) if signal > 0 else -math.inf)
            for name, signal in self._signal.items()
        }
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))
