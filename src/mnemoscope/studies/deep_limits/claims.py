"""What the study checks, computed from the table of its trials. A trial that is not finished is NaN and holds nothing.

Slopes are least squares in the logarithms, their statements carry the 95 % interval from the scatter around the line.
"""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mnemoscope.errors import InputError
from mnemoscope.studies.deep_limits.network_claims import NEW, PAPER, image_claims, score_claims
from mnemoscope.studies.deep_limits.trials import RATIO
from mnemoscope.studies.study import Claim
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import exponential_rate, power_law

LEAST_STEPS = 80_000
"""Of the published run whose final loss is claimed; shorter runs have a milder bound."""


def part_of(results: xr.Dataset, part: str) -> xr.Dataset:
    """The finished trials of one part of the study."""
    return results.isel(trial=np.flatnonzero((results.part == part) & results.finished))


def compute_claims(results: xr.Dataset) -> list[Claim]:
    """All claims, in the order of the figures."""
    complete = {part: bool(results.finished[results.part == part].all()) for part in np.unique(results.part)}
    claims: list[Claim] = []
    for part, make in (
        ("depth", _depth_claims),
        ("ode", _ode_claims),
        ("fit", _fit_claims),
        ("counter-example", _pair_claims),
        ("images", image_claims),
        ("cifar-10", partial(image_claims, part="cifar-10")),
        ("scores", score_claims),
    ):
        if part in complete:
            claims += make(part_of(results, part) if complete[part] else None)
    return claims


def reference_distances(trials: xr.Dataset) -> tuple[Array, Array]:
    """Depths below the deepest, and max over k/L of ‖Z^L − Z^ref‖ at every iteration: ``(depth, iteration)``."""
    ordered = trials.sortby("depth")
    gaps = np.linalg.norm(ordered.path[:-1].values - ordered.path[-1].values, axis=3)
    return ordered.depth[:-1].values, gaps.max(axis=2)


def _slope(x: Any, y: Any) -> tuple[float, str]:
    try:
        found = power_law(x, y)
    except InputError:  # a distance of zero has no logarithm, and no rate either
        return math.nan, ""
    return found.value, f"; 95 % interval {found.interval[0]:.3f} to {found.interval[1]:.3f}"


def _depth_claims(trials: xr.Dataset | None) -> Iterator[Claim]:
    maximum = accumulated = distance = steepest = math.nan
    texts = ["", "", ""]
    reference = "deepest"
    if trials is not None:
        ordered = trials.sortby("depth")
        last = ordered.isel(iteration=-1)
        maximum, texts[0] = _slope(last.depth, last.maximum)
        accumulated, texts[1] = _slope(last.depth, last.accumulated)
        depths, gaps = reference_distances(trials)
        # Depths close to the reference share its own error.
        far = depths <= ordered.depth.values.max() / 4
        distance, texts[2] = _slope(depths[far], gaps[far, -1])
        steepest = float((gaps[1:] / gaps[:-1]).max())
        reference = f"L = {int(ordered.depth.max())}"
    yield Claim(
        "maximum-slope",
        f"After training the largest successive distance max_k ‖Z_k+1 − Z_k‖ falls like 1/L{texts[0]}.",
        f"{PAPER}, Proposition 3, Figure 1",
        maximum,
        0.1,
        -1.0,
    )
    yield Claim(
        "accumulated-slope",
        f"The statistic of the authors' code, √(Σ_t Σ_k ‖Z_k+1 − Z_k‖²), falls like L^−1/2{texts[1]}.",
        f"{PAPER}, code of Figure 1",
        accumulated,
        0.1,
        -0.5,
    )
    yield Claim(
        "reference-falls",
        f"The distance to the network of {reference} falls with L at every time (largest ratio of neighbours).",
        f"{PAPER}, Theorem 4, Figure 1",
        steepest,
        (None, 1.0),
    )
    yield Claim(
        "reference-slope",
        f"At the end that distance falls like 1/L{texts[2]}.",
        NEW,
        distance,
        (-1.2, -0.8),
    )


def _ode_claims(trials: xr.Dataset | None) -> Iterator[Claim]:
    slope = worst = math.nan
    text = ""
    if trials is not None:
        mean = np.log(trials.ode_error).groupby(trials.depth).mean()
        slope, text = _slope(mean.depth, np.exp(mean))
        worst = float((trials.ode_error / trials.ode_bound).max())
    yield Claim(
        "ode-slope",
        f"A network that reads its weights off a smooth path is C/L away from its ODE{text}.",
        f"{PAPER}, Proposition 2",
        slope,
        0.1,
        -1.0,
    )
    yield Claim(
        "ode-bound",
        "That error stays below the bound with its constant (largest error/bound).",
        f"{PAPER}, Proposition 2",
        worst,
        (None, 1.0),
    )


def _fit_claims(trials: xr.Dataset | None) -> Iterator[Claim]:
    loss = correlation = p = balance = smallest = steps = rate = math.nan
    if trials is not None:
        run = trials.isel(trial=0)
        steps, loss = int(run.steps), float(run.fit_loss[-1])
        correlation, p = float(run.fit_correlation.min()), float(run.fit_p[run.fit_jumps > 0].max())
        balance = math.log(float(run.fit_start) / loss) / float(run.fit_fall[-1])
        smallest = float(run.fit_ratio.min())
        late = run.fit_step >= run.fit_step[-1] / 2
        rate = exponential_rate(run.fit_fall[late], run.fit_loss[late]).value
    published = not steps < LEAST_STEPS
    bound = 1e-6 if published else 1e-4
    yield Claim(
        "fit-loss",
        "At the end of the long run the mean square loss is below"
        + (" 1e-6." if published else f" {bound:g} (the published 1e-6 is for 80,000 steps)."),
        f"{PAPER}, Figure 2",
        loss,
        (None, bound),
        1e-7 if published else None,
    )
    yield Claim(
        "fit-smooth",
        f"The weights are smooth along the depth at all times: smallest correlation of successive steps (largest"
        f" p-value {p:.2g}).",
        f"{PAPER}, Figure 2",
        correlation if p <= 0.01 else math.nan,
        (0.0, None),
    )
    yield Claim(
        "fit-ratio",
        "The Polyak–Łojasiewicz ratio ‖∇‖²/ℓ stays positive: its smallest value, per unit of training time.",
        f"{PAPER}, Proposition 5",
        smallest,
        (1e-3, None),
    )
    yield Claim(
        "fit-balance",
        "The logarithm of the loss falls by the integral of that ratio: their quotient over the whole run.",
        f"{PAPER}, proof of Theorem 6",
        balance,
        0.05,
        1.0,
    )
    yield Claim(
        "fit-exponential",
        "So the loss falls exponentially: rate of log ℓ per unit of that integral, fitted to the second half.",
        f"{PAPER}, Theorem 6",
        rate,
        0.05,
        1.0,
    )


def _pair_claims(trials: xr.Dataset | None) -> Iterator[Claim]:
    gap = error = math.nan
    if trials is not None:
        gap, error = float(trials.pair_gap.min()), float(trials.pair_error.max())
    yield Claim(
        "pair-gaps",
        f"In the ReLU counter-example successive weights stay apart at every depth: smallest gap, C = {RATIO:g}.",
        f"{PAPER}, Appendix D",
        gap,
        (2 * math.log(RATIO), None),
    )
    yield Claim(
        "pair-limit",
        "Its even weights end at w* of (1 + w*/2L)^L = C: largest distance.",
        f"{PAPER}, Appendix D",
        error,
        (None, 1e-6),
    )
