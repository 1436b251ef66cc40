"""What the looks say of the times, of their order, and of the monitor."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import ttest_1samp

from mnemoscope.studies.study import Claim
from mnemoscope.studies.training_time.times import exponent, mean_time, times

SOURCE = "Bonnaire et al. (arXiv 2505.17638), Favero et al. (arXiv 2505.16959)"
OWN = "this study"


def claims_of(name: str, trainings: xr.Dataset) -> Iterator[Claim]:
    """All of them, of trainings along ``trial`` that differ in n and seed."""
    table = times(trainings)
    yield from _times(name, table)
    yield from _order(name, table)
    yield from _monitor(name, table)


def _times(name: str, table: Any) -> Iterator[Claim]:
    """τ_gen stays, τ_mem grows."""
    general = mean_time(table, "generalizes", "n")
    fold = table.n.max() / table.n.min()
    yield Claim(
        f"generalizes-{name}",
        f"{name}: the held-out loss falls as soon for many items as for few (largest over smallest τ_gen, over"
        f" {fold:g} times as many).",
        SOURCE,
        float(general.max() / general.min()),
        (None, 1.5),
        1.0,
    )
    slope, low, high = exponent(table, "memorizes")
    yield Claim(
        f"memorizes-{name}",
        f"{name}: copies come later the more items there are: τ_mem ∝ n^a (a; 95 % interval {low:.2f} to {high:.2f}).",
        SOURCE,
        slope,
        (0.7, 1.5),
        1.0,
    )


def _order(name: str, table: Any) -> Iterator[Claim]:
    """What comes first."""
    first = (table.closer < table.memorizes.fillna(np.inf)).mean()
    before = (table.closer < table.turns).groupby(table.n).mean()
    counted = ", ".join(f"{share:.0%} at n = {n}" for n, share in before.items())
    yield Claim(
        f"closeness-first-{name}",
        f"{name}: samples come closer to train than a fitted Gaussian's before 5 % of them are copies (share of the"
        f" trainings; before the held-out loss turns in {counted}).",
        OWN,
        float(first),
        (0.9, None),
    )
    areas = table.isolation_auc.dropna()
    yield Claim(
        f"isolated-{name}",
        f"{name}: items that are copied lie further from their nearest neighbour than others (area of the distance as a"
        f" predictor, mean of {len(areas)} trainings). Prototypes first (arXiv 2605.30642) would be below .5.",
        "Merger & Goldt (arXiv 2606.14390)",
        float(areas.mean()),
        (0.5, None),
    )


def _monitor(name: str, table: Any) -> Iterator[Claim]:
    """The monitor says so in time, and stopping by it costs nothing."""
    both = table[np.isfinite(table.memorizes)]
    lead = both.memorizes / both.onset
    yield Claim(
        f"onset-{name}",
        f"{name}: the monitor's onset comes before 5 % of the samples are copies (smallest τ_mem over onset).",
        OWN,
        float(lead.min(skipna=False)),
        (1.0, None),
    )
    yield Claim(
        f"onset-near-{name}",
        f"{name}: and not long before (geometric mean of the same ratio).",
        OWN,
        float(np.exp(np.log(lead).mean(skipna=False))),
        (None, 2.0),
    )
    yield Claim(
        f"stopped-copies-{name}",
        f"{name}: of a model stopped at the last look before onset no copies are shown (largest lower bound).",
        OWN,
        float(table.stopped_copies.max()),
        (None, 0.0),
    )
    price = table.stopped_price.to_numpy()
    upper = ttest_1samp(price, 0).confidence_interval(0.95).high if len(price) > 2 else price.max()
    yield Claim(
        f"stopped-quality-{name}",
        f"{name}: and its held-out loss is no worse than at the end of the training (upper end of the 95 % interval of"
        " the mean logarithm of their ratio, paired).",
        OWN,
        float(upper),
        (None, 0.0),
    )
