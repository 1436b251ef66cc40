"""What the monitor says of scores whose memorization is known."""

import numpy as np
import torch

from mnemoscope.data import Gaussian
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.scores import EmpiricalScore, LawScore

DIM, PROCESS = 8, OrnsteinUhlenbeck(t_min=1e-3, t_max=3.0)
SPREAD = 0.26  # around one training item: most such samples, not all, are nearer to it than to a third of the next
LAW = Gaussian(torch.zeros(DIM), torch.eye(DIM))


def monitor(generator: torch.Generator) -> tuple[MemorizationMonitor, torch.Tensor]:
    train = LAW.sample(60, generator)
    return MemorizationMonitor(train, LAW.sample(60, generator), PROCESS, n_samples=60), train


def test_the_empirical_score_copies_and_the_true_score_does_not(generator: torch.Generator) -> None:
    watching, train = monitor(generator)
    honest = watching.update(LawScore(LAW, PROCESS), step=10)
    copying = watching.update(EmpiricalScore(train, PROCESS), step=20)
    assert not honest.result.exceeds
    assert copying.result.exceeds
    assert copying.result.rate.fraction == 1
    assert [record.step for record in watching.records] == [10, 20]


def test_records_differ_by_the_model_alone(generator: torch.Generator) -> None:
    watching, train = monitor(generator)
    undecided = LawScore(Gaussian(train[0], SPREAD**2 * torch.eye(DIM)), PROCESS)
    first, second = (watching.update(undecided, step) for step in (1, 2))
    assert 0.1 < first.result.rate.fraction < 0.9
    np.testing.assert_array_equal(first.result.flags, second.result.flags)


def test_samples_outside_the_range_of_the_data_are_measured(generator: torch.Generator) -> None:
    watching, _ = monitor(generator)
    wild = watching.update(lambda x, t: torch.zeros_like(x), step=0)
    assert wild.result.rate.fraction < 0.5
