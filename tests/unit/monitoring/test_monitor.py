"""What the monitor says of scores whose memorization is known."""

import numpy as np
import pytest
import torch

from mnemoscope.auditing import audit
from mnemoscope.data import Gaussian
from mnemoscope.errors import InputError
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
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


def test_samples_that_are_handed_in(generator: torch.Generator) -> None:
    """In place of drawn ones; a look without either has none."""
    _, train = monitor(generator)
    without = MemorizationMonitor(train, LAW.sample(60, generator), PROCESS)
    assert without.update(LawScore(LAW, PROCESS), 1).samples is None
    record = without.update(LawScore(LAW, PROCESS), 2, samples=train[torch.arange(100) % 60] + 1e-3)
    assert record.decision.state == "memorizing"
    assert record.samples.copied == 1
    assert record.samples.n == 100
    assert without.should_stop()
    assert without.should_stop(at="memorizing")
    with pytest.raises(InputError, match="event shape"):
        without.update(LawScore(LAW, PROCESS), 3, samples=train[:, 1:])
    with pytest.raises(InputError, match="at must be"):
        without.should_stop(at="generalizing")


def test_what_samples_show_is_what_an_audit_shows(generator: torch.Generator) -> None:
    train, holdout = LAW.sample(80, generator), LAW.sample(60, generator)
    samples = torch.cat([train[:25] + 0.01, LAW.sample(50, generator)])
    found = MemorizationMonitor(train, holdout, PROCESS).update(LawScore(LAW, PROCESS), 1, samples)
    report = audit(samples, train, holdout=holdout)
    assert found.result.rate == report.results[0].rate
    assert found.result.null == report.results[0].null
    assert found.samples.closeness == report.closeness.share
    assert found.samples.expected == report.closeness.expected
    assert found.samples.listed == report.copies.listed.sum()
    assert found.samples.copies == pytest.approx(report.copies.share_lower, abs=0.02)
    assert found.samples.reference == pytest.approx(report.closeness.grade.reference, abs=0.06)


def test_onset(generator: torch.Generator) -> None:
    train, holdout = LAW.sample(60, generator), LAW.sample(60, generator)
    heard: list[int] = []
    logged: dict[int, dict[str, float]] = {}
    watching = MemorizationMonitor(
        train, holdout, PROCESS, log=lambda values, step: logged.update({step: values}),
        on_onset=lambda record: heard.append(record.step),
    )  # fmt: skip
    honest, copying = LawScore(LAW, PROCESS), EmpiricalScore(train, PROCESS)
    assert (watching.state, watching.last_good_step) == ("generalizing", None)
    for step, model in enumerate((honest, honest, copying, copying), start=1):
        watching.update(model, step)
    assert heard == [3]
    assert watching.last_good_step == 2
    assert watching.records[-1].decision.since == 3
    assert [logged[step]["mnemoscope/state"] for step in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert logged[4]["mnemoscope/membership"] == logged[4]["mnemoscope/membership/0.1"] == 1
    assert logged[4]["mnemoscope/perfection"] == max(logged[4][f"mnemoscope/perfection/{r}"] for r in ("0.1", "0.3"))
    assert all(isinstance(value, float) for value in logged[4].values())
    with pytest.raises(InputError, match="looks go forward"):
        watching.update(honest, 4)


def test_networks_of_the_library_and_in_double_precision(generator: torch.Generator) -> None:
    train, holdout = LAW.sample(60, generator), LAW.sample(60, generator)
    network = build_network(NetworkSpec("mlp", (DIM,), {"width": 8}), seed=0)
    looks = []
    for model, predicts in ((network, "velocity"), (NetworkScore(network, PROCESS, (DIM,)), "score")):
        looks.append(MemorizationMonitor(train, holdout, PROCESS, predicts=predicts).update(model, 1))
    assert looks[0].levels == looks[1].levels
    linear = torch.nn.Linear(DIM, DIM, dtype=torch.float64)
    double = MemorizationMonitor(train, holdout, PROCESS, n_samples=20, n_steps=2).update(lambda x, t: linear(x), 1)
    assert double.samples.n == 20


def test_what_a_look_costs(generator: torch.Generator) -> None:
    """Three outputs at each level of 48 training and 48 held-out items, however many there are."""
    train, holdout = LAW.sample(200, generator), LAW.sample(100, generator)
    law, evaluated = LawScore(LAW, PROCESS), list[int]()

    def model(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        evaluated.append(len(x))
        return law.denoiser(x, t)

    watching = MemorizationMonitor(train, holdout, PROCESS, predicts="denoiser")
    for step in (1, 2):  # the first look also sees whether its time is on the right scale
        evaluated.clear()
        watching.update(model, step)
    assert sum(evaluated) == 3 * 4 * (48 + 48)
