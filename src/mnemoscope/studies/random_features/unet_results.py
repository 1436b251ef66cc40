"""What the U-Net half of the study claims and shows."""

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.auditing import Rate, difference_interval
from mnemoscope.studies.random_features.claims import PAPER, as_frame
from mnemoscope.studies.random_features.trials import SAMPLES
from mnemoscope.studies.study import Claim

UNET = (
    f"U-Nets of growing width. Above: share of {SAMPLES} generated digits that are copies of a training digit, against"
    " the number of parameters; the band is the 95 % interval of the excess over held-out digits, put on the null, for"
    " each seed. Below: the loss on the draws trained on (left; 1 is a network that predicts nothing) and on held-out"
    " digits (right). Lines join means over seeds."
)


def unet_claims(results: xr.Dataset) -> list[Claim]:
    """Copies against width and noise draws, and that few draws are not want of training."""
    frame = as_frame(results)
    rows = frame[frame.part == "unet"].set_index(["noise_draws", "width", "seed"]).sort_index()
    if rows.empty:
        return []
    m, narrow, wide = (
        int(rows.index.unique(name)[end]) for name, end in (("noise_draws", -1), ("width", 0), ("width", -1))
    )
    text = f"U-Net on {rows.psi_n.iloc[0] * rows.dim.iloc[0]:g} digits: "

    def claim(name: str, statement: str, measured: float, tolerance: Any) -> Claim:
        return Claim(name, text + statement, PAPER + ", Figure 4", measured, tolerance)

    widest, few = rows.loc[m, wide], rows.loc[1, wide]
    every = rows.xs(wide, level="width").copies.groupby("noise_draws").agg(lambda values: values.to_numpy().mean())
    return [
        claim(
            "unet-width",
            f"at m = {m} the share of copies among {SAMPLES} samples is larger at width {wide} than at width {narrow}"
            " (lower end of the 95 % interval of the difference over the samples, smallest over seeds).",
            excess_low(widest, rows.loc[m, narrow]),
            (0.0, None),
        ),
        claim(
            "unet-draws",
            f"at width {wide} it is larger at m = {m} than at m = 1 (the same).",
            excess_low(widest, few),
            (0.0, None),
        ),
        claim(
            "unet-draws-grow",
            f"at width {wide} it does not fall from one m to the next (smallest step of the mean over seeds).",
            float(np.diff(every.to_numpy()).min()),
            (0.0, None),
        ),
        claim(
            "unet-trained",
            f"not for want of training: at width {wide} the train loss of m = 1 over that of m = {m} is at most 1"
            " (largest over seeds).",
            float((few.train_loss / widest.train_loss).to_numpy().max()),
            (None, 1.0),
        ),
    ]


def excess_low(more: Any, less: Any) -> float:
    """The lower end of the 95 % interval of more − less copies, smallest over seeds; NaN where a trial is missing."""
    both = np.stack([more.copies, less.copies], axis=1)
    if not np.isfinite(both).all():
        return math.nan
    counts = np.rint(SAMPLES * both).astype(int).tolist()
    return min(difference_interval(Rate(first, SAMPLES), Rate(second, SAMPLES))[0] for first, second in counts)


def draw_unet(figure: Figure, rows: Any) -> None:
    """Copies above, losses below."""
    figure.set_size_inches(7.0, 6.4)
    panels = figure.subplot_mosaic([["copies", "copies"], ["train_loss", "test_loss"]], height_ratios=[3, 2])
    for marker, (noise_draws, group) in zip("osD", rows.groupby("noise_draws"), strict=False):
        for name, axes in panels.items():
            mean = group.groupby("n_parameters")[name].mean()
            (line,) = axes.plot(mean.index, mean, label=f"m = {noise_draws:g}")
            axes.plot(group.n_parameters, group[name], marker, color=line.get_color(), markersize=4)
        for _, seed in group.sort_values("n_parameters").groupby("seed"):
            band = seed.null + seed.excess_low, seed.null + seed.excess_high
            panels["copies"].fill_between(seed.n_parameters, *band, color=line.get_color(), alpha=0.15, linewidth=0)
    panels["copies"].axhline(rows.null.mean(), color="C3", linestyle=":", label="held-out null")
    panels["copies"].set_ylabel("copies among the samples")
    panels["copies"].legend()
    for name, label in (("train_loss", "train loss"), ("test_loss", "test loss")):
        panels[name].set_ylabel(label)
    panels["train_loss"].set_yscale("log")
    panels["train_loss"].axhline(1, color="C5", linewidth=0.8)
    sizes = np.unique(rows.n_parameters)
    for axes in panels.values():
        axes.set(xscale="log", xlabel="parameters")
        axes.set_xticks(sizes, [f"{size / 1000:.0f}k" for size in sizes])
        axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
