"""Tiny trials of every experiment, and claims from made-up results that hold and that fail."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

from mnemoscope.errors import InputError
from mnemoscope.studies import STUDIES, Claim, Experiment, load_study
from mnemoscope.studies.deep_limits import scores
from mnemoscope.studies.deep_limits.counter_example import CounterExample
from mnemoscope.studies.deep_limits.depth import Depth
from mnemoscope.studies.deep_limits.design import FACTORS, SmoothnessDesign, effects, rank_correlation, variance_shares
from mnemoscope.studies.deep_limits.long_run import LEAST_STEPS, LongRun
from mnemoscope.studies.deep_limits.ode import Ode
from mnemoscope.studies.deep_limits.scores import Scores, copies_at_equal_loss
from mnemoscope.studies.deep_limits.smoothness import Cifar10, FashionMnist, Smoothness
from mnemoscope.studies.rows import rows
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result
from mnemoscope.theory import alternating_limit

pytestmark = pytest.mark.usefixtures("no_installed_images")


def seeds(number: int) -> range:
    return range(number)


def test_the_name_is_registered() -> None:
    assert "deep-limits" in STUDIES
    assert load_study("deep-limits").name == "deep-limits"


@pytest.mark.parametrize(
    ("field", "value"), [("depth", 0), ("n_samples", 0), ("steps", -1), ("seed", -1), ("activation", "sine")]
)
def test_a_spec_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    tiny = {"depth": 8, "activation": "gelu", "initialization": "tied", "n_samples": 5, "steps": 50, "seed": 1}
    with pytest.raises(InputError, match=f"FashionMnist: {field}"):
        FashionMnist(**tiny | {field: value})


@pytest.mark.parametrize("preset", ["quick", "paper"])
@pytest.mark.parametrize("there", [True, False])
def test_presets_plan_every_experiment_and_keep_seeds_apart(
    preset: Any, there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    if there:
        monkeypatch.setattr("mnemoscope.studies.images.FASHION_MNIST", tmp_path)
        monkeypatch.setattr("mnemoscope.studies.images.CIFAR_10", tmp_path)
    zero, one = (load_study("deep-limits").plan(preset, seed) for seed in (0, 1))
    expected = {Depth, LongRun, Ode, CounterExample, Scores} | ({FashionMnist} if there else set())
    expected |= {Cifar10, SmoothnessDesign} if there and preset == "paper" else set()
    assert set(zero) == expected
    for experiment, trials in zero.items():
        assert len({trial.key for trial in trials}) == len(trials)
        if experiment is not CounterExample:  # nothing in it is random
            assert not {t.spec["seed"] for t in trials} & {t.spec["seed"] for t in one[experiment]}


def test_descent_at_two_depths_starts_from_the_same_network_and_data() -> None:
    shallow, deep = (Depth(depth=depth, n_samples=5, steps=50, seed=1).run() for depth in (8, 16))
    assert shallow["loss"][1][0] == pytest.approx(deep["loss"][1][0], rel=1e-4)
    assert shallow["maximum"][1][-1] > deep["maximum"][1][-1] > 0
    assert np.all(np.diff(shallow["accumulated"][1]) > 0)
    assert shallow["path"][1].shape == (5, 32, 1024)
    np.testing.assert_allclose(shallow["path"][1], deep["path"][1], atol=0.05)
    again = Depth(depth=8, n_samples=5, steps=50, seed=1).run()
    assert again["maximum"][1].tolist() == shallow["maximum"][1].tolist()


def test_the_long_run_balances_its_loss() -> None:
    found = LongRun(depth=8, n_samples=5, steps=100, seed=1).run()
    fallen = math.log(found["start"] / found["loss"][1][-1])
    assert found["fall"][1][-1] == pytest.approx(fallen, rel=0.1)
    assert found["ratio"][1].min() > 0
    assert found["weights"][1].shape == (len(found["step"][1]), 8, 6)


def test_a_network_is_closer_to_its_ode_than_the_bound() -> None:
    coarse, fine = (Ode(depth=depth, n_samples=5, seed=1).run() for depth in (8, 64))
    assert 0 < fine["error"] < coarse["error"] / 4
    assert fine["error"] < fine["bound"] == pytest.approx(coarse["bound"] / 8)


def test_the_counter_example_keeps_its_gaps() -> None:
    found = CounterExample(depth=8, n_samples=5, steps=300).run()
    assert found["gap"] == pytest.approx(alternating_limit(3.0, 4) + 1 / 8, abs=1e-6)
    assert found["error"] < 1e-6


def test_scores_are_measured_along_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "SAMPLES", 40)
    monkeypatch.setattr(scores, "SAMPLER_STEPS", 4)
    found = Scores(depth=2, initialization="tied", n_samples=8, steps=80, seed=1).run()
    values = {name: np.array(found[name][1]) for name in ("loss", "copies", "excess_low", "excess_high")}
    assert values["loss"][0] > values["loss"][-1]
    assert np.all(values["excess_low"] <= values["excess_high"])
    assert values["copies"].shape == (8,)


# -- claims ------------------------------------------------------------------------------------------------------------

CHECKPOINT = np.arange(1, 9)
STEP = np.arange(1, 11)
EXPERIMENTS: tuple[type[Experiment], ...] = load_study("deep-limits").experiments


def exact(trial: Any) -> dict[str, Any]:
    """A result that follows the published laws exactly."""
    match trial:
        case Depth():
            time, weight = np.arange(1.0, 6), np.ones((5, 3, 2))
            return {
                "iteration": ("iteration", np.arange(5)),
                "maximum": ("iteration", time / trial.depth),
                "accumulated": ("iteration", time / math.sqrt(trial.depth)),
                "loss": ("iteration", 1 / time),
                "path": (("iteration", "place", "weight"), (1 / trial.depth - 1 / 2048) * weight * time[:, None, None]),
            }
        case LongRun():
            fall = STEP * 2.0
            names = {"ratio": 0.5, "jumps": 0.01, "correlation": 0.9, "p_value": 0.01, "maximum": 0.1}
            return {
                "step": ("step", STEP * LEAST_STEPS // 10),
                "start": 2.0,
                "loss": ("step", 2 * np.exp(-fall)),
                "fall": ("step", fall),
                "weights": (("step", "layer", "shown"), np.zeros((10, 64, 2))),
                **{name: ("step", np.full(10, value)) for name, value in names.items()},
            }
        case Ode():
            return {"error": trial.seed / trial.depth, "bound": 100 * trial.seed / trial.depth}
        case CounterExample():
            return {"gap": alternating_limit(3.0, trial.depth // 2) + 1 / trial.depth, "error": 1e-9}
        case Smoothness():
            smooth = trial.activation != "relu" and trial.initialization == "tied"
            numbers = {
                "train_accuracy": 80.0,
                "test_accuracy": 70.0,
                "p_value": 1e-3,
                "null_low": 0.8,
                "null_high": 1.2,
            }
            return {**numbers, "jump_share": 0.05, "step_correlation": 0.8 if smooth else -0.4, "smooth": float(smooth)}
        case SmoothnessDesign():
            longer = trial.steps > 480
            return {"step_correlation": 0.8 + 0.01 * (trial.seed % 3) - 0.5 * longer, "train_accuracy": 80.0 + longer}
        case _:
            return {
                "checkpoint": ("checkpoint", CHECKPOINT),
                "loss": ("checkpoint", 1 - CHECKPOINT / 10),
                "copies": ("checkpoint", CHECKPOINT / 10),
                "null": ("checkpoint", 0 * CHECKPOINT),
                "excess_low": ("checkpoint", CHECKPOINT / 10 - 0.05),
                "excess_high": ("checkpoint", CHECKPOINT / 10 + 0.05),
            }


Change = Callable[[Any], dict[str, Any]]


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> dict[type[Experiment], list[Any]]:
    for name in ("FASHION_MNIST", "CIFAR_10"):
        monkeypatch.setattr(f"mnemoscope.studies.images.{name}", tmp_path)
    return dict(load_study("deep-limits").plan("paper", 0))


def results(trials: list[Any], change: Change = lambda _: {}) -> xr.Dataset:
    return tabulate(trials, {trial.key: check_result(trial, exact(trial) | change(trial)) for trial in trials})


def checked(planned: Any, change: Change) -> dict[str, Claim]:
    said = [claim for kind, trials in planned.items() for claim in kind.claims(results(trials, change))]
    return {claim.name: claim for claim in said}


def test_exact_results_hold_every_claim(paper: Any) -> None:
    found = checked(paper, lambda _: {})
    assert len(found) == 31
    assert [name for name, claim in found.items() if not claim.holds] == []
    assert found["maximum-slope"].measured == pytest.approx(-1)
    assert found["accumulated-slope"].measured == pytest.approx(-0.5)
    assert found["ode-slope"].measured == pytest.approx(-1)
    assert found["fit-balance"].measured == pytest.approx(1)
    assert found["scores-depth"].measured == pytest.approx(0)


def on(kind: type[Experiment], result: dict[str, Any], **where: Any) -> Change:
    """``result`` in one experiment, where fields have the values of ``where``."""
    return lambda trial: result if type(trial) is kind and where.items() <= trial.spec.items() else {}


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (on(Depth, {"maximum": ("iteration", np.ones(5))}, depth=2048), {"maximum-slope"}),
        (on(Depth, {"accumulated": ("iteration", np.ones(5))}, depth=2048), {"accumulated-slope"}),
        (
            on(Depth, {"path": (("iteration", "place", "weight"), np.ones((5, 3, 2)))}, depth=512),
            {"reference-falls", "reference-slope"},
        ),
        (on(Ode, {"error": 1.0}, depth=2048), {"ode-slope", "ode-bound"}),
        (on(LongRun, {"loss": ("step", np.full(10, 1e-3))}), {"fit-loss", "fit-balance", "fit-exponential"}),
        (on(LongRun, {"correlation": ("step", np.full(10, -0.1))}), {"fit-smooth"}),
        (on(LongRun, {"p_value": ("step", np.full(10, 0.3))}), {"fit-smooth"}),
        (on(LongRun, {"ratio": ("step", np.zeros(10))}), {"fit-ratio"}),
        (on(CounterExample, {"gap": 0.1}, depth=512), {"pair-gaps"}),
        (on(CounterExample, {"error": 1e-5}, depth=512), {"pair-limit"}),
        (on(FashionMnist, {"smooth": 0.0}, activation="gelu", initialization="tied", seed=1), {"images-gelu-tied"}),
        (on(FashionMnist, {"smooth": 1.0}, activation="relu", initialization="tied"), {"images-relu-tied"}),
        (on(Cifar10, {"smooth": 0.0}, activation="gelu", initialization="tied", seed=1), {"cifar-10-gelu-tied"}),
        (on(SmoothnessDesign, {"train_accuracy": 90.0}, activation="gelu", steps=480), {"design-fit-gelu"}),
        (on(Scores, {"copies": ("checkpoint", 0 * CHECKPOINT)}, depth=16), {"scores-depth"}),
        (on(Scores, {"excess_low": ("checkpoint", -0.1 + 0 * CHECKPOINT)}), {"scores-memorize"}),
    ],
)
def test_a_wrong_result_fails_its_claim_and_no_other(paper: Any, change: Change, fail: set[str]) -> None:
    assert {name for name, claim in checked(paper, change).items() if not claim.holds} == fail


def test_copies_are_compared_at_the_lowest_loss_that_all_reach(paper: Any) -> None:
    late = {"loss": ("checkpoint", 1 - CHECKPOINT / 20)}
    level, settings = copies_at_equal_loss(rows(results(paper[Scores], on(Scores, late, depth=16))))
    assert level == pytest.approx(0.6)
    for depth, copies in ((16, 0.8), (2, 0.4)):
        assert [s.copies for s in settings if s.depth == depth] == pytest.approx([copies] * 2)


def test_figures_of_made_up_results(paper: Any) -> None:
    drawn = [plot for kind, trials in paper.items() for plot in kind.plots(results(trials))]
    assert [plot.name for plot in drawn] == [
        "depth",
        "fit",
        "images",
        "cifar-10",
        "design",
        "scores",
        "ode",
        "counter-example",
    ]
    for plot in drawn:
        figure = Figure()
        plot.draw(figure)
        assert all(axes.has_data() for axes in figure.axes), plot.name


@pytest.mark.parametrize("kind", EXPERIMENTS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("kept", ["first", "last", "every other"])
def test_figures_of_some_trials(paper: Any, kind: type[Experiment], kept: str) -> None:
    trials = paper[kind]
    some = {"first": trials[:1], "last": trials[-1:], "every other": trials[::2]}[kept]
    table = tabulate(trials, {trial.key: check_result(trial, exact(trial)) for trial in some})
    for plot in kind.plots(table):
        plot.draw(Figure())


def designed(shifts: dict[str, float]) -> pd.DataFrame:
    """Three networks in each of the eight cells, at 0.3, 0.4 and 0.5 plus the shifts of the upper levels."""
    rows = [
        dict(zip(FACTORS, cell, strict=True)) | {"seed": seed, "step_correlation": 0.3 + 0.1 * seed}
        for cell in itertools.product(*(levels for _, levels in FACTORS.values()))
        for seed in range(3)
    ]
    table = pd.DataFrame(rows)
    for name, shift in shifts.items():
        table["step_correlation"] += shift * (table[name] == FACTORS[name][1][1])
    return table


def test_effects_of_a_design_are_told_apart_with_their_interval() -> None:
    table = designed({"learning_rate": -0.4, "n_samples": 0.1})
    table.loc[table.steps > 480, "step_correlation"] += 0.1 * (table.seed - 1)
    found = effects(table)
    assert {name: effect.mean for name, effect in found.items()} == {
        "n_samples": pytest.approx(0.1),
        "learning_rate": pytest.approx(-0.4),
        "steps": pytest.approx(0, abs=1e-12),
    }
    # Longer training does −0.1, 0 and 0.1 to the three seeds: two degrees of freedom, three intervals at once.
    assert found["steps"].error == pytest.approx(7.6488 * 0.1 / math.sqrt(3), rel=1e-3)
    # What seeds have in common in all cells is no error.
    assert found["learning_rate"].error == pytest.approx(0, abs=1e-12)


def test_a_design_without_a_second_level_or_seed_shows_no_effect() -> None:
    table = designed({})
    assert math.isnan(effects(table[table.steps == 480])["steps"].mean)
    assert math.isnan(effects(table[table.seed == 1])["steps"].error)


@pytest.mark.statistical
def test_the_three_intervals_cover_together() -> None:
    rng = np.random.default_rng(20261127)
    one_of_three = stats.t.ppf(0.975, 2) / stats.t.ppf(1 - 0.025 / 3, 2)  # the control: each interval on its own
    missed = np.zeros(2)
    for _ in range(400):
        table = designed({})
        # Seeds differ, and a factor does something else to each: the errors of no cell are independent.
        table["step_correlation"] = rng.normal(size=3)[table.seed] + rng.normal(size=len(table))
        for name in FACTORS:
            table["step_correlation"] += rng.normal(size=3)[table.seed] * (table[name] == FACTORS[name][1][1])
        ratios = [abs(effect.mean) / effect.error for effect in effects(table).values()]
        missed += max(ratios) > np.array([1.0, one_of_three])
    together, alone = (stats.binomtest(int(n), 400, 0.05, alternative="greater").pvalue for n in missed)
    assert alone < 1e-3 < together


def test_the_variance_is_shared_by_cells_and_seeds() -> None:
    assert variance_shares(designed({})) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    # A shift of 0.2 in half of the cells has the variance 0.01; the seeds, at 0.3, 0.4 and 0.5, have 0.02/3.
    assert variance_shares(designed({"steps": 0.2})) == (pytest.approx(0.6), pytest.approx(0.4))


def test_a_rank_correlation_is_that_within_each_seed() -> None:
    table = designed({"steps": -0.4, "n_samples": -0.1})
    # Between seeds it is the other way round: the smoother one fits better.
    table["train_accuracy"] = 1000 * table.seed - table.step_correlation**3
    assert rank_correlation(table, "train_accuracy") == (pytest.approx(-1), pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize(("shift", "holds"), [(-0.5, True), (0.0, False)])
def test_the_design_names_what_loses_smoothness(shift: float, holds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemoscope.studies.deep_limits.design.image_names", lambda: ["fashion-mnist"])
    trials = SmoothnessDesign.plan("paper", range)
    assert len(trials) == 2 * 8 * 6
    noise = np.random.default_rng(0).normal(scale=0.1, size=len(trials))
    found = {
        trial.key: {
            "step_correlation": 0.1 * trial.seed + shift * (trial.steps > 480) + float(extra),
            "train_accuracy": 80.0 + 10 * (trial.steps > 480) + trial.learning_rate,
        }
        for trial, extra in zip(trials, noise, strict=True)
    }
    results = tabulate(trials, {trial.key: check_result(trial, found[trial.key]) for trial in trials})
    said = list(SmoothnessDesign.claims(results))
    assert [claim.name for claim in said] == [
        *("design-gelu", "design-fit-gelu", "design-identity", "design-fit-identity")
    ]
    assert [claim.holds for claim in said] == 4 * [holds]
    if holds:
        assert "above all by more steps" in said[0].statement
    for plot in SmoothnessDesign.plots(results):
        figure = Figure()
        plot.draw(figure)
        figure.draw_without_rendering()
