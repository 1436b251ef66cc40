import math

import numpy as np
import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.random_features import RandomFeatureScore, collect_moments, expected_moments
from mnemoscope.random_features.score import ACTIVATIONS
from mnemoscope.studies.random_features.model import random_score

ITEMS = 7


def score_of(activation="relu", dim=16, time=0.2, n_features=9):
    generator = torch.Generator().manual_seed(0)
    process = OrnsteinUhlenbeck()
    return RandomFeatureScore((dim,), n_features, process, time, activation=activation, generator=generator)


def data_of(dim=16, items=ITEMS):
    return torch.randn(items, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_quadrature(score, data):
    """K and V pair by pair: the trapezoidal rule over the plane of two pre-activations, item by item."""
    z = torch.linspace(-9, 9, 1801, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    alpha, sigma = float(score.process.alpha(score.time)), float(score.process.sigma(score.time))
    weight = score.weight / math.sqrt(score.dim)
    K, V = torch.zeros(score.n_features, score.n_features).double(), torch.zeros_like(score.weight.mT)
    for x in data:
        for i, w in enumerate(weight):
            phi = score.function(alpha * w @ x + sigma * w.norm() * z) - score.centre
            V[:, i] += w / w.norm() * (density * z * phi).sum() / len(data)
            for j, v in enumerate(weight):
                r = w @ v / (w.norm() * v.norm())
                fresh = (1 - r**2).clamp(min=0).sqrt()
                # Given z of the first, the second is normal: its mean by the same rule.
                given = score.function(alpha * v @ x + sigma * v.norm() * (r * z[::9, None] + fresh * z)) - score.centre
                K[i, j] += (9 * density[::9] * phi[::9] * (given @ density)).sum() / len(data)
    return K, V


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_pair_of_features_by_quadrature(activation):
    score, data = score_of(activation, n_features=4), data_of(items=2)
    K, V = by_quadrature(score, data)
    moments = expected_moments(score, data, tolerance=1e-7)
    atol = 1e-4 if activation == "relu" else 2e-6  # the rule meets a kink
    torch.testing.assert_close(moments.features, K, atol=atol, rtol=0)
    torch.testing.assert_close(moments.cross, V, atol=atol, rtol=0)
    assert (moments.noise, moments.sigma) == (1.0, float(score.process.sigma(score.time)))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_many_draws_come_close_as_their_number_grows(activation):
    score, data = score_of(activation), data_of()
    exact, generator = expected_moments(score, data), torch.Generator().manual_seed(2)
    off = [
        float((collect_moments(score, data, noise_draws=m, generator=generator).features - exact.features).norm())
        for m in (100, 10_000)
    ]
    assert 5 < off[0] / off[1] < 20


def test_the_tolerance_bounds_what_is_left_out():
    score, data = score_of(dim=10, n_features=40), data_of(dim=10)
    exact = expected_moments(score, data, tolerance=1e-7).features
    mean = float(exact.diagonal().mean())
    found = [float((expected_moments(score, data, tolerance=t).features - exact).norm()) / mean for t in (1e-1, 1e-3)]
    assert found[0] < 1e-1
    assert found[1] < 1e-3
    assert found[0] > 10 * found[1] > 0


def test_more_items_than_a_chunk(monkeypatch):
    score, data = score_of(), data_of()
    whole = expected_moments(score, data)
    monkeypatch.setattr("mnemoscope.random_features.expectation.CHUNK", 3)
    chunked = expected_moments(score, data)
    torch.testing.assert_close(chunked.features, whole.features, atol=1e-7, rtol=0)
    torch.testing.assert_close(chunked.cross, whole.cross)


def test_items_of_any_shape_and_a_centre():
    generator = torch.Generator().manual_seed(0)
    images = 2.0 * data_of().reshape(ITEMS, 4, 4)
    score = random_score(images, 9, "relu", OrnsteinUhlenbeck(), 0.2, generator)
    assert score.centre > 0.3
    drawn = collect_moments(score, images, noise_draws=20_000, generator=generator)
    exact = expected_moments(score, images)
    assert float((exact.features - drawn.features).abs().max()) < 0.03
    assert float((exact.cross - drawn.cross).abs().max()) < 0.02
    np.testing.assert_allclose(exact.loss(score.readout.detach()), 1.0)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_hardly_any_noise_leaves_the_features_of_the_items(activation):
    """Pre-activations are a hundred standard deviations from the kink, and two dozen terms are asked for."""
    score, data = score_of(activation, dim=10, time=1e-3, n_features=40), data_of(dim=10, items=50)
    moments = expected_moments(score, data, tolerance=1e-9)
    phi = score.features(float(score.process.alpha(score.time)) * data)
    torch.testing.assert_close(moments.features, phi.mT @ phi / len(data), atol=1e-2, rtol=0)


@pytest.mark.parametrize("dim", [1, 2])
def test_few_dimensions_are_refused_in_one_line(dim):
    with pytest.raises(InputError, match=rf"^data: in {dim} dimensions .* noise_draws instead$"):
        expected_moments(score_of(dim=dim), data_of(dim=dim))


def test_items_of_another_shape_are_refused():
    with pytest.raises(InputError, match="data: needs shape"):
        expected_moments(score_of(dim=16), data_of(dim=4))
