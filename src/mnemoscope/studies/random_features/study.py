"""The study: which models are trained under each preset. Claims and figures are modules of their own.

``paper`` differs from ``quick`` in size: dimensions up to 400 instead of 200, the learning curves at the source's
ψ_n = 20 instead of 4, more seeds. The U-Net of ``quick`` is trained on 8 digits for 200 steps at two widths, a minute
of computing; that of ``paper`` on 16 digits, as many as the random features have, for 1,500 steps at three widths.
"""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from mnemoscope.studies.images import image_names
from mnemoscope.studies.random_features.claims import compute_claims
from mnemoscope.studies.random_features.images import IMAGE_DIMS
from mnemoscope.studies.random_features.plots import draw_plots
from mnemoscope.studies.random_features.trials import Experiment
from mnemoscope.studies.random_features.unet_results import unet_claims
from mnemoscope.studies.study import Claim, Plot, Preset, Study
from mnemoscope.sweeps import Trial, grid

RIDGE = 1e-3
SIZE_SETTINGS = [  # activation, psi_n, psi_p, noise_draws, time, ridge
    ("tanh", 4, 8, 4, 0.05, RIDGE),
    ("relu", 4, 8, 4, 0.05, RIDGE),
    ("tanh", 2, 6, 20, 0.02, RIDGE),
    ("relu", 2, 6, 20, 0.02, RIDGE),
    ("tanh", 4, 2, 1, 0.1, RIDGE),
    ("tanh", 4, 8, 1, 0.1, RIDGE),
]
IMAGE_SETTINGS = [  # activation, psi_n, psi_p, noise_draws, time, ridge
    ("tanh", 4, 2, 1, 0.1, 1e-2),
    ("tanh", 4, 8, 4, 0.05, 1e-3),
    ("relu", 4, 2, 4, 0.1, 1e-3),
    ("relu", 4, 8, 4, 0.05, 1e-3),
    ("relu", 2, 6, 20, 0.02, 1e-3),
]
NEAR_PEAK = [0.8, 0.9, 1.0, 1.1, 1.25]
"""ψ_p/ψ_n around the peak of m = 1, close enough for a parabola."""
RATIOS = [0.1, 0.25, 0.5, 1.0, 2.0, 3.0]
"""ψ_p/ψ_n of every learning curve."""
COPY_PSI_P = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


class RandomFeatures(Study):
    """Study C of the literature: theory lines, simulation dots."""

    name = "random-features"
    title = "Precise learning curves of random-feature scores, and where they memorize"

    def trials(self, preset: Preset, seed: int) -> Sequence[Trial]:
        quick = preset == "quick"

        def seeds(number: int) -> range:
            return range(1000 * seed, 1000 * seed + number)

        trials: list[Experiment] = []
        for dim, number in ({50: 8, 100: 8, 200: 4} if quick else {50: 24, 100: 16, 200: 12, 400: 6}).items():
            trials += _settings(SIZE_SETTINGS, part="size", dim=dim, seed=seeds(number))

        psi_n = 4 if quick else 20
        curve = {"part": "curve", "activation": "relu", "dim": 100, "psi_n": psi_n, "time": 0.01, "ridge": RIDGE}
        # m → (ψ_p/ψ_n, seeds). A trial costs n m p²: where n is larger, the largest m is smaller and stops earlier.
        largest = {100: (RATIOS, 3)} if quick else {50: (RATIOS[:-1], 1)}
        draws = {1: (sorted({*RATIOS, *NEAR_PEAK}), 3), 4: (RATIOS, 3), **largest}
        for noise_draws, (ratios, number) in draws.items():
            psi_p = [ratio * psi_n for ratio in ratios]
            trials += grid(Experiment, **curve, psi_p=psi_p, noise_draws=noise_draws, seed=seeds(number))

        for data in image_names():
            images = {"part": "images", "data": data, "dim": IMAGE_DIMS[data], "whitened": [True, False]}
            trials += _settings(IMAGE_SETTINGS, **images, seed=seeds(1 if quick else 3))

        model = {"activation": "tanh", "psi_n": 4.0, "psi_p": 8.0, "time": 0.05, "ridge": RIDGE}
        flow = model | {"part": "training-time", "dim": 100, "noise_draws": [1, 4, 20]}
        spectrum = model | {"part": "spectrum", "dim": 100 if quick else 200, "noise_draws": 4}
        # 16 digits: with more, copies are rare at any p that is affordable.
        digits = {"part": "copies", "data": "digits", "dim": IMAGE_DIMS["digits"], "activation": "relu", "ridge": RIDGE}
        copies = digits | {"psi_n": 0.25, "psi_p": COPY_PSI_P, "noise_draws": [1, 10, 100], "time": 0.01}
        unet = {"part": "unet", "data": "digits", "dim": IMAGE_DIMS["digits"], "activation": "silu", "time": 0.01}
        unet |= (
            {"psi_n": 0.125, "width": [8, 32], "steps": 200, "noise_draws": [1, 1000]}
            if quick
            else {"psi_n": 0.25, "width": [8, 16, 32], "steps": 1500, "noise_draws": [1, 10, 1000]}
        )
        for fields, number in ((flow, 2 if quick else 4), (spectrum, 1), (copies, 1 if quick else 3)):
            trials += grid(Experiment, **fields, seed=seeds(number))
        return trials + grid(Experiment, **unet, seed=seeds(1 if quick else 2))

    def claims(self, results: xr.Dataset) -> Sequence[Claim]:
        return [*compute_claims(results), *unet_claims(results)]

    def plots(self, results: xr.Dataset) -> Sequence[Plot]:
        return draw_plots(results)


def _settings(settings: Sequence[tuple[Any, ...]], **fields: Any) -> list[Experiment]:
    """The grid of ``fields`` at every setting."""
    names = ("activation", "psi_n", "psi_p", "noise_draws", "time", "ridge")
    named = (dict(zip(names, setting, strict=True)) for setting in settings)
    return [trial for setting in named for trial in grid(Experiment, **setting, **fields)]
