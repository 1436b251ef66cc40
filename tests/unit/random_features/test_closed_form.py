import math

import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.random_features import closed_form
from mnemoscope.random_features.closed_form import (
    GradientFlow,
    collect_moments,
    gradient_descent,
    ridge_readout,
    stochastic_gradient_descent,
)
from mnemoscope.random_features.score import RandomFeatureScore

N, M, P, RIDGE = 12, 3, 15, 1e-2


@pytest.fixture
def score():
    return RandomFeatureScore((2, 2), P, OrnsteinUhlenbeck(), 0.2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def data():
    return torch.randn(N, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def draws(monkeypatch):
    """The noise that ``collect_moments`` draws, recorded."""
    recorded = []
    original = closed_form.standard_normal

    def record(*args, **kwargs):
        recorded.append(original(*args, **kwargs))
        return recorded[-1]

    monkeypatch.setattr(closed_form, "standard_normal", record)
    return recorded


def moments_of(score, data, noise_draws=M, **more):
    generator = torch.Generator().manual_seed(2)
    return collect_moments(score, data, noise_draws=noise_draws, generator=generator, **more)


def explicit_loss(score, data, noise, readout, ridge=0.0):
    """L(A) from all draws at once, as it is written."""
    sigma, dim = float(score.process.sigma(score.time)), score.dim
    repeated = data.flatten(1).repeat(M, 1)
    phi = score.features(score.process.perturb(repeated, score.time, noise))
    prediction = phi @ readout.mT / math.sqrt(P)
    loss = (sigma * prediction + noise).square().sum() / (len(noise) * dim)
    return loss + sigma**2 * ridge / (dim * P) * readout.square().sum()


def test_moments_give_the_loss_and_its_gradient(score, data, draws):
    moments = moments_of(score, data)
    noise = torch.cat(draws)
    generator = torch.Generator().manual_seed(3)
    readout = torch.randn(4, P, generator=generator, dtype=torch.float64)
    assert moments.loss(readout) == pytest.approx(float(explicit_loss(score, data, noise, readout)))
    readout.requires_grad_()
    (expected,) = torch.autograd.grad(explicit_loss(score, data, noise, readout, RIDGE), readout)
    torch.testing.assert_close(moments.gradient(readout.detach(), RIDGE), expected)


def test_every_item_gets_every_draw_whatever_the_chunk(score, data, draws):
    """m n draws in all, item i with draws i, i + n, …; the last chunk may be short."""
    moments_of(score, data, chunk=7)
    assert sum(len(chunk) for chunk in draws) == N * M
    assert {len(chunk) for chunk in draws[:-1]} == {7}
    noise = torch.cat(draws)
    found = moments_of(score, data, chunk=7)
    # Replay: the same noise, all in one piece, must give the same K and V.
    phi = score.features(score.process.perturb(data.flatten(1).repeat(M, 1), score.time, noise))
    torch.testing.assert_close(found.features, phi.mT @ phi / (N * M))
    torch.testing.assert_close(found.cross, noise.mT @ phi / (N * M))
    assert found.noise == pytest.approx(float(noise.square().mean()))


def test_ridge_is_the_minimiser(score, data):
    moments = moments_of(score, data)
    readout = ridge_readout(moments, RIDGE)
    torch.testing.assert_close(moments.gradient(readout, RIDGE), torch.zeros_like(readout), atol=1e-12, rtol=0)


def test_the_score_of_a_readout_has_the_loss_of_the_moments(score, data):
    """Through the public score: a fresh Monte-Carlo estimate, whose noise is 3 % here."""
    score.set_readout(ridge_readout(moments_of(score, data), RIDGE))
    generator, sigma = torch.Generator().manual_seed(6), float(score.process.sigma(0.2))
    x0 = data.repeat(1000, 1, 1)
    noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
    with torch.no_grad():
        estimate = (sigma * score(score.process.perturb(x0, 0.2, noise), 0.2) + noise).square().mean()
    expected = moments_of(score, data, noise_draws=1000).loss(score.readout.detach())
    assert float(estimate) == pytest.approx(expected, rel=0.03)


def test_flow_starts_at_zero_and_ends_at_ridge(score, data):
    moments = moments_of(score, data)
    flow = GradientFlow(moments, RIDGE)
    torch.testing.assert_close(flow.readout(0.0), torch.zeros(4, P, dtype=torch.float64))
    torch.testing.assert_close(flow.readout(1e6), ridge_readout(moments, RIDGE))


@pytest.mark.parametrize("ridge", [0.0, RIDGE])
def test_losses_at_all_times_are_the_losses_of_the_readouts(score, data, ridge):
    train, fresh = moments_of(score, data), moments_of(score, -data, noise_draws=1)
    flow, times = GradientFlow(train, ridge), torch.tensor([0.0, 0.3, 4.0, 1e3, 1e7])
    for moments in (train, fresh):
        expected = [moments.loss(flow.readout(float(time))) for time in times]
        torch.testing.assert_close(flow.losses(times, moments), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("ridge", [0.0, RIDGE])
def test_small_descent_steps_follow_the_flow(score, data, ridge):
    """A step advances τ by 2ησ²/(dp); the gap is of first order in η and closes tenfold with the steps."""
    moments, training_time = moments_of(score, data), 2.0
    target = GradientFlow(moments, ridge).readout(training_time)
    gaps = []
    for steps in (200, 2000):
        learning_rate = training_time / steps * 4 * P / (2 * moments.sigma**2)
        found = gradient_descent(moments, learning_rate=learning_rate, steps=steps, ridge=ridge)
        gaps.append(float((found - target).norm() / target.norm()))
    assert gaps[0] < 0.02
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("noise_draws", [2, math.inf])
def test_sgd_of_small_steps_comes_down_to_the_flow(score, data, noise_draws):
    """With ever fresh noise, that on all draws; two fixed draws are fitted, at a cost on others."""
    steps, training_time = 4000, 4.0
    rate = training_time / steps * 4 * P / (2 * float(score.process.sigma(0.2)) ** 2)
    found = stochastic_gradient_descent(
        score,
        data,
        noise_draws=noise_draws,
        learning_rate=rate,
        steps=steps,
        batch_size=64,
        generator=torch.Generator().manual_seed(4),
    )
    many = moments_of(score, data, noise_draws=2000)
    if math.isinf(noise_draws):
        expected = GradientFlow(many).losses(torch.tensor([training_time]), many)
        assert many.loss(found) == pytest.approx(float(expected), rel=5e-3)
    else:
        assert many.loss(found) < 1
        ever_fresh = GradientFlow(many).losses(torch.tensor([training_time]), many)
        assert many.loss(found) > float(ever_fresh) + 5e-3


def test_bad_input(score, data):
    generator = torch.Generator()
    with pytest.raises(InputError, match="noise_draws: a finite model needs a whole number >= 1, got inf"):
        collect_moments(score, data, noise_draws=math.inf, generator=generator)
    with pytest.raises(InputError, match="noise_draws: a finite model needs a whole number >= 1, got 0"):
        moments_of(score, data, noise_draws=0)
    with pytest.raises(InputError, match="data: needs shape"):
        moments_of(score, data[0])
    moments = moments_of(score, data)
    with pytest.raises(InputError, match="ridge: must be positive, got 0"):
        ridge_readout(moments, 0)
    with pytest.raises(InputError, match="ridge: must be >= 0, got -1"):
        GradientFlow(moments, -1)
    with pytest.raises(InputError, match=r"noise_draws: must be a whole number >= 1 or math\.inf, got 1\.5"):
        stochastic_gradient_descent(
            score, data, noise_draws=1.5, learning_rate=1, steps=1, batch_size=1, generator=generator
        )
