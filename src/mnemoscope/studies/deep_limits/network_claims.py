"""Claims on networks trained on images and as scores."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mnemoscope.studies.study import Claim

PAPER = "Marion, Wu, Sander & Biau, arXiv 2309.01213"
NEW = "this study"
TITLES = {"images": "Fashion-MNIST", "cifar-10": "CIFAR-10"}

KINDS = [
    ("gelu", "tied", 1.0),
    ("gelu", "iid", 0.0),
    ("relu", "tied", 0.0),
    ("relu", "iid", 0.0),
    ("identity", "tied", 1.0),
    ("identity", "iid", 0.0),
]
"""Activation, initialization, and the share of runs that must be smooth."""


def image_claims(trials: xr.Dataset | None, part: str = "images") -> Iterator[Claim]:
    """Which convolutional networks end smooth; None for trials that are not finished."""
    for activation, initialization, expected in KINDS:
        smooth, text = math.nan, ""
        if trials is not None:
            rows = trials.isel(
                trial=np.flatnonzero((trials.activation == activation) & (trials.initialization == initialization))
            )
            if not rows.sizes["trial"]:
                continue  # the quick preset has no identity
            smooth = float(rows.smooth.mean())
            text = (
                f" (steps correlate by {float(rows.step_correlation.min()):.2f} to"
                f" {float(rows.step_correlation.max()):.2f},"
                f" jumps carry {float(rows.jump_share.min()):.1%} to {float(rows.jump_share.max()):.1%},"
                f" shuffled layers {float(rows.null_low.min()):.0%} to {float(rows.null_high.max()):.0%},"
                f" p ≤ {float(rows.p_value.max()):.2g})"
            )
        yield Claim(
            f"{part}-{activation}-{initialization}",
            f"Convolutions on {TITLES[part]}, {activation}, {initialization}: share of runs that end smooth{text}.",
            f"{PAPER}, Table 1",
            smooth,
            0.0,
            expected,
        )


def score_claims(trials: xr.Dataset | None) -> Iterator[Claim]:
    """Whether depth or start changes the copies at equal loss; None for trials that are not finished."""
    spread = excess = math.nan
    text = ""
    if trials is not None:
        level, settings = copies_at_equal_loss(trials)
        spread = float(np.ptp([setting.copies for setting in settings]))
        excess = max(setting.excess_low for setting in settings)
        text = f" ({level:.3g})"
    yield Claim(
        "scores-memorize",
        f"At equal loss{text} residual score networks copy: largest lower end of the excess over the null.",
        NEW,
        excess,
        (0.0, None),
    )
    yield Claim(
        "scores-depth",
        "At that loss neither depth nor start changes the share of copies: largest difference between settings.",
        NEW,
        spread,
        (None, 0.1),
    )


@dataclass(frozen=True)
class Setting:
    """Copies of one depth and start at a given loss, means over seeds.

    Attributes:
        depth: L.
        initialization: the start along the depth.
        copies: share of copies among the samples.
        null: the same of held-out items.
        excess_low: lower end of the 95 % interval of the excess.
        excess_high: its upper end.
    """

    depth: int
    initialization: str
    copies: float
    null: float
    excess_low: float
    excess_high: float


def copies_at_equal_loss(trials: xr.Dataset) -> tuple[float, list[Setting]]:
    """The lowest loss that every network reaches, and the copies there.

    Between looks the copies are interpolated along the loss.
    """
    level = float(trials.score_loss.min("look").max())
    found: dict[tuple[int, str], list[list[float]]] = {}
    for k in range(trials.sizes["trial"]):
        one = trials.isel(trial=k)
        order = np.argsort(one.score_loss.values)
        at = [
            float(np.interp(level, one.score_loss.values[order], one[name].values[order]))
            for name in ("copies", "null", "excess_low", "excess_high")
        ]
        found.setdefault((int(one.depth), str(one.initialization.values)), []).append(at)
    return level, [Setting(*setting, *np.mean(rows, axis=0).tolist()) for setting, rows in found.items()]
