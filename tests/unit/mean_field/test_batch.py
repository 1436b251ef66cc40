"""Batches of two-layer networks against one nn.Module trained by autograd."""

import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.mean_field import TwoLayerBatch
from mnemoscope.mean_field.batch import _SLICE, _places
from mnemoscope.networks.two_layer import TwoLayer
from mnemoscope.theory.large_steps import Neurons
from tests.references.networks import two_layer_descent


def generators(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def weights(networks: TwoLayerBatch, k: int) -> list[torch.Tensor]:
    return [networks.inner[k], networks.bias[k], networks.outer[k]]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("dim", "n_outputs", "batch"), [(1, 1, 7), (3, 2, 7), (1, 2, 7), (3, 2, 2 * _SLICE + 3)])
def test_a_step_is_the_step_of_autograd(
    dim: int, n_outputs: int, batch: int, reduction: str, frozen: bool, generator: torch.Generator
) -> None:
    networks = TwoLayerBatch.draw(dim, n_outputs, 30, generators(3), frozen_inner=frozen, dtype=torch.float64)
    networks.bias.normal_(generator=generator)
    rates = torch.tensor([0.1, 0.02, 0.3], dtype=torch.float64)
    if reduction == "sum":
        rates *= 7 / batch  # the step of seven samples, so that a large batch does not diverge
    for _ in range(3):
        x = torch.randn(3, batch, dim, generator=generator, dtype=torch.float64)
        target = torch.randn(3, batch, n_outputs, generator=generator, dtype=torch.float64)
        expected = [
            two_layer_descent(
                weights(networks, k), x[k], target[k], float(rates[k]), reduction=reduction, frozen_inner=frozen
            )
            for k in range(3)
        ]
        error = (networks(x) - target).square().sum((1, 2)) / (batch if reduction == "mean" else 1)
        torch.testing.assert_close(networks.descend(x, target, rates, reduction), error)
        for k in range(3):
            for ours, theirs in zip(weights(networks, k), expected[k], strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n_samples", [1, 7, 50, 64])
def test_places_are_those_of_searchsorted(n_samples: int, generator: torch.Generator) -> None:
    ordered = torch.randn(4, n_samples, generator=generator).sort(1).values
    values = torch.cat(
        [torch.randn(4, 40, generator=generator), ordered, torch.tensor([[-torch.inf, torch.inf]] * 4)], 1
    )
    assert torch.equal(_places(ordered, values), torch.searchsorted(ordered, values))


def test_a_network_does_not_depend_on_its_company(generator: torch.Generator) -> None:
    x, target = torch.randn(2, 4, 9, 1, generator=generator)
    many, alone = (TwoLayerBatch.draw(1, 1, 20, g) for g in (generators(4), generators(3)[2:]))
    rates = torch.full((4,), 0.1)
    for _ in range(5):
        many.descend(x, target, rates)
        alone.descend(x[2:3], target[2:3], rates[:1])
    assert torch.equal(many.outer[2], alone.outer[0])
    assert not torch.equal(many.outer[1], alone.outer[0])


def test_training_a_view_trains_the_batch(generator: torch.Generator) -> None:
    networks = TwoLayerBatch.draw(2, 1, 10, generators(3))
    before = networks.outer.clone()
    x = torch.randn(2, 5, 2, generator=generator)
    networks.take(slice(2)).descend(x, x[..., :1], torch.full((2,), 0.1))
    changed = (networks.outer != before).flatten(1).any(1)
    assert changed.tolist() == [True, True, False]


def test_frozen_inner_weights_are_signs_and_stay() -> None:
    networks = TwoLayerBatch.draw(1, 1, 50, generators(1), frozen_inner=True)
    inner = networks.inner.clone()
    networks.descend(torch.ones(1, 2, 1), torch.zeros(1, 2, 1), torch.ones(1))
    assert set(inner.flatten().tolist()) == {-1.0, 1.0}
    assert torch.equal(networks.inner, inner)


def test_the_scaling_is_mean_field(generator: torch.Generator) -> None:
    """Gradients are of order 1/width: with step width · η the function moves alike at every width."""
    x = torch.randn(1, 200, 1, generator=generator)
    moves = []
    for width in (1000, 4000):
        networks = TwoLayerBatch.draw(1, 1, width, generators(1))
        before = networks(x)
        networks.descend(x, x, torch.full((1,), 0.1))
        moves.append(float((networks(x) - before).square().mean().sqrt()))
    assert moves[0] == pytest.approx(moves[1], rel=0.15)


def test_weights_for_the_theory() -> None:
    neurons = Neurons(*TwoLayerBatch.draw(1, 1, 12, generators(2)).scalar_weights())
    assert neurons.inner.shape == neurons.bias.shape == neurons.outer.shape == (2, 12)
    with pytest.raises(InputError, match="needs one input and output, got 2, 1"):
        TwoLayerBatch.draw(2, 1, 12, generators(1)).scalar_weights()


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="and a generator"):
        TwoLayerBatch.draw(1, 1, 5, [])
    with pytest.raises(InputError, match="reduction: unknown name 'max', choose one of mean, sum"):
        TwoLayerBatch.draw(1, 1, 5, generators(1)).descend(
            torch.ones(1, 1, 1), torch.ones(1, 1, 1), torch.ones(1), "max"
        )


def test_the_module_has_the_scaling_of_the_paper(generator: torch.Generator) -> None:
    network = TwoLayer((2, 3), width=40)
    x, level = torch.randn(5, 2, 3, generator=generator), torch.linspace(-2, 2, 5)
    inputs = torch.cat([x.flatten(1), level[:, None]], 1)
    terms = torch.stack(
        [torch.relu(inputs @ network.inner[k] + network.bias[k])[:, None] * network.outer[:, k] for k in range(40)]
    )
    torch.testing.assert_close(network(x, level), terms.mean(0).reshape(5, 2, 3))
