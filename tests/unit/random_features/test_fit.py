"""Random features fitted at a grid of noise levels, on data of any mean and scale, along any process."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.data import Gaussian
from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, VarianceExploding, VariancePreserving
from mnemoscope.random_features import (
    RandomFeatureGrid,
    RandomFeatureScore,
    RandomFeatureSpec,
    collect_moments,
    fit_random_features,
    ridge_readout,
    standardization,
)
from mnemoscope.scores import LawScore

SPEC = RandomFeatureSpec(n_features=30, ridge=1e-2, noise_draws=3, n_times=5, seed=4)
PROCESSES = [OrnsteinUhlenbeck(), VariancePreserving(), VarianceExploding(), EDM()]


@pytest.fixture
def data(generator: torch.Generator) -> torch.Tensor:
    return 3 + 0.2 * torch.randn(20, 2, 3, generator=generator, dtype=torch.float64)


def test_fit_is_the_closed_form_level_by_level_on_the_same_draws(data: torch.Tensor) -> None:
    """By hand on (x − μ)/s at the times at which the ratio is σ/(α s): first every first layer, then every draw."""
    process = VariancePreserving()
    found = fit_random_features(data, process, SPEC)
    mean, scale = data.mean(dim=0), (data - data.mean(dim=0)).std(correction=0)
    ratios = np.geomspace(*process.ratio(torch.tensor([process.t_min, process.t_max], dtype=torch.float64)), 5)
    generator, ou = torch.Generator().manual_seed(4), OrnsteinUhlenbeck()
    times = [math.log1p((ratio / float(scale)) ** 2) / 2 for ratio in ratios]
    scores = [RandomFeatureScore((2, 3), 30, ou, time, generator=generator) for time in times]
    for score, level in zip(scores, found.levels, strict=True):
        moments = collect_moments(score, (data - mean) / scale, noise_draws=3, generator=generator)
        assert level.time == pytest.approx(score.time)
        torch.testing.assert_close(level.weight, score.weight)
        torch.testing.assert_close(level.readout.detach(), ridge_readout(moments, 1e-2))


@torch.no_grad()
@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_score_of_x_is_the_score_of_z_by_the_change_of_variables(process: object, data: torch.Tensor) -> None:
    """At α = 1 (and any α): x_t = αμ + s (α z_0 + (σ/s) ε), and a score divides by s."""
    grid = fit_random_features(data, process, SPEC)
    mean, scale = standardization(data)
    for level in grid.levels:
        time = process.time_of(process_ratio(level) * scale)
        alpha, sigma = process.alpha(time), process.sigma(time)
        x = alpha * data + sigma * torch.ones_like(data)
        z = (x - alpha * mean) / scale
        # From noise σ/s and signal α to the level's own: a factor c = α_k/α on z, which a score divides by.
        c = level.process.alpha(level.time) / alpha
        torch.testing.assert_close(grid(x, time), c * level(c * z, level.time) / scale)


def process_ratio(level: RandomFeatureScore) -> torch.Tensor:
    return level.process.ratio(level.time)


@torch.no_grad()
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_scaled_and_shifted_data_have_the_scaled_and_shifted_score(scale: float, shift: float) -> None:
    """With EDM, whose signal is 1: the model of a x + b at noise a σ is that of x at noise σ, over a."""
    data = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spec = RandomFeatureSpec(n_features=8, noise_draws=2, n_times=2)
    plain = fit_random_features(data, EDM(0.1, 10.0), spec)
    moved = fit_random_features(scale * data + shift, EDM(0.1 * scale, 10.0 * scale), spec)
    x = data + 0.1
    expected = plain(x, 0.1) / scale
    found = moved(scale * x + shift, 0.1 * scale)
    # Subtracting a mean of size |b| from data of size a loses digits: eps |b|/a, then divided by the noise.
    assert float((found - expected).norm() / expected.norm()) < 1e-8 * max(1.0, abs(shift) / scale)


@pytest.mark.statistical
@torch.no_grad()
@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_many_features_and_samples_approach_the_score_of_a_gaussian(
    process: object, generator: torch.Generator
) -> None:
    """Of any mean and covariance, on the scale of x: the error of the noise prediction is a few percent of it."""
    law = Gaussian(
        torch.tensor([2.0, -1.0], dtype=torch.float64), torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=torch.float64)
    )
    data = law.sample(4000, generator)
    spec = RandomFeatureSpec(n_features=150, ridge=1e-6, activation="tanh", noise_draws=2, n_times=6)
    grid, exact = fit_random_features(data, process, spec), LawScore(law, process)
    for level in grid.levels:
        t = process.time_of(process_ratio(level) * grid.scale)
        x = process.forward(law.sample(500, generator), t, generator)
        error = (grid.noise(x, t) - exact.noise(x, t)).norm() / math.sqrt(x.numel())
        assert float(error) < 0.1


@torch.no_grad()
def test_score_contract(data: torch.Tensor) -> None:
    grid = fit_random_features(data.float(), VariancePreserving(), SPEC)
    assert isinstance(grid, RandomFeatureGrid)
    x = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(1))
    scalar = grid(x, 0.3)
    assert (scalar.shape, scalar.dtype) == (x.shape, torch.float32)
    torch.testing.assert_close(grid(x, torch.full((4,), 0.3)), scalar)
    mixed = torch.tensor([1e-4, 0.1, 0.6, 1.0])
    alone = torch.cat([grid(x[i : i + 1], mixed[i]) for i in range(4)])
    torch.testing.assert_close(grid(x, mixed), alone)
    again = fit_random_features(data.float(), VariancePreserving(), SPEC)
    assert torch.equal(grid(x, 0.3), again(x, 0.3))


def test_noise_draws_left_open_are_ten_for_each_feature() -> None:
    spec = RandomFeatureSpec(n_features=100)
    assert [spec.noise_draws_for(n) for n in (1, 64, 1000, 5000)] == [1000, 16, 1, 1]
    assert [RandomFeatureSpec(noise_draws=m).noise_draws_for(64) for m in (7, math.inf)] == [7, math.inf]


def test_more_draws_come_to_their_expectation() -> None:
    data = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(0))
    x = torch.randn(50, 3, 4, generator=torch.Generator().manual_seed(1))

    @torch.no_grad()
    def scores(noise_draws: float) -> torch.Tensor:
        spec = replace(SPEC, noise_draws=noise_draws)
        grid = fit_random_features(data, VariancePreserving(), spec)
        return torch.stack([grid(x, t) for t in (0.02, 0.3, 0.9)])

    exact = scores(math.inf)
    off = [float((scores(m) - exact).norm() / exact.norm()) for m in (10, 1000)]
    assert off[1] < 0.1
    assert 4 < off[0] / off[1] < 25


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_features", 0),
        ("ridge", 0.0),
        ("ridge", math.inf),
        ("ridge", math.nan),
        ("activation", "swish"),
        ("noise_draws", 0),
        ("noise_draws", 1.5),
        ("n_times", 1),
    ],
)
def test_bad_specifications_name_the_field(field: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{field}: "):
        RandomFeatureSpec(**{field: value})


def test_data_without_a_scale_is_refused() -> None:
    with pytest.raises(InputError, match="n_samples >= 1"):
        standardization(torch.zeros(0, 3))
    with pytest.raises(InputError, match="all 3 items are the same"):
        fit_random_features(torch.ones(3, 2), EDM(), SPEC)
    with pytest.raises(InputError, match=r"scale: must be positive, got 0\.0"):
        RandomFeatureGrid(
            [RandomFeatureScore((2,), 3, EDM(), 1.0, generator=torch.Generator().manual_seed(0))], scale=0.0
        )
