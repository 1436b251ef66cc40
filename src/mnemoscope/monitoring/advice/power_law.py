"""The power law τ_mem ∝ n^a of the step from which a model memorizes n items, from onsets of a few short trainings.

Onsets are fitted by log τ = c + a log n + σ e, e standard normal, by maximum likelihood. A training that had not come
to its onset when it ended tells that τ is larger, and enters with the probability of that (a Tobit model). σ is the
spread over seeds, with N − 2 degrees of freedom for N onsets. The onset of another training on n items lies, with
probability 95 %, within

    c + a log n ± t · √(σ² (1 + h(n)) + (κ log(n/n_end))²),

h from the inverse information of (c, a), t the quantile of Student's law, and n_end the nearest size that was probed.
The last term is for what no fit can know, that the law bends: the published exponent is 1 (Bonnaire et al., arXiv
2505.17638; Favero et al., arXiv 2505.16959), those from one size to the next, measured here on digits, are 0.65 to 1.5.
``BEND`` κ = 0.3 is the standard deviation of an exponent beyond the sizes probed, about the fitted one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.stats import norm
from scipy.stats import t as student

from mnemoscope.auditing.intervals import LEVEL

BEND = 0.3
"""Standard deviation of the exponent beyond the sizes that were probed."""

_FEWEST = 4
_SMALLEST_SPREAD = 0.05
"""Of log τ over seeds, at least: looks at a model are that far apart."""


@dataclass(frozen=True)
class Onset:
    """One training of the probe.

    Attributes:
        n: training items.
        seed: of the choice of items, the weights and the draws.
        step: from which the model memorizes; None if it did not by the last step.
        last: step at which the training ended.
    """

    n: int
    seed: int
    step: float | None
    last: int


@dataclass(frozen=True)
class Prediction:
    """When a training will come to memorize.

    Attributes:
        step: the middle of the interval, on a logarithmic scale.
        interval: 95 %, of another training.
    """

    step: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class PowerLaw:
    """τ = exp(c) (n/n₀)^a, fitted.

    Attributes:
        exponent: a.
        exponent_interval: 95 %, of the fit alone.
        level: c.
        centre: log n₀, the mean of log n.
        spread: σ.
        freedom: degrees of freedom of σ.
        covariance: of (c, a), row by row.
        ends: the smallest and the largest size that came to its onset in some training.
    """

    exponent: float
    exponent_interval: tuple[float, float]
    level: float
    centre: float
    spread: float
    freedom: int
    covariance: tuple[float, float, float, float]
    ends: tuple[int, int]

    def predict(self, n: int) -> Prediction:
        """When a training on n items will come to memorize."""
        middle, half = self._line(n)
        low, middle, high = (_exp(middle + sign * half) for sign in (-1, 0, 1))
        return Prediction(middle, (low, high))

    def probability(self, n: int, steps: int) -> float:
        """The probability that a training on n items has come to memorize after so many steps."""
        middle, half = self._line(n)
        scale = half / float(student.isf((1 - LEVEL) / 2, self.freedom))
        return float(student.cdf((math.log(steps) - middle) / scale, self.freedom))

    def items_for(self, steps: int, most: float = 1e9) -> int | None:
        """The fewest items with which so many steps end below the interval; None where there are none up to ``most``.

        By bisection over the range in which the lower end grows with n.
        """
        low, high = math.log(self.ends[0]), math.log(most)
        if self.predict(int(most)).interval[0] < steps:
            return None
        while high - low > 1e-3:
            middle = (low + high) / 2
            low, high = (
                (low, middle) if self.predict(math.ceil(math.exp(middle))).interval[0] >= steps else (middle, high)
            )
        return math.ceil(math.exp(high))

    def _line(self, n: int) -> tuple[float, float]:
        """The middle of log τ and half of its interval."""
        x = math.log(n) - self.centre
        c, ca, _, a = self.covariance
        beyond = math.log(n / min(max(n, self.ends[0]), self.ends[1]))
        variance = self.spread**2 + c + 2 * x * ca + x * x * a + (BEND * beyond) ** 2
        return self.level + self.exponent * x, float(student.isf((1 - LEVEL) / 2, self.freedom)) * math.sqrt(variance)


def fit_power_law(onsets: Sequence[Onset]) -> PowerLaw | None:
    """Fit onsets; None where fewer than two sizes and four trainings came to theirs, which tell no law."""
    seen = np.array([each.step is not None for each in onsets], dtype=bool)
    sizes = {each.n for each in onsets if each.step is not None}
    if seen.sum() < _FEWEST or len(sizes) < 2:
        return None
    x = np.log([each.n for each in onsets])
    centre = float(x.mean())
    y = np.log([each.last if each.step is None else each.step for each in onsets])
    design = np.stack([np.ones(len(x)), x - centre], axis=1)
    start, *_ = np.linalg.lstsq(design, y, rcond=None)
    spread = max(float(np.std(y - design @ start)), _SMALLEST_SPREAD)

    def loss(values: Float[np.ndarray, " 3"]) -> float:
        z = (y - design @ values[:2]) / np.exp(values[2])
        return -float(np.sum(norm.logpdf(z[seen]) - values[2]) + np.sum(norm.logsf(z[~seen])))

    found = minimize(
        loss, [*start, math.log(spread)], method="L-BFGS-B", bounds=[(None, None)] * 2 + [(math.log(1e-3), None)]
    )
    level, exponent = (float(value) for value in found.x[:2])
    freedom = int(seen.sum()) - 2
    # The likelihood's σ counts N onsets where N − 2 are left.
    spread = max(math.exp(float(found.x[2])) * math.sqrt(seen.sum() / freedom), _SMALLEST_SPREAD)
    z = (y - design @ found.x[:2]) / spread
    hazard = np.exp(norm.logpdf(z) - norm.logsf(z))
    weight = np.where(seen, 1.0, np.clip(hazard * (hazard - z), 0, 1))
    covariance = spread**2 * np.linalg.inv(design.T @ (weight[:, None] * design))
    half = float(student.isf((1 - LEVEL) / 2, freedom)) * math.sqrt(covariance[1, 1])
    c, ca, ac, a = (float(value) for value in covariance.ravel())
    return PowerLaw(
        exponent,
        (exponent - half, exponent + half),
        level,
        centre,
        spread,
        freedom,
        (c, ca, ac, a),
        (min(sizes), max(sizes)),
    )


def _exp(value: float) -> float:
    """Steps beyond what a float holds are as good as never."""
    return math.exp(min(value, 700.0))
