"""The large-steps study in miniature: every experiment, divergence, claims from results made by hand, figures."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.errors import InputError
from mnemoscope.studies import Claim, Experiment, load_study
from mnemoscope.studies.large_steps import generation
from mnemoscope.studies.large_steps.dimensions import Dimensions
from mnemoscope.studies.large_steps.generation import BANDWIDTHS, SETS, TIMES, Generated, noise_draws
from mnemoscope.studies.large_steps.image_copies import ImageCopies
from mnemoscope.studies.large_steps.independent_draws import IndependentDraws
from mnemoscope.studies.large_steps.published import FIG_3_DISTANCES
from mnemoscope.studies.large_steps.risk import Risk
from mnemoscope.studies.large_steps.stability import Stability
from mnemoscope.studies.large_steps.step_sizes import StepSizes
from mnemoscope.studies.large_steps.theorems import THEOREMS, Theorems
from mnemoscope.sweeps import Result, Sweep, grid, sweep
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result

COMMITTED = Path(__file__).parents[3] / "docs/results/large-steps/summary.json"
NETWORK = {"width": 12, "seed": 0}
FLAT = {"n_samples": 10, "width": 40, "batch": 20, "seed": 0}
FINAL = {"final_batch": 30}
DIGITS = {"data": "digits", "network": "mlp", "n_samples": 8, "width": 16, "batch": 8, "seed": 0}

TINY: dict[type[Experiment], list[Any]] = {
    Theorems: grid(
        Theorems, **NETWORK, n_samples=[3, 10], time=0.1, separation=[2.0, 9.0], learning_rate=0.1, steps=60
    ),
    Stability: grid(Stability, **NETWORK, n_samples=5, time=0.2, learning_rate=[0.05, 0.2, 1e30], steps=8),
    Risk: [
        trial
        for dim, rates in ((1, [0.1, 0.5]), (3, [0.1, 1e6]))
        for trial in grid(
            Risk, dim=dim, n_samples=20, time=0.05, width=50, learning_rate=rates, steps=30, batch=10, seed=[0, 1]
        )
    ],
    StepSizes: [
        *grid(StepSizes, **FLAT, **FINAL, dim=2, learning_rate=[1.0, 1e6], steps=40, final_steps=0),
        *grid(StepSizes, **FLAT, **FINAL, dim=2, learning_rate=[0.1], steps=40, final_steps=10),
    ],
    Dimensions: grid(Dimensions, **FLAT, dim=[2, 4], learning_rate=0.5, steps=20),
    IndependentDraws: grid(IndependentDraws, **FLAT, dim=2, learning_rate=[0.1, 1.0, 1e6], steps=20),
    ImageCopies: [
        *grid(ImageCopies, **DIGITS, optimizer=["sgd", "adam"], learning_rate=1e-3, steps=3),
        *grid(ImageCopies, **DIGITS, optimizer="sgd", learning_rate=1e6, steps=40),
    ],
}
"""Trials of every experiment; of each but the first, one network or two diverge."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    with mock.patch.multiple(generation, SAMPLES=60, SETS=2, _SAMPLER_STEPS=10):
        swept = sweep([trial for trials in TINY.values() for trial in trials], tmp_path_factory.mktemp("large-steps"))
    assert not swept.failures
    return swept


def table(experiment: type[Experiment], preset: Any, result: Callable[[Any], Result]) -> xr.Dataset:
    """The results of a preset's trials, made by hand."""
    trials = load_study("large-steps").plan(preset, 0)[experiment]
    return tabulate(trials, {trial.key: check_result(trial, result(trial)) for trial in trials})


def margins(_: Theorems) -> Result:
    return {"margin": ("theorem", np.full(8, 2.0)), "checked": ("theorem", np.full(8, 3))}


def stable(_: Stability) -> Result:
    found = {"diverged": 0, "stability_ratio": 1.0, "average_ratio": 0.9, "gradient_ratio": 1e-6}
    return {**found, "sharp_bound": 8.0, "irregularity": 4.0}


def risk(trial: Risk) -> Result:
    return {"excess_risk": trial.learning_rate}


def generated(trial: Generated, optimal: float, gaussian: float) -> Result:
    """Distances at bandwidth 0.1, the same in every set; at 1 the Gaussian is far, which is the paper's conflict."""

    def over(narrow: float, wide: float) -> Any:
        return ("bandwidth", "set"), np.array([[narrow], [wide]]) * np.ones(SETS)

    found = {"bandwidth": ("bandwidth", np.array(BANDWIDTHS)), "diverged": 0, "generalized_variance": 1.0 + trial.seed}
    found |= {"excess_low": 0.5 - trial.learning_rate / 4, "excess_high": 0.6 - trial.learning_rate / 4}
    between = over(0.05, 0.1)
    return {**found, "mmd_optimal": over(optimal, 0.01), "mmd_gaussian": over(gaussian, 0.03), "mmd_between": between}


def step_sizes(trial: StepSizes) -> Result:
    return generated(trial, *FIG_3_DISTANCES[trial.learning_rate])


def dimensions(trial: Dimensions) -> Result:
    found = generated(trial, 0.0, 0.0)
    return found | {"mmd_gaussian": (("bandwidth", "set"), np.full((len(BANDWIDTHS), SETS), 0.1 / trial.dim**3))}


def independent(trial: IndependentDraws) -> Result:
    """Nearer to the optimal score's, the less so at η = 1 the tighter the draw."""
    tight = 1 / (2 + trial.seed)
    return generated(trial, 0.01 * tight * (trial.learning_rate == 1.0), 0.02)


MADE: dict[type[Experiment], Callable[[Any], Result]] = {
    Theorems: margins,
    Stability: stable,
    Risk: risk,
    StepSizes: step_sizes,
    Dimensions: dimensions,
    IndependentDraws: independent,
}


def claims_of(preset: str, made: dict[type[Experiment], Callable[[Any], Result]] = MADE) -> dict[str, Claim]:
    kinds = [kind for kind in load_study("large-steps").plan(preset, 0) if kind in made]
    said = [claim for kind in kinds for claim in kind.claims(table(kind, preset, made[kind]))]
    assert len({claim.name for claim in said}) == len(said)
    return {claim.name: claim for claim in said}


def test_divergence_is_a_result_with_its_step(done: Sweep) -> None:
    """Kept in the store with step and η, its measurements NaN; nothing is dropped and nothing else is NaN."""
    measured = {Stability: "stability_ratio", Risk: "excess_risk", ImageCopies: "copies"}
    measured |= dict.fromkeys((StepSizes, Dimensions, IndependentDraws), "mmd_optimal")
    for kind, name in measured.items():
        for trial in TINY[kind]:
            variables = done.records[trial.key].variables
            gone = trial.learning_rate >= 1e6
            assert (variables["diverged"][1] >= 1) == gone
            assert np.isnan(variables[name][1]).all() == gone, (trial, name)


def test_what_the_experiments_find_in_miniature(done: Sweep) -> None:
    said = {}
    for kind in (Theorems, Stability, Risk, StepSizes, Dimensions, IndependentDraws):
        said |= {claim.name: claim for claim in kind.claims(done.results[kind.kind()].to_dataset())}
    assert said["configurations"].measured == 4
    assert not said["configurations"].holds
    assert all(said[f"law-{name}"].measured >= 1 for name in THEOREMS if name != "excess-risk")
    assert said["irregularity"].holds
    assert math.isnan(said["sharpness"].measured)  # eight steps settle nowhere
    assert "at the last weights of the other 2" in said["sharpness"].statement
    assert said["risk-t0.05-eta0.5"].published == 2.03
    assert math.isnan(said["risk-grows-d3-t0.05"].measured)  # one of its networks has diverged


def test_claims_are_those_of_the_committed_results() -> None:
    """The same names in the same order, but for experiments that are said to wait; ``quick`` has fewer trials."""
    committed = json.loads(COMMITTED.read_bytes())
    waiting = {one["experiment"] for one in committed["waiting"]}
    made = {kind: result for kind, result in MADE.items() if kind.kind() not in waiting}
    assert list(claims_of("paper", made)) == [claim["name"] for claim in committed["claims"]]
    names = list(claims_of("paper"))
    paper_only = {"risk-t0.05-eta0.01", "risk-t0.05-eta0.05", "crossing", "crossing-margin", "no-crossing-at-1"}
    paper_only |= {"draws-do-not-cross", "draws-variance"}
    assert list(claims_of("quick")) == [name for name in names if name not in paper_only]


def margin_of(theorem: str, value: float) -> Result:
    return {"margin": ("theorem", np.where(np.array(list(THEOREMS)) == theorem, value, 2.0))}


def test_made_up_results_that_agree_with_the_theory_hold() -> None:
    """All but the published numbers, which a risk made up as η misses."""
    failing = {name for name, claim in claims_of("quick").items() if not claim.holds}
    assert failing == {"risk-t0.05-eta0.1", "risk-t0.05-eta0.5"}


def t_wide(value: float) -> Any:
    """A distance as published at bandwidth 0.1, and another at 1."""
    return ("bandwidth", "set"), np.array([[0.003], [value]]) * np.ones(SETS)


@pytest.mark.parametrize(
    ("kind", "change", "failing"),
    [
        (Theorems, lambda t: margin_of("optimal-risk", 0.9 if t.seed == 2 else 2.0), {"law-optimal-risk"}),
        (Theorems, lambda _: margin_of("excess-risk", math.nan), {"law-excess-risk"}),
        (Stability, lambda t: {"stability_ratio": 1 + t.learning_rate}, {"sharpness"}),
        # Where descent does not settle, its last weights may be as sharp as they like.
        (Stability, lambda t: {"stability_ratio": 1 + t.learning_rate, "gradient_ratio": t.learning_rate}, set()),
        (Stability, lambda _: {"gradient_ratio": 1.0}, {"sharpness"}),
        (Stability, lambda _: {"average_ratio": 1.2}, {"sharpness-average"}),
        (Stability, lambda t: {"irregularity": 20 * t.learning_rate}, {"irregularity"}),
        (Risk, lambda t: {"excess_risk": 1.0 if t.dim == 10 else t.learning_rate}, set()),
        (
            Risk,
            lambda t: {"excess_risk": t.learning_rate ** (-1 if t.dim == 10 and t.time == 0.2 else 1)},
            {"risk-grows-d10-t0.2"},
        ),
        (Risk, lambda t: {"excess_risk": 0.5 * t.learning_rate + 0.3}, {"risk-t0.05-eta0.5"}),
        (StepSizes, lambda t: generated(t, 0.001, 0.002), {"crossing"}),
        (StepSizes, lambda t: generated(t, 0.003 if t.seed == 1 else 0.02, 0.01), {"crossing", "crossing-margin"}),
        (
            StepSizes,
            lambda t: {"mmd_gaussian": t_wide(0.005 if t.learning_rate == 2 else 0.02)},
            {"crossing", "crossing-margin", "no-crossing-at-1"},
        ),
        (Dimensions, lambda _: {"mmd_optimal": t_wide(1e-6)}, {"dimension-vanishes"}),
        (Dimensions, lambda t: {"mmd_gaussian": t_wide(0.05 if t.dim < 50 else 1e-6)}, set()),
        (Dimensions, lambda t: {"mmd_gaussian": t_wide(1e-3 * t.dim)}, {"dimension", "dimension-vanishes"}),
        (IndependentDraws, lambda _: {"excess_high": 0.6}, {"copies"}),
        (IndependentDraws, lambda t: generated(t, 0.05 * t.learning_rate, 0.02 + t.seed / 1e4), {"draws-do-not-cross"}),
        (IndependentDraws, lambda t: generated(t, t.seed / 1e4, 0.02), {"draws-variance"}),
    ],
)
def test_claims_fail_where_results_are_not_as_the_theory_says(
    kind: type[Experiment], change: Callable[[Any], dict[str, Any]], failing: set[str]
) -> None:
    preset = "paper" if issubclass(kind, Generated) else "quick"
    said = claims_of(preset, {kind: lambda trial: {**MADE[kind](trial), **change(trial)}})
    if kind is Risk and "risk-t0.05-eta0.5" not in failing:
        said = {name: claim for name, claim in said.items() if claim.published is None}
    assert {name for name, claim in said.items() if not claim.holds} == failing


@pytest.mark.parametrize("kind", TINY, ids=lambda kind: kind.kind())
def test_figures_survive_any_finished_trials(done: Sweep, kind: type[Experiment]) -> None:
    """Each trial alone, and some drawn sets of them."""
    every = np.arange(len(TINY[kind]))
    random = np.random.default_rng(0)
    drawn = [random.permutation(every)[: random.integers(2, len(every) + 1)] for _ in range(3)]
    for finished in [*every[:, None], *drawn]:
        keys = [TINY[kind][k].key for k in finished]
        for plot in kind.plots(tabulate(TINY[kind], {key: done.records[key].variables for key in keys})):
            figure = Figure()
            plot.draw(figure)
            figure.draw_without_rendering()
            assert figure.axes
            assert plot.caption.endswith(".")


def test_figures_of_all_trials(done: Sweep) -> None:
    names = [plot.name for kind in TINY for plot in kind.plots(done.results[kind.kind()].to_dataset())]
    expected = "laws sharpness irregularity excess-risk scores step-sizes samples dimensions copies draws images"
    assert names == expected.split()


BATCHES = {
    "risk": grid(
        Risk, dim=1, n_samples=20, time=[0.05, 0.2], width=30, learning_rate=0.1, steps=[7, 12], batch=5, seed=[0, 1]
    ),
    "stability": [
        Stability(n_samples=5, time=0.2, width=12, learning_rate=rate, steps=3, seed=seed)
        for rate, seed in ((0.1, 0), (0.2, 0), (0.2, 1))
    ],
}


@pytest.mark.parametrize("trials", BATCHES.values(), ids=BATCHES)
def test_a_network_has_the_same_result_alone_and_in_a_batch(trials: Sequence[Any]) -> None:
    together = trials[0].run_batch(trials)
    for trial, found in zip(trials, together, strict=True):
        alone = trial.run()
        assert alone.keys() == found.keys()
        assert alone["excess_risk"] == pytest.approx(found["excess_risk"], rel=1e-6)
        for name in {"learned", "ratio_path"} & alone.keys():
            np.testing.assert_allclose(alone[name][1], found[name][1], rtol=1e-6)
    assert len({found["excess_risk"] for found in together}) == len(trials)


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_presets_are_valid_and_apart(preset: Any) -> None:
    study = load_study("large-steps")
    planned = study.plan(preset, 0)
    assert set(study.experiments) - set(planned) == ({StepSizes} if preset == "quick" else set())
    published = {t.learning_rate: t.phases() for t in planned.get(StepSizes, ())}
    assert not published or published == {
        2.0: [(20_000, 5000)],
        1.0: [(20_000, 5000)],
        0.1: [(200_000, 500), (20_000, 5000)],
    }
    trials = [trial for alike in planned.values() for trial in alike]
    keys = {trial.key for trial in trials}
    assert len(keys) == len(trials)
    assert keys.isdisjoint(trial.key for alike in study.plan(preset, 1).values() for trial in alike)
    assert len(planned[Theorems]) >= 200
    sizes = {trial.dim: trial.batch_size for trial in planned[Risk]}
    assert sizes[1] > sizes[10] > ImageCopies.batch_size == 1
    distance = {(t.data, t.network, t.optimizer, t.learning_rate * t.steps) for t in planned[ImageCopies]}
    assert len(distance) < len(planned[ImageCopies])  # some share η · steps, up to rounding


@pytest.mark.statistical
def test_times_are_drawn_with_probability_sigma(generator: torch.Generator) -> None:
    """40,000 draws: the mean time has a standard error of 0.0014."""
    inputs, noise = noise_draws(torch.zeros(3, 2), 400, 100, generator)
    sigma = np.sqrt(-np.expm1(-2 * TIMES))
    times = inputs[..., 2].double().numpy()
    assert times.mean() == pytest.approx((sigma * TIMES).sum() / sigma.sum(), abs=0.007)
    clean = inputs[..., :2] - torch.from_numpy(np.sqrt(-np.expm1(-2 * times)))[..., None] * noise
    assert float(clean.abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("kind", "change", "match"),
    [
        (Theorems, {"learning_rate": 0.0}, "learning_rate"),
        (Stability, {"time": 0.0}, "time"),
        (Risk, {"batch": 0}, "batch"),
        (Dimensions, {"dim": 0}, "dim"),
        (ImageCopies, {"data": "gaussian"}, "data: .*'digits' or 'fashion-mnist'"),
        (Stability, {"batch": 4}, "batch: Extra"),
    ],
)
def test_bad_specs(kind: type[Experiment], change: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        kind(**(TINY[kind][0].model_dump() | change))


def test_phases_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of batches of 20, 40 steps, and then of 30, 10 steps; draws come in whole chunks."""
    batches: list[int] = []

    def recorded(data: torch.Tensor, batch: int, n_steps: int, generator: torch.Generator) -> object:
        batches.append(batch)
        return noise_draws(data, batch, n_steps, generator)

    monkeypatch.setattr(generation, "noise_draws", recorded)
    monkeypatch.setattr(generation, "SAMPLES", 60)
    monkeypatch.setattr(generation, "SETS", 1)
    monkeypatch.setattr(generation, "_SAMPLER_STEPS", 10)
    trial = next(t for t in TINY[StepSizes] if t.final_steps)
    trial.run()
    assert batches == [20, 30]
