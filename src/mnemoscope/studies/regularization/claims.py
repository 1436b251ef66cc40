"""What the study checks, computed from the table of its trials.

Published fractions are of 1000 samples, read off a figure to two or three digits. Where several trials measure the
same, their samples are taken together, so that chance does not decide: 10,000 samples have a standard deviation of at
most 0.005. A group with an unfinished trial is NaN and holds nothing.
"""

import math
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from mnemoscope.studies.regularization import table
from mnemoscope.studies.regularization.closed_form import COPY_DISTANCE
from mnemoscope.studies.regularization.image_claims import PAPER, image_claims, square_claims
from mnemoscope.studies.study import Claim
from mnemoscope.sweeps.trial import Array

FIGURES = f"{PAPER}, read off a figure"

PUBLISHED_TIKHONOV = (0.991, 0.804, 0.396, 0.137, 0.042, 0.012, 0.003, 0.001, 0.0)
"""At c = 10^−5, 10^−4.5, …, 10^−1."""
PUBLISHED_EARLY = (0.04, 0.08, 0.17, 0.267, 0.361, 0.426, 0.489, 0.539, 0.576, 0.617)
"""Within 0.05 of a point after 10,000, 20,000, …, 100,000 epochs."""
PUBLISHED_EARLY_WIDE = {10_000: 0.957, 100_000: 0.999}
"""Within 0.5 of a point."""

LATE_SIGMA = 1e-2
"""Rates are fitted where σ is below this."""


def law(c: Array) -> Array:
    """Share of samples of the Tikhonov score within ``COPY_DISTANCE`` of a point, 1 − exp(−tol²/2c), in the plane."""
    return np.asarray(-np.expm1(-(COPY_DISTANCE**2) / (2 * c)))


def compute_claims(results: xr.Dataset) -> list[Claim]:
    """All claims, in the order of the report."""
    return [
        *_rates(results),
        *_symmetric(results),
        *_tikhonov(results),
        *_empirical_bayes(results),
        *_early_stopping(results),
        *_variants(results),
        *square_claims(results),
        *image_claims(results),
    ]


def late_slopes(rows: xr.Dataset) -> Array:
    """Slope of log distance to the limit against log σ, for every trajectory."""
    late = table.numbers(rows, "sigma", 1)[0] < LATE_SIGMA
    if not late.any():
        return np.array([np.nan])
    log_sigma = np.log(table.numbers(rows, "sigma", 1)[0][late])
    log_distance = np.log(table.numbers(rows, "to_limit", 2)[0][late])
    return np.asarray(np.polyfit(log_sigma, log_distance, 1)[0])


def _rates(results: xr.Dataset) -> list[Claim]:
    claims = []
    for process in ("variance-exploding", "variance-preserving"):
        rows = table.select(results, part="path", process=process)
        slopes = late_slopes(rows)
        worst = float(slopes[np.argmax(abs(slopes - 1))])
        sigma, distance = table.numbers(rows, "sigma", 1)[0], table.numbers(rows, "to_limit", 2)[0].max(axis=-1)
        late = sigma < LATE_SIGMA
        rate = float(np.polyfit(-np.log(sigma[late]), np.log(distance[late]), 1)[0]) if late.any() else math.nan
        statement = f"{process}: the distance to the limit is O(σ(t)) (slope of its log against log σ below"
        statement += f" σ = {LATE_SIGMA:g}; of {len(slopes)} trajectories the one farthest from 1)."
        claims.append(Claim(f"rate-{process}", statement, PAPER, worst, 0.05, 1.0))
        statement = f"{process}: in the time s = −log σ the largest distance of all trajectories falls like e^(−s)."
        claims.append(Claim(f"transformed-{process}", statement, PAPER, rate, 0.05, -1.0))
    return claims


def _symmetric(results: xr.Dataset) -> list[Claim]:
    rows = table.select(results, part="symmetric")
    special = table.numbers(rows, "on_boundary", 1) == 1
    unfinished = np.isnan(table.numbers(rows, "to_point", 1)).any()
    worst = {}
    for name, kind in (("to_middle", special), ("to_point", ~special)):
        found = table.numbers(rows, name, 1)[kind]
        worst[name] = math.nan if unfinished or not found.size else float(found.max())
    return [
        Claim(
            "symmetric-boundary",
            "2 and 4 symmetric points: a start on the symmetry line ends in the middle between points, on the boundary"
            " of their Voronoi cells (largest distance; σ ends at 1e-4).",
            PAPER,
            worst["to_middle"],
            (None, 1e-3),
        ),
        Claim(
            "symmetric-points",
            "2 and 4 symmetric points: any other start ends on a training point (largest distance).",
            PAPER,
            worst["to_point"],
            (None, 1e-3),
        ),
    ]


def _tikhonov(results: xr.Dataset) -> list[Claim]:
    c, copies, samples = table.collapsed(results, "tikhonov")
    fraction = copies / samples
    gaps = fraction - law(c)
    worst = int(np.argmax(abs(gaps)))
    statement = "Tikhonov: the share of copies is 1 − exp(−tol²/2c) at every c (largest gap, at c = "
    claims = [Claim("tikhonov-law", f"{statement}{c[worst]:.2g}).", PAPER, float(abs(gaps[worst])), (None, 0.02))]
    for at, published in zip(10.0 ** np.arange(-5, -0.9, 0.5), PUBLISHED_TIKHONOV, strict=True):
        found = fraction[np.isclose(c, at, rtol=0.01)]
        measured = float(found[0]) if found.size else math.nan
        statement = f"Tikhonov, c = {at:.2g}: the share of copies is the published one."
        claims.append(Claim(f"tikhonov-{at:.2g}", statement, FIGURES, measured, 0.03, published))
    return claims


def _empirical_bayes(results: xr.Dataset) -> list[Claim]:
    tau, copies, samples = table.collapsed(results, "empirical-bayes")
    fraction = copies / samples
    text = f"from τ = {tau[0]:g} to {tau[-1]:g}"
    return [
        Claim(
            "empirical-bayes-monotone",
            f"Empirical Bayes: the share of copies falls with every step of τ {text} (smallest fall).",
            PAPER,
            float(-np.diff(fraction).max()),
            (0.0, None),
        ),
        Claim(
            "empirical-bayes-ends",
            f"Empirical Bayes: the share of copies falls from near 1 to 0 {text} (the fall).",
            PAPER,
            float(fraction[0] - fraction[-1]),
            (0.95, None),
        ),
    ]


def _early_stopping(results: xr.Dataset) -> list[Claim]:
    plain = {"score": "network", "strength": 0.0, "width": 256}
    claims = []
    wide = np.array([PUBLISHED_EARLY_WIDE.get(10_000 * (k + 1), np.nan) for k in range(10)])
    for name, text, published in (
        ("within_0_05", "0.05", np.array(PUBLISHED_EARLY)),
        ("within_0_5", "0.5", wide),
    ):
        epochs, found = table.along_training(results, name, **plain)
        published = published[: len(epochs)]
        n = len(found)
        spread = found.std(axis=0, ddof=1) if n > 1 else np.full(len(epochs), np.nan)
        # One more run of the same kind lies this many spreads from the mean of n, in law as Student's t. The floor
        # is what 1000 samples leave undetermined.
        floor = np.sqrt(np.clip(published * (1 - published), 1e-3, None) / 1000)
        known = ~np.isnan(published)
        scores = abs(found.mean(axis=0) - published) / (np.maximum(spread, floor) * math.sqrt(1 + 1 / max(n, 1)))
        measured = math.nan if np.isnan(found).any() else float(scores[known].max())
        limit = float(stats.t.ppf(0.975, max(n - 1, 1)))
        statement = (
            f"Early stopping, {epochs[known[: len(epochs)]].max():,.0f} epochs at most: the published share within"
            f" {text} of a point is one more run of the same kind (largest distance from the mean of {n} seeds, in"
            f" spreads of such a run; 95 % are below {limit:.2f})."
        )
        claims.append(Claim(f"early-stopping-{text}", statement, FIGURES, measured, (None, limit)))
    return claims


def _variants(results: xr.Dataset) -> list[Claim]:
    name = "within_0_05"
    epochs, plain = table.along_training(results, name, score="network", strength=0.0, width=256)
    _, singular = table.along_training(results, name, score="singular-network")
    common = min(plain.shape[1], singular.shape[1])
    ahead = (singular[:, :common].mean(axis=0) - plain[:, :common].mean(axis=0)).min()
    last = epochs[common - 1]

    def at_last(**where: Any) -> float:
        epochs_there, found = table.along_training(results, name, score="network", **where)
        here = found[:, epochs_there == last]
        return float(here.mean()) if here.size else math.nan

    rows = table.select(results, part="network", score="network")
    c = table.strengths(rows, width=256)
    falls = -np.diff([at_last(strength=value, width=256) for value in c])
    widths = np.unique(table.select(rows, strength=0.0).width)
    rises = np.diff([at_last(strength=0.0, width=width) for width in widths])
    listed = ", ".join(f"{width:g}" for width in widths)
    text = f"of samples within 0.05 of a point after {last:,.0f} epochs"
    return [
        Claim(
            "singular-faster",
            "With the factor 1/σ built in, the network memorizes faster (least lead of its share within 0.05, at any of"
            f" {common} looks).",
            PAPER,
            float(ahead),
            (0.0, None),
        ),
        Claim(
            "tikhonov-training",
            f"Tikhonov training: the larger c, the smaller the share {text} (smallest fall, c = 0 to {c.max():g}).",
            PAPER,
            float(falls.min()),
            (0.0, None),
        ),
        Claim(
            "width",
            f"Larger networks memorize sooner: the share {text} grows with the width ({listed}; smallest rise).",
            PAPER,
            float(rises.min()),
            (0.0, None),
        ),
    ]
