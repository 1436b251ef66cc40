"""What would delay memorization: changes of the training that the probe tries, and others that it computes or names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from mnemoscope.auditing.intervals import LEVEL
from mnemoscope.monitoring.advice.power_law import Onset, PowerLaw
from mnemoscope.networks import NetworkSpec
from mnemoscope.networks.build import option_defaults
from mnemoscope.training import TrainingSpec

STOP, IMAGES, MODEL, STEP, DRAWS, TIKHONOV = (
    "stop earlier",
    "more images",
    "smaller model",
    "larger step",
    "fewer noise draws",
    "Tikhonov",
)

STUDIES = {
    STOP: "Bonnaire et al., arXiv 2505.17638: what generalizes is learned by a step that does not depend on n",
    IMAGES: "Bonnaire et al., arXiv 2505.17638; Favero et al., arXiv 2505.16959: the onset grows like n",
    MODEL: "study random-features (George, Veiga & Macris, arXiv 2502.00336): a model of few features generalizes",
    STEP: "study large-steps (Wu et al., arXiv 2502.03435): large learning rates end in smooth minima",
    DRAWS: "study random-features (George, Veiga & Macris, arXiv 2502.00336): memorization grows with the draws",
    TIKHONOV: "study regularization (Baptista et al., arXiv 2501.15785): a regularised score leads elsewhere",
}

_FEWER, _DRAWS = 4, 16


@dataclass(frozen=True)
class Change:
    """A change and what it does to the onset.

    Attributes:
        name: what is changed.
        what: how.
        factor: of the onset, measured: so many times later; None where it was not.
        interval: 95 %, an end is infinite where trainings ended before their onset; None with the factor.
        study: what supports it.
    """

    name: str
    what: str
    factor: float | None
    interval: tuple[float, float] | None
    study: str

    @property
    def delay(self) -> str:
        """By how much it delays the onset, in words."""
        if self.factor is None or self.interval is None:
            return "not measured"
        low, high = self.interval
        return f"at least × {low:.2g}" if math.isinf(high) else f"× {self.factor:.2g} ({low:.2g} to {high:.2g})"


def variants(network: NetworkSpec, training: TrainingSpec) -> dict[str, tuple[str, NetworkSpec, TrainingSpec]]:
    """The changes that a probe can try: each with its words, network and training."""
    found = {}
    width = dict(network.options).get("width") or option_defaults(network.name).get("width")
    # A U-Net's groups take multiples of 8.
    half = 0 if width is None else width // 16 * 8 if network.name == "unet" else width // 2
    if half:
        smaller = replace(network, options={**network.options, "width": half})
        found[MODEL] = f"width {half} in place of {width}", smaller, training
    rate = training.learning_rate
    found[STEP] = f"learning rate {2 * rate:g} in place of {rate:g}", network, replace(training, learning_rate=2 * rate)
    draws = training.noise_draws
    fewer = _DRAWS if draws == math.inf else int(draws) // _FEWER
    if fewer >= 1:
        found[DRAWS] = (
            f"{fewer} noise draws of each item in place of {draws:g}",
            network,
            replace(training, noise_draws=float(fewer)),
        )
    return found


def measured(name: str, what: str, law: PowerLaw, base: Sequence[Onset], changed: Sequence[Onset]) -> Change:
    """The factor by which the onset moves, from trainings with and without the change on the same items and seeds."""
    before, after = (
        np.log([each.last if each.step is None else each.step for each in part]) for part in (base, changed)
    )
    open_above = any(each.step is None for each in changed)
    difference = float(np.mean(after) - np.mean(before))
    half = float(student.isf((1 - LEVEL) / 2, law.freedom)) * law.spread * math.sqrt(2 / len(base))
    ends = math.exp(difference - half), math.inf if open_above else math.exp(difference + half)
    return Change(name, what, math.exp(difference), ends, STUDIES[name])


def computed(law: PowerLaw, n: int, steps: int) -> list[Change]:
    """What follows from the law, and what it says nothing of."""
    low = law.predict(n).interval[0]
    items = law.items_for(steps)
    enough = "more than can be told from this probe" if items is None else f"{items:,} in place of {n:,}"
    return [
        Change(STOP, f"after {math.floor(low):,} steps at the latest", None, None, STUDIES[STOP]),
        Change(IMAGES, enough, None, None, STUDIES[IMAGES]),
        Change(TIKHONOV, "not tried by the probe", None, None, STUDIES[TIKHONOV]),
    ]


def best(changes: Sequence[Change], needed: float) -> Change:
    """The change that helps most: the measured one that delays most, where that is enough; else to stop earlier.

    Args:
        changes: all of them.
        needed: the factor by which the onset must be delayed.
    """
    tried = [each for each in changes if each.interval is not None and each.interval[0] >= max(needed, 1)]
    if tried:
        return max(tried, key=lambda each: each.factor or 0)
    return next(each for each in changes if each.name == STOP)
