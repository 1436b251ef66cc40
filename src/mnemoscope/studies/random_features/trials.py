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

Images are scaled as the theory reads them (``data_spectrum``): centred, in units of their mean eigenvalue, and whitened
by x → (C + 0.02)^{−1/2} x where asked.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mnemoscope.auditing import audit
from mnemoscope.data import Dataset, from_model, load, load_digits
from mnemoscope.networks.closed_form import GradientFlow, Moments, collect_moments, ridge_readout
from mnemoscope.networks.random_features import RandomFeatureGrid, RandomFeatureScore
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.processes.base import standard_normal
from mnemoscope.runs import Result, Trial
from mnemoscope.runs.trial import Array
from mnemoscope.sampling import sample
from mnemoscope.sampling.grids import ratio_grid
from mnemoscope.theory import data_spectrum, learning_curve

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's dataset-fashion-mnist puts its files."""

WHITENING = 0.02
FRESH = 4000
"""Items, one noise draw each, on which a test loss is measured; fewer where the data set ends."""

TRAINING_TIMES = np.geomspace(0.1, 1e5, 19)

SAMPLER_STEPS = 8
LATEST_TIME = 3.0
"""At the start of the sampler σ/α = 20."""
SAMPLES = 300

DataName: TypeAlias = Literal["gaussian", "digits", "fashion-mnist"]
Part: TypeAlias = Literal["size", "curve", "images", "training-time", "spectrum", "copies"]

IMAGE_DIMS: Mapping[str, int] = {"digits": 64, "fashion-mnist": 196}


class Experiment(Trial, frozen=True):
    """One trained model and one measurement on it."""

    part: Part
    data: DataName = "gaussian"
    whitened: bool = False
    activation: Literal["relu", "tanh"]
    dim: int = Field(ge=2)
    psi_n: float = Field(gt=0)
    psi_p: float = Field(gt=0)
    noise_draws: int = Field(ge=1)
    time: float = Field(gt=0, lt=LATEST_TIME)
    ridge: float = Field(gt=0)
    seed: int = Field(ge=0)

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
        if self.part == "copies":
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
    """Train a model at every time the sampler visits, draw samples and audit them against held-out images.

    Samples go back to grey values and are clipped to their range, as image files are.
    """
    images = _images(trial.data)
    order = np.random.default_rng(trial.seed).permutation(images.n_samples)
    train, holdout = images.take(order[: trial.n_samples]), images.take(order[trial.n_samples :])
    pixels = train.to_model(torch.float64).flatten(1)
    mean = pixels.mean(dim=0)
    scale = (pixels - mean).square().mean().sqrt()
    items = (pixels - mean) / scale

    process = OrnsteinUhlenbeck(t_min=trial.time, t_max=LATEST_TIME)
    scores = []
    for time in process.time_of(ratio_grid(process, SAMPLER_STEPS)).tolist():
        score = _model(trial, process, time, items, generator)
        moments = collect_moments(score, items, noise_draws=trial.noise_draws, generator=generator)
        score.set_readout(ridge_readout(moments, trial.ridge))
        scores.append(score)
    drawn = sample(RandomFeatureGrid(scores), process, SAMPLES, generator=generator, n_steps=SAMPLER_STEPS)
    generated = from_model((drawn * scale + mean).reshape(-1, *images.event_shape), images.value_range)
    samples = Dataset(generated, "samples", images.value_range)
    found = audit(samples, train, holdout=holdout, measures=["distance-ratio"], seed=trial.seed).results[0]
    return {
        "copies": found.rate.fraction,
        "null": found.null.fraction,
        "excess_low": found.excess_interval[0],
        "excess_high": found.excess_interval[1],
    }


def _items(trial: Experiment, generator: torch.Generator) -> tuple[Tensor, Array | None]:
    """Training and fresh items, flattened and in this order, and the spectrum of their covariance."""
    if trial.data == "gaussian":
        shape = (trial.n_samples + FRESH, trial.dim)
        return torch.randn(shape, generator=generator, dtype=torch.float64), None
    items, spectrum = _scaled(trial.data, trial.whitened)
    return items[torch.randperm(len(items), generator=generator)], spectrum


@cache
def _scaled(name: str, whitened: bool) -> tuple[Tensor, Array]:
    """All images as the theory reads them, shape ``(n_samples, dim)``, and their spectrum."""
    images = _images(name).array.astype(np.float64)
    images = images.reshape(len(images), -1)
    centred = images - images.mean(axis=0)
    values, basis = np.linalg.eigh(centred.T @ centred / len(centred))
    shift = WHITENING * values.mean()
    scaled = centred @ (basis / np.sqrt(values + shift)) @ basis.T if whitened else centred / np.sqrt(values.mean())
    return torch.from_numpy(scaled), data_spectrum(images, whitening=WHITENING if whitened else None)


@cache
def _images(name: str) -> Dataset:
    """The bundled digits (8×8), or 20,000 images of Fashion-MNIST averaged to 14×14."""
    if name == "digits":
        return load_digits()
    images = load(FASHION_MNIST).array[:20_000].astype(np.float32)
    pooled = images.reshape(len(images), 14, 2, 14, 2).mean(axis=(2, 4))
    return Dataset(pooled, "Fashion-MNIST, 14×14", (0.0, 255.0))
