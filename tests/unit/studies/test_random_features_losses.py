"""Losses beside the theory: tiny trials, and claims from made-up results that hold and that fail."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from mnemoscope.studies import Experiment
from mnemoscope.studies.random_features import curve
from mnemoscope.studies.random_features.curve import Curve
from mnemoscope.studies.random_features.curve_limit import CurveLimit
from mnemoscope.studies.random_features.image_theory import ImageTheory, fourth_cumulant
from mnemoscope.studies.random_features.size import Size
from mnemoscope.studies.random_features.spectrum import Spectrum
from mnemoscope.studies.random_features.training_time import TrainingTime
from mnemoscope.studies.study import Preset
from mnemoscope.sweeps import grid
from tests.unit.studies.random_features_results import TINY, Change, Made, checked, failing, near_theory, shifted

pytestmark = pytest.mark.usefixtures("no_installed_images")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(Size, {}), (Curve, {"activation": "relu"}), (ImageTheory, {}), (ImageTheory, {"whitened": False})],
)
def test_losses_stand_beside_the_theory(kind: type[Experiment], changes: dict[str, Any]) -> None:
    found = kind(**TINY[kind] | changes).run()
    assert found["test_loss"] == pytest.approx(found["test_theory"], rel=0.35)
    assert found["train_loss"] == pytest.approx(found["train_theory"], rel=0.35)
    assert found["bayes_loss"] < found["test_theory"]


def test_gradient_flow_starts_at_one_and_ends_below_the_ridge_train_loss() -> None:
    train = TrainingTime(**TINY[TrainingTime]).run()["train_path"][1]
    assert train[0] == pytest.approx(1, abs=0.1)
    assert np.all(np.diff(train) <= 1e-12)
    assert train[-1] <= Size(**TINY[Size]).run()["train_loss"]


def test_the_spectrum_has_one_eigenvalue_for_each_feature() -> None:
    values = Spectrum(**TINY[Spectrum]).run()["eigenvalue"][1]
    assert values.shape == (24,)
    assert values.min() > -1e-12


# -- claims ------------------------------------------------------------------------------------------------------------


def quick(kind: type[Experiment]) -> Made:
    """Made-up results of the quick preset, one seed a setting."""
    return [(trial, near_theory(trial)) for trial in kind.plan("quick", lambda _: range(1))]


@pytest.fixture(scope="module")
def sizes() -> Made:
    return quick(Size)


@pytest.fixture(scope="module")
def curves() -> Made:
    return quick(Curve)


def test_sizes_near_theory_hold_every_claim(sizes: Made) -> None:
    found = checked(sizes)
    assert list(found) == [
        "theory-test-d100",
        "theory-train-d100",
        "theory-test-d200",
        "theory-train-d200",
        "theory-test-limit",
        "theory-train-limit",
        "gap-slope",
    ]
    assert all(claim.holds for claim in found.values())
    assert found["gap-slope"].measured == pytest.approx(-1)
    assert found["theory-test-d100"].measured == pytest.approx(0.02)
    assert found["theory-test-limit"].measured == pytest.approx(0, abs=1e-12)
    assert found["theory-test-limit"].accepted[1] == pytest.approx(0.03)
    assert found["theory-train-d200"].measured == pytest.approx(0.005)
    assert found["theory-test-d200"].accepted[1] == pytest.approx(0.03)


def test_at_400_dimensions_the_tolerance_is_the_published_one() -> None:
    trials = grid(Size, **TINY[Size] | {"dim": [50, 100, 200, 400], "psi_p": [2.0, 5.0]})
    found = checked([(trial, near_theory(trial)) for trial in trials])
    assert found["theory-test-d400"].accepted[1] == pytest.approx(0.015)
    assert found["theory-test-d400"].holds


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (shifted(1.1, dim=100), {"theory-test-d100"}),
        (shifted(1.02, dim=200), {"theory-test-d200", "gap-slope"}),
        (shifted(0.9, "train_loss", dim=200), {"theory-train-limit"}),
        (shifted(1.05, psi_p=2, dim=200), {"theory-test-d200", "theory-test-limit", "gap-slope"}),
    ],
)
def test_a_wrong_size_fails_its_claim_and_no_other(sizes: Made, change: Change, fail: set[str]) -> None:
    assert failing(sizes, change) == fail


def test_curves_near_theory_hold_every_claim(curves: Made) -> None:
    found = checked(curves)
    printed = [f"value-{loss}-p{p}-m{m}" for p in (2, 8) for m in (1, "inf") for loss in ("score-error", "train-loss")]
    assert list(found) == [
        "theory-curves",
        "peak",
        "draws-help",
        "draws-harm",
        "crossover",
        "crossover-losses",
        *printed,
    ]
    assert all(claim.holds for claim in found.values())
    assert found["theory-curves"].measured == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (shifted(3.0, noise_draws=1, psi_p=5.0), {"peak"}),
        (shifted(0.1, noise_draws=1, psi_p=2.0), {"draws-help"}),
        (shifted(30.0, noise_draws=1, psi_p=12.0), {"draws-harm"}),
        (shifted(1.5, "train_loss", noise_draws=math.inf), {"crossover"}),
        (shifted(0.5, noise_draws=math.inf, psi_p=12.0), {"crossover-losses"}),
        (shifted(1.04, noise_draws=4), set()),
    ],
)
def test_a_wrong_curve_fails_its_claim_and_no_other(curves: Made, change: Change, fail: set[str]) -> None:
    assert failing(curves, change) == fail


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (lambda *_: {}, set()),
        (shifted(1.1), {"curve-limit-m1", "curve-limit-minf"}),
        (shifted(1.2, psi_p=8.0), {"curve-limit-m1", "curve-limit-minf"}),
        (shifted(1.2, psi_p=8.0, noise_draws=1), {"curve-limit-m1"}),
        (shifted(1.2, psi_p=0.4, noise_draws=math.inf), {"curve-limit-minf"}),
    ],
)
def test_a_limit_is_tested_as_a_limit(change: Change, fail: set[str]) -> None:
    """Gaps of 2/d, and a spread over seeds of 1/d, as simulations have them."""
    random = np.random.default_rng(0)
    made = [(trial, near_theory(trial)) for trial in CurveLimit.plan("quick", range)]
    for trial, result in made:
        result["test_loss"] += result["test_theory"] * random.normal() / trial.dim
    found = checked(made, change)
    each = ["curve-limit-m{}", "curve-gap-m{}-d50", "curve-gap-m{}-d100", "curve-gap-m{}-d200"]
    assert list(found) == [name.format(m) for m in ("1", "inf") for name in each]
    assert {name for name, claim in found.items() if not claim.holds} == fail


def test_draws_that_act_the_other_way_are_noticed(curves: Made) -> None:
    def mirrored(trial: Curve, result: dict[str, Any]) -> dict[str, Any]:
        """One draw for many and many for one: every statement on noise draws becomes false."""
        if trial.noise_draws == 4:
            return {}
        return near_theory(trial.model_copy(update={"noise_draws": {1: math.inf, math.inf: 1}[trial.noise_draws]}))

    assert {"draws-help", "draws-harm"} <= failing(curves, mirrored)


def test_values_of_another_theory_fail(curves: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "PRINTED", [(2.0, math.inf, ".524", ".780")])
    found = checked(curves)
    assert not found["value-score-error-p2-minf"].holds
    assert found["value-train-loss-p2-minf"].holds


def images(trial: ImageTheory) -> dict[str, Any]:
    """As measured: digits are off by a fifth and far from normal, Gaussian data of their spectrum are not."""
    found = near_theory(trial) | {"fourth_cumulant": 0.01 if trial.gaussian else 1.0}
    return found | ({} if trial.gaussian else {"test_loss": 1.2 * found["test_theory"]})


@pytest.mark.parametrize("preset", ["quick", "paper"])
@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (lambda *_: {}, set()),
        (shifted(2.0, whitened=False), set()),
        (shifted(1.3, gaussian=True), {"whitened-control-digits"}),
        (shifted(1 / 1.2, gaussian=False), {"whitened-digits"}),
        (shifted(0.0, "fourth_cumulant", gaussian=False), {"fourth-cumulants"}),
    ],
)
def test_only_whitened_images_are_claimed(change: Change, fail: set[str], preset: Preset) -> None:
    made = [(trial, images(trial)) for trial in ImageTheory.plan(preset, range)]
    assert list(checked(made)) == ["whitened-control-digits", "whitened-digits", "fourth-cumulants"]
    assert failing(made, change) == fail


def test_the_fourth_cumulant_is_that_of_its_definition() -> None:
    """On one axis the projection is the data: the excess kurtosis of ±1 is −2, of a uniform law −1.2."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(50)[:, None]
    assert fourth_cumulant(signs, generator) == pytest.approx(-2)
    even = torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None]
    assert fourth_cumulant(even, generator) == pytest.approx(-1.2, abs=1e-3)
    assert abs(fourth_cumulant(torch.randn(5000, 8, generator=generator, dtype=torch.float64), generator)) < 0.05
