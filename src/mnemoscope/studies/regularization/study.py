"""The study: which scores are followed and which networks are trained under each preset.

``paper`` differs from ``quick`` in the training: 100,000 epochs of the plain network instead of 20,000 and 50,000 of
its variants, so that the claims on training speak of the first 20,000 epochs under ``quick``; in the number of seeds;
and in the networks trained on real images, which ``quick`` trains on digits only.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mnemoscope.studies.images import image_names
from mnemoscope.studies.regularization.claims import compute_claims
from mnemoscope.studies.regularization.plots import draw_plots
from mnemoscope.studies.regularization.trials import Experiment
from mnemoscope.studies.study import Claim, Plot, Preset, Study
from mnemoscope.sweeps import Trial, grid

TIKHONOV = [float(f"{10**power:.3g}") for power in np.arange(-5, -0.9, 0.5)]
EMPIRICAL_BAYES = [float(f"{10**power:.3g}") for power in np.arange(-2, 1.1, 0.5)]
TEMPERED = [2.0, 4.0, 8.0, 16.0]
KERNEL_SMOOTHED = [0.01, 0.03, 0.1, 0.3]

IMAGE_STRENGTHS = {
    "empirical": [0.0],
    "tikhonov": [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0],
    "tikhonov-covariance": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1],
    "empirical-bayes": [1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6, 1e8],
    "tempered": [2.0, 4.0, 8.0, 16.0, 32.0],
}


class Regularization(Study):
    """Study D of the literature: memorization in closed form, in training, and what stops it."""

    name = "regularization"
    title = "Memorization and regularization: where the exact score leads, and what keeps samples off the training set"

    def trials(self, preset: Preset, seed: int) -> Sequence[Trial]:
        quick = preset == "quick"

        def seeds(number: int) -> range:
            return range(1000 * seed, 1000 * seed + number)

        vp = {"process": "variance-preserving"}
        trials = grid(
            Experiment, part="path", process=["variance-exploding", "variance-preserving"], seed=seeds(1)
        ) + grid(Experiment, part="symmetric", data=["pair", "square"], seed=seeds(1))

        for score, strengths, number in (
            ("tikhonov", TIKHONOV, 4 if quick else 10),
            ("empirical-bayes", EMPIRICAL_BAYES, 2 if quick else 5),
            ("tempered", TEMPERED, 1),
            ("kernel-smoothed", KERNEL_SMOOTHED[::2] if quick else KERNEL_SMOOTHED, 1),
        ):
            trials += grid(Experiment, part="collapse", score=score, strength=strengths, seed=seeds(number))

        network = {"part": "network", **vp, "width": 256, "score": "network"}
        long, short = (20_000, 20_000) if quick else (100_000, 50_000)
        for changes, number in (
            ({"steps": long}, 3),
            ({"steps": short, "score": "singular-network"}, 1 if quick else 3),
            ({"steps": short, "width": [64] if quick else [64, 128]}, 1),
            ({"steps": short, "strength": [1e-2] if quick else [1e-3, 1e-2]}, 1),
        ):
            trials += grid(Experiment, **(network | changes), seed=seeds(number))

        trials += grid(Experiment, part="squares", seed=seeds(1))
        unet = {"part": "squares-network", "score": "network", "width": 16}
        trials += grid(Experiment, **unet, steps=750 if quick else 2000, seed=seeds(1))

        for data in image_names():
            images = {"part": "images", "data": data}
            for score, strengths in IMAGE_STRENGTHS.items():
                chosen = strengths[::2] if quick else strengths
                trials += grid(Experiment, **images, score=score, strength=chosen, seed=seeds(1 if quick else 2))
            if data == "digits" or not quick:
                trained = images | {"score": "network"}
                widths = [64, 256] if data == "digits" and not quick else [256]
                steps = 2000 if quick else 16_000 if data == "digits" else 4000
                trials += grid(Experiment, **trained, steps=steps, width=widths, seed=seeds(1))
        return trials

    def claims(self, results: xr.Dataset) -> Sequence[Claim]:
        return compute_claims(results)

    def plots(self, results: xr.Dataset) -> Sequence[Plot]:
        return draw_plots(results)
