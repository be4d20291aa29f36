"""Runs the methods over one network's data, each once: results are cached by everything that they depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.passes.pipeline import prepare
from hwgen import cache
from weft.comparison.contenders import Contender, Task
from weft.comparison.data import Data
from weft.comparison.network_digest import code_digest, network_digest
from weft.comparison.row import Row

if TYPE_CHECKING:
    from hwgen.config import AcceleratorConfig

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """A float network and its quantized forms on the same inputs.

    rows:     the float network's first.
    left_out: methods that could not take part, and why.
    """

    network: str
    configuration: str
    calibration_inputs: int
    draws: int
    evaluation_inputs: int
    training_inputs: int
    rows: tuple[Row, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    def notes(self) -> tuple[str, ...]:
        """What there is to say of single methods, those with the same note together, and which are left out."""
        names: dict[str, list[str]] = {}
        for row in self.rows:
            if row.note:
                names.setdefault(row.note, []).append(row.name)
        found = [f"{'; '.join(those)}: {note}" for note, those in names.items()]
        return (*found, *(f"{name} is left out: {reason}" for name, reason in self.left_out.items()))

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {**{entry.name: getattr(self, entry.name) for entry in fields(self)}, "rows": [asdict(row) for row in self.rows]}


class Study:
    """A float network and the data that methods are compared with; what was measured once is cached.

    draws:              how often calibration inputs are drawn; the accuracy is the mean.
    calibration_inputs: in a draw; all by default, so that there is one draw.
    training:           labelled inputs for methods that learn; the calibration inputs by default, where they have labels.
    config:             the accelerator whose cycles are counted, with each network's own rescale format; its name in `configuration`.

    Raises InputError for a network of no class scores, and for draws that the data cannot give.
    """

    def __init__(
        self,
        network: FloatGraph,
        calibration: Data,
        evaluation: Data,
        *,
        training: Data | None = None,
        draws: int = 1,
        calibration_inputs: int | None = None,
        config: AcceleratorConfig,
        configuration: str,
        seed: int = 0,
        progress: Progress = lambda what, done, total: None,
    ) -> None:
        self.graph = prepare(network)
        if len(self.graph.outputs) != 1 or len(self.graph.tensors[self.graph.outputs[0]].shape) != 1:
            raise InputError(f"network {network.name!r}: methods are compared by class scores, so it must have one output, a vector")
        self.size = calibration_inputs or calibration.count
        if self.size > calibration.count or (draws > 1 and self.size == calibration.count):
            raise InputError(
                f"{draws} draw(s) of {self.size} calibration inputs cannot be made of {calibration.count}; "
                f"ask for fewer (--calibration-images)"
            )
        self.training = training if training is not None else calibration if calibration.label is not None else None
        rng = np.random.default_rng(seed)
        sets = [calibration.take(np.sort(rng.permutation(calibration.count)[: self.size])) for _ in range(draws)]
        self.tasks = [Task(network, self.graph, one, self.training, progress) for one in sets]
        self.evaluation, self.config, self.configuration, self.progress = evaluation, config, configuration, progress
        self._base = cache.digest(
            network_digest(network), repr(config), evaluation.digest(), *(one.digest() for one in sets), code_digest()
        )
        self._training_digest = "" if self.training is None else self.training.digest()

    def compare(self, contenders: Sequence[Contender], *, strict: bool = True) -> Comparison:
        """Quantizes the network by every method and measures what came of it.

        strict: a method that cannot take part is an error; else it is left out.
        Raises InputError for names that occur twice.
        """
        names = ["float", *(contender.name for contender in contenders)]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"two methods are called {twice!r}; give each a name of its own")
        rows, left_out = [], {}
        for number, contender in enumerate([None, *contenders]):
            self.progress(f"comparing: {names[number]}", 0, 1)
            try:
                rows.append(self.row(contender))
            except InputError as error:
                if strict or contender is None:
                    raise
                left_out[names[number]] = "; ".join((error.message, *error.problems))
            self.progress(f"comparing: {names[number]}", 1, 1)
            self.progress("methods", number + 1, len(names))
        counts = (self.size, len(self.tasks), self.evaluation.count, 0 if self.training is None else self.training.count)
        return Comparison(self.graph.name, self.configuration, *counts, tuple(rows), left_out)

    def row(self, contender: Contender | None) -> Row:
        """The row of a method, or of the float network; out of the cache, or measured.  Raises InputError where it cannot take part."""
        from weft.comparison.measure import measure

        obstacle = None if contender is None else contender.obstacle(self.graph, self.training)
        if contender is not None and obstacle is not None:
            raise InputError(f"method {contender.name!r} cannot take part: {obstacle}")
        text = cache.text(
            f"comparison-{self.key(contender)}",
            lambda: msgspec.json.encode(measure(contender, self.tasks, self.evaluation, self.config)).decode(),
        )
        return msgspec.json.decode(text, type=Row)

    def key(self, contender: Contender | None) -> str:
        """For a cache, of all that a method's result depends on."""
        if contender is None:
            return cache.digest(self._base)
        return cache.digest(self._base, contender.key, self._training_digest if contender.trained else "")


def compare(
    network: FloatGraph,
    calibration: Data,
    evaluation: Data,
    contenders: Sequence[Contender],
    *,
    config: AcceleratorConfig,
    configuration: str,
    progress: Progress = lambda what, done, total: None,
) -> Comparison:
    """Quantizes a float network by every method, on one set of calibration inputs; arguments and errors as of `Study`."""
    return Study(network, calibration, evaluation, config=config, configuration=configuration, progress=progress).compare(contenders)
