"""A finite random-feature model at one time t beside the theory of its limit: what most of the experiments share.

The model has d dimensions, n = ψ_n d training items, m noise draws for each (of m = ∞ their exact expectation), and
p = ψ_p d features. The theory keeps ψ_n, ψ_p and m, and lets d grow; a finite model differs from it by a term of order
1/d. Gaps are simulation/theory − 1 at the same parameters.
"""

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import xarray as xr
from pydantic import Field
from torch import Tensor

from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.processes.base import standard_normal
from mnemoscope.random_features import Moments, RandomFeatureScore, moments_of, ridge_readout
from mnemoscope.studies.study import Experiment
from mnemoscope.sweeps import Result
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import learning_curve

PAPER = "George, Veiga & Macris, arXiv 2502.00336"
NOTE = "docs/theory/learning-curves.md"
"""Where the claims are published: in the paper, or derived from it here."""

RIDGE = 1e-3
"""λ of the source."""
FRESH = 4000
"""Items, one noise draw each, on which a test loss is measured; fewer where the data set ends."""

SETTING = ["activation", "psi_n", "psi_p", "noise_draws", "time", "ridge"]
"""What the theory needs to know of a model with a ridge penalty."""
LOSSES = {"test_loss": "test loss", "train_loss": "train loss"}
"""Simulated losses, as figures call them."""


class Untrained(NamedTuple):
    """A model before its read-out is trained: all that training and testing need."""

    score: RandomFeatureScore
    moments: Moments
    """Of the training draws."""
    fresh: Tensor
    """Items that are not trained on, shape ``(n_fresh, dim)``."""


class RandomFeatureModel(Experiment, frozen=True):
    """Base of the experiments that hold a finite model against its limit."""

    activation: Literal["relu", "tanh"]
    psi_n: float = Field(gt=0)
    psi_p: float = Field(gt=0)
    noise_draws: int | float = Field(ge=1)
    time: float = Field(gt=0)
    seed: int = Field(ge=0)

    def draw(self, items: Tensor, generator: torch.Generator) -> Untrained:
        """First layer and noise draws for ``items``, shape ``(n_items, dim)``: the first n are trained on."""
        n_samples, n_features = (round(psi * items.shape[1]) for psi in (self.psi_n, self.psi_p))
        score = random_score(items, n_features, self.activation, OrnsteinUhlenbeck(), self.time, generator)
        moments = moments_of(score, items[:n_samples], noise_draws=self.noise_draws, generator=generator)
        return Untrained(score, moments, items[n_samples:][:FRESH])


class GaussianModel(RandomFeatureModel, frozen=True):
    """The same on normal data of unit variance."""

    dim: int = Field(ge=2)

    def items(self, generator: torch.Generator) -> Tensor:
        """Training and fresh items, shape ``(n_samples + FRESH, dim)``."""
        shape = (round(self.psi_n * self.dim) + FRESH, self.dim)
        return torch.randn(shape, generator=generator, dtype=torch.float64)


def random_score(
    items: Tensor,
    n_features: int,
    activation: str,
    process: OrnsteinUhlenbeck,
    time: float,
    generator: torch.Generator,
) -> RandomFeatureScore:
    """A random-feature score whose features are centred for data like ``items``; its read-out is 0."""
    return RandomFeatureScore(
        items.shape[1:],
        n_features,
        process,
        time,
        activation=activation,
        power=float(items.square().mean()),
        generator=generator,
        dtype=items.dtype,
    )


def ridge_losses(
    trial: RandomFeatureModel,
    ridge: float,
    items: Tensor,
    generator: torch.Generator,
    spectrum: Array | None = None,
) -> Result:
    """Test and train loss of the ridge solution on ``items``, and the theory's for data of this spectrum."""
    score, moments, fresh = trial.draw(items, generator)
    readout = ridge_readout(moments, ridge)
    score.set_readout(readout)
    # Item by item, which is cheaper than the moments of the fresh draws: they are wanted for one read-out only.
    noise = standard_normal(fresh.shape, generator, like=fresh)
    with torch.no_grad():
        residual = moments.sigma * score(score.process.perturb(fresh, trial.time, noise), trial.time) + noise
    setting = trial.model_dump(include={*SETTING}) | {"ridge": ridge}
    theory = learning_curve(**setting, spectrum=spectrum)
    return {
        "test_loss": float(residual.square().mean()),
        "train_loss": moments.loss(readout),
        "test_theory": float(theory.test_loss),
        "train_theory": float(theory.train_loss),
        "bayes_loss": float(theory.bayes_loss),
    }


def named(*settings: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The fields of settings that are written as tuples, in the order of ``SETTING``."""
    return [dict(zip(SETTING, setting, strict=True)) for setting in settings]


def theory_at(row: Any, **changes: Any) -> xr.Dataset:
    """The learning curve at the setting of one row of a table, with changes."""
    return learning_curve(**({name: row[name] for name in SETTING} | changes))


def mean_over_seeds(table: Any, *by: str) -> Any:
    """The mean losses at every setting, and every value of ``by``."""
    losses = [*LOSSES, "test_theory", "train_theory", "bayes_loss"]
    # Not pandas' own mean, which sums in another order: published values are kept to the last digit.
    return table.groupby([*SETTING, *by])[losses].agg(lambda values: values.to_numpy().mean()).reset_index()


def gap(table: Any, loss: str = "test") -> Array:
    """Simulation/theory − 1 of every row."""
    found: Array = (table[f"{loss}_loss"] / table[f"{loss}_theory"] - 1).to_numpy()
    return found


def setting_text(row: Any) -> str:
    """The setting of one row, for statements."""
    draws = draws_text(row.noise_draws)
    return f"{row.activation}, ψ_n = {row.psi_n:g}, ψ_p = {row.psi_p:g}, {draws}, t = {row.time:g}"


def draws_text(noise_draws: float | np.integer[Any]) -> str:
    """m, for statements and figures."""
    return "m = ∞" if math.isinf(noise_draws) else f"m = {noise_draws:g}"
