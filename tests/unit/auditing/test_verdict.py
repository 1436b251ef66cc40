"""What the verdict may claim: no more than its rule sees, and nothing green on samples that cannot be data."""

from pathlib import Path

import numpy as np
import pytest

from mnemoscope.auditing import audit
from mnemoscope.auditing.evidence import holm
from mnemoscope.data import Dataset, load_digits
from mnemoscope.pages import percent

TRAIN, HOLDOUT = load_digits().split(500, seed=0)
# The digits come writer by writer: in a random order the held-out items are exchangeable.
NULL, HONEST = HOLDOUT.split(200, seed=0)


def made(array: np.ndarray) -> Dataset:
    return Dataset(array, "made", TRAIN.value_range)


def test_silence_speaks_only_of_what_was_sought() -> None:
    report = audit(HONEST, TRAIN, holdout=NULL)
    assert report.tone == "clear"
    detectable = percent(report.copies.detectable)
    assert f"a share of exact copies above {detectable} would have been found" in report.verdict
    assert "of the copies that distance-ratio sees, but of no others" in report.verdict
    assert report.verdict.endswith("by chance.")


def test_green_needs_power() -> None:
    """At a resolution that these numbers cannot give there is no verdict, and the number is said."""
    report = audit(HONEST, TRAIN, holdout=NULL, resolution=0.02)
    assert report.copies.detectable > 0.02
    assert report.tone == "unclear"
    assert f"too little data: copies up to {percent(report.copies.detectable)}" in report.verdict


@pytest.mark.parametrize("samples", [HONEST, TRAIN.take(np.arange(200))], ids=["honest", "copies"])
def test_blind_spots_stand_beside_the_verdict(samples: Dataset, tmp_path: Path) -> None:
    report = audit(samples, TRAIN, holdout=NULL)
    report.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    start = page.index('<div class="verdict')
    box = page[start : page.index("</div>", start)]
    page = page.replace(page[page.index('<pre class="card"') : page.index("</pre>")], "")  # to be taken away whole
    for text in (report.verdict, "What this cannot see", *report.blind_spots):
        assert text in box
        assert text not in page.replace(box, "")
    assert report.blind_spots == report.limits[1:]


UNLIKE = {
    "one item that is no copy": (np.repeat(HONEST.array[:1], 100, axis=0), ["every sample is the same item"]),
    "one training item": (np.repeat(TRAIN.array[3:4], 100, axis=0), ["every sample is the same item"]),
    "all black": (
        np.zeros((100, 8, 8)),
        ["every sample is the same item", "every sample has one value throughout"],
    ),
    "flat greys": (
        np.repeat(np.linspace(0, 16, 100), 64).reshape(100, 8, 8),
        ["every sample has one value throughout"],
    ),
    "the training set": (TRAIN.array.astype(np.float32), ["they are the training set, row by row"]),
}


@pytest.mark.parametrize(("samples", "reasons"), UNLIKE.values(), ids=UNLIKE.keys())
@pytest.mark.parametrize("held_out", [True, False])
def test_samples_that_cannot_be_data_are_named_and_never_green(
    samples: np.ndarray, reasons: list[str], held_out: bool, tmp_path: Path
) -> None:
    report = audit(made(samples), TRAIN, holdout=NULL if held_out else None)
    assert list(report.unlike)[: len(reasons)] == reasons
    for reason in reasons:
        assert f"these samples are not like the data: {reason}" in report.warnings
        assert reason in report.verdict
    assert report.tone != "clear"
    assert not report.verdict.startswith("No memorization")
    report.to_html(tmp_path / "report.html")
    assert 'class="verdict fine"' not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_samples_that_can_be_data_are_not_named() -> None:
    for samples in (HONEST.array, HONEST.array[::-1]):
        assert audit(made(samples), TRAIN, holdout=NULL).unlike == ()


RNG = np.random.default_rng(0)
TABLE, TABLE_HELD_OUT, TABLE_HONEST = (RNG.normal(size=(400, 4)) * [1, 10, 100, 1000] for _ in range(3))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (TABLE_HONEST * [1, 1, 10, 1], "column 2 has median"),
        (TABLE_HONEST + np.array([0, 20, 0, 0]), "column 1 has median"),
        (TABLE_HONEST * [0.2, 1, 1, 1], "column 0 has median"),
        (RNG.uniform(-5000, 5000, (400, 4)), "column 0 has median"),
        (TABLE_HONEST * 3, "of them lie further from the training set than all but the furthest 5 %"),
    ],
    ids=["scale of a column", "shift of a column", "narrow column", "noise", "too wide"],
)
def test_tables_that_are_not_like_the_data(samples: np.ndarray, reason: str) -> None:
    report = audit(samples, TABLE, holdout=TABLE_HELD_OUT)
    assert report.tone != "clear"
    assert any(reason in found for found in report.unlike)
    assert audit(TABLE_HONEST, TABLE, holdout=TABLE_HELD_OUT).unlike == ()


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (RNG.uniform(0, 16, (200, 8, 8)), "further from the training set"),
        (HONEST.array.mean(axis=0) + 0.5 * (HONEST.array - HONEST.array.mean(axis=0)), "they vary 0.25 times as much"),
    ],
    ids=["noise", "narrow"],
)
def test_pictures_that_are_not_like_the_data(samples: np.ndarray, reason: str) -> None:
    report = audit(made(samples), TRAIN, holdout=NULL)
    assert (report.tone, report.memorizes) == ("unclear", False)
    assert any(reason in found for found in report.unlike)


def test_holm_by_hand() -> None:
    """Three p-values by the procedure's own steps: 3 · 0.01, 2 · 0.02, and the third no smaller than the second."""
    adjusted = holm({"b": 0.03, "a": 0.01, "c": 0.02})
    assert adjusted == pytest.approx({"b": 0.04, "a": 0.03, "c": 0.04})
    assert list(adjusted) == ["b", "a", "c"]
    assert holm({"a": 0.7, "b": 0.6}) == {"a": 1.0, "b": 1.0}


def test_one_verdict_from_all_tests() -> None:
    """A smoothed copier passes every fixed rule and is found; a fitted Gaussian leans to its items and is not."""
    rng = np.random.default_rng(1)
    train, holdout = rng.normal(size=(2, 500, 24))
    smoothed = train[rng.integers(500, size=500)] + 0.7 * rng.normal(size=(500, 24))
    report = audit(smoothed, train, holdout=holdout)
    assert report.fraction == 0
    assert report.memorizes
    assert report.drawn
    assert report.copies.share_lower > 0.7
    assert report.closeness.grade.blur == pytest.approx(
        0.7 * 24**0.5 / np.median(report.null_nearest.distances[:, 0]), rel=0.15
    )
    fitted = train.mean(axis=0) + rng.normal(size=(500, 24)) @ np.linalg.cholesky(np.cov(train.T)).T
    leaning = audit(fitted, train, holdout=holdout)
    assert (leaning.memorizes, leaning.drawn) == (False, False)


def test_a_gaussian_fitted_by_maximum_likelihood_is_not_drawn() -> None:
    """Its covariance is not shrunk, so that it leans more than the shrunk reference: both are fitted Gaussians."""
    drawn = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        train, holdout = rng.normal(size=(2, 200, 20))
        fitted = train.mean(axis=0) + rng.normal(size=(200, 20)) @ np.linalg.cholesky(np.cov(train.T)).T
        drawn.append(audit(fitted, train, holdout=holdout).drawn)
    assert sum(drawn) <= 1
