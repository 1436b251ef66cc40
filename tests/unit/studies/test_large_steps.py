"""The large-steps study in miniature: every part, divergence, and claims computed from tables made by hand."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from mnemoscope.errors import InputError
from mnemoscope.studies import load_study
from mnemoscope.studies.large_steps.claims import (
    as_frame,
    compute_claims,
    crossing,
    dimension_rows,
    mean_distances,
    mean_risks,
    rates_rows,
)
from mnemoscope.studies.large_steps.generation import TIMES, noise_draws
from mnemoscope.studies.large_steps.laws import LAWS
from mnemoscope.studies.large_steps.plots import draw_plots
from mnemoscope.studies.large_steps.trials import Experiment
from mnemoscope.sweeps import grid, sweep

LAW = {"part": "laws", "width": 8, "learning_rate": 0.1, "steps": 60, "time": 0.1, "seed": 0}
RISK = {"part": "risk", "n_samples": 20, "width": 50, "batch": 10, "seed": [0, 1]}
STABLE = {"part": "stability", "n_samples": 5, "time": 0.2, "width": 12, "steps": 8, "seed": 0}
FLAT = {"part": "generation", "n_samples": 10, "width": 40, "batch": 20, "seed": 0}
IMAGES = {"part": "images", "data": "digits", "n_samples": 8, "width": 16, "batch": 8, "seed": 0}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory):
    """One sweep through all parts, with a network of each kind that diverges."""
    trials = grid(Experiment, **LAW, n_samples=[3, 10], separation=[2.0, 9.0])
    trials += grid(Experiment, **RISK, dim=1, time=[0.05, 0.2], learning_rate=[0.1, 0.5], steps=20)
    trials += grid(Experiment, **RISK, dim=3, time=[0.05], learning_rate=[0.1, 1e6], steps=30)
    trials += grid(Experiment, **STABLE, learning_rate=[0.05, 0.2, 1e30])
    trials += grid(Experiment, **FLAT, dim=2, learning_rate=[0.05, 0.1, 1e6], steps=40)
    trials += grid(Experiment, **FLAT, dim=[2, 4], learning_rate=0.5, steps=20)
    trials += grid(Experiment, **IMAGES, network="mlp", optimizer=["sgd", "adam"], learning_rate=1e-3, steps=3)
    trials += grid(Experiment, **IMAGES, network="mlp", learning_rate=1e6, steps=40)
    done = sweep(trials, tmp_path_factory.mktemp("large-steps"))
    assert not done.failures
    return done.results


def test_divergence_is_a_result_with_its_step(table) -> None:
    """Kept in the store with step and η, its measurements NaN; nothing is dropped and nothing else is NaN."""
    frame = as_frame(table)
    gone = frame[frame.learning_rate >= 1e6]
    assert set(gone.part) == {"risk", "stability", "generation", "images"}
    assert (gone.diverged >= 1).all()
    assert gone[["excess_risk", "copies", "mmd_optimal", "stability_ratio"]].isna().to_numpy().all()
    calm = frame[(frame.part != "laws") & (frame.learning_rate < 1e6)]
    assert (calm.diverged == 0).all()
    assert calm[calm.part.isin(["risk", "stability"])].excess_risk.notna().all()
    assert calm[calm.part.isin(["generation", "images"])].copies.notna().all()


def test_claims_and_figures_come_from_the_table(table) -> None:
    claims = {claim.name: claim for claim in compute_claims(table)}
    assert claims["configurations"].measured == 4
    assert not claims["configurations"].holds
    for law in LAWS:
        assert claims[f"law-{law.replace('_', '-')}"].measured >= 1 or law == "excess_risk"
    assert claims["irregularity"].holds
    assert claims["risk-t0.05-eta0.5"].published == 2.03
    assert "risk-grows-d3-t0.05" in claims
    plots = draw_plots(table)
    assert [plot.name for plot in plots][:2] == ["excess-risk", "scores"]
    assert len(plots) == 9
    for plot in plots:
        figure = Figure()
        plot.draw(figure)
        assert figure.axes
        assert plot.caption.endswith(".")


def test_a_network_has_the_same_result_alone_and_in_company() -> None:
    fields = {"part": "risk", "n_samples": 20, "width": 30, "batch": 5, "dim": 1}
    trials = grid(Experiment, **fields, time=[0.05, 0.2], learning_rate=0.1, steps=[12, 7], seed=[0, 1])
    together = Experiment.run_batch(trials)
    for trial, found in zip(trials, together, strict=True):
        alone = trial.run()
        assert alone["excess_risk"] == pytest.approx(found["excess_risk"], rel=1e-6)
        np.testing.assert_allclose(alone["learned"][1], found["learned"][1], rtol=1e-6)
    assert len({found["excess_risk"] for found in together}) == len(trials)


def test_stability_in_company_of_other_times_and_steps() -> None:
    fields = {key: value for key, value in STABLE.items() if key not in ("time", "steps")}
    trials = grid(Experiment, **fields, time=[0.1, 0.2], steps=[3, 5], learning_rate=0.1)
    for trial, found in zip(trials, Experiment.run_batch(trials), strict=True):
        assert trial.run()["stability_ratio"] == pytest.approx(found["stability_ratio"], rel=1e-6)


def test_presets_are_batches_that_one_tensor_program_can_hold() -> None:
    study = load_study("large-steps")
    quick, paper = study.trials("quick", 0), study.trials("paper", 0)
    for trials in (quick, paper):
        assert sum(trial.part == "laws" for trial in trials) >= 200
        assert {trial.part for trial in trials} == {"laws", "risk", "stability", "generation", "images"}
    assert len({trial.key for trial in paper}) == len(paper)
    assert {trial.key for trial in study.trials("paper", 1)}.isdisjoint(trial.key for trial in paper)
    sizes = {trial.part: trial.batch_size for trial in paper if trial.dim == 1}
    assert sizes["risk"] > sizes["laws"] == sizes["images"] == 1


def test_claims_survive_an_empty_table(tmp_path: Path) -> None:
    trials = [Experiment(**LAW, n_samples=n, separation=separation) for n, separation in ((3, 2.0), (4, 4.0))]
    done = sweep(trials, tmp_path)
    claims = {claim.name: claim for claim in compute_claims(done.results)}
    for name in ("sharpness", "irregularity", "crossing", "dimension", "copies"):
        assert math.isnan(claims[name].measured)
        assert not claims[name].holds


def test_the_crossing_is_interpolated_in_log_eta() -> None:
    rows = pd.DataFrame(
        {
            "learning_rate": [0.01, 0.1, 0.1, 1.0],
            "mmd_optimal": [0.0, 0, 0.2, 0.3],
            "mmd_gaussian": [0.4, 0.2, 0.2, 0.2],
        }
    )
    assert crossing(mean_distances(rows, "learning_rate")) == pytest.approx(math.sqrt(0.1))
    assert math.isnan(crossing(mean_distances(rows.assign(mmd_optimal=1.0), "learning_rate")))
    diverged = rows.assign(mmd_gaussian=[0.4, 0.2, math.nan, 0.2])
    assert mean_distances(diverged, "learning_rate").mmd_gaussian.isna().tolist() == [False, True, False]


def test_rows_of_the_figures_are_told_apart() -> None:
    rows = pd.DataFrame(
        {
            "dim": [2, 5, 2, 2],
            "learning_rate": [1.0, 0.5, 0.5, 0.5],
            "steps": 20,
            "seed": [0, 0, 1, 0],
            "copies": range(4),
        }
    )
    assert rates_rows(rows).copies.tolist() == [3, 2, 0]
    assert dimension_rows(rows).copies.tolist() == [3, 2, 1]
    risks = pd.DataFrame({"learning_rate": [0.5, 0.1, 0.1], "excess_risk": [3.0, 1.0, 2.0]})
    assert mean_risks(risks).tolist() == [1.5, 3.0]
    assert math.isnan(mean_risks(risks.assign(excess_risk=[3.0, 1.0, math.nan]))[0])


@pytest.mark.statistical
def test_times_are_drawn_with_probability_sigma(generator: torch.Generator) -> None:
    """40,000 draws: the mean time has a standard error of 0.0014."""
    inputs, noise = noise_draws(torch.zeros(3, 2), 400, 100, generator)
    sigma = np.sqrt(-np.expm1(-2 * TIMES))
    times = inputs[..., 2].double().numpy()
    assert times.mean() == pytest.approx((sigma * TIMES).sum() / sigma.sum(), abs=0.007)
    clean = inputs[..., :2] - torch.from_numpy(np.sqrt(-np.expm1(-2 * times)))[..., None] * noise
    assert float(clean.abs().max()) < 1e-5


def test_bad_specs() -> None:
    with pytest.raises(InputError, match="learning_rate"):
        Experiment(**{**LAW, "learning_rate": 0.0}, n_samples=3)
    with pytest.raises(InputError, match="images are digits or fashion-mnist"):
        Experiment(**{**IMAGES, "data": "gaussian"}, learning_rate=1e-3, steps=1).run()
