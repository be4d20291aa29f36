"""The ready loop: it learns, resumes as if nothing had happened, and refuses what cannot be trained."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from golden import network_file
from golden.errors import InputError
from golden.float_graph import FloatGraph, FloatSoftmax, FloatTensor
from golden.recipe import Recipe
from golden.training import FloatNetwork, QuantizedNetwork, convert, prepare
from golden.training.trainer import History, schedule, train
from golden.training_scheme import ActivationSteps, Schedule, Training
from tests.golden.training.networks import recipe, small_data, small_graph

X, LABEL = small_data(96)


def settings(**changes: object) -> Recipe:
    return recipe(4, 4, **{"epochs": 4, "batch_size": 16, "learning_rate": 5e-3, **changes})  # type: ignore[arg-type]


def network(chosen: Recipe) -> QuantizedNetwork:
    return prepare(small_graph(), X, chosen)


def moved(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return x + 0.1 * torch.randn(x.shape, generator=generator)


def test_it_learns() -> None:
    one = network(settings(epochs=12, learning_rate=2e-2))
    calls: list[tuple[int, int, float]] = []
    history = train(one, X, LABEL, progress=lambda *call: calls.append(call))
    assert history.losses[-1] < 0.8 * history.losses[0]
    assert [call[:2] for call in calls] == [(epoch + 1, 12) for epoch in range(12)]
    assert not one.training
    assert all(bool(layer.get_buffer("frozen")) for layer in (one.layer("first.0"), one.layer("depthwise.0")))


@pytest.mark.parametrize("steps", ActivationSteps)
def test_an_interrupted_training_ends_in_the_same_bits(tmp_path: Path, steps: ActivationSteps) -> None:
    chosen = settings(activations=steps)
    whole = network(chosen)
    uninterrupted = train(whole, X, LABEL, augmentation=moved)
    path = tmp_path / "c.pt"
    for stop in (1, 3):
        torch.manual_seed(stop)  # what else the process draws must not matter
        assert len(train(network(chosen), X, LABEL, augmentation=moved, checkpoint=path, stop_after=stop).losses) == stop
    last = network(chosen)
    assert train(last, X, LABEL, augmentation=moved, checkpoint=path) == History(uninterrupted.losses, 3)
    assert all(torch.equal(values, last.state_dict()[name]) for name, values in whole.state_dict().items())
    assert network_file.sha256(convert(whole)) == network_file.sha256(convert(last))


def test_another_seed_is_another_training() -> None:
    first, second = (train(network(settings(epochs=1, seed=seed)), X, LABEL).losses for seed in (0, 1))
    assert first != second


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    train(network(settings(epochs=1)), X, LABEL, checkpoint=path)
    for chosen, label in ((settings(epochs=2), LABEL), (settings(epochs=1), LABEL[::-1])):
        with pytest.raises(InputError, match="checkpoint of another training"):
            train(network(chosen), X, label, checkpoint=path)


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_what_is_no_checkpoint_is_refused_unopened(tmp_path: Path) -> None:
    path, sprung = tmp_path / "c.pt", tmp_path / "sprung"
    contents = [b"", b"text", pickle.dumps(Trap(sprung))]
    torch.save({"format": "another"}, path)
    contents.append(path.read_bytes())
    torch.save(Trap(sprung), path)
    contents.append(path.read_bytes())
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a checkpoint"):
            train(network(settings()), X, LABEL, checkpoint=path)
    assert not sprung.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["c.pt"]


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write the checkpoint"):
        train(network(settings(epochs=1)), X, LABEL, checkpoint=tmp_path / "none" / "c.pt")


def test_a_teacher_takes_part() -> None:
    teacher = FloatNetwork(small_graph(), layout="NCHW")
    alone = train(network(settings(epochs=1)), X, LABEL)
    taught = train(network(settings(epochs=1, distillation=0.9)), X, LABEL, teacher=teacher)
    assert alone.losses != taught.losses
    with pytest.raises(InputError, match="hand it over as the teacher"):
        train(network(settings(distillation=0.5)), X, LABEL)
    with pytest.raises(InputError, match="of no use"):
        train(network(settings()), X, LABEL, teacher=teacher)


def test_data_that_do_not_fit() -> None:
    one = network(settings())
    for x, label, message in (
        (X, LABEL[:5], "96 inputs and 5 labels"),
        (X, LABEL + 1, "from 0 to 2"),
        (X[:0], LABEL[:0], "there are none"),
        (np.full_like(X, np.nan), LABEL, "NaN"),
    ):
        with pytest.raises(InputError) as error:
            train(one, x, label)
        assert message in error.value.problems[0]


def test_a_divergence_is_said() -> None:
    with pytest.raises(InputError, match=r"diverged.*; lower the learning rate"):
        train(network(settings(learning_rate=1e30)), X, LABEL)


def test_schedules() -> None:
    cosine = Training(epochs=10)
    assert [schedule(cosine, epoch) for epoch in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    assert schedule(Training(schedule=Schedule.CONSTANT), 7.0) == 1


def test_settings_that_are_not_possible() -> None:
    with pytest.raises(InputError) as error:
        Training(
            freeze=2, epochs=0, batch_size=0, learning_rate=0, weight_decay=-1, distillation=1.1, temperature=0, clip_decay=-1, seed=-1
        )
    assert len(error.value.problems) == 9


@pytest.mark.parametrize("distillation", [0.0, 0.5])
def test_a_softmax_at_the_end_is_no_part_of_the_loss(distillation: float) -> None:
    scores = small_graph()
    (logits,) = scores.outputs
    softmax = FloatSoftmax("softmax", (logits,), "probabilities")
    tensors = scores.tensors | {"probabilities": FloatTensor("probabilities", scores.tensors[logits].shape)}
    whole = FloatGraph(scores.name, tensors, scores.inputs, ("probabilities",), (*scores.ops, softmax))
    chosen, losses = settings(epochs=2, distillation=distillation), []
    for graph in (scores, whole):
        teacher = FloatNetwork(graph, "NCHW") if distillation else None
        losses.append(train(prepare(graph, X, chosen), X, LABEL, teacher=teacher).losses)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
