"""Signals of scores whose memory is known, and what is refused in one line."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mnemoscope.data import Dataset, Gaussian
from mnemoscope.errors import InputError
from mnemoscope.monitoring import MemorizationMonitor, MonitorRecord
from mnemoscope.monitoring.models import Model
from mnemoscope.monitoring.signals import Probe
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.scores import EmpiricalScore, LawScore

DIM, N = 6, 40
PROCESS = OrnsteinUhlenbeck(t_min=1e-3, t_max=3.0)
LAW = Gaussian(torch.zeros(DIM), torch.eye(DIM))
TRAIN, HOLDOUT = LAW.sample(2 * N, torch.Generator().manual_seed(3)).split(N)


def look(model: object, **options: object) -> MonitorRecord:
    return MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, **options).update(model, 7)


def test_a_model_that_knows_the_law_alone_is_at_the_nulls() -> None:
    for level in look(LawScore(LAW, PROCESS)).levels:
        for signal in (level.membership, level.norm_membership, level.gap, level.perfection):
            low, high = signal.interval
            assert low - 0.1 <= signal.null <= high + 0.1, level


def test_the_empirical_score_is_perfect() -> None:
    record = look(EmpiricalScore(TRAIN, PROCESS))
    assert [level.ratio for level in record.levels] == [0.1, 0.3, 1, 3]
    assert all(level.perfection.value > 0.999 for level in record.levels)
    lowest = record.levels[0]
    assert lowest.membership.value == lowest.norm_membership.value == 1
    assert lowest.gap.interval[0] > 0
    assert record.decision.state == "starting to memorize"  # without samples no more is said


def test_the_loss_is_that_of_a_loop() -> None:
    """A slow twin: the model that returns x/2, whose loss can be written down for the same noise."""
    monitor = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, predicts="denoiser", levels=[0.5])
    (level,) = monitor.update(lambda x, t: x / 2, 1).levels
    alpha = 1 / np.sqrt(1 + 0.5**2)
    errors = (alpha / 2 - 1) ** 2 * np.mean(HOLDOUT.numpy() ** 2) + (alpha / 4) ** 2
    assert level.holdout_loss == pytest.approx(errors, rel=0.15)
    half = (alpha / 2 - 1) ** 2 * (TRAIN**2).mean(dim=1).numpy()
    other = (alpha / 2 - 1) ** 2 * (HOLDOUT**2).mean(dim=1).numpy()
    assert level.norm_membership.value == pytest.approx(np.mean(half[:, None] < other[None]))


@pytest.mark.parametrize("predicts", ["score", "noise", "denoiser"])
def test_whatever_it_predicts_it_is_the_same_model(predicts: str) -> None:
    law = LawScore(LAW, PROCESS)
    functions: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "score": law.__call__,
        "noise": law.noise,
        "denoiser": law.denoiser,
    }
    function = functions[predicts]
    found, expected = look(lambda x, t: function(x, t), predicts=predicts), look(law)
    for one, other in zip(found.levels, expected.levels, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-3)
        assert one.membership.value == pytest.approx(other.membership.value, abs=5e-3)


class Nothing(nn.Module):
    def __init__(self, value: float, shape: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.value, self.shape = value, shape

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.value * self.shape(x)


@pytest.mark.parametrize(
    ("words", "act"),
    [
        ("step 7, σ/α = 0.1: the model returns NaN or Inf", lambda: look(Nothing(float("nan")))),
        (r"step 7, σ/α = 0.1: score: must return .*, 5", lambda: look(Nothing(1, lambda x: x[:, 1:]))),
        (
            "step 7, σ/α = 0.1: score: must return .* returned tuple",
            lambda: look(lambda x, t: (x, t), predicts="score"),
        ),
        ("time is on another scale: told 333 t", lambda: look(Scaled(), predicts="noise")),
        ("levels: σ/α = 500 is none of the process", lambda: look(Nothing(0), levels=[500])),
        ("needs at least one noise level", lambda: look(Nothing(0), levels=[])),
        ("predicts.*velocity", lambda: look(Nothing(0), predicts="epsilon")),
        ("for networks", lambda: look(lambda x, t: x, predicts="velocity")),
        ("holdout: needs at least 16", lambda: MemorizationMonitor(TRAIN, HOLDOUT[:15], PROCESS)),
        ("row by row", lambda: MemorizationMonitor(TRAIN, TRAIN, PROCESS)),
        ("3 of 40 held-out items are identical", lambda: MemorizationMonitor(TRAIN, overlapping(3, 0), PROCESS)),
        ("held-out items are nearly identical", lambda: MemorizationMonitor(TRAIN, overlapping(30, 1e-4), PROCESS)),
        ("event shape", lambda: MemorizationMonitor(TRAIN, HOLDOUT[:, 1:], PROCESS)),
        ("false_alarms", lambda: MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, false_alarms=0)),
    ],
)
def test_what_is_refused(words: str, act: Callable[[], object]) -> None:
    with pytest.raises(InputError, match=words) as caught:
        act()
    assert "\n" not in str(caught.value)


class Scaled(nn.Module):
    """The law's noise prediction for times that are a thousand times as large."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return LawScore(LAW, PROCESS).noise(x, (t.double() * PROCESS.t_max / 999).clamp(min=1e-6))


def overlapping(count: int, noise: float) -> Tensor:
    holdout = HOLDOUT.clone()
    holdout[:count] = TRAIN[:count] + noise * HOLDOUT[:count]
    return holdout


def test_an_untrained_model_is_not_taken_for_one_of_another_scale() -> None:
    for value in (0.0, 0.3, -2.0):
        look(Nothing(value), predicts="noise")


@pytest.mark.parametrize("scale", [0.3, 1.0, 8.0])
def test_levels_that_tell_items_apart(scale: float) -> None:
    """By a loop: the exact denoiser's error at noised training items, in units of their variance."""
    train, holdout = scale * TRAIN, scale * HOLDOUT
    probe = Probe(Dataset(train.numpy(), "train"), Dataset(holdout.numpy(), "holdout"), PROCESS, n_items=N)
    levels = probe.look(Model(LawScore(LAW, PROCESS), PROCESS, (DIM,), "score"), "here", None, torch.float32)
    generator, expected = torch.Generator().manual_seed(9), []
    for level in levels:
        noisy = train + level.ratio * torch.randn(40, N, DIM, generator=generator)
        weights = torch.softmax(-(noisy[:, :, None] - train).square().sum(-1) / (2 * level.ratio**2), -1)
        error = (weights @ train - train).square().mean() / train.var(dim=0, correction=0).mean()
        if error < 0.25:
            expected.append(level.ratio)
    assert expected, "this law should have some"
    assert [level.ratio for level in probe.telling(levels)] == expected


def test_without_a_level_that_tells_the_lowest_noise_decides() -> None:
    probe = Probe(*(Dataset(each.numpy(), "set") for each in (TRAIN, HOLDOUT)), PROCESS, levels=[3.0, 10.0])
    levels = probe.look(Model(LawScore(LAW, PROCESS), PROCESS, (DIM,), "score"), "here", None, torch.float32)
    assert [level.ratio for level in probe.telling(levels)] == [3.0]
