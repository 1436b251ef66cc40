"""The study: which configurations and networks each preset holds. Claims and figures are modules of their own.

``paper`` keeps the published widths, learning rates and steps wherever two cores can afford them; what it leaves out is
said in docs/results/large-steps.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import xarray as xr

from mnemoscope.studies.images import image_names
from mnemoscope.studies.large_steps.claims import compute_claims
from mnemoscope.studies.large_steps.plots import draw_plots
from mnemoscope.studies.large_steps.trials import Experiment
from mnemoscope.studies.study import Claim, Plot, Preset, Study
from mnemoscope.sweeps import Trial, grid

TIMES = [0.05, 0.2]
"""(μ, σ) = (.95, .31) and (.82, .57)."""

RISK_STEPS = {0.5: 5_000, 0.1: 25_000, 0.05: 50_000, 0.01: 200_000}
"""η → steps of Fig. 1 and 2, as published."""

STABILITY_RATES = [0.02, 0.05, 0.1, 0.2, 0.5]

IMAGE_RATES = {
    "mlp": {"sgd": [0.3, 1.0, 3.0], "adam": [3e-4, 1e-3, 5e-3]},
    "unet": {"sgd": [0.03, 0.1], "adam": [1e-3, 3e-3]},
}

Seeds: TypeAlias = Callable[[int], range]


class LargeSteps(Study):
    """Study A of the literature."""

    name = "large-steps"
    title = "Large learning rates prevent memorization: theorems, sharpness, samples, images"

    def trials(self, preset: Preset, seed: int) -> Sequence[Trial]:
        quick = preset == "quick"

        def seeds(number: int) -> range:
            return range(1000 * seed, 1000 * seed + number)

        laws = {"n_samples": [3, 10, 20], "time": [0.01, 0.1, 0.5], "separation": [2.0, 4.0, 9.0, 20.0, 60.0]}
        trials = grid(Experiment, part="laws", **laws, width=20, learning_rate=0.1, steps=60, seed=seeds(5))
        trials += grid(
            Experiment,
            part="stability",
            n_samples=12,
            time=0.05,
            width=200,
            learning_rate=STABILITY_RATES,
            steps=12_000,
            seed=seeds(1 if quick else 5),
        )
        trials += _risk(1, {0.1: 10, 0.5: 10} if quick else {0.01: 10, 0.05: 30, 0.1: 30, 0.5: 30}, seeds)
        trials += [*_generation(quick, seeds), *_images(quick, seeds)]
        return trials + _risk(10, dict.fromkeys([0.1, 0.5], 1 if quick else 3), seeds)

    def claims(self, results: xr.Dataset) -> Sequence[Claim]:
        return compute_claims(results)

    def plots(self, results: xr.Dataset) -> Sequence[Plot]:
        return draw_plots(results)


def _risk(dim: int, runs: dict[float, int], seeds: Seeds) -> list[Experiment]:
    """Fig. 1 and 2: so many runs for every η. The longest come first, so that the others join them in a batch."""
    fields = {"part": "risk", "dim": dim, "n_samples": 20, "width": 1000, "batch": 50, "time": TIMES}
    return [
        trial
        for eta, number in runs.items()
        for trial in grid(Experiment, **fields, learning_rate=eta, steps=RISK_STEPS[eta], seed=seeds(number))
    ]


def _generation(quick: bool, seeds: Seeds) -> list[Experiment]:
    """Fig. 3, and Fig. 4 at a step that the dimensions share: that of two dimensions stands in both."""
    fields = {"part": "generation", "n_samples": 10, "width": 1000, "seed": seeds(1 if quick else 3)}
    steps = {1.0: 10_000, 0.1: 30_000} if quick else {2.0: 20_000, 1.0: 20_000, 0.1: 30_000}
    trials = [
        trial
        for eta, number in steps.items()
        for trial in grid(Experiment, **fields, batch=250 if quick else 5000, dim=2, learning_rate=eta, steps=number)
    ]
    dims = [2, 10, 50] if quick else [2, 5, 10, 20, 50, 100]
    return trials + grid(Experiment, **fields, batch=250, dim=dims, learning_rate=0.5, steps=1_500 if quick else 50_000)


def _images(quick: bool, seeds: Seeds) -> list[Experiment]:
    """The same number of steps, and the same η · steps, that of the second learning rate."""
    fields = {"part": "images", "n_samples": 8, "batch": 64, "seed": seeds(1)[0]}
    settings = [("digits", "mlp", 256, 1_000 if quick else 1_500)]
    if not quick:
        settings += [("fashion-mnist", "mlp", 256, 5_000)] if "fashion-mnist" in image_names() else []
        settings.append(("digits", "unet", 8, 600))
    trials: list[Experiment] = []
    for data, network, width, budget in settings:
        for optimizer, rates in IMAGE_RATES[network].items():
            second = sorted(rates)[1]
            for eta in rates:
                for steps in sorted({budget, round(budget * second / eta)}):
                    model = {"network": network, "width": width, "optimizer": optimizer}
                    trials += grid(Experiment, **fields, **model, data=data, learning_rate=eta, steps=steps)
    return trials
