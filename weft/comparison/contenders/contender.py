"""What takes part in a comparison: a method that makes a quantized network of a float one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from golden.evaluation import Network
from golden.float_graph import FloatGraph
from golden.parameters import Parameters
from weft.comparison.data import Data

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Task:
    """What a method is to quantize, and with what.

    imported:    the float network as it was imported; training folds its batch normalization.
    graph:       the same, prepared (golden.passes.pipeline).
    calibration: for the ranges of activations.
    training:    labelled inputs, where there are any.
    progress:    called with (what is being done, steps done, steps in all).
    """

    imported: FloatGraph
    graph: FloatGraph
    calibration: Data
    training: Data | None
    progress: Progress = lambda what, done, total: None


@dataclass(frozen=True, eq=False)
class Quantized:
    """What a method made.

    network:      what is measured.
    floating:     the float graph that `parameters` quantize, with the method's own weights; of networks of integers alone.
    parameters:   its scales, zero points and integers; None where there are none for all of it.
    reference:    the float network that its tensors stand for, where it is another than the task's: an equalized one.
    uniform:      whether the steps between weights are equal.
    weight_bytes: that its weights take where they are stored otherwise than packed, codebooks included; None elsewhere.
    note:         for people.
    """

    network: Network
    floating: FloatGraph | None = None
    parameters: Parameters | None = None
    reference: FloatGraph | None = None
    uniform: bool = True
    weight_bytes: float | None = None
    note: str = ""


class Contender(ABC):
    """A method with all its settings; subclasses are frozen dataclasses, whose fields say everything that the result depends on."""

    #: Whether it learns from labelled data.
    trained = False
    #: Whether other calibration inputs make another network.
    calibrated = True

    @property
    @abstractmethod
    def name(self) -> str:
        """For people and tables; no two in a comparison are the same."""

    @property
    def key(self) -> str:
        """The method and its settings as text, for a cache."""
        return f"{type(self).__name__} {msgspec.json.encode(self).decode()}"

    def obstacle(self, graph: FloatGraph, training: Data | None) -> str | None:
        """Why it cannot take part with a prepared network and these labelled inputs; None where it can."""
        if self.trained and (training is None or training.label is None):
            return "it learns from labelled inputs; give some (--training), with their classes under 'label'"
        if self.trained and len(graph.inputs) != 1:
            return f"it trains networks of one input, and this one has {len(graph.inputs)}"
        return None

    @abstractmethod
    def quantize(self, task: Task) -> Quantized:
        """The quantized network, where there is no `obstacle`.

        Raises InputError where the network turns out to be none that the method can quantize.
        """
