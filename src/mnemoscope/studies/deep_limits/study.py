"""The study: which networks are trained under each preset. Claims and figures are modules of their own.

``paper`` runs the source's iterations, ``quick`` fewer, on shallower networks and fewer samples. The deepest network of
``depth`` is the reference of the others: under ``paper`` L = 2¹⁴, as in the source.
"""

from collections.abc import Sequence

import xarray as xr

from mnemoscope.studies.deep_limits.claims import compute_claims
from mnemoscope.studies.deep_limits.plots import draw_plots
from mnemoscope.studies.deep_limits.trials import DepthTrial
from mnemoscope.studies.images import has_cifar_10, image_names
from mnemoscope.studies.study import Claim, Plot, Preset, Study
from mnemoscope.sweeps import Trial, grid

DEPTHS = {"quick": [32, 64, 128, 512], "paper": [32, 64, 128, 256, 512, 2048, 16384]}
DEPTH_STEPS = {"quick": 100, "paper": 500}


class DeepLimits(Study):
    """Study B of the literature."""

    name = "deep-limits"
    title = "Deep residual networks become neural ODEs, and where they do not"

    def trials(self, preset: Preset, seed: int) -> Sequence[Trial]:
        quick, first = preset == "quick", 1000 * seed + 1
        pairs = grid(
            DepthTrial,
            part="counter-example",
            depth=[8, 32, 128, 512],
            activation="relu",
            n_samples=4,
            steps=400,
            seed=first,
        )
        odes = grid(
            DepthTrial,
            part="ode",
            depth=[16, 32, 64, 128, 256] if quick else [16, 32, 64, 128, 256, 512, 1024, 2048],
            n_samples=20,
            steps=0,
            seed=range(first, first + (3 if quick else 10)),
        )
        depth, n_samples, steps = (16, 10, 2000) if quick else (64, 50, 80_000)
        fits = grid(DepthTrial, part="fit", depth=depth, n_samples=n_samples, steps=steps, seed=first)
        depths = grid(
            DepthTrial, part="depth", depth=DEPTHS[preset], n_samples=100, steps=DEPTH_STEPS[preset], seed=first
        )
        images = _images("images", quick, first) if "fashion-mnist" in image_names() else []
        if not quick and has_cifar_10():
            images += _images("cifar-10", quick, first)
        # The longest first, so that no worker is left alone with one at the end.
        return [*depths[::-1], *fits, *images, *_scores(quick, first), *odes, *pairs]

    def claims(self, results: xr.Dataset) -> Sequence[Claim]:
        return compute_claims(results)

    def plots(self, results: xr.Dataset) -> Sequence[Plot]:
        return draw_plots(results)


def _images(part: str, quick: bool, seed: int) -> list[DepthTrial]:
    fields = {
        "part": part,
        "depth": 64 if quick else 256,
        "activation": ["gelu", "relu"] if quick else ["gelu", "relu", "identity"],
        "n_samples": 50_000,
        "steps": 480,
    }
    tied = grid(DepthTrial, **fields, initialization="tied", seed=range(seed, seed + (1 if quick else 3)))
    # Layers that start independent stay so: one run shows it.
    return tied + grid(DepthTrial, **fields, initialization="iid", seed=seed)


def _scores(quick: bool, seed: int) -> list[DepthTrial]:
    return grid(
        DepthTrial,
        part="scores",
        depth=[2, 8] if quick else [2, 16, 64],
        initialization=["tied", "iid"],
        n_samples=16,
        steps=1200 if quick else 2000,
        seed=range(seed, seed + (1 if quick else 3)),
    )
