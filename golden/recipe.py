"""A recipe: everything that decides how a network is quantized, as one object or one TOML file."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import msgspec

from golden.errors import InputError
from golden.rescale import RescaleFormat
from golden.schemes import ActivationScheme, WeightScheme
from golden.training_scheme import Training

if TYPE_CHECKING:
    from golden.float_graph import FloatGraph


class Method(enum.Enum):
    """What is quantized, and when."""

    STATIC = "static"  #: weights and activations, before inference; integers alone, for the accelerator
    DYNAMIC = "dynamic"  #: weights before, activations at inference; in the golden model only
    WEIGHT_ONLY = "weight-only"  #: weights alone; in the golden model only


class Order(enum.Enum):
    """In which order activation ranges are chosen (SPEC section 10)."""

    TOGETHER = "together"  #: all from the float network
    FORWARD = "forward"  #: from the inputs on, each with everything before it already quantized
    BACKWARD = "backward"  #: from the outputs back, each with everything after it already quantized
    OUTPUT_ERROR = "output-error"  #: all together, then each again for the least error of the network's outputs


class Recovery(enum.Enum):
    """What wins back accuracy without labels."""

    EQUALIZATION = "equalization"
    BIAS_CORRECTION = "bias-correction"
    ADAPTIVE_ROUNDING = "adaptive-rounding"


@dataclass(frozen=True)
class LayerBits:
    """Bits of one layer, where they differ from the recipe's; None: the recipe's."""

    weights: int | None = None
    activations: int | None = None


@dataclass(frozen=True)
class Recipe:
    """How a network is quantized.

    name:        for people and tables.
    method:      what is quantized, and when.
    weights, activations: the schemes.
    rescale:     "tflite", "shift" or "fixedB".
    order:       in which activation ranges are chosen.
    recovery:    what is done, each at its place: equalization before calibration, adaptive rounding and bias correction after it.
    eight_bit_ends: the network's inputs and outputs, and the weights of its first and last layer, keep 8 bits.
    layers:      bits of single layers, by operator name; they count over everything else, the ends too.
    training:    how the network is trained with fake quantization, where it is.
    """

    name: str = "int8"
    method: Method = Method.STATIC
    weights: WeightScheme = field(default_factory=WeightScheme)
    activations: ActivationScheme = field(default_factory=ActivationScheme)
    rescale: str = "tflite"
    order: Order = Order.TOGETHER
    recovery: tuple[Recovery, ...] = ()
    eight_bit_ends: bool = False
    layers: Mapping[str, LayerBits] = field(default_factory=dict)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        RescaleFormat.parse(self.rescale)
        if len(set(self.recovery)) != len(self.recovery):
            raise InputError(f"recipe {self.name!r}: a recovery is named twice: {[step.value for step in self.recovery]}")
        problems = [
            f"layer {name!r}: bits of {what} must be from 2 to 8, not {bits!r}"
            for name, layer in self.layers.items()
            for what, bits in (("weights", layer.weights), ("activations", layer.activations))
            if bits is not None and not 2 <= bits <= 8
        ]
        if problems:
            raise InputError(f"recipe {self.name!r} is not possible", problems)

    @property
    def format(self) -> RescaleFormat:
        """The rescale format."""
        return RescaleFormat.parse(self.rescale)

    def weight_scheme(self, graph: FloatGraph, op_name: str) -> WeightScheme:
        """The scheme of one layer's weights."""
        bits = self.layers.get(op_name, LayerBits()).weights
        if bits is None:
            weighted = graph.weighted_ops()
            ends = {weighted[0].name, weighted[-1].name} if weighted else set()
            bits = 8 if self.eight_bit_ends and op_name in ends else self.weights.bits
        return replace(self.weights, bits=bits)

    def activation_scheme(self, graph: FloatGraph, tensor: str) -> ActivationScheme:
        """The scheme of one tensor: that of the layer that writes it."""
        producer = graph.producer(tensor)
        bits = self.layers.get(producer.name, LayerBits()).activations if producer else None
        if bits is None:
            at_end = tensor in graph.inputs or tensor in graph.outputs
            bits = 8 if self.eight_bit_ends and at_end else self.activations.bits
        return replace(self.activations, bits=bits)

    def check_layers(self, graph: FloatGraph) -> None:
        """Raises InputError for bits of layers that the network does not have."""
        names = {op.name for op in graph.ops}
        unknown = [f"{name!r}: no such layer" for name in self.layers if name not in names]
        if unknown:
            known = ", ".join(op.name for op in graph.weighted_ops())
            raise InputError(f"recipe {self.name!r} does not fit network {graph.name!r}, whose layers with weights are {known}", unknown)

    def to_toml(self) -> str:
        """The recipe as a TOML document that `read_recipe` reads."""
        data = msgspec.to_builtins(self)
        for layer in data["layers"].values():
            for name in [name for name, bits in layer.items() if bits is None]:
                del layer[name]  # TOML has no null: what is not there is the recipe's
        return msgspec.toml.encode(data).decode()


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Reads a recipe from a TOML file.  Raises InputError for a file that is missing, no TOML, or no recipe, and says where."""
    source = Path(path)
    try:
        return parse_recipe(source.read_bytes(), default_name=source.stem)
    except OSError as error:
        raise InputError(f"{source}: {error.strerror or error}; give the path of a TOML file") from error
    except InputError as error:
        raise InputError(f"{source}: {error.message}", error.problems) from error


def parse_recipe(text: bytes | str, default_name: str = "recipe") -> Recipe:
    """A recipe from TOML text; fields that it does not name keep their defaults.  Raises InputError with all that is wrong."""
    try:
        data = msgspec.toml.decode(text)
    except msgspec.DecodeError as error:
        raise InputError(f"not a TOML document: {error}") from error
    problems: list[str] = []
    values = _converted(Recipe, data, "", problems)
    if problems:
        raise InputError("not a recipe", problems)
    return Recipe(**{"name": default_name, **values})


def _converted(kind: type, data: Mapping[str, object], where: str, problems: list[str]) -> dict[str, Any]:
    """The values of a section as a dataclass takes them; all that is wrong with them goes to `problems`.

    A name that no field has is wrong too: a misspelt one must not be passed over.
    """
    types, made = get_type_hints(kind), {}
    problems += [
        f"{where}{name}: no such field; there are {', '.join(sorted(entry.name for entry in fields(kind)))}"
        for name in data
        if name not in types
    ]
    for name, value in data.items():
        wanted = types.get(name)
        if isinstance(wanted, type) and is_dataclass(wanted) and isinstance(value, Mapping):
            made[name] = _section(wanted, value, f"[{name}] ", problems)
        elif name == "layers" and isinstance(value, Mapping) and all(isinstance(part, Mapping) for part in value.values()):
            made[name] = {layer: _section(LayerBits, part, f"[layers.{layer}] ", problems) for layer, part in value.items()}
        elif wanted is not None:
            try:
                made[name] = msgspec.convert(value, wanted)
            except msgspec.ValidationError as error:
                problems.append(f"{where}{name}: {error}{_choices(wanted)}")
    return made


def _section(kind: type, data: Mapping[str, object], where: str, problems: list[str]) -> Any:
    """One section; None where something in it is wrong."""
    count = len(problems)
    values = _converted(kind, data, where, problems)
    if len(problems) > count:
        return None
    try:
        return kind(**values)
    except InputError as error:
        problems += error.problems or (error.message,)
        return None


def _choices(kind: Any) -> str:
    """What a field of few values may be."""
    kinds = [kind, *get_args(kind)]
    named = next((one for one in kinds if isinstance(one, type) and issubclass(one, enum.Enum)), None)
    return "" if named is None else f"; it may be {', '.join(repr(choice.value) for choice in named)}"
