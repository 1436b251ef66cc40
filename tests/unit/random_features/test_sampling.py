"""A grid of exactly trained random-feature scores in the real sampler."""

import torch

from mnemoscope.data import Gaussian
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.random_features import RandomFeatureGrid, RandomFeatureScore, collect_moments, ridge_readout
from mnemoscope.sampling import ratio_grid, sample
from mnemoscope.scores import LawScore


def test_random_features_sample_a_gaussian(generator: torch.Generator) -> None:
    """With many more samples than features the model is near the truth, and so are its samples, draw by draw."""
    process = OrnsteinUhlenbeck(t_min=0.02, t_max=2.5)
    covariance = torch.diag(torch.tensor([2.0, 0.5], dtype=torch.float64))
    law = Gaussian(torch.zeros(2, dtype=torch.float64), covariance)
    data = law.sample(2000, generator)
    scores = []
    for ratio in ratio_grid(process, 30):
        time = float(process.time_of(ratio))
        score = RandomFeatureScore((2,), 40, process, time, activation="tanh", generator=generator)
        moments = collect_moments(score, data, noise_draws=4, generator=generator)
        score.set_readout(ridge_readout(moments, 1e-6))
        scores.append(score)
    initial = torch.randn(2000, 2, generator=generator, dtype=torch.float64)
    learned, exact = (
        sample(score, process, 2000, generator=generator, n_steps=30, initial=initial)
        for score in (RandomFeatureGrid(scores), LawScore(law, process))
    )
    assert (learned - exact).norm() / exact.norm() < 0.1
