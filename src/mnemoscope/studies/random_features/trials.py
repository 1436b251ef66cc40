"""Finite random-feature models, each next to what the theory says of its limit.

A model of d dimensions, n = ψ_n d samples, m noise draws for each and p = ψ_p d features is trained exactly. A
finite model has no m = ∞: its largest m stands for it, and the theory is evaluated at that same m, so that theory and
simulation never differ by more than their size. ``part`` says what is measured:

    size            the losses of the ridge solution, at dimensions that grow
    curve           the same along a learning curve
    images          the same on real images; the theory is fed with the images' own spectrum
    training-time   the losses along gradient flow
    spectrum        the eigenvalues of the feature covariance K
    copies          how many samples of the trained model are copies of training images, and of the held-out null
    unet            the same, and the losses, of a U-Net trained step by step instead (``unet``)
"""

from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from mnemoscope.auditing import audit
from mnemoscope.data import Dataset, from_model
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.processes.base import standard_normal
from mnemoscope.random_features.closed_form import GradientFlow, Moments, collect_moments, ridge_readout
from mnemoscope.random_features.score import RandomFeatureGrid, RandomFeatureScore
from mnemoscope.sampling import sample
from mnemoscope.sampling.grids import ratio_grid
from mnemoscope.scores import Score
from mnemoscope.studies.images import ImageName, load_images
from mnemoscope.studies.random_features.images import scaled_images
from mnemoscope.studies.random_features.unet import train_unet
from mnemoscope.sweeps import Result, Trial
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import learning_curve

FRESH = 4000
"""Items, one noise draw each, on which a test loss is measured; fewer where the data set ends."""

TRAINING_TIMES = np.geomspace(0.1, 1e5, 19)

SAMPLER_STEPS = 8
LATEST_TIME = 3.0
"""At the start of the sampler σ/α = 20."""
SAMPLES = 300

DataName: TypeAlias = Literal["gaussian", ImageName]
Part: TypeAlias = Literal["size", "curve", "images", "training-time", "spectrum", "copies", "unet"]


class Experiment(Trial, frozen=True):
    """One trained model and one measurement on it.

    Of the fields, ``psi_p`` and ``ridge`` belong to random features, ``width`` and ``steps`` to the U-Net; the other
    model leaves them 0.
    """

    part: Part
    data: DataName = "gaussian"
    whitened: bool = False
    activation: Literal["relu", "tanh", "silu"]
    dim: int = Field(ge=2)
    psi_n: float = Field(gt=0)
    psi_p: float = Field(default=0.0, ge=0, validate_default=True)
    noise_draws: int = Field(ge=1)
    time: float = Field(gt=0, lt=LATEST_TIME)
    ridge: float = Field(default=0.0, ge=0, validate_default=True)
    width: int = Field(default=0, ge=0, validate_default=True)
    steps: int = Field(default=0, ge=0, validate_default=True)
    seed: int = Field(ge=0)

    @field_validator("psi_p", "ridge", "width", "steps")
    @classmethod
    def _belongs(cls, value: float, info: Any) -> float:  # ValidationInfo, which beartype cannot check
        needed = (info.data.get("part") == "unet") == (info.field_name in ("width", "steps"))
        if (value > 0) != needed:
            raise ValueError(f"must be {'positive' if needed else '0'} in this part")
        return value

    @property
    def n_samples(self) -> int:
        """The number n of training items."""
        return round(self.psi_n * self.dim)

    @property
    def n_features(self) -> int:
        """The number p of features."""
        return round(self.psi_p * self.dim)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        if self.part in ("copies", "unet"):
            return _copies(self, generator)
        items, spectrum = _items(self, generator)
        train, fresh = items[: self.n_samples], items[self.n_samples :][:FRESH]
        score = _model(self, OrnsteinUhlenbeck(), self.time, items, generator)
        moments = collect_moments(score, train, noise_draws=self.noise_draws, generator=generator)
        if self.part == "spectrum":
            return {"eigenvalue": ("mode", torch.linalg.eigvalsh(moments.features).numpy())}
        if self.part == "training-time":
            return _training_time(moments, collect_moments(score, fresh, noise_draws=1, generator=generator))
        return _losses(self, score, moments, fresh, spectrum, generator)


def _model(
    trial: Experiment, process: OrnsteinUhlenbeck, time: float, items: Tensor, generator: torch.Generator
) -> RandomFeatureScore:
    return RandomFeatureScore(
        items.shape[1:],
        trial.n_features,
        process,
        time,
        activation=trial.activation,
        power=float(items.square().mean()),
        generator=generator,
        dtype=items.dtype,
    )


def _losses(
    trial: Experiment,
    score: RandomFeatureScore,
    moments: Moments,
    fresh: Tensor,
    spectrum: Array | None,
    generator: torch.Generator,
) -> Result:
    """Test and train loss of the ridge solution, and the theory's."""
    readout = ridge_readout(moments, trial.ridge)
    score.set_readout(readout)
    # Item by item, which is cheaper than the moments of the fresh draws: they are wanted for one read-out only.
    noise = standard_normal(fresh.shape, generator, like=fresh)
    with torch.no_grad():
        residual = moments.sigma * score(score.process.perturb(fresh, trial.time, noise), trial.time) + noise
    theory = learning_curve(
        psi_n=trial.psi_n,
        psi_p=trial.psi_p,
        noise_draws=trial.noise_draws,
        time=trial.time,
        ridge=trial.ridge,
        activation=trial.activation,
        spectrum=spectrum,
    )
    return {
        "test_loss": float(residual.square().mean()),
        "train_loss": moments.loss(readout),
        "test_theory": float(theory.test_loss),
        "train_theory": float(theory.train_loss),
        "bayes_loss": float(theory.bayes_loss),
    }


def _training_time(moments: Moments, fresh: Moments) -> Result:
    """The losses along gradient flow from zero, without a penalty."""
    flow, times = GradientFlow(moments), torch.from_numpy(TRAINING_TIMES)
    return {
        "training_time": ("training_time", TRAINING_TIMES),
        "test_path": ("training_time", flow.losses(times, fresh).numpy()),
        "train_path": ("training_time", flow.losses(times, moments).numpy()),
    }


def _copies(trial: Experiment, generator: torch.Generator) -> Result:
    """Train a model, draw samples and audit them against held-out images.

    Samples go back to grey values and are clipped to their range, as image files are.
    """
    images = load_images(trial.data)
    order = np.random.default_rng(trial.seed).permutation(images.n_samples)
    train, holdout = images.take(order[: trial.n_samples]), images.take(order[trial.n_samples :])
    pixels = train.to_model(torch.float64)
    mean = pixels.mean(dim=0)
    scale = (pixels - mean).square().mean().sqrt()
    items = (pixels - mean) / scale

    process = OrnsteinUhlenbeck(t_min=trial.time, t_max=LATEST_TIME)
    score: Score
    found: Result
    if trial.part == "unet":
        fresh = (holdout.to_model(torch.float64) - mean) / scale
        score, found = train_unet(
            items.float(),
            fresh.float(),
            process,
            width=trial.width,
            noise_draws=trial.noise_draws,
            steps=trial.steps,
            seed=trial.seed,
        )
    else:
        score, found = _grid_of_models(trial, process, items.flatten(1), generator), {}
    drawn = sample(score, process, SAMPLES, generator=generator, n_steps=SAMPLER_STEPS)
    generated = from_model(drawn.reshape(-1, *images.event_shape) * scale + mean, images.value_range)
    samples = Dataset(generated, "samples", images.value_range)
    audited = audit(samples, train, holdout=holdout, measures=["distance-ratio"], seed=trial.seed).results[0]
    return {
        **found,
        "copies": audited.rate.fraction,
        "null": audited.null.fraction,
        "excess_low": audited.excess_interval[0],
        "excess_high": audited.excess_interval[1],
    }


def _grid_of_models(
    trial: Experiment, process: OrnsteinUhlenbeck, items: Tensor, generator: torch.Generator
) -> RandomFeatureGrid:
    """A model at every time the sampler visits."""
    scores = []
    for time in process.time_of(ratio_grid(process, SAMPLER_STEPS)).tolist():
        score = _model(trial, process, time, items, generator)
        moments = collect_moments(score, items, noise_draws=trial.noise_draws, generator=generator)
        score.set_readout(ridge_readout(moments, trial.ridge))
        scores.append(score)
    return RandomFeatureGrid(scores)


def _items(trial: Experiment, generator: torch.Generator) -> tuple[Tensor, Array | None]:
    """Training and fresh items, flattened and in this order, and the spectrum of their covariance."""
    if trial.data == "gaussian":
        shape = (trial.n_samples + FRESH, trial.dim)
        return torch.randn(shape, generator=generator, dtype=torch.float64), None
    items, spectrum = scaled_images(trial.data, trial.whitened)
    return items[torch.randperm(len(items), generator=generator)], spectrum
