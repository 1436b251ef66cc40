"""The exact denoiser with one item replaced, against the empirical score of that other training set."""

import pytest
import torch

from mnemoscope.monitoring.perfect import Replaced, perfect_denoiser
from mnemoscope.processes import VariancePreserving
from mnemoscope.scores import EmpiricalScore
from mnemoscope.scores.training_points import WeightedPoints


@pytest.mark.parametrize("level", [0.05, 0.5, 3.0])
def test_it_is_the_empirical_denoiser_of_the_other_set(level: float, generator: torch.Generator) -> None:
    process = VariancePreserving()
    t = process.time_of(level)
    alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
    train, other, noise = torch.randn(3, 12, 4, generator=generator, dtype=torch.float64)
    x, rows = alpha * other + sigma * noise, torch.randperm(12, generator=generator)
    found = perfect_denoiser(WeightedPoints(train), x, alpha, sigma, Replaced(rows, other))
    for i, row in enumerate(rows):
        changed = train.clone()
        changed[row] = other[i]
        expected = EmpiricalScore(changed, process).denoiser(x[i : i + 1], t)[0]
        torch.testing.assert_close(found[i], expected, rtol=1e-8, atol=1e-10)


def test_an_item_replaced_by_itself_changes_nothing(generator: torch.Generator) -> None:
    process = VariancePreserving()
    t = process.time_of(0.7)
    alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
    train, noise = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)
    x = alpha * train + sigma * noise
    found = perfect_denoiser(WeightedPoints(train), x, alpha, sigma, Replaced(torch.arange(9), train))
    torch.testing.assert_close(found, EmpiricalScore(train, process).denoiser(x, t), rtol=1e-8, atol=1e-10)
