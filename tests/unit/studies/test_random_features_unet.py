"""The U-Net half: tiny trainings, and claims from made-up results that hold and that fail."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure
from torch import Tensor, nn

from mnemoscope.auditing import Rate, difference_interval
from mnemoscope.errors import InputError
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.studies import Claim, load_study
from mnemoscope.studies.random_features import trials, unet
from mnemoscope.studies.random_features.trials import SAMPLES, Experiment
from mnemoscope.studies.random_features.unet_results import unet_claims
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result

TINY: dict[str, Any] = {
    "part": "unet",
    "data": "digits",
    "activation": "silu",
    "dim": 64,
    "psi_n": 0.125,
    "noise_draws": 2,
    "time": 0.01,
    "width": 8,
    "steps": 2,
    "seed": 0,
}
ALL = {"unet-width", "unet-draws", "unet-draws-grow", "unet-trained"}
WIDE = max(trial.width for trial in load_study("random-features").trials("paper", 0))
PROCESS = OrnsteinUhlenbeck(t_min=0.01, t_max=3.0)


def normal(n: int, seed: int) -> Tensor:
    return torch.randn(n, 4, 4, generator=torch.Generator().manual_seed(seed))


def trained(items: Tensor, fresh: Tensor, **options: Any) -> Any:
    return unet.train_unet(items, fresh, PROCESS, **{"width": 8, "noise_draws": 1, "steps": 2, "seed": 0} | options)


@pytest.mark.parametrize(
    "changes",
    [{"width": 0}, {"steps": 0}, {"psi_p": 2.0}, {"ridge": 1e-3}, {"part": "size", "psi_p": 2.0, "ridge": 1e-3}],
)
def test_fields_of_the_other_model_are_refused(changes: dict[str, Any]) -> None:
    field = next(iter(changes)) if len(changes) == 1 else "width"
    with pytest.raises(InputError, match=f"Experiment: .*{field}: .*must be"):
        Experiment(**TINY | changes)


class Nothing(nn.Module):
    """Predicts 0 whatever it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, noise_level: Tensor) -> Tensor:
        return 0 * self.weight.sum() * x


def test_a_network_that_predicts_nothing_has_loss_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet, "build_network", lambda *_: Nothing())
    _, found = trained(normal(300, 0), normal(300, 1), noise_draws=50, steps=100)
    assert found["train_loss"] == pytest.approx(1, rel=0.05)  # 1,600 draws of 16 pixels: 1 % each
    assert found["test_loss"] == pytest.approx(1, rel=0.05)
    assert found["n_parameters"] == 3


def test_the_test_loss_is_of_the_fresh_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet, "build_network", lambda *_: Nothing())
    process = PROCESS
    _, found = trained(normal(300, 0), 0 * normal(300, 1))
    # v = ᾱ ε without an item, so its mean square is the mean of α² over the law of times (α² + σ² = 1).
    low, high = (math.log(float(process.ratio(torch.tensor(t)))) for t in (process.t_min, process.t_max))
    alpha = [1 / (1 + math.exp(2 * (low + (high - low) * (i + 0.5) / 1000))) for i in range(1000)]
    assert found["test_loss"] == pytest.approx(sum(alpha) / 1000, rel=0.05)


def test_few_draws_are_learnt_by_heart_and_many_are_not() -> None:
    items, fresh = normal(2, 0), normal(50, 1)
    few, many = (trained(items, fresh, noise_draws=m, steps=100)[1]["train_loss"] for m in (1, 1000))
    assert few < 0.5 * many


def test_a_trial_depends_on_its_spec_alone() -> None:
    outcomes = [dict(Experiment(**TINY | {"seed": seed}).run()) for seed in (0, 0, 1)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0] != outcomes[2]


@pytest.mark.parametrize("copied", [0, 1])
def test_samples_are_audited_on_the_images_scale(monkeypatch: pytest.MonkeyPatch, copied: int) -> None:
    """A model that returns training digits is caught, one that returns held-out digits is the null."""
    kept: list[Tensor] = []
    train = trials.train_unet

    def keep(items: Tensor, fresh: Tensor, *arguments: Any, **options: Any) -> Any:
        kept.append((items if copied else fresh)[:8])
        return train(items, fresh, *arguments, **options)

    monkeypatch.setattr(trials, "train_unet", keep)
    monkeypatch.setattr(trials, "sample", lambda *_, **__: kept[-1].repeat(10, 1, 1))
    found = Experiment(**TINY).run()
    assert found["copies"] == copied
    assert found["null"] < 0.05
    assert (found["excess_low"] > 0.8) == bool(copied)


# -- claims ------------------------------------------------------------------------------------------------------------


def made_up(trial: Experiment) -> dict[str, Any]:
    """Copies that grow with width and m, and fewer losses for fewer draws, as the source has it."""
    copies = 0.08 * math.log10(trial.noise_draws) * math.log2(trial.width / 4)
    return {
        "copies": round(SAMPLES * copies) / SAMPLES,
        "null": 0.0,
        "excess_low": copies - 0.05,
        "excess_high": copies + 0.05,
        "n_parameters": 700 * trial.width**2,
        "train_loss": 0.1 * math.log10(10 * trial.noise_draws),
        "test_loss": 1.2,
    }


Change = Callable[[Experiment, dict[str, Any]], dict[str, Any] | None]


def results(change: Change = lambda *_: {}, preset: Any = "paper") -> xr.Dataset:
    listed = [t for t in load_study("random-features").trials(preset, 0) if t.part == "unet"]
    other = Experiment(
        **TINY | {"part": "copies", "activation": "relu", "psi_p": 1.0, "ridge": 1e-3, "width": 0, "steps": 0}
    )
    found = {}
    for trial in listed:
        changed = change(trial, made_up(trial))
        if changed is not None:
            found[trial.key] = check_result(trial, made_up(trial) | changed)
    return tabulate([other, *listed], found)


def checked(change: Change = lambda *_: {}, preset: Any = "paper") -> dict[str, Claim]:
    return {claim.name: claim for claim in unet_claims(results(change, preset))}


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_results_like_the_source_s_hold_every_claim(preset: Any) -> None:
    found = checked(preset=preset)
    assert list(found) == ["unet-width", "unet-draws", "unet-draws-grow", "unet-trained"]
    assert all(claim.holds for claim in found.values())
    assert found["unet-trained"].measured == pytest.approx(0.25)


def test_the_difference_is_measured_with_its_interval() -> None:
    def change(trial: Experiment, _: Any) -> dict[str, Any]:
        return {"copies": 0.2 - 0.02 * trial.seed if trial.width == 32 else 0.05}

    expected = difference_interval(Rate(54, SAMPLES), Rate(15, SAMPLES))[0]
    assert checked(change)["unet-width"].measured == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "fail"),
    [
        (
            lambda t, _: {"copies": 0.9} if t.width == 8 and t.noise_draws == 1000 and t.seed == 1 else {},
            {"unet-width"},
        ),
        (lambda t, _: {"copies": 0.9} if t.noise_draws == 1 else {}, {"unet-draws", "unet-draws-grow"}),
        (lambda t, _: {"train_loss": 0.9} if t.noise_draws == 1 and t.seed == 1 else {}, {"unet-trained"}),
        (lambda *_: {"copies": 0.0}, {"unet-width", "unet-draws"}),
        (lambda t, _: {"copies": 0.9} if t.noise_draws == 10 else {}, {"unet-draws-grow"}),
        (lambda t, _: None if t.width == WIDE and t.seed == 1 else {}, ALL),
        (lambda t, _: None if t.width == 8 else {}, {"unet-width"}),
    ],
)
def test_a_wrong_result_fails_its_claim_and_no_other(change: Change, fail: set[str]) -> None:
    assert {name for name, claim in checked(change).items() if not claim.holds} == fail


def test_the_figure() -> None:
    drawn = load_study("random-features").plots(results())
    assert [plot.name for plot in drawn] == ["unet"]
    figure = Figure()
    drawn[0].draw(figure)
    assert [len(axes.lines) for axes in figure.axes] == [7, 7, 6]
    assert [len(axes.collections) for axes in figure.axes] == [6, 0, 0]
