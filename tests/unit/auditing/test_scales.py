"""Samples of the library's own scores are auditable as they are; a set on another scale is refused."""

import pytest
import torch
from torch import Tensor

from mnemoscope.auditing import audit
from mnemoscope.auditing.checks import comparable
from mnemoscope.data import Dataset, GaussianMixture, as_dataset, load_digits
from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, Process, VariancePreserving
from mnemoscope.sampling import sample
from mnemoscope.scores import (
    EmpiricalBayesScore,
    EmpiricalScore,
    KernelSmoothedScore,
    Score,
    TemperedScore,
    TikhonovScore,
)


def digits() -> tuple[Tensor, Tensor]:
    """On [−1, 1]."""
    train, holdout = load_digits().split(500, seed=0)
    return train.to_model()[:200], holdout.to_model()[:100]


def mixture(dim: int, components: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(dim)
    means = 2 * torch.randn(components, dim, generator=generator)
    covariances = (0.3 * torch.eye(dim) + 0.05).expand(components, dim, dim)
    law = GaussianMixture(means, covariances.clone())
    return law.sample(200, generator), law.sample(100, generator)


SETS = {"digits": digits(), "mixture of 3 in 16": mixture(16, 3), "mixture of 5 in 64": mixture(64, 5)}
every_set = pytest.mark.parametrize(("train", "holdout"), SETS.values(), ids=SETS.keys())


def scores(train: Tensor, process: Process) -> dict[str, Score]:
    """Every score in closed form from hardly regularised to hardly a score."""
    generator = torch.Generator().manual_seed(0)
    return (
        {"empirical": EmpiricalScore(train, process)}
        | {f"tikhonov {c}": TikhonovScore(train, process, c) for c in (0.01, 0.03, 0.1, 0.3, 1, 10, 100)}
        | {f"covariance {c}": TikhonovScore(train, process, c, "covariance") for c in (0.01, 0.1, 1)}
        | {f"empirical Bayes {tau}": EmpiricalBayesScore(train, process, tau) for tau in (1e-9, 1e-3, 1, 100)}
        | {f"tempered {t}": TemperedScore(train, process, t) for t in (1.5, 5, 100)}
        | {f"smoothed {h}": KernelSmoothedScore(train, process, h, generator=generator, n_draws=2) for h in (0.1, 1, 3)}
    )


@pytest.mark.slow
@every_set
@pytest.mark.parametrize("process", [VariancePreserving(), EDM()], ids=lambda p: p.name)
def test_samples_of_our_own_scores_are_auditable(train: Tensor, holdout: Tensor, process: Process) -> None:
    for name, score in scores(train, process).items():
        x = sample(score, process, 36, generator=torch.Generator().manual_seed(0), n_steps=6)
        try:
            comparable(as_dataset(x, name), as_dataset(train, "train"), "the generated set")
        except InputError as error:
            pytest.fail(str(error))


def test_the_audit_of_regularised_samples_runs() -> None:
    train, holdout = SETS["digits"]
    score = TikhonovScore(train, VariancePreserving(), 0.1)
    x = sample(score, VariancePreserving(), 40, generator=torch.Generator().manual_seed(0), n_steps=6)
    assert audit(x, train, holdout=holdout).fraction < 1


@every_set
@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize(
    "rescale",
    [
        lambda x: 127.5 * (x + 1),
        lambda x: (x + 1) / 2,
        lambda x: 2 * x,
        lambda x: x / 2,
        lambda x: 3 * x - 1,
        lambda x: x + 9,
        lambda x: x - 9,
        lambda x: 255 * x,
    ],
    ids=["[0, 255]", "[0, 1]", "x2", "x0.5", "x3 - 1", "+9", "-9", "x255"],
)
def test_another_scale_is_refused(train: Tensor, holdout: Tensor, rescale: object, copies: bool) -> None:
    items = train[:100] if copies else holdout
    with pytest.raises(InputError, match=r"^items: .*one value range"):
        comparable(as_dataset(rescale(items), "items"), as_dataset(train, "train"), "the generated set")
    with pytest.raises(InputError, match="one value range"):
        comparable(as_dataset(items, "items"), as_dataset(rescale(train), "train"), "the generated set")
    comparable(as_dataset(items, "items"), as_dataset(train, "train"), "the generated set")


def test_one_declared_range_is_taken_at_its_word() -> None:
    train, holdout = SETS["digits"]
    declared = [Dataset(part.numpy(), "set", (-1.0, 1.0)) for part in (2 * holdout, train)]
    comparable(*declared, "the generated set")


def test_items_without_contrast_are_no_other_scale() -> None:
    train, _ = SETS["digits"]
    comparable(as_dataset(torch.zeros(40, 8, 8), "flat"), as_dataset(train, "train"), "the generated set")
