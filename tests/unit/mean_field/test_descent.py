"""Descents of batches: exact gradients, divergence, resumable draws."""

import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.mean_field import TwoLayerBatch
from mnemoscope.mean_field.descent import denoising_draws, stochastic_descent
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.theory.large_steps import Neurons, NoisedPoints, full_batch_descent, relu_risk

PROCESS, TIME = OrnsteinUhlenbeck(), 0.2


def seeded(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(100 + k) for k in range(n)]


def trained(rates: list[float], steps: list[int], only: int | None = None) -> tuple[TwoLayerBatch, object]:
    """Networks 0, 1, … or one of them alone, from their own seeds."""
    chosen = slice(None) if only is None else slice(only, only + 1)
    gens = seeded(len(rates))[chosen]
    networks = TwoLayerBatch.draw(1, 1, 50, gens)
    data = torch.linspace(-1, 1, 5)[:, None].expand(len(gens), 5, 1)
    draw = denoising_draws(data, PROCESS, [TIME] * len(gens), 10, gens)
    return networks, stochastic_descent(networks, draw, learning_rates=rates[chosen], steps=steps[chosen])


def test_each_network_goes_its_own_number_of_steps_as_if_alone() -> None:
    rates, steps = [0.05, 0.1, 0.2], [450, 230, 7]
    together, history = trained(rates, steps)
    for k in range(3):
        alone, own = trained(rates, steps, only=k)
        assert torch.equal(together.outer[k], alone.outer[0])
        assert torch.equal(history.losses[k], own.losses[0])
    assert history.diverged.tolist() == [0, 0, 0]


def test_divergence_is_reported_with_its_step_and_spares_the_others() -> None:
    networks, history = trained([0.05, 1e4, 0.1], [300, 300, 300])
    assert history.diverged[0] == history.diverged[2] == 0
    assert 1 < int(history.diverged[1]) < 300
    calm, _ = trained([0.05, 0.1, 0.1], [300, 300, 300])
    assert torch.equal(networks.outer[0], calm.outer[0])
    assert bool(networks.outer[2].isfinite().all())


def test_draws_have_the_law_of_the_noised_data(generator: torch.Generator) -> None:
    data = torch.tensor([[[-1.0], [2.0]]])
    x, target = denoising_draws(data, PROCESS, [TIME], 500, [generator])(0, 40)
    assert x.shape == target.shape == (40, 500, 1)
    alpha, sigma = float(PROCESS.alpha(TIME)), float(PROCESS.sigma(TIME))
    clean = (x + sigma**2 * target) / alpha
    assert sorted({round(value, 4) for value in clean.flatten().tolist()}) == [-1.0, 2.0]
    assert float((sigma * target).std()) == pytest.approx(1, abs=0.03)


def test_full_batch_descent_is_descent_on_the_exact_risk() -> None:
    points = NoisedPoints(torch.linspace(-1, 1, 5), 0.9, 0.4)
    neurons = Neurons(*TwoLayerBatch.draw(1, 1, 30, seeded(2), frozen_inner=True).scalar_weights())
    after, history = full_batch_descent(neurons, points, learning_rates=[0.1, 0.02], steps=1)
    for k, rate in enumerate((0.1, 0.02)):
        one = Neurons(*(weights[k].double() for weights in neurons))
        slope = torch.func.grad(lambda weights: relu_risk(points, weights))(one)
        torch.testing.assert_close(after.bias[k], one.bias - 30 * rate * slope.bias)
        torch.testing.assert_close(after.outer[k], one.outer - 30 * rate * slope.outer)
        assert torch.equal(after.inner[k], one.inner)
        assert float(history.losses[k]) == pytest.approx(float(relu_risk(points, one)))
    free, _ = full_batch_descent(neurons, points, learning_rates=[0.1, 0.02], steps=1, frozen_inner=False)
    assert not torch.equal(free.inner, after.inner)


def test_full_batch_descent_lowers_the_risk_and_may_be_watched() -> None:
    points = NoisedPoints(torch.linspace(-1, 1, 5), 0.9, 0.4)
    neurons = Neurons(*TwoLayerBatch.draw(1, 1, 30, seeded(1), frozen_inner=True).scalar_weights())
    seen = {}
    full_batch_descent(
        neurons,
        points,
        learning_rates=[0.02],
        steps=25,
        watch=lambda networks, step: seen.update({step: float(relu_risk(points, networks)[0])}),
        watch_every=10,
    )
    assert list(seen) == [10, 20, 25]
    assert float(relu_risk(points, neurons.double())[0]) > seen[10] > seen[20] > seen[25]


def test_full_batch_divergence_is_reported() -> None:
    points = NoisedPoints(torch.linspace(-1, 1, 5), 0.9, 0.4)
    neurons = Neurons(*TwoLayerBatch.draw(1, 1, 30, seeded(2), frozen_inner=True).scalar_weights())
    after, history = full_batch_descent(neurons, points, learning_rates=[1e30, 0.02], steps=40)
    assert 1 < int(history.diverged[0]) <= 40
    assert int(history.diverged[1]) == 0
    assert bool(after.outer[1].isfinite().all())


def test_bad_arguments() -> None:
    networks = TwoLayerBatch.draw(1, 1, 5, seeded(2))
    draw = denoising_draws(torch.zeros(2, 3, 1), PROCESS, [TIME, TIME], 4, seeded(2))
    for rates, steps, complaint in (
        ([0.1], [3, 3], "learning_rates: needs 2 positive"),
        ([0.1, 0.0], [3, 3], "learning_rates: needs 2 positive"),
        ([0.1, 0.1], [3, 4], "steps: needs 2 positive numbers that do not grow"),
        ([0.1, 0.1], [3, 0], "steps: needs 2"),
    ):
        with pytest.raises(InputError, match=complaint):
            stochastic_descent(networks, draw, learning_rates=rates, steps=steps)
    points = NoisedPoints(torch.linspace(-1, 1, 5), 0.9, 0.4)
    with pytest.raises(InputError, match="steps: must be at least 1"):
        full_batch_descent(Neurons(*networks.scalar_weights()), points, learning_rates=[0.1, 0.1], steps=0)
