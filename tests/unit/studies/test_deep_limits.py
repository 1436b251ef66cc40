"""Tiny trials of every part, and claims from made-up results that hold and that fail."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from mnemoscope.errors import InputError
from mnemoscope.studies import STUDIES, Claim, load_study
from mnemoscope.studies.deep_limits import scores
from mnemoscope.studies.deep_limits.claims import LEAST_STEPS, compute_claims
from mnemoscope.studies.deep_limits.network_claims import copies_at_equal_loss
from mnemoscope.studies.deep_limits.trials import DepthTrial
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result
from mnemoscope.theory import alternating_limit

pytestmark = pytest.mark.usefixtures("no_installed_images")

TINY: dict[str, Any] = {"part": "depth", "depth": 8, "n_samples": 5, "steps": 50, "seed": 1}


def outcome(**changes: Any) -> dict[str, Any]:
    return dict(DepthTrial(**TINY | changes).run())


def test_the_name_is_registered() -> None:
    assert "deep-limits" in STUDIES
    assert load_study("deep-limits").name == "deep-limits"


@pytest.mark.parametrize(
    ("field", "value"), [("depth", 0), ("n_samples", 0), ("steps", -1), ("seed", -1), ("activation", "sine")]
)
def test_a_spec_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"DepthTrial: {field}"):
        DepthTrial(**TINY | {field: value})


@pytest.mark.parametrize("preset", ["quick", "paper"])
@pytest.mark.parametrize("there", [True, False])
def test_presets_list_every_part_and_keep_seeds_apart(
    preset: Any, there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    if there:
        monkeypatch.setattr("mnemoscope.studies.images.FASHION_MNIST", tmp_path)
        monkeypatch.setattr("mnemoscope.studies.images.CIFAR_10", tmp_path)
    zero, one = (load_study("deep-limits").trials(preset, seed) for seed in (0, 1))
    expected = {"depth", "fit", "ode", "counter-example", "scores"} | ({"images"} if there else set())
    expected |= {"cifar-10"} if there and preset == "paper" else set()
    assert {trial.part for trial in zero} == expected
    assert len({trial.key for trial in zero}) == len(zero)
    assert not {trial.seed for trial in zero} & {trial.seed for trial in one}


def test_descent_at_two_depths_starts_from_the_same_network_and_data() -> None:
    shallow, deep = outcome(), outcome(depth=16)
    assert shallow["descent_loss"][1][0] == pytest.approx(deep["descent_loss"][1][0], rel=1e-4)
    assert shallow["maximum"][1][-1] > deep["maximum"][1][-1] > 0
    assert np.all(np.diff(shallow["accumulated"][1]) > 0)
    assert shallow["path"][1].shape == (5, 32, 1024)
    np.testing.assert_allclose(shallow["path"][1], deep["path"][1], atol=0.05)
    assert outcome()["maximum"][1].tolist() == shallow["maximum"][1].tolist()


def test_the_long_run_balances_its_loss() -> None:
    found = outcome(part="fit", steps=100)
    fallen = math.log(found["fit_start"] / found["fit_loss"][1][-1])
    assert found["fit_fall"][1][-1] == pytest.approx(fallen, rel=0.1)
    assert found["fit_ratio"][1].min() > 0
    assert found["fit_weights"][1].shape == (len(found["fit_step"][1]), 8, 6)


def test_a_network_is_closer_to_its_ode_than_the_bound() -> None:
    coarse, fine = outcome(part="ode", steps=0), outcome(part="ode", depth=64, steps=0)
    assert 0 < fine["ode_error"] < coarse["ode_error"] / 4
    assert fine["ode_error"] < fine["ode_bound"] == pytest.approx(coarse["ode_bound"] / 8)


def test_the_counter_example_keeps_its_gaps() -> None:
    found = outcome(part="counter-example", activation="relu", steps=300)
    assert found["pair_gap"] == pytest.approx(alternating_limit(3.0, 4) + 1 / 8, abs=1e-6)
    assert found["pair_error"] < 1e-6


def test_scores_are_looked_at_along_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "SAMPLES", 40)
    monkeypatch.setattr(scores, "SAMPLER_STEPS", 4)
    found = outcome(part="scores", depth=2, n_samples=8, steps=80)
    assert found["score_loss"][1][0] > found["score_loss"][1][-1]
    assert np.all(found["excess_low"][1] <= found["excess_high"][1])
    assert found["copies"][1].shape == (8,)


# -- claims ------------------------------------------------------------------------------------------------------------

LOOK = np.arange(1, 9)
STEP = np.arange(1, 11)


def exact(trial: DepthTrial) -> dict[str, Any]:
    """A result that follows the published laws exactly."""
    L = trial.depth
    if trial.part == "depth":
        time, weight = np.arange(1.0, 6), np.ones((5, 3, 2))
        return {
            "iteration": ("iteration", np.arange(5)),
            "maximum": ("iteration", time / L),
            "accumulated": ("iteration", time / math.sqrt(L)),
            "descent_loss": ("iteration", 1 / time),
            "path": (("iteration", "place", "weight"), (1 / L - 1 / 2048) * weight * time[:, None, None]),
        }
    if trial.part == "fit":
        fall = STEP * 2.0
        names = {"fit_ratio": 0.5, "fit_jumps": 0.01, "fit_correlation": 0.9, "fit_p": 0.01, "fit_maximum": 0.1}
        return {
            "fit_step": ("fit_step", STEP * LEAST_STEPS // 10),
            "fit_start": 2.0,
            "fit_loss": ("fit_step", 2 * np.exp(-fall)),
            "fit_fall": ("fit_step", fall),
            "fit_weights": (("fit_step", "fit_layer", "shown"), np.zeros((10, 64, 2))),
            **{name: ("fit_step", np.full(10, value)) for name, value in names.items()},
        }
    if trial.part == "ode":
        return {"ode_error": trial.seed / L, "ode_bound": 100 * trial.seed / L}
    if trial.part == "counter-example":
        return {"pair_gap": alternating_limit(3.0, L // 2) + 1 / L, "pair_error": 1e-9}
    if trial.part in ("images", "cifar-10"):
        smooth = trial.activation != "relu" and trial.initialization == "tied"
        numbers = {"train_accuracy": 80.0, "test_accuracy": 70.0, "p_value": 0.001, "null_low": 0.8, "null_high": 1.2}
        return {**numbers, "jump_share": 0.05, "step_correlation": 0.8 if smooth else -0.4, "smooth": float(smooth)}
    return {
        "look": ("look", LOOK),
        "score_loss": ("look", 1 - LOOK / 10),
        "copies": ("look", LOOK / 10),
        "null": ("look", 0 * LOOK),
        "excess_low": ("look", LOOK / 10 - 0.05),
        "excess_high": ("look", LOOK / 10 + 0.05),
    }


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[tuple[DepthTrial, dict[str, Any]]]:
    for name in ("FASHION_MNIST", "CIFAR_10"):
        monkeypatch.setattr(f"mnemoscope.studies.images.{name}", tmp_path)
    return [(trial, exact(trial)) for trial in load_study("deep-limits").trials("paper", 0)]


Change = Callable[[DepthTrial], dict[str, Any] | None]


def table(made_up: Any, change: Change) -> Any:
    """The table after ``change``: it returns what differs in a result, or None for an unfinished trial."""
    changed = {trial.key: (trial, result, change(trial)) for trial, result in made_up}
    found = {key: check_result(t, r | c) for key, (t, r, c) in changed.items() if c is not None}
    return tabulate([trial for trial, _ in made_up], found)


def checked(made_up: Any, change: Change) -> dict[str, Claim]:
    return {claim.name: claim for claim in compute_claims(table(made_up, change))}


def test_exact_results_hold_every_claim(paper: Any) -> None:
    found = checked(paper, lambda _: {})
    assert [name for name, claim in found.items() if not claim.holds] == []
    assert found["maximum-slope"].measured == pytest.approx(-1)
    assert found["accumulated-slope"].measured == pytest.approx(-0.5)
    assert found["ode-slope"].measured == pytest.approx(-1)
    assert found["fit-balance"].measured == pytest.approx(1)
    assert found["scores-depth"].measured == pytest.approx(0)


def on(part: str, result: dict[str, Any], **where: Any) -> Change:
    """``result`` in one part of the study, where fields have the values of ``where``."""
    return lambda trial: result if trial.part == part and all(getattr(trial, k) == v for k, v in where.items()) else {}


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (on("depth", {"maximum": ("iteration", np.ones(5))}, depth=2048), {"maximum-slope"}),
        (on("depth", {"accumulated": ("iteration", np.ones(5))}, depth=2048), {"accumulated-slope"}),
        (
            on("depth", {"path": (("iteration", "place", "weight"), np.ones((5, 3, 2)))}, depth=512),
            {"reference-falls", "reference-slope"},
        ),
        (on("ode", {"ode_error": 1.0}, depth=2048), {"ode-slope", "ode-bound"}),
        (on("fit", {"fit_loss": ("fit_step", np.full(10, 1e-3))}), {"fit-loss", "fit-balance", "fit-exponential"}),
        (on("fit", {"fit_correlation": ("fit_step", np.full(10, -0.1))}), {"fit-smooth"}),
        (on("fit", {"fit_p": ("fit_step", np.full(10, 0.3))}), {"fit-smooth"}),
        (on("fit", {"fit_ratio": ("fit_step", np.zeros(10))}), {"fit-ratio"}),
        (on("counter-example", {"pair_gap": 0.1}, depth=512), {"pair-gaps"}),
        (on("counter-example", {"pair_error": 1e-5}, depth=512), {"pair-limit"}),
        (on("images", {"smooth": 0.0}, activation="gelu", initialization="tied", seed=1), {"images-gelu-tied"}),
        (on("images", {"smooth": 1.0}, activation="relu", initialization="tied"), {"images-relu-tied"}),
        (on("cifar-10", {"smooth": 0.0}, activation="gelu", initialization="tied", seed=1), {"cifar-10-gelu-tied"}),
        (on("scores", {"copies": ("look", 0 * LOOK)}, depth=16), {"scores-depth"}),
        (on("scores", {"excess_low": ("look", -0.1 + 0 * LOOK)}), {"scores-memorize"}),
    ],
)
def test_a_wrong_result_fails_its_claim_and_no_other(paper: Any, change: Change, fail: set[str]) -> None:
    assert {name for name, claim in checked(paper, change).items() if not claim.holds} == fail


@pytest.mark.parametrize("part", ["depth", "ode", "fit", "counter-example", "images", "cifar-10", "scores"])
def test_an_unfinished_part_holds_nothing_and_stops_nothing(paper: Any, part: str) -> None:
    found = checked(paper, lambda trial: None if trial.part == part and trial.seed == 1 else {})
    starts = {"depth": ("maximum", "accumulated", "reference"), "counter-example": ("pair",)}.get(part, (part,))
    failed = {name for name, claim in found.items() if not claim.holds}
    assert failed == {name for name in found if name.startswith(starts)}
    assert all(math.isnan(found[name].measured) for name in failed)


def test_copies_are_compared_at_the_lowest_loss_that_all_reach(paper: Any) -> None:
    late = {"score_loss": ("look", 1 - LOOK / 20)}
    results = table(paper, on("scores", late, depth=16))
    trials = results.isel(trial=np.flatnonzero(results.part == "scores"))
    level, settings = copies_at_equal_loss(trials)
    assert level == pytest.approx(0.6)
    for depth, copies in ((16, 0.8), (2, 0.4)):
        assert [s.copies for s in settings if s.depth == depth] == pytest.approx([copies] * 2)


def test_figures_of_made_up_results(paper: Any) -> None:
    drawn = load_study("deep-limits").plots(table(paper, lambda _: {}))
    assert [plot.name for plot in drawn] == ["depth", "fit", "images", "cifar-10", "scores", "ode", "counter-example"]
    for plot in drawn:
        figure = Figure()
        plot.draw(figure)
        assert all(axes.has_data() for axes in figure.axes), plot.name
    assert load_study("deep-limits").plots(table(paper, lambda _: None)) == []
