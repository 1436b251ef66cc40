"""What is measured of every model of real images, and its means over seeds.

A model knows ``TRAIN`` images; all others are held out.

    copies, null     shares of copies among its samples and among held-out images (``mnemoscope.audit``, d1/d2 < 1/3)
    denoising_loss   E ‖E[x_0|x_t] − x_0‖²/d on held-out images, at each of ``NOISE_LEVELS``
    mmd              √max(0, MMD²) between samples and held-out images: Gaussian kernel, its bandwidth the median
                     distance of held-out images, unbiased (Gretton et al. 2012, eq. 3)
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from mnemoscope.auditing import mmd_squared
from mnemoscope.data import Dataset
from mnemoscope.processes import EDM
from mnemoscope.sampling import sample
from mnemoscope.scores import Score
from mnemoscope.studies.copies import audited, generated
from mnemoscope.studies.images import load_images
from mnemoscope.studies.rows import rows
from mnemoscope.sweeps import Result
from mnemoscope.sweeps.trial import Array

TRAIN = 16
HELD_OUT = 1000
SAMPLES = 500
SAMPLER_STEPS = 40

PROCESS = EDM(t_min=0.02, t_max=20.0)
"""On images in [−1, 1]."""
NOISE_LEVELS = (0.1, 0.2, 0.5, 1.0)
"""σ at which the denoising loss is measured, α = 1."""

Measured: TypeAlias = Mapping[str, float | list[float]]


def split(data: str, seed: int) -> tuple[Dataset, Dataset]:
    """A few images to train on and many that are held out."""
    images = load_images(data)
    order = np.random.default_rng(seed).permutation(images.n_samples)
    return images.take(order[:TRAIN]), images.take(order[TRAIN : TRAIN + HELD_OUT])


def measure(score: Score, train: Dataset, held_out: Dataset, seed: int) -> Measured:
    """Copies and quality of a model, by the same draws for every model of one seed."""
    generator = torch.Generator().manual_seed(seed)
    x0 = held_out.to_model()
    losses = [_denoising_loss(score, x0, level, generator) for level in NOISE_LEVELS]
    samples = sample(score, PROCESS, SAMPLES, generator=generator, n_steps=SAMPLER_STEPS)
    found = audited(samples, train, held_out, seed)
    squared = mmd_squared(generated(samples, train).to_model().flatten(1), x0.flatten(1))
    return {
        "copies": found.rate.fraction,
        "copies_low": found.rate.interval[0],
        "copies_high": found.rate.interval[1],
        "null": found.null.fraction,
        "excess_low": found.excess_interval[0],
        "mmd": math.sqrt(max(0.0, squared)),
        "denoising_loss": losses,
    }


@torch.no_grad()
def _denoising_loss(score: Score, x0: Tensor, level: float, generator: torch.Generator) -> float:
    t = PROCESS.time_of(level)
    return float((score.denoiser(PROCESS.forward(x0, t, generator), t) - x0).square().mean())


def along_checkpoints(measured: Mapping[int, Measured]) -> Result:
    """The result of a trial: what was measured after so many steps of training, 0 for a closed form."""
    found = measured.values()
    dims = {name: ("checkpoint", "noise_level")[: 1 + np.ndim(value)] for name, value in next(iter(found)).items()}
    return {
        "checkpoint": ("checkpoint", np.array(list(measured))),
        "noise_level": ("noise_level", np.array(NOISE_LEVELS)),
    } | {name: (dims[name], np.array([one[name] for one in found])) for name in dims}


def over_seeds(results: xr.Dataset, name: str, **where: Any) -> tuple[Array, Array]:
    """Strengths, increasing, and the mean over seeds of a measurement of closed forms; none where there is no trial.

    A denoising loss is the mean over its noise levels.
    """
    found = rows(results, **where)
    if not found.sizes["trial"]:
        return np.empty(0), np.empty(0)
    values = found[name].sel(checkpoint=0)
    if "noise_level" in values.dims:
        values = values.mean("noise_level", skipna=False)
    strengths = np.unique(found.strength)
    return strengths, np.array([values.values[found.strength.values == strength].mean() for strength in strengths])
