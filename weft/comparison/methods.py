"""The methods that are compared unless others are asked for."""

from __future__ import annotations

from golden.compression.network import Settings
from golden.recipe import Method, Recipe, Recovery
from golden.schemes import ActivationScheme, Calibrator, Granularity, WeightRange, WeightScheme
from golden.training_scheme import Training
from weft.comparison.contenders import ByRecipe, Codebook, Contender, Mixed, QuantizationAware, Ternary

_E, _B, _A = Recovery.EQUALIZATION, Recovery.BIAS_CORRECTION, Recovery.ADAPTIVE_ROUNDING
_FOUR = WeightScheme(4, range=WeightRange.MSE)
#: Epochs of training unless others are asked for.
EPOCHS = Training().epochs


def _int8(name: str, calibrator: Calibrator) -> Recipe:
    return Recipe(name=name, activations=ActivationScheme(calibration=calibrator))


_RECIPES = (
    _int8("int8 min-max", Calibrator.MIN_MAX),
    _int8("int8 moving average", Calibrator.MOVING_AVERAGE),
    _int8("int8 percentile", Calibrator.PERCENTILE),
    _int8("int8 MSE", Calibrator.MSE),
    _int8("int8 KL", Calibrator.KL),
    _int8("int8 cross-entropy", Calibrator.CROSS_ENTROPY),
    Recipe(name="int8 per tensor", weights=WeightScheme(granularity=Granularity.TENSOR)),
    Recipe(
        name="int8 shift-only",
        rescale="shift",
        weights=WeightScheme(range=WeightRange.MSE),
        activations=ActivationScheme(calibration=Calibrator.MSE),
    ),
    Recipe(name="int8 fixed16", rescale="fixed16"),
    Recipe(name="int8 equalized", recovery=(_E,), weights=WeightScheme(granularity=Granularity.TENSOR)),
    Recipe(name="W6A6", weights=WeightScheme(6), activations=ActivationScheme(6)),
    Recipe(name="W4A8", weights=WeightScheme(4)),
    Recipe(name="W4A8 MSE", weights=_FOUR),
    Recipe(name="W4A8 MSE, biases corrected", weights=_FOUR, recovery=(_B,)),
    Recipe(name="W4A8 rounded adaptively", weights=_FOUR, recovery=(_A, _B)),
    Recipe(name="W4A4", weights=_FOUR, activations=ActivationScheme(4), eight_bit_ends=True),
    Recipe(name="W2A8", weights=WeightScheme(2, range=WeightRange.MSE), eight_bit_ends=True),
    Recipe(name="dynamic int8", method=Method.DYNAMIC),
    Recipe(name="weight-only int8", method=Method.WEIGHT_ONLY),
    Recipe(
        name="weight-only int4, groups of 32",
        method=Method.WEIGHT_ONLY,
        weights=WeightScheme(4, granularity=Granularity.GROUP, group_size=32),
    ),
)


def methods(epochs: int = EPOCHS) -> dict[str, Contender]:
    """By name; the first is the one that `weft quantize` takes by itself.

    epochs: of the methods that train.
    """
    training = Training(epochs=epochs)
    four = {"weights": WeightScheme(4), "eight_bit_ends": True, "training": training}
    contenders: tuple[Contender, ...] = (
        *map(ByRecipe, _RECIPES),
        Ternary(Recipe(name="ternary", weights=WeightScheme(2), eight_bit_ends=True)),
        Codebook(Recipe(name="codebooks of 16, linear layers of 4"), Settings(sparsity=0.0, conv_bits=4, linear_bits=2)),
        Mixed(0.6),
        QuantizationAware(Recipe(name="QAT W4A8", **four)),  # type: ignore[arg-type]
        QuantizationAware(Recipe(name="QAT W4A4", activations=ActivationScheme(4), **four)),  # type: ignore[arg-type]
    )
    return {contender.name: contender for contender in contenders}
