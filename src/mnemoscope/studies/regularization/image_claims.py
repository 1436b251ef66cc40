"""Claims on images: the two pictures of the source, and what regularization costs on real images (this study's own).

A cost is stated where copies have become rare; before that, every score is as good as the data it returns.
"""

import math
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from mnemoscope.studies.regularization import table
from mnemoscope.studies.study import Claim
from mnemoscope.sweeps.trial import Array

PAPER = "Baptista, Dasgupta, Kovachki, Oberai & Stuart, arXiv 2501.15785"
OWN = "this study"


def square_claims(results: xr.Dataset) -> list[Claim]:
    """The exact score returns the two pictures with the probabilities of Bayes' rule; a U-Net approaches them."""
    rows = table.select(results, part="squares")
    value = {
        name: float(table.numbers(rows, name).sum())
        for name in ("pictures", "prior_large", "posterior_large", "prior_expected", "posterior_expected")
    }
    claims = []
    for name, text in (("prior", "without a measurement"), ("posterior", "given a measurement")):
        expected, n = value[f"{name}_expected"], value["pictures"]
        # The exact binomial interval for a count with this probability.
        low, high = stats.binom.interval(0.95, int(n) if n > 0 else 1, min(max(expected, 0.0), 1.0))
        statement = (
            f"Two pictures, {text}: the exact score finds the larger square as often as Bayes' rule says, a share of"
            f" {expected:.3f} (count of {n:g}, its 95 % interval)."
        )
        claims.append(Claim(f"squares-{name}", statement, PAPER, value[f"{name}_large"], _range(low, high)))
    exact = max(float(table.numbers(rows, f"{name}_distance").max()) for name in ("prior", "posterior"))
    statement = "Two pictures: every sample of the exact score is one of the two (largest distance)."
    claims.append(Claim("squares-exact", statement, PAPER, exact, (None, 1e-3)))
    rows = table.select(results, part="squares-network")
    found = table.numbers(rows, "to_picture", 2)[0]
    medians = np.median(found[~np.isnan(found).all(axis=1)], axis=1) if found.shape[0] > 1 else np.array([np.nan])
    statement = (
        "Two pictures: the U-Net's samples approach them as training goes on (median distance to the nearer one at the"
        " last look over that at the first)."
    )
    claims.append(Claim("squares-network", statement, PAPER, float(medians[-1] / medians[0]), (None, 0.5)))
    return claims


def _range(low: float, high: float) -> tuple[float | None, float | None]:
    return (None, None) if math.isnan(low + high) else (float(low), float(high))


def image_claims(results: xr.Dataset) -> list[Claim]:
    """What each regularization does to copies on real images, and at what price."""
    claims = []
    for data in ("digits", "fashion-mnist"):
        where: dict[str, Any] = {"part": "images", "data": data}
        if not table.select(results, **where).sizes["trial"]:
            continue

        def curve(score: str, name: str, data: str = data) -> tuple[Array, Array]:
            return table.over_seeds(results, name, data=data, score=score)

        for score, parameter in (("tikhonov", "c"), ("empirical-bayes", "τ")):
            at, copies = curve(score, "copies")
            statement = (
                f"{data}, {score}: the share of copies falls with {parameter}, {at[0]:g} to {at[-1]:g} (the fall)."
            )
            fall = float(copies[0] - copies[-1])
            claims.append(Claim(f"{score}-copies-{data}", statement, OWN, fall, (0.5, None)))
        _, tempered = curve("tempered", "copies")
        statement = f"{data}: tempered weights do not prevent copies (smallest share of copies, T up to 32)."
        claims.append(Claim(f"tempered-copies-{data}", statement, OWN, float(tempered.min()), (0.95, None)))
        claims.append(_price(data, curve))
        if (trained := table.select(results, **where, score="network")).sizes["trial"]:
            claims.append(_stopping(data, trained))
    return claims


def _stopping(data: str, trained: xr.Dataset) -> Claim:
    """Copies of the widest network at the look with the least held-out loss."""
    width = np.max(trained.width.values)
    row = table.select(trained, width=width).isel(trial=0)
    names = ("copies", "excess_low", "denoising_loss")
    looks, measured, last = np.array([math.nan]), math.nan, math.nan
    if all(name in row for name in names) and row.finished:
        row = row.dropna("look", subset=["copies"])
        best = int(np.argmin(row.denoising_loss.mean("noise_level").values))
        looks, measured, last = row.look.values[[best, -1]], float(row.excess_low[best]), float(row.copies[-1])
    statement = (
        f"{data}: an MLP of width {width:g}, stopped where its held-out denoising loss is least, after {looks[0]:g}"
        f" steps, copies no more than chance (lower end of the 95 % interval of the excess; after {looks[-1]:g}, copies"
        f" are {last:.1%} of its samples)."
    )
    return Claim(f"stopping-{data}", statement, OWN, measured, (None, 0.0))


def _price(data: str, curve: Any) -> Claim:
    """MMD where copies have become as rare as 5 %, of Tikhonov over empirical Bayes."""
    cost = {}
    for score in ("tikhonov", "empirical-bayes"):
        copies, quality = curve(score, "copies")[1], curve(score, "mmd")[1]
        few = np.flatnonzero(copies <= 0.05)
        cost[score] = float(quality[few].min()) if few.size else math.inf
        if np.isnan(copies + quality).any():
            cost[score] = math.nan
    statement = (
        f"{data}: with at most 5 % copies, Tikhonov's samples are nearer to held-out images than empirical Bayes's"
        f" (the former's least MMD, {cost['tikhonov']:.3f}, over the latter's, {cost['empirical-bayes']:.3f})."
    )
    return Claim(f"price-{data}", statement, OWN, cost["tikhonov"] / cost["empirical-bayes"], (None, 1.0))
