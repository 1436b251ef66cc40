"""Two models of two halves, whose likeness is known."""

import numpy as np
import pytest
import torch

import mnemoscope as mn
from mnemoscope.data import Dataset, Gaussian
from mnemoscope.errors import InputError
from mnemoscope.monitoring.halves.agreement import Estimate, sample_agreement
from mnemoscope.monitoring.halves.compare import HalvesReport
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.scores import EmpiricalScore, LawScore

DIM, N, PROCESS = 6, 60, OrnsteinUhlenbeck(t_min=1e-3, t_max=3.0)
LAW = Gaussian(torch.zeros(DIM), torch.eye(DIM))


@pytest.fixture(scope="module")
def split() -> mn.data.Halves:
    return mn.halves(LAW.sample(N, torch.Generator().manual_seed(1)).float().numpy(), 5)


@pytest.fixture(scope="module")
def copiers(split: mn.data.Halves) -> HalvesReport:
    a, b = (EmpiricalScore(half.array, PROCESS) for half in (split.a, split.b))
    return mn.compare_halves(split, a, b, PROCESS, n_samples=40, n_steps=12, n_items=20)


def test_copiers_of_their_own_halves(copiers: HalvesReport) -> None:
    assert copiers.drawn
    assert copiers.closeness.share == 1
    assert copiers.samples.own.value > 0.99
    assert copiers.samples.agreement.value < 0.8
    assert copiers.samples.nearer_each_other == 0
    low, *_, high = copiers.levels
    assert low.own.value == pytest.approx(1, abs=1e-6)
    assert low.agreement.value < low.own.value
    assert low.apart > 1
    assert high.apart < low.apart
    assert low.own_loss < low.other_loss
    assert low.gap.interval[0] > 0
    assert low.gap.value == pytest.approx(low.other_loss - low.own_loss)
    assert "Each model is drawn to its own half: 100 % of the samples" in copiers.verdict


def test_one_function_twice(split: mn.data.Halves) -> None:
    """Both models are the law's score: from the same noise come the same samples."""
    score = LawScore(LAW, PROCESS)
    found = mn.compare_halves(split, score, score, PROCESS, n_samples=40, n_steps=8, n_items=20)
    assert not found.drawn
    assert found.closeness.share == pytest.approx(0.5)  # each sample twice, once for either model
    assert found.closeness.chance_spread == pytest.approx(0, abs=1e-6)
    assert found.samples.agreement.value == pytest.approx(1)
    assert found.samples.nearer_each_other == 1
    assert all(level.agreement.value == pytest.approx(1) and level.apart == 0 for level in found.levels)
    assert found.levels[0].own.value < 0.999
    assert "Nothing tells which half a model was trained on" in found.verdict


def test_what_the_cosines_are() -> None:
    """Written out for two pairs in the plane."""
    split = mn.halves(np.array([[0.0, 2], [2, 0], [0, -2], [-2, 0]]), 0)
    first, second = torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[0.0, 1], [0, -1]])
    found = sample_agreement(split, first, second)
    np.testing.assert_allclose(found.cosines, [0, -1], atol=1e-12)
    for samples, half, part in ((first, split.a, found.own_cosines[:2]), (second, split.b, found.own_cosines[2:])):
        apart = [[float(np.linalg.norm(x - z)) for z in half.array] for x in samples.numpy()]
        nearest = half.array[np.argmin(apart, axis=1)]
        by_hand = [x @ z / np.linalg.norm(x) / np.linalg.norm(z) for x, z in zip(samples.numpy(), nearest, strict=True)]
        np.testing.assert_allclose(part, by_hand, atol=1e-12)


def test_an_estimate_is_students() -> None:
    found = Estimate.of(np.array([1.0, 2, 3]))
    assert found.value == 2
    assert found.interval == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-5)


def test_networks_are_left_as_they_were(split: mn.data.Halves) -> None:
    network = mn.build_network(mn.NetworkSpec("mlp", (DIM,), {"width": 8}), seed=0).train()
    settings = {"n_samples": 8, "n_steps": 2, "n_items": 8}
    one = mn.compare_halves(split, network, network, PROCESS, predicts="velocity", **settings)
    other = mn.NetworkScore(network, PROCESS, (DIM,))
    assert network.training
    assert one.to_dict() == mn.compare_halves(split, other, other, PROCESS, **settings).to_dict()


def test_what_is_refused_and_what_is_noted(split: mn.data.Halves) -> None:
    score = LawScore(LAW, PROCESS)
    with pytest.raises(InputError, match="returns NaN or Inf"):
        mn.compare_halves(split, lambda x, t: x * torch.nan, score, PROCESS)
    with pytest.raises(InputError, match="n_samples must be at least 2"):
        mn.compare_halves(split, score, score, PROCESS, n_samples=1)
    twins = mn.halves(Dataset(np.tile(split.a.array, (2, 1)), "twins"), 0)
    found = mn.compare_halves(twins, score, score, PROCESS, n_samples=8, n_steps=2, n_items=8)
    assert "distinct items are in both halves" in found.notes[0]
