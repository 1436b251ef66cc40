"""Claims from made-up results that hold and that fail, and the figures drawn from them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from mnemoscope.studies import Claim, load_study
from mnemoscope.studies.regularization import claims, closed_form, study
from mnemoscope.studies.regularization.images import NOISE_LEVELS
from mnemoscope.studies.regularization.trials import Experiment
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result

pytestmark = pytest.mark.usefixtures("no_installed_images")

LOOKS = np.array([250, 500, 1000, 2000])


def made_up(trial: Experiment) -> dict[str, Any]:
    """A result of the right shape that agrees with every claim."""
    jitter = 0.004 * ((trial.seed % 1000) - 1)
    if trial.part == "path":
        sigma = np.geomspace(1, 1e-4, 40)
        return {
            "point": ("point", np.arange(20)),
            "position": (("stage", "trajectory", "axis"), sigma[:, None, None] * np.ones((40, 3, 2))),
            "time": ("stage", sigma**2),
            "sigma": ("stage", sigma),
            "to_limit": (("stage", "trajectory"), sigma[:, None] * np.array([0.5, 1.0, 2.0])),
            "weight": (("stage", "point"), np.full((40, 20), 0.05)),
            "collapse_time": 0.04,
        }
    if trial.part == "symmetric":
        return {
            "start": ("start", np.arange(4)),
            "on_boundary": ("start", np.array([True, True, False, False])),
            "track": (("stage", "start", "axis"), np.zeros((40, 4, 2))),
            "to_point": ("start", np.array([1.0, 1.0, 1e-4, 1e-4])),
            "to_middle": ("start", np.array([1e-4, 1e-4, 1e-4, 1e-4])),
        }
    if trial.part == "collapse":
        share = {
            "tikhonov": float(claims.law(np.array(trial.strength or 1.0))),
            "empirical-bayes": 1 - stage(trial.strength, study.EMPIRICAL_BAYES),
        }.get(trial.score, 1.0)
        return {"collapsed": round(1000 * share), "latents": 1000}
    if trial.part == "network":
        epochs = np.arange(10_000, trial.steps + 1, 10_000)
        share = np.array(claims.PUBLISHED_EARLY)[: len(epochs)] / (1 + 10 * trial.strength) * trial.width / 256
        share = share + 0.1 * (trial.score == "singular-network") + jitter
        wide = np.linspace(0.957, 0.999, 10)[: len(epochs)] + jitter / 10
        return {"epoch": ("epoch", epochs), "within_0_05": ("epoch", share), "within_0_5": ("epoch", wide)}
    if trial.part == "squares":
        counts = {"prior_large": 500, "prior_expected": 0.5, "posterior_large": 700, "posterior_expected": 0.7}
        return counts | {"prior_distance": 0.0, "posterior_distance": 0.0, "pictures": 1000}
    if trial.part == "squares-network":
        return {
            "look": ("look", LOOKS),
            "to_picture": (("look", "picture"), np.array([[8.0, 9.0], [4.0, 4.0], [1.0, 2.0], [0.5, 0.1]])),
            "shown": (("look", "example", "row", "column"), np.zeros((4, 2, 16, 16))),
        }
    looks = LOOKS if trial.score == "network" else np.array([0])
    at = stage(trial.strength, study.IMAGE_STRENGTHS.get(trial.score, [0.0]))
    copies = np.full(len(looks), 1.0 if trial.score in ("empirical", "tempered") else 1 - at)
    quality = np.full(len(looks), 0.1 + (0.5 if trial.score == "empirical-bayes" else 0.1) * at)
    return {
        "look": ("look", looks),
        "noise_level": ("noise_level", np.array(NOISE_LEVELS)),
        "denoising_loss": (("look", "noise_level"), np.full((len(looks), len(NOISE_LEVELS)), 0.1)),
        "mmd": ("look", quality),
        **dict.fromkeys(("copies", "copies_low", "copies_high"), ("look", copies)),
        **dict.fromkeys(("null", "excess_low"), ("look", 0 * copies)),
    }


def stage(strength: float, strengths: list[float]) -> float:
    """From 0 at the weakest regularization to 1 at the strongest."""
    return strengths.index(strength) / max(1, len(strengths) - 1) if strength in strengths else 0.0


Change = Callable[[Experiment, dict[str, Any]], dict[str, Any] | None]


def table(preset: Any, change: Change) -> Any:
    """The table of made-up results after ``change``: it returns what differs, or None for an unfinished trial."""
    listed = load_study("regularization").trials(preset, 0)
    changed = {trial.key: (trial, change(trial, made_up(trial))) for trial in listed}
    found = {
        key: check_result(trial, made_up(trial) | differs)
        for key, (trial, differs) in changed.items()
        if differs is not None
    }
    return tabulate(listed, found)


def checked(change: Change, preset: Any = "quick") -> dict[str, Claim]:
    return {claim.name: claim for claim in claims.compute_claims(table(preset, change))}


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_results_as_published_hold_every_claim(preset: Any) -> None:
    found = checked(lambda *_: {}, preset)
    assert [name for name, claim in found.items() if not claim.holds] == []
    assert found["rate-variance-exploding"].measured == pytest.approx(1)
    assert found["transformed-variance-preserving"].measured == pytest.approx(-1)
    assert found["tikhonov-0.00032"].published == 0.137
    assert found["singular-faster"].measured > 0.09


def scaled(name: str, factor: float, **where: Any) -> Change:
    """``name`` times ``factor`` where the fields have the values of ``where``."""

    def change(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
        if any(getattr(trial, field) != value for field, value in where.items()):
            return {}
        value = result[name]
        if isinstance(value, tuple):
            return {name: (value[0], factor * np.asarray(value[1]))}
        return {name: type(value)(factor * value)}

    return change


def bent(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
    """One trajectory in three approaches its limit like σ^1.1."""
    if trial.part != "path" or trial.process != "variance-exploding":
        return {}
    dims, distance = result["to_limit"]
    powers = np.array([1.0, 1.1, 1.0])
    return {"to_limit": (dims, distance**powers)}


def backwards(result: dict[str, Any]) -> dict[str, Any]:
    dims, values = result["to_picture"]
    return {"to_picture": (dims, values[::-1])}


BAYES = {"part": "collapse", "score": "empirical-bayes"}
PLAIN = {"part": "network", "score": "network", "strength": 0.0, "width": 256}
IMAGES = {"part": "images", "data": "digits"}


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (bent, {"rate-variance-exploding"}),
        (scaled("to_middle", 30.0, part="symmetric"), {"symmetric-boundary"}),
        (scaled("to_point", 30.0, part="symmetric"), {"symmetric-points"}),
        (scaled("collapsed", 0.945, score="tikhonov", strength=1e-4), {"tikhonov-law"}),
        (scaled("collapsed", 0.9, score="tikhonov", strength=1e-5), {"tikhonov-law", "tikhonov-1e-05"}),
        (scaled("collapsed", 0.1, strength=0.316, **BAYES), {"empirical-bayes-monotone"}),
        (scaled("within_0_05", 3.0, **PLAIN), {"early-stopping-0.05", "singular-faster"}),
        (scaled("within_0_5", 0.9, **PLAIN), {"early-stopping-0.5"}),
        (scaled("within_0_05", 0.1, score="singular-network"), {"singular-faster"}),
        (scaled("within_0_05", 3.0, part="network", strength=1e-2), {"tikhonov-training"}),
        (scaled("within_0_05", 9.0, part="network", width=64), {"width"}),
        (scaled("prior_large", 1.1, part="squares"), {"squares-prior"}),
        (scaled("posterior_large", 0.9, part="squares"), {"squares-posterior"}),
        (lambda trial, _: {"prior_distance": 0.1} if trial.part == "squares" else {}, {"squares-exact"}),
        (
            lambda trial, result: backwards(result) if trial.part == "squares-network" else {},
            {"squares-network"},
        ),
        (scaled("copies", 0.2, score="tempered", **IMAGES), {"tempered-copies-digits"}),
        (scaled("copies", 0.4, score="tikhonov", **IMAGES), {"tikhonov-copies-digits"}),
        (scaled("copies", 0.4, score="empirical-bayes", **IMAGES), {"empirical-bayes-copies-digits"}),
        (scaled("mmd", 9.0, score="tikhonov", **IMAGES), {"price-digits"}),
        (
            lambda trial, result: {"excess_low": result["copies"]} if "copies" in result else {},
            {"stopping-digits"},
        ),
    ],
)
def test_a_wrong_result_fails_its_claim_and_no_other(change: Change, fail: set[str]) -> None:
    assert {name for name, claim in checked(change).items() if not claim.holds} == fail


@pytest.mark.parametrize("part", ["path", "symmetric", "collapse", "network", "squares", "squares-network", "images"])
def test_an_unfinished_part_holds_nothing_and_stops_nothing(part: str) -> None:
    whole = checked(lambda *_: {})
    found = checked(lambda trial, _: None if trial.part == part else {})
    assert found.keys() == whole.keys()
    lost = {name for name, claim in found.items() if math.isnan(claim.measured)}
    assert lost == {name for name, claim in found.items() if not claim.holds}
    prefix = {"path": "rate", "collapse": "tikhonov-law", "network": "early", "images": "price"}.get(part, part)
    assert any(name.startswith(prefix) for name in lost)


def test_a_study_without_results_claims_and_draws_nothing() -> None:
    nothing = table("quick", lambda *_: None)
    assert not any(claim.holds for claim in claims.compute_claims(nothing))
    assert load_study("regularization").plots(nothing) == []


def test_figures_of_made_up_results() -> None:
    drawn = load_study("regularization").plots(table("paper", lambda *_: {}))
    names = ["trade-off", "copies", "squares", "collapse", "early-stopping", "trajectories", "weights", "rates"]
    assert [plot.name for plot in drawn] == [*names, "symmetric"]
    for plot in drawn:
        figure = Figure()
        plot.draw(figure)
        assert all(axes.has_data() for axes in figure.axes), plot.name


def test_the_copy_distance_is_the_law_s() -> None:
    assert closed_form.COPY_DISTANCE == 1e-2
    assert float(claims.law(np.array(1e-4))) == pytest.approx(1 - math.exp(-0.5))
