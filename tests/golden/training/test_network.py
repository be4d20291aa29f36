"""The module that a training loop sees."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from golden import float_interpreter
from golden.errors import InputError
from golden.input_data import quantize_input
from golden.interpreter import run
from golden.recipe import LayerBits, Method, Recipe, Recovery
from golden.schemes import ActivationScheme, Granularity, WeightScheme
from golden.training import convert, prepare
from golden.training.activation_steps import ClippingStep
from golden.training.weight_steps import AbsmeanStep, LearnedStep
from golden.training_scheme import ActivationSteps, Folding, WeightSteps
from tests.golden.training.networks import Small, recipe, small_data, small_graph


def test_it_starts_near_the_float_network() -> None:
    """With 8 bits and ranges of the data, within a few steps of the output."""
    x, _ = small_data()
    network = prepare(small_graph(), x, recipe(8, 8, weights=WeightSteps.RANGE, activations=ActivationSteps.MOVING_AVERAGE)).eval()
    expected = Small()(torch.from_numpy(x))
    assert torch.allclose(network(torch.from_numpy(x)), expected, atol=0.05 * float(expected.detach().abs().max()))


def test_the_model_is_left_as_it_was() -> None:
    model = Small().train()
    before = copy.deepcopy(model.state_dict())
    network = prepare(model, small_data()[0], recipe())
    network.train()(torch.from_numpy(small_data()[0]))
    assert model.training
    assert all(torch.equal(before[name], values) for name, values in model.state_dict().items())


def test_batch_normalization_is_folded_with_the_statistics_of_the_model() -> None:
    model, network = Small(), prepare(small_graph(), small_data()[0], recipe())
    first = network.layer("first.0")
    assert torch.equal(first.gamma, model.first[1].weight)
    assert torch.equal(first.get_buffer("variance"), model.first[1].running_var)
    assert torch.allclose(first.get_buffer("mean"), model.first[1].running_mean - model.first[0].bias)
    assert (first.momentum, network.layer("depthwise.0").momentum) == (0.1, 0.3)
    assert not network.layer("head").normalized


@pytest.mark.parametrize("folding", Folding)
def test_folding(folding: Folding) -> None:
    """All ways compute the same at the start; statistics move in one of them."""
    x, _ = small_data()
    batch = torch.from_numpy(x)
    network = prepare(small_graph(), x, recipe(8, 8, folding=folding))
    plain = prepare(small_graph(), x, recipe(8, 8, folding=Folding.MERGED))
    assert torch.allclose(network.eval()(batch), plain.eval()(batch), atol=1e-5)
    assert network.layer("first.0").normalized == (folding is not Folding.MERGED)
    before = copy.deepcopy(network.state_dict())
    network.train()(batch)
    moved = [name for name, values in network.state_dict().items() if not torch.equal(before[name], values)]
    assert [name.split(".")[-1] for name in moved] == (["mean", "variance"] * 2 if folding is Folding.BATCH else [])
    network.freeze_batch_norm()
    before = copy.deepcopy(network.state_dict())
    network(batch)
    assert all(torch.equal(before[name], values) for name, values in network.state_dict().items())


def test_evaluation_changes_nothing_and_training_moves_ranges() -> None:
    x, _ = small_data()
    network = prepare(small_graph(), x[:8], recipe(activations=ActivationSteps.MOVING_AVERAGE)).eval()
    before = copy.deepcopy(network.state_dict())
    network(torch.from_numpy(x))
    assert all(torch.equal(before[name], values) for name, values in network.state_dict().items())
    network.train()(torch.from_numpy(3 * x))
    low = network.step(network.graph.inputs[0]).get_buffer("low")
    assert float(low) == pytest.approx(0.9 * float(x[:8].min()) + 0.1 * 3 * float(x.min()), rel=1e-6)


@pytest.mark.parametrize("activations", ActivationSteps)
@pytest.mark.parametrize("weights", WeightSteps)
def test_every_parameter_learns(weights: WeightSteps, activations: ActivationSteps) -> None:
    """DistributedDataParallel waits for gradients of all of them."""
    x, label = small_data()
    network = prepare(small_graph(), x, recipe(2, 4, weights=weights, activations=activations))
    loss = torch.nn.functional.cross_entropy(network(torch.from_numpy(x)), torch.from_numpy(label)) + network.penalty()
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_state_comes_back() -> None:
    x, _ = small_data()
    first, second = (prepare(small_graph(), x[:count], recipe()) for count in (64, 16))
    first.train()(torch.from_numpy(x))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.eval()(torch.from_numpy(x)), second.eval()(torch.from_numpy(x)))


def test_layouts() -> None:
    x, _ = small_data(8)
    first = prepare(small_graph(), x, recipe()).eval()
    second = prepare(small_graph(), x.transpose(0, 2, 3, 1), recipe(), layout="NHWC").eval()
    assert torch.equal(first(torch.from_numpy(x)), second(torch.from_numpy(x.transpose(0, 2, 3, 1).copy())))


def test_bits_of_single_layers() -> None:
    x, _ = small_data()
    chosen = replace(
        recipe(2, 4, weights=WeightSteps.TERNARY), eight_bit_ends=True, layers={"depthwise.0": LayerBits(weights=2, activations=3)}
    )
    network = prepare(small_graph(), x, chosen)
    assert isinstance(network.layer("depthwise.0").step, AbsmeanStep)
    assert isinstance(network.layer("first.0").step, LearnedStep)
    graph = convert(network)
    assert [op.weight_bits for op in graph.ops if hasattr(op, "weight_bits")] == [8, 2, 8]
    assert graph.tensors[graph.ops[1].output].bits == 3
    assert graph.tensors[graph.inputs[0]].bits == 8


def test_an_untrained_network_equals_post_training_quantization() -> None:
    """The same ranges give the same integers."""
    from golden.quantize import quantize

    x, _ = small_data()
    for rescale in ("tflite", "fixed8", "shift"):
        chosen = recipe(4, 6, rescale, weights=WeightSteps.RANGE, activations=ActivationSteps.MOVING_AVERAGE, folding=Folding.MERGED)
        trained, plain = convert(prepare(small_graph(), x, chosen)), quantize(small_graph(), x, recipe=chosen, layout="NCHW")
        integers = quantize_input(plain, x, layout="NCHW")
        difference = run(trained, quantize_input(trained, x, layout="NCHW")).astype(int) - run(plain, integers)
        assert np.abs(difference).max() <= 1  # calibration and weights in single precision


def test_groups_for_an_optimizer() -> None:
    network = prepare(small_graph(), small_data()[0], recipe(activations=ActivationSteps.CLIPPING))
    groups = network.parameter_groups(0.01, 0.1)
    listed = [parameter for group in groups for parameter in group["params"]]
    assert sorted(map(id, listed)) == sorted(map(id, network.parameters()))
    assert [group["weight_decay"] for group in groups] == [0.1] + [0.0] * (len(groups) - 1)
    end = next(step.end for step in network.steps if isinstance(step, ClippingStep))
    (group,) = [group for group in groups if group["params"][0] is end]
    assert group["lr"] == pytest.approx(0.01 * float(end.detach()))


def test_the_penalty_is_that_of_the_learned_ends() -> None:
    network = prepare(small_graph(), small_data()[0], recipe(activations=ActivationSteps.CLIPPING, clip_decay=0.5))
    ends = [float(step.end.detach()) for step in network.steps if isinstance(step, ClippingStep)]
    assert len(ends) == 3
    assert float(network.penalty().detach()) == pytest.approx(0.5 * sum(end**2 for end in ends))
    assert float(prepare(small_graph(), small_data()[0], recipe()).penalty()) == 0


def test_a_recipe_that_does_not_train_is_refused_with_all_reasons() -> None:
    chosen = Recipe(
        method=Method.DYNAMIC,
        recovery=(Recovery.EQUALIZATION,),
        weights=WeightScheme(4, granularity=Granularity.GROUP),
        activations=ActivationScheme(4),
        training=replace(Recipe().training, weights=WeightSteps.TERNARY),
    )
    with pytest.raises(InputError, match="does not train") as error:
        prepare(small_graph(), small_data()[0], chosen)
    assert len(error.value.problems) == 4


def test_only_a_prepared_network_is_converted() -> None:
    with pytest.raises(InputError, match="not a Small"):
        convert(Small())


def test_a_network_that_diverged_is_refused() -> None:
    network = prepare(small_graph(), small_data()[0], recipe())
    with torch.no_grad():
        network.layer("head").weight[0, 0] = torch.nan
    with pytest.raises(InputError, match="diverged") as error:
        convert(network)
    assert error.value.problems == ("layers.2.weight",)
    with pytest.raises(InputError, match="layer 'head' has weights that are no longer finite: the training diverged"):
        network(torch.from_numpy(small_data()[0]))


def test_a_trained_graph_keeps_its_weights() -> None:
    """The float graph of a trained network computes what its folded layers do."""
    from golden.training import trained

    x, _ = small_data()
    network = prepare(small_graph(), x, recipe(8, 8))
    with torch.no_grad():
        network.layer("head").weight.mul_(2.0)
        network.layer("head").bias.mul_(2.0)
    graph, parameters = trained(network)
    before = float_interpreter.run(small_graph(), {small_graph().inputs[0]: x.transpose(0, 2, 3, 1)})
    after = float_interpreter.run(graph, {graph.inputs[0]: x.transpose(0, 2, 3, 1)})
    assert np.allclose(after[graph.outputs[0]], 2 * before[graph.outputs[0]], atol=1e-4)
    assert set(parameters.weights) == {"first.0", "depthwise.0", "head"}
