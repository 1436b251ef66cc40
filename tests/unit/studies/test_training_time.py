"""Training time: times read from looks, claims that hold and that fail on made-up trainings, a tiny trial."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.data import Dataset
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import VariancePreserving
from mnemoscope.studies import Experiment, load_study
from mnemoscope.studies.rows import rows
from mnemoscope.studies.training_time import looks
from mnemoscope.studies.training_time.drawing import times_by_size
from mnemoscope.studies.training_time.images import Images
from mnemoscope.studies.training_time.looks import look_steps, train_and_look
from mnemoscope.studies.training_time.mixture import DIM, MEAN, SPREAD, Mixture, law
from mnemoscope.studies.training_time.times import exponent, first_time, times
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result
from mnemoscope.training import TrainingSpec

pytestmark = pytest.mark.usefixtures("no_installed_images")
STEPS = np.array([10.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0, 100_000.0])
Change = Callable[[Any, dict[str, Any]], dict[str, Any]]


def as_published(trial: Any) -> dict[str, Any]:
    """τ_gen = 100, closeness at 10 n, onset at 20 n and τ_mem at 32 n, with a look at each of the latter."""
    n = trial.n * (1 + 0.01 * (trial.seed % 5))
    steps = np.unique(np.concatenate([STEPS, n * np.array([10, 20, 32, 64])]))
    loss = 0.2 + 0.1 * (steps < 100) + 0.01 * np.maximum(0, steps / n - 15)
    values = {
        "membership": np.clip(0.5 + steps / n / 100, 0, 1),
        "held_out_loss": loss,
        "train_loss": loss / 2,
        "copies": np.where(steps >= 32 * n, 0.05, 0.0) * steps / (32 * n),
        "copied": np.zeros(len(steps)),
        "closeness": np.full(len(steps), 0.5),
        "beyond": np.where(steps >= 10 * n, 0.1, -1.0),
        "state": (steps >= 20 * n) + 1.0 * (steps >= 32 * n),
    }
    found = {name: ("step", value) for name, value in values.items()}
    return {"step": ("step", steps), **found, "extracted": 0.5, "isolation_auc": 0.8}


def results(kind: type[Experiment], change: Change = lambda _, found: found) -> xr.Dataset:
    trials = kind.plan("quick", range)
    return tabulate(trials, {trial.key: check_result(trial, change(trial, as_published(trial))) for trial in trials})


def failed(change: Change) -> set[str]:
    return {
        claim.name.removesuffix("-mixture") for claim in Mixture.claims(results(Mixture, change)) if not claim.holds
    }


def replacing(name: str, value: Callable[[Any, np.ndarray], np.ndarray]) -> Change:
    return lambda trial, found: found | {name: ("step", value(trial, found["step"][1]))}


def test_made_up_results_hold_every_claim() -> None:
    assert failed(lambda _, found: found) == set()


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (replacing("held_out_loss", lambda trial, step: 0.2 + 0.1 * (step < 3 * trial.n)), {"generalizes"}),
        (replacing("copies", lambda _, step: np.where(step >= 10_000, 0.1, 0.0)), {"memorizes", "onset-near"}),
        (replacing("beyond", lambda _, step: np.full(len(step), -1.0)), {"closeness-first"}),
        (replacing("state", lambda _, step: 1.0 * (step > 60_000)), {"onset", "stopped-copies"}),
        (replacing("state", lambda _, step: 1.0 * (step >= 100)), {"onset-near"}),
        (replacing("held_out_loss", lambda _, step: 0.2 + 0.1 / step), {"stopped-quality"}),
        (lambda _, found: found | {"isolation_auc": 0.3}, {"isolated"}),
    ],
)
def test_claims_fail_where_results_are_not_so(change: Change, fails: set[str]) -> None:
    assert fails <= failed(change)
    assert len(failed(change)) < 8


def test_times_between_looks() -> None:
    steps, values = np.array([10.0, 100.0, 1000.0]), np.array([0.0, 0.0, 0.1])
    assert first_time(steps, values, 0.05) == pytest.approx(10**2.5)
    assert first_time(steps, values, 0.0) == 10
    assert np.isnan(first_time(steps, values, 0.2))


def test_the_exponent_of_a_law_is_found() -> None:
    table = times(rows(results(Mixture), width=128, learning_rate=1e-3, noise_draws=np.inf))
    slope, low, high = exponent(table, "memorizes")
    assert low < slope < high
    assert slope == pytest.approx(1, abs=0.15)  # as far as the grid of looks tells
    assert np.isnan(exponent(table[table.n == 16], "memorizes")).all()
    assert (table.generalizes <= 100).all()


@pytest.mark.parametrize("experiment", load_study("training-time").experiments)
def test_figures_of_what_is_finished(experiment: type[Experiment]) -> None:
    for plot in experiment.plots(results(experiment)):
        plot.draw(figure := Figure())
        figure.draw_without_rendering()


def test_plans() -> None:
    study = load_study("training-time")
    quick, paper = (study.plan(preset, 0) for preset in ("quick", "paper"))
    assert {kind: len(trials) for kind, trials in quick.items()} == {Mixture: 10, Images: 2}
    assert all(len(paper[kind]) > len(quick[kind]) for kind in quick)


def test_looks_are_dense_in_the_logarithm() -> None:
    assert look_steps(100) == [10, 20, 30, 40, 60, 80, 100]
    ratios = np.divide(*np.array([look_steps(30_000)[4:-1], look_steps(30_000)[5:]])[::-1])
    assert ratios.max() < 1.5


def test_the_law_of_the_mixture() -> None:
    mixture = law()
    assert mixture.dim == DIM
    drawn = mixture.sample(20_000, torch.Generator().manual_seed(0))
    along = drawn @ torch.full((DIM,), DIM**-0.5, dtype=torch.float64)
    assert float(along.abs().mean()) == pytest.approx(MEAN, rel=0.02)  # three standard deviations from 0
    assert float((drawn.var(dim=0).sum() - along.var()) / (DIM - 1)) == pytest.approx(SPREAD**2, rel=0.02)


def test_a_training_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "SAMPLES", 32)
    monkeypatch.setattr(looks, "MANY_SAMPLES", 64)
    monkeypatch.setattr(looks, "SAMPLER_STEPS", 4)
    rng = np.random.default_rng(0)
    train, held_out = (Dataset(rng.normal(size=(n, 3)).astype(np.float32), "made") for n in (12, 64))
    network = NetworkSpec("mlp", (3,), {"width": 8})
    found = train_and_look(train, held_out, network, VariancePreserving(), TrainingSpec(steps=25, batch_size=4))
    assert found["step"][1].tolist() == [10, 20, 25]
    assert {len(value[1]) for value in found.values() if isinstance(value, tuple)} == {3}
    assert 0 <= found["extracted"] <= 1


def test_a_caption_says_where_nothing_was_copied() -> None:
    found = results(Mixture)
    assert "τ_mem grows like n to the power" in times_by_size("mixture", found).caption
    assert "τ_mem was reached for too few n" in times_by_size("mixture", found.assign(copies=0 * found.copies)).caption
