"""Runs the methods over one network's data, each once: results are cached by everything that they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

import golden
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.passes.pipeline import prepare
from golden.recipe import Recipe
from sim import cache
from weft.comparison.methods import METHODS

if TYPE_CHECKING:
    from hwgen.config import AcceleratorConfig

Float32 = npt.NDArray[np.float32]
Progress = Callable[[str, int, int], None]


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
    weight_bits, activation_bits: the recipe's; 32 for float.
    size:         bytes of weights, packed, and of biases, scales and zero points that have to be stored.
    bops:         bit operations of an inference.
    cycles:       of an inference on the chosen configuration; None where it does not run there, and why in `note`.
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


@dataclass(frozen=True, eq=False)
class Comparison:
    """A float network and its quantized forms on the same inputs.

    rows: the float network's first.
    """

    network: str
    configuration: str
    calibration_inputs: int
    draws: int
    evaluation_inputs: int
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {**{entry.name: getattr(self, entry.name) for entry in fields(self)}, "rows": [asdict(row) for row in self.rows]}


@dataclass(frozen=True, eq=False)
class Data:
    """Real inputs by name, float32[N, *shape], and their classes int64[N], if known."""

    x: dict[str, Float32]
    label: npt.NDArray[np.int64] | None

    @property
    def count(self) -> int:
        return len(next(iter(self.x.values())))

    def take(self, chosen: npt.NDArray[np.int64] | slice) -> Data:
        """The inputs with these indices."""
        return Data({name: array[chosen] for name, array in self.x.items()}, None if self.label is None else self.label[chosen])


def compare(
    network: FloatGraph,
    calibration: Data,
    evaluation: Data,
    *,
    recipes: Sequence[Recipe] | None = None,
    draws: int = 1,
    calibration_inputs: int | None = None,
    config: AcceleratorConfig,
    configuration: str,
    seed: int = 0,
    progress: Progress = lambda what, done, total: None,
) -> Comparison:
    """Quantizes a float network by every recipe and measures what came of it.

    draws:              how often calibration inputs are drawn; the accuracy is the mean.
    calibration_inputs: in a draw; all by default, so that there is one draw.
    config:             the accelerator whose cycles are counted, with each network's own rescale format; its name in `configuration`.

    Raises InputError for a network of no class scores, and for draws that the data cannot give.
    """
    graph = prepare(network)
    if len(graph.outputs) != 1 or len(graph.tensors[graph.outputs[0]].shape) != 1:
        raise InputError(f"network {graph.name!r}: methods are compared by class scores, so it must have one output, a vector")
    size = calibration_inputs or calibration.count
    if size > calibration.count or (draws > 1 and size == calibration.count):
        raise InputError(
            f"{draws} draw(s) of {size} calibration inputs cannot be made of {calibration.count}; ask for fewer (--calibration-images)"
        )
    chosen = list(recipes) if recipes is not None else list(METHODS.values())
    names = [recipe.name for recipe in chosen]
    if len(set(names)) != len(names):
        raise InputError(f"two methods are called {next(name for name in names if names.count(name) > 1)!r}; give each a name of its own")
    rng = np.random.default_rng(seed)
    every = [np.sort(rng.permutation(calibration.count)[:size]) for _ in range(draws)]
    sets = [calibration.take(one) for one in every]
    base = _digest_data(graph, evaluation, sets, config)
    rows = []
    for number, recipe in enumerate([None, *chosen]):
        what = "float" if recipe is None else recipe.name
        progress(f"comparing: {what}", 0, 1)
        key = f"comparison-{cache.digest(base, '' if recipe is None else recipe.to_toml(), _sources())}"
        rows.append(_row(key, recipe, graph, sets, evaluation, config))
        progress(f"comparing: {what}", 1, 1)
        progress("methods", number + 1, len(chosen) + 1)
    return Comparison(graph.name, configuration, size, draws, evaluation.count, tuple(rows))


def _row(key: str, recipe: Recipe | None, graph: FloatGraph, sets: Sequence[Data], evaluation: Data, config: AcceleratorConfig) -> Row:
    """A row out of the cache, or measured."""
    from weft.comparison.measure import measure

    text = cache.text(key, lambda: msgspec.json.encode(measure(recipe, graph, sets, evaluation, config)).decode())
    return msgspec.json.decode(text, type=Row)


def _digest_data(graph: FloatGraph, evaluation: Data, sets: Sequence[Data], config: AcceleratorConfig) -> str:
    """A key for the network, the data and the accelerator."""
    digest = hashlib.sha256(repr((graph.name, graph.tensors, graph.inputs, graph.outputs, config)).encode())
    for op in graph.ops:
        for name, value in sorted(vars(op).items()):
            digest.update(f"{op.kind} {name}".encode())
            digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    for data in (evaluation, *sets):
        for array in _arrays(data):
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _arrays(data: Data) -> Iterator[npt.NDArray[Any]]:
    yield from data.x.values()
    if data.label is not None:
        yield data.label


def _sources() -> str:
    """A digest of the code that quantizes and measures: another version has other results."""
    digest = hashlib.sha256()
    folders: Mapping[str, Path] = {"golden": Path(golden.__path__[0]), "comparison": Path(__file__).parent}
    for name, folder in folders.items():
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{name} {path.relative_to(folder)}".encode() + path.read_bytes())
    return digest.hexdigest()
