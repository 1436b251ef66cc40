"""Tiny trials of every kind, and claims from made-up results that hold and that fail."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.errors import InputError
from mnemoscope.studies import STUDIES, Claim, load_study
from mnemoscope.studies.random_features import claims, trials
from mnemoscope.studies.random_features.trials import Experiment
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result

pytestmark = pytest.mark.usefixtures("no_installed_images")

TINY: dict[str, Any] = {
    "part": "size",
    "activation": "tanh",
    "dim": 12,
    "psi_n": 3.0,
    "psi_p": 2.0,
    "noise_draws": 2,
    "time": 0.1,
    "ridge": 1e-2,
    "seed": 0,
}
IMAGE = {"part": "images", "data": "digits", "dim": 64}
COPIES = {"part": "copies", "data": "digits", "dim": 64, "psi_n": 0.25, "psi_p": 4.0, "time": 0.01}


def outcome(**changes: Any) -> dict[str, Any]:
    return dict(Experiment(**TINY | changes).run())


def test_the_name_is_registered() -> None:
    assert "random-features" in STUDIES
    assert load_study("random-features").name == "random-features"


@pytest.mark.parametrize("field", ["dim", "psi_n", "psi_p", "noise_draws", "time", "ridge"])
def test_a_spec_out_of_range_is_refused_by_name(field: str) -> None:
    with pytest.raises(InputError, match=f"Experiment: {field}"):
        Experiment(**TINY | {field: 0})


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(InputError, match="part"):
        Experiment(**TINY | {"part": "all"})


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_presets_list_every_part_and_keep_seeds_apart(preset: Any) -> None:
    zero, one = (load_study("random-features").trials(preset, seed) for seed in (0, 1))
    assert {trial.part for trial in zero} == {"size", "curve", "images", "training-time", "spectrum", "copies", "unet"}
    assert len({trial.key for trial in zero}) == len(zero)
    assert not {trial.seed for trial in zero} & {trial.seed for trial in one}
    assert {trial.data for trial in zero} == {"gaussian", "digits"}


@pytest.mark.parametrize("changes", [{}, {"part": "curve", "activation": "relu"}, IMAGE, IMAGE | {"whitened": True}])
def test_losses_stand_beside_the_theory(changes: dict[str, Any]) -> None:
    found = outcome(**changes)
    assert found["test_loss"] == pytest.approx(found["test_theory"], rel=0.35)
    assert found["train_loss"] == pytest.approx(found["train_theory"], rel=0.35)
    assert found["bayes_loss"] < found["test_theory"]


def test_a_trial_depends_on_its_spec_alone() -> None:
    assert outcome() == outcome()
    assert outcome() != outcome(seed=1)


def test_gradient_flow_starts_at_one_and_ends_below_the_ridge_train_loss() -> None:
    found = outcome(part="training-time")
    train = found["train_path"][1]
    assert train[0] == pytest.approx(1, abs=0.1)
    assert np.all(np.diff(train) <= 1e-12)
    assert train[-1] <= outcome()["train_loss"]


def test_the_spectrum_has_one_eigenvalue_for_each_feature() -> None:
    values = outcome(part="spectrum")["eigenvalue"][1]
    assert values.shape == (24,)
    assert values.min() > -1e-12


def test_copies_are_audited_against_the_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "SAMPLES", 60)
    found = outcome(**COPIES)
    assert 0 <= found["null"] <= 1
    assert found["excess_low"] <= found["copies"] - found["null"] <= found["excess_high"]


def test_a_model_that_returns_training_digits_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[torch.Tensor] = []
    collect = trials.collect_moments

    def keep(score: Any, data: torch.Tensor, **options: Any) -> Any:
        kept.append(data)
        return collect(score, data, **options)

    monkeypatch.setattr(trials, "collect_moments", keep)
    monkeypatch.setattr(trials, "sample", lambda *_, **__: kept[-1].repeat(4, 1))
    found = outcome(**COPIES, **{"noise_draws": 1})
    assert found["copies"] == 1
    assert found["excess_low"] > 0.8


# -- claims ------------------------------------------------------------------------------------------------------------


def exact(trial: Experiment) -> dict[str, Any]:
    """A simulation whose test gap is exactly 2/d and whose train gap is half of that."""
    theory = claims.learning_curve(
        psi_n=trial.psi_n,
        psi_p=trial.psi_p,
        noise_draws=trial.noise_draws,
        time=trial.time,
        ridge=trial.ridge,
        activation=trial.activation,
    )
    test, train = float(theory.test_loss), float(theory.train_loss)
    return {
        "test_loss": test * (1 + 2 / trial.dim),
        "train_loss": train * (1 - 1 / trial.dim),
        "test_theory": test,
        "train_theory": train,
        "bayes_loss": float(theory.bayes_loss),
    }


@pytest.fixture(scope="module")
def quick() -> list[tuple[Experiment, dict[str, Any]]]:
    """Made-up results of the quick preset, one seed for each trial whose results the claims read."""
    listed = [t for t in load_study("random-features").trials("quick", 0) if t.part in ("size", "curve", "images")]
    return [(t, exact(t)) for t in listed if t.seed == 0 and t.data != "fashion-mnist"]


Change = Callable[[Experiment, dict[str, Any]], dict[str, Any] | None]


def checked(made_up: list[tuple[Experiment, dict[str, Any]]], change: Change) -> dict[str, Claim]:
    """The claims by name, after ``change``: it returns what differs in a result, or None for an unfinished trial."""
    found = {}
    for trial, result in made_up:
        changed = change(trial, result)
        if changed is not None:
            found[trial.key] = check_result(trial, result | changed)
    return {c.name: c for c in claims.compute_claims(tabulate([trial for trial, _ in made_up], found))}


def test_exact_results_hold_every_claim(quick: Any) -> None:
    found = checked(quick, lambda *_: {})
    assert [name for name, c in found.items() if not c.holds] == []
    assert found["gap-slope"].measured == pytest.approx(-1)
    assert found["theory-test-d100"].measured == pytest.approx(0.02)
    assert found["theory-test-limit"].measured == pytest.approx(0, abs=1e-12)
    assert found["theory-test-limit"].accepted[1] == pytest.approx(0.03)
    assert found["theory-train-d200"].measured == pytest.approx(0.005)
    assert found["theory-test-d200"].accepted[1] == pytest.approx(0.03)
    assert found["whitened-digits"].measured == pytest.approx(2 / 64)
    assert "whitened-fashion-mnist" not in found


def test_at_400_dimensions_the_tolerance_is_the_published_one() -> None:
    sizes = [Experiment(**TINY | {"dim": dim, "psi_p": p}) for dim in (50, 100, 200, 400) for p in (2.0, 5.0)]
    curve = [t for t in load_study("random-features").trials("quick", 0) if t.part == "curve"]
    made_up = [(t, exact(t)) for t in [*sizes, *curve] if t.seed == 0]
    found = checked(made_up, lambda *_: {})
    assert found["theory-test-d400"].accepted[1] == pytest.approx(0.015)
    assert found["theory-test-d400"].holds


def shifted(part: str, factor: float, name: str = "test_loss", **where: Any) -> Change:
    """``name`` times ``factor`` in one part of the study, where fields have the values of ``where``."""

    def change(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
        hit = trial.part == part and all(getattr(trial, field) == value for field, value in where.items())
        return {name: factor * result[name]} if hit else {}

    return change


def mirrored(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
    """One draw for many and many for one: every statement on noise draws becomes false."""
    if trial.part != "curve" or trial.noise_draws == 4:
        return {}
    other = 101 - trial.noise_draws
    return exact(trial.model_copy(update={"noise_draws": other}))


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (shifted("size", 1.1, dim=100), {"theory-test-d100"}),
        (shifted("size", 1.02, dim=200), {"theory-test-d200", "gap-slope"}),
        (shifted("size", 0.9, "train_loss", dim=200), {"theory-train-d200", "theory-train-limit"}),
        (shifted("size", 1.05, psi_p=2, dim=200), {"theory-test-d200", "theory-test-limit", "gap-slope"}),
        (shifted("curve", 3.0, noise_draws=1, psi_p=5.0), {"peak", "theory-curves"}),
        (shifted("curve", 0.1, noise_draws=1, psi_p=2.0), {"draws-help", "theory-curves"}),
        (shifted("curve", 30.0, noise_draws=1, psi_p=12.0), {"draws-harm", "theory-curves"}),
        (shifted("curve", 1.5, "train_loss", noise_draws=100), {"crossover"}),
        (shifted("curve", 0.5, noise_draws=100, psi_p=12.0), {"crossover-losses", "theory-curves"}),
        (shifted("curve", 1.04, noise_draws=4), {"theory-curves"}),
        (shifted("images", 1.2, whitened=True), {"whitened-digits"}),
        (shifted("images", 2.0, whitened=False), set()),
    ],
)
def test_a_wrong_result_fails_its_claim_and_no_other(quick: Any, change: Change, fail: set[str]) -> None:
    assert {name for name, c in checked(quick, change).items() if not c.holds} == fail


def test_draws_that_act_the_other_way_are_noticed(quick: Any) -> None:
    found = checked(quick, mirrored)
    assert not found["draws-help"].holds
    assert not found["draws-harm"].holds


def test_values_of_another_theory_fail(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "SANITY", [(2.0, math.inf, ".524", ".780")])
    found = checked(quick, lambda *_: {})
    assert not found["value-score-error-p2-minf"].holds
    assert found["value-train-loss-p2-minf"].holds


@pytest.mark.parametrize("part", ["size", "curve", "images"])
def test_an_unfinished_part_holds_nothing_and_stops_nothing(quick: Any, part: str) -> None:
    found = checked(quick, lambda trial, _: None if trial.part == part else {})
    held = {
        "size": ("theory-test-d100", "theory-train-d200", "gap-slope"),
        "curve": ("theory-curves", "peak", "draws-help", "draws-harm", "crossover", "crossover-losses"),
        "images": ("whitened-digits",),
    }
    for name, names in held.items():
        assert all(math.isnan(found[n].measured) == (name == part) for n in names)


def test_a_study_without_results_claims_and_draws_nothing(quick: Any) -> None:
    nothing = tabulate([trial for trial, _ in quick], {})
    assert {c.name.split("-")[0] for c in claims.compute_claims(nothing) if c.holds} == {"value"}
    assert load_study("random-features").plots(nothing) == []


def test_figures_of_a_tiny_study(quick: Any) -> None:
    others = [
        Experiment(**TINY | {"part": "training-time"}),
        Experiment(**TINY | {"part": "spectrum"}),
        Experiment(**TINY | COPIES | {"psi_p": 0.5}),
    ]
    made_up = [*quick, *((trial, dict(trial.run())) for trial in others)]
    results: xr.Dataset = tabulate([t for t, _ in made_up], {t.key: check_result(t, r) for t, r in made_up})
    drawn = load_study("random-features").plots(results)
    assert len(drawn) == 8
    assert any("Fashion-MNIST is skipped" in plot.caption for plot in drawn)
    for plot in drawn:
        figure = Figure()
        plot.draw(figure)
        assert all(axes.has_data() for axes in figure.axes), plot.name
