import math

import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, OrnsteinUhlenbeck
from mnemoscope.random_features.score import RandomFeatureGrid, RandomFeatureScore

ACTIVATIONS = {
    "relu": torch.relu,
    "erf": torch.erf,
    "sine": torch.sin,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
}


def make(time=0.1, *, seed=0, event_shape=(2, 3), n_features=20, **more):
    generator = torch.Generator().manual_seed(seed)
    score = RandomFeatureScore(event_shape, n_features, OrnsteinUhlenbeck(), time, generator=generator, **more)
    score.set_readout(torch.randn(score.readout.shape, generator=generator, dtype=score.readout.dtype))
    return score


@torch.no_grad()
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_score_is_the_formula_entry_by_entry(activation):
    score = make(activation=activation)
    x = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = score(x, 0.1)
    assert found.shape == x.shape
    for i in range(4):
        flat = x[i].reshape(6)
        features = [
            ACTIVATIONS[activation](sum(w * v for w, v in zip(row, flat, strict=True)) / math.sqrt(6)) - score.centre
            for row in score.weight
        ]
        for k in range(6):
            terms = sum(a * f for a, f in zip(score.readout[k], features, strict=True))
            assert float(found[i].reshape(6)[k]) == pytest.approx(float(terms) / math.sqrt(20), rel=1e-10)


@pytest.mark.parametrize(
    ("activation", "mean"),
    [("relu", 1 / math.sqrt(2 * math.pi)), ("tanh", 0.0), ("gelu", 0.5 / math.sqrt(math.pi))],
)
def test_centre_is_the_gaussian_mean(activation, mean):
    # Variance 1: power 1 keeps it at every time. GELU: E[z Φ(z)] = 1/(2√π).
    assert make(activation=activation).centre == pytest.approx(mean, abs=1e-6)


def test_float32_in_float32_out_and_a_state_dict_that_restores():
    score = make(dtype=torch.float32)
    x = torch.randn(3, 2, 3)
    assert score(x, 0.1).dtype == torch.float32
    other = make(seed=5, dtype=torch.float32)
    other.load_state_dict(score.state_dict())
    assert torch.equal(other(x, 0.1), score(x, 0.1))


def test_a_score_answers_at_its_own_time_only():
    score, x = make(), torch.zeros(2, 2, 3)
    score(x, torch.full((2,), 0.1))
    with pytest.raises(InputError, match=r"t: this score was learned at time 0\.1 only, got 0\.2"):
        score(x, 0.2)
    with pytest.raises(InputError, match=r"time 0\.1 only, got 0\.1 to 0\.3"):
        score(x, torch.tensor([0.1, 0.3]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_features": 0}, "n_features: must be at least 1, got 0"),
        ({"activation": "swish"}, "activation: unknown name 'swish'"),
        ({"power": 0.0}, "power: must be positive, got 0.0"),
        ({"time": 0.0}, "time: there must be noise"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(InputError, match=message):
        make(**change)


def test_grid_uses_each_score_at_its_time_and_the_nearest_in_between():
    scores = [make(time, seed=seed) for seed, time in enumerate((0.5, 0.01, 0.1))]
    grid, x = RandomFeatureGrid(scores), torch.ones(3, 2, 3, dtype=torch.float64)
    for score in scores:
        torch.testing.assert_close(grid(x, score.time), score(x, score.time))
    mixed = grid(x, torch.tensor([0.5, 0.01, 0.1]))
    torch.testing.assert_close(mixed, torch.cat([score(x[:1], score.time) for score in scores]))

    process, near = OrnsteinUhlenbeck(), 0.11
    rescaled = x * process.alpha(0.1) / process.alpha(near)
    expected = scores[2](rescaled, 0.1) * process.sigma(0.1) / process.sigma(near)
    torch.testing.assert_close(grid(x, near), expected)


def test_grid_refuses_what_it_does_not_cover():
    score = make()
    with pytest.raises(InputError, match="needs at least one"):
        RandomFeatureGrid([])
    with pytest.raises(InputError, match="same time"):
        RandomFeatureGrid([score, make()])
    generator = torch.Generator()
    other = RandomFeatureScore((2, 3), 20, EDM(), 0.2, generator=generator)
    with pytest.raises(InputError, match="one process"):
        RandomFeatureGrid([score, other])
    grid = RandomFeatureGrid([score, make(0.5)])
    with pytest.raises(InputError, match=r"cover times 0\.1 to 0\.5, got 0\.6"):
        grid(torch.zeros(1, 2, 3), 0.6)
