"""Plans; claims from made-up results that hold and that fail; the figures drawn from them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mnemoscope.studies import STUDIES, Claim, Experiment, load_study
from mnemoscope.studies.regularization import (
    Collapse,
    ImageCopies,
    Network,
    Path,
    Regularization,
    Symmetric,
    TwoPictures,
    TwoPicturesNetwork,
    collapse,
    image_copies,
    network,
)
from mnemoscope.studies.regularization.image_quality import NOISE_LEVELS
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result
from mnemoscope.theory import copy_share

pytestmark = pytest.mark.usefixtures("no_installed_images")

CHECKPOINTS = np.array([250, 500, 1000, 2000])

NAMES = [
    *("rate-variance-exploding", "transformed-variance-exploding"),
    *("rate-variance-preserving", "transformed-variance-preserving"),
    *("symmetric-boundary", "symmetric-points", "tikhonov-law"),
    *("tikhonov-1e-05", "tikhonov-3.2e-05", "tikhonov-0.0001", "tikhonov-0.00032", "tikhonov-0.001"),
    *("tikhonov-0.0032", "tikhonov-0.01", "tikhonov-0.032", "tikhonov-0.1"),
    *("empirical-bayes-monotone", "empirical-bayes-ends", "early-stopping-0.05", "early-stopping-0.5"),
    *("singular-faster", "tikhonov-training", "tikhonov-training-law", "width"),
    *("squares-prior", "squares-posterior", "squares-exact", "squares-network"),
    *("tikhonov-copies-digits", "empirical-bayes-copies-digits", "tempered-copies-digits"),
    *("price-digits", "stopping-digits"),
]


def path(trial: Path) -> dict[str, Any]:
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


def symmetric(trial: Symmetric) -> dict[str, Any]:
    return {
        "start": ("start", np.arange(4)),
        "on_boundary": ("start", np.array([True, True, False, False])),
        "track": (("stage", "start", "axis"), np.zeros((40, 4, 2))),
        "to_point": ("start", np.array([1.0, 1.0, 1e-4, 1e-4])),
        "to_middle": ("start", np.array([1e-4, 1e-4, 1e-4, 1e-4])),
    }


def collapsed(trial: Collapse) -> dict[str, Any]:
    share = {
        "tikhonov": float(copy_share(trial.strength, collapse.COPY_DISTANCE)),
        "empirical-bayes": 1 - stage(trial.strength, collapse.EMPIRICAL_BAYES),
    }.get(trial.score, 1.0)
    return {"collapsed": round(1000 * share), "latents": 1000}


def trained(trial: Network) -> dict[str, Any]:
    jitter = 0.004 * ((trial.seed % 1000) - 1)
    epochs = np.arange(10_000, trial.steps + 1, 10_000)
    share = np.array(network.PUBLISHED_NEAR)[: len(epochs)] / (1 + 10 * trial.penalty) * trial.width / 256
    if trial.penalty:
        share = np.minimum(share, float(copy_share(trial.penalty, 0.05)) - 0.01)
    share = share + 0.1 * trial.singular + jitter
    wide = np.linspace(0.957, 0.999, 10)[: len(epochs)] + jitter / 10
    return {
        "epoch": ("epoch", epochs),
        "within_0_05": ("epoch", share),
        "within_0_5": ("epoch", wide),
        "lost": ("epoch", 0 * epochs),
    }


def two_pictures(trial: TwoPictures) -> dict[str, Any]:
    counts = {"prior_large": 500, "prior_expected": 0.5, "posterior_large": 700, "posterior_expected": 0.7}
    return counts | {"prior_distance": 0.0, "posterior_distance": 0.0, "pictures": 1000}


def two_pictures_network(trial: TwoPicturesNetwork) -> dict[str, Any]:
    return {
        "checkpoint": ("checkpoint", CHECKPOINTS),
        "to_picture": (("checkpoint", "picture"), np.array([[8.0, 9.0], [4.0, 4.0], [1.0, 2.0], [0.5, 0.1]])),
        "shown": (("checkpoint", "example", "row", "column"), np.zeros((4, 2, 16, 16))),
    }


def images(trial: ImageCopies) -> dict[str, Any]:
    checkpoints = CHECKPOINTS if trial.score == "network" else np.array([0])
    at = stage(trial.strength, image_copies.STRENGTHS.get(trial.score, [0.0]))
    copies = np.full(len(checkpoints), 1.0 if trial.score in ("empirical", "tempered") else 1 - at)
    quality = np.full(len(checkpoints), 0.1 + (0.5 if trial.score == "empirical-bayes" else 0.1) * at)
    return {
        "checkpoint": ("checkpoint", checkpoints),
        "noise_level": ("noise_level", np.array(NOISE_LEVELS)),
        "denoising_loss": (("checkpoint", "noise_level"), np.full((len(checkpoints), len(NOISE_LEVELS)), 0.1)),
        "mmd": ("checkpoint", quality),
        **dict.fromkeys(("copies", "copies_low", "copies_high"), ("checkpoint", copies)),
        **dict.fromkeys(("null", "excess_low"), ("checkpoint", 0 * copies)),
    }


def stage(strength: float, strengths: list[float]) -> float:
    """From 0 at the weakest regularization to 1 at the strongest."""
    return strengths.index(strength) / max(1, len(strengths) - 1) if strength in strengths else 0.0


MADE_UP: dict[type[Experiment], Callable[[Any], dict[str, Any]]] = {
    Path: path,
    Symmetric: symmetric,
    Collapse: collapsed,
    Network: trained,
    TwoPictures: two_pictures,
    TwoPicturesNetwork: two_pictures_network,
    ImageCopies: images,
}
"""Results of the right shape that agree with every claim."""

Change = Callable[[Any, dict[str, Any]], dict[str, Any]]


def no_change(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
    return {}


def made_up(planned: Sequence[Experiment], finished: Sequence[Experiment], change: Change = no_change) -> xr.Dataset:
    """The results of an experiment after ``change``, which returns what differs."""
    found = {}
    for trial in finished:
        result = MADE_UP[type(trial)](trial)
        found[trial.key] = check_result(trial, result | change(trial, result))
    return tabulate(planned, found)


def checked(change: Change, preset: Any = "quick") -> dict[str, Claim]:
    planned = Regularization().plan(preset, 0)
    return {
        claim.name: claim
        for experiment, trials in planned.items()
        for claim in experiment.claims(made_up(trials, trials, change))
    }


def test_the_name_is_registered() -> None:
    assert "regularization" in STUDIES
    assert type(load_study("regularization")) is Regularization


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_presets_list_every_experiment_and_keep_seeds_apart(preset: Any) -> None:
    zero, one = (Regularization().plan(preset, seed) for seed in (0, 1))
    assert tuple(zero) == Regularization.experiments == tuple(MADE_UP)
    for experiment, trials in zero.items():
        assert len({trial.key for trial in trials}) == len(trials)
        assert not {trial.seed for trial in trials} & {trial.seed for trial in one[experiment]}
    assert {trial.data for trial in zero[ImageCopies]} == {"digits"}


def test_real_images_are_planned_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_copies, "image_names", lambda: ["digits", "fashion-mnist"])
    for preset, networks in (
        ("quick", {("digits", 256)}),
        ("paper", {("digits", 64), ("digits", 256), ("fashion-mnist", 256)}),
    ):
        planned = ImageCopies.plan(preset, range)
        assert {trial.data for trial in planned} == {"digits", "fashion-mnist"}
        assert {(trial.data, trial.width) for trial in planned if trial.score == "network"} == networks


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_results_as_published_hold_every_claim(preset: Any) -> None:
    found = checked(no_change, preset)
    assert list(found) == NAMES
    assert [name for name, claim in found.items() if not claim.holds] == []
    assert found["rate-variance-exploding"].measured == pytest.approx(1)
    assert found["transformed-variance-preserving"].measured == pytest.approx(-1)
    assert found["tikhonov-0.00032"].published == 0.137
    assert found["singular-faster"].measured > 0.09


def scaled(kind: type[Experiment], name: str, factor: float, **where: Any) -> Change:
    """``name`` times ``factor`` in an experiment's trials whose fields have the values of ``where``."""

    def change(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
        if type(trial) is not kind or any(getattr(trial, field) != value for field, value in where.items()):
            return {}
        value = result[name]
        if isinstance(value, tuple):
            return {name: (value[0], factor * np.asarray(value[1]))}
        return {name: type(value)(factor * value)}

    return change


def bent(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
    """One trajectory in three approaches its limit like σ^1.1."""
    if not isinstance(trial, Path) or trial.process != "variance-exploding":
        return {}
    dims, distance = result["to_limit"]
    return {"to_limit": (dims, distance ** np.array([1.0, 1.1, 1.0]))}


def backwards(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
    """The U-Net starts well and ends badly."""
    if not isinstance(trial, TwoPicturesNetwork):
        return {}
    dims, values = result["to_picture"]
    return {"to_picture": (dims, values[::-1])}


def inexact(trial: Experiment, _: dict[str, Any]) -> dict[str, Any]:
    return {"prior_distance": 0.1} if isinstance(trial, TwoPictures) else {}


def early_copies(_: Experiment, result: dict[str, Any]) -> dict[str, Any]:
    return {"excess_low": result["copies"]} if "copies" in result else {}


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (bent, {"rate-variance-exploding"}),
        (scaled(Symmetric, "to_middle", 30.0), {"symmetric-boundary"}),
        (scaled(Symmetric, "to_point", 30.0), {"symmetric-points"}),
        (scaled(Collapse, "collapsed", 0.945, score="tikhonov", strength=1e-4), {"tikhonov-law"}),
        (scaled(Collapse, "collapsed", 0.9, score="tikhonov", strength=1e-5), {"tikhonov-law", "tikhonov-1e-05"}),
        (scaled(Collapse, "collapsed", 0.1, strength=0.316, score="empirical-bayes"), {"empirical-bayes-monotone"}),
        (scaled(Network, "within_0_05", 3.0, **network.PLAIN), {"early-stopping-0.05", "singular-faster"}),
        (scaled(Network, "within_0_5", 0.9, **network.PLAIN), {"early-stopping-0.5"}),
        (scaled(Network, "within_0_05", 0.1, singular=True), {"singular-faster"}),
        (scaled(Network, "within_0_05", 3.0, penalty=1e-2), {"tikhonov-training", "tikhonov-training-law"}),
        (scaled(Network, "within_0_05", 9.0, width=64), {"width"}),
        (scaled(TwoPictures, "prior_large", 1.1), {"squares-prior"}),
        (scaled(TwoPictures, "posterior_large", 0.9), {"squares-posterior"}),
        (inexact, {"squares-exact"}),
        (backwards, {"squares-network"}),
        (scaled(ImageCopies, "copies", 0.2, score="tempered"), {"tempered-copies-digits"}),
        (scaled(ImageCopies, "copies", 0.4, score="tikhonov"), {"tikhonov-copies-digits"}),
        (scaled(ImageCopies, "copies", 0.4, score="empirical-bayes"), {"empirical-bayes-copies-digits"}),
        (scaled(ImageCopies, "mmd", 9.0, score="tikhonov"), {"price-digits"}),
        (early_copies, {"stopping-digits"}),
    ],
)
def test_a_wrong_result_fails_its_claim_and_no_other(change: Change, fail: set[str]) -> None:
    assert {name for name, claim in checked(change).items() if not claim.holds} == fail


def drawn(experiment: type[Experiment], results: xr.Dataset) -> list[str]:
    """The names of the figures, each of them laid out once."""
    names = []
    for plot in experiment.plots(results):
        figure = Figure()
        plot.draw(figure)
        figure.draw_without_rendering()
        assert any(axes.has_data() for axes in figure.axes), plot.name
        names.append(plot.name)
    return names


FIGURES = {
    Path: ["trajectories", "weights", "rates"],
    Symmetric: ["symmetric"],
    Collapse: ["collapse"],
    Network: ["early-stopping"],
    TwoPictures: [],
    TwoPicturesNetwork: ["squares"],
    ImageCopies: ["trade-off", "copies"],
}


@pytest.mark.parametrize("experiment", FIGURES)
def test_figures_of_all_trials(experiment: type[Experiment]) -> None:
    trials = experiment.plan("paper", range)
    assert drawn(experiment, made_up(trials, trials)) == FIGURES[experiment]


@pytest.mark.parametrize("experiment", FIGURES)
def test_figures_of_a_single_trial(experiment: type[Experiment]) -> None:
    planned = experiment.plan("quick", range)
    for trial in {getattr(trial, "score", trial.key): trial for trial in planned}.values():
        assert drawn(experiment, made_up(planned, [trial])) == FIGURES[experiment]


@pytest.mark.parametrize("experiment", FIGURES)
@settings(max_examples=3)
@given(data=st.data())
def test_figures_of_any_trials_that_are_finished(experiment: type[Experiment], data: st.DataObject) -> None:
    planned = experiment.plan("quick", range)
    finished = data.draw(st.lists(st.sampled_from(planned), min_size=1, max_size=4, unique_by=lambda trial: trial.key))
    assert drawn(experiment, made_up(planned, finished)) == FIGURES[experiment]
