"""The loss of a network that learns from the labels and from the float network (Hinton et al. 2015; SPEC section 16)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def distillation_loss(scores: Tensor, teacher: Tensor, labels: Tensor, *, share: float, temperature: float) -> Tensor:
    """(1 - share) * cross-entropy with the labels + share * T^2 * KL(teacher || student) at temperature T (SPEC eq. 83).

    scores, teacher: float[N, classes], not yet normalized.
    labels:          int64[N].
    """
    hard = functional.cross_entropy(scores, labels)
    student, target = (functional.log_softmax(values / temperature, dim=1) for values in (scores, teacher.detach()))
    soft = functional.kl_div(student, target, reduction="batchmean", log_target=True)
    return (1 - share) * hard + share * temperature**2 * soft
