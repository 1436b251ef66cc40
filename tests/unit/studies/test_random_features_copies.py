"""Copies of training digits, by random features and by U-Nets: tiny trainings, and claims that hold and that fail."""

import math
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from mnemoscope.auditing import Rate, difference_interval
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.studies import Experiment
from mnemoscope.studies.random_features import digits, unet
from mnemoscope.studies.random_features.copies import Copies
from mnemoscope.studies.random_features.digits import SAMPLES, TrainingDigits
from mnemoscope.studies.random_features.unet import UNet
from tests.unit.studies.random_features_results import TINY, Change, Made, checked, failing, like_the_source, table

PROCESS = OrnsteinUhlenbeck(t_min=0.01, t_max=3.0)


def test_digits_are_centred_and_scaled_by_those_trained_on() -> None:
    drawn = TrainingDigits.draw(16, seed=3)
    items, fresh = drawn.items(), drawn.fresh()
    assert (len(items), len(fresh)) == (16, 1781)
    assert items.mean(dim=0).abs().max() < 1e-12
    assert float(items.square().mean()) == pytest.approx(1)
    assert fresh.mean(dim=0).abs().max() > 0.1
    both = torch.cat([drawn.train.to_model(torch.float64), drawn.holdout.to_model(torch.float64)])
    torch.testing.assert_close(torch.cat([items, fresh]) * drawn.scale + drawn.mean, both)


@pytest.mark.parametrize("kind", [Copies, UNet])
@pytest.mark.parametrize("copied", [False, True])
def test_samples_are_audited_on_the_images_scale(
    monkeypatch: pytest.MonkeyPatch, kind: type[Experiment], copied: bool
) -> None:
    """A model that returns training digits is caught, one that returns held-out digits is the null."""
    trial = kind(**TINY[kind])
    drawn = TrainingDigits.draw(TINY[kind]["n_samples"], seed=0)
    returned = (drawn.items() if copied else drawn.fresh())[:8]
    monkeypatch.setattr(digits, "sample", lambda *_, **__: returned.repeat(10, 1, 1).flatten(1))
    found = trial.run()
    assert found["copies"] == copied
    assert found["null"] < 0.05
    assert (found["excess_low"] > 0.8) == copied
    assert found["excess_low"] <= found["copies"] - found["null"] <= found["excess_high"]


# -- training of a U-Net -----------------------------------------------------------------------------------------------


def normal(n: int, seed: int) -> Tensor:
    return torch.randn(n, 4, 4, generator=torch.Generator().manual_seed(seed))


def trained(items: Tensor, fresh: Tensor, **changes: Any) -> Any:
    return UNet(**TINY[UNet] | {"noise_draws": 1} | changes).train(items, fresh, PROCESS)[1]


class Nothing(nn.Module):
    """Predicts 0 whatever it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, noise_level: Tensor) -> Tensor:
        return 0 * self.weight.sum() * x


def test_a_network_that_predicts_nothing_has_loss_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet, "build_network", lambda *_: Nothing())
    found = trained(normal(300, 0), normal(300, 1), noise_draws=50, steps=100)
    assert found["train_loss"] == pytest.approx(1, rel=0.05)  # 1,600 draws of 16 pixels: 1 % each
    assert found["test_loss"] == pytest.approx(1, rel=0.05)
    assert found["n_parameters"] == 3


def test_the_test_loss_is_of_the_fresh_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet, "build_network", lambda *_: Nothing())
    found = trained(normal(300, 0), 0 * normal(300, 1))
    # v = α ε without an item, so its mean square is the mean of α² over the law of times (α² + σ² = 1).
    low, high = (math.log(float(PROCESS.ratio(torch.tensor(t)))) for t in (PROCESS.t_min, PROCESS.t_max))
    alpha = [1 / (1 + math.exp(2 * (low + (high - low) * (i + 0.5) / 1000))) for i in range(1000)]
    assert found["test_loss"] == pytest.approx(sum(alpha) / 1000, rel=0.05)


@pytest.mark.slow
def test_few_draws_are_learnt_by_heart_and_many_are_not() -> None:
    items, fresh = normal(2, 0), normal(50, 1)
    few, many = (trained(items, fresh, noise_draws=m, steps=100)["train_loss"] for m in (1, 1000))
    assert few < 0.5 * many


# -- claims of the U-Nets ----------------------------------------------------------------------------------------------


def results(preset: Any = "paper") -> Made:
    return [(trial, like_the_source(trial)) for trial in UNet.plan(preset, range)]


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_results_like_the_source_s_hold_every_claim(preset: Any) -> None:
    found = checked(results(preset))
    assert list(found) == ["unet-width", "unet-draws", "unet-draws-grow", "unet-trained"]
    assert all(claim.holds for claim in found.values())
    assert found["unet-trained"].measured == pytest.approx(0.25)
    assert found["unet-width"].statement.startswith(f"U-Net on {8 if preset == 'quick' else 16} digits: at m = 1000 ")


def test_the_difference_is_measured_with_its_interval() -> None:
    def change(trial: UNet, _: Any) -> dict[str, Any]:
        return {"copies": 0.2 - 0.02 * trial.seed if trial.width == 32 else 0.05}

    expected = difference_interval(Rate(54, SAMPLES), Rate(15, SAMPLES))[0]
    assert checked(results(), change)["unet-width"].measured == pytest.approx(expected)


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
    ],
)
def test_a_wrong_result_fails_its_claim_and_no_other(change: Change, fail: set[str]) -> None:
    assert failing(results(), change) == fail


def test_the_figure_has_a_line_for_each_m_and_dots_for_each_trial() -> None:
    made = results()
    (plot,) = UNet.plots(table([trial for trial, _ in made], made))
    figure = Figure()
    plot.draw(figure)
    assert [len(axes.lines) for axes in figure.axes] == [7, 7, 6]
    assert [len(axes.collections) for axes in figure.axes] == [6, 0, 0]
