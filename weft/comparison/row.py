"""What a comparison says of one method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What one method made of the network.

    name:         of the method.
    accuracy:     share of right classes among the evaluation inputs: the mean over the calibration draws; deviation: its standard
                  deviation over them, 0 for a single draw or none.
    top5:         the same among the five best classes, where there are more than five.
    agreement:    share of inputs with the float network's class, the mean over the draws.
    sqnr:         dB by tensor, the worst first, of the first draw; tensors without noise are left out.
    integer_only: whether the accelerator runs it; uniform: whether the steps between weights are equal.
    trained:      whether it learned from labels.
    weight_bits, activation_bits: mean bits of one as it is stored; 32 for float.
    size:         bytes of weights, packed or coded, and of biases, scales and zero points that have to be stored.
    bops:         bit operations of an inference.
    cycles:       of an inference on the chosen configuration; None where it does not run there, and why in `note`.
    note:         what else there is to say.
    latency:      milliseconds of an inference in the golden model on this machine, one input at a time.
    seconds:      that quantization took, the mean over the draws.
    """

    name: str
    accuracy: float | None
    deviation: float
    top5: float | None
    agreement: float
    sqnr: dict[str, float]
    integer_only: bool
    uniform: bool
    trained: bool
    weight_bits: float
    activation_bits: float
    size: int
    bops: int
    cycles: int | None
    latency: float
    seconds: float
    note: str = ""

    @property
    def worst_sqnr(self) -> float | None:
        """That of the worst tensor, in dB."""
        return next(iter(self.sqnr.values()), None)
