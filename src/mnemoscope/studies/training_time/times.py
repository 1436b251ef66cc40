"""Times of a training, read from its looks; between two looks by the logarithm of the step.

    generalizes    τ_gen: nine tenths of what the held-out loss ever falls are done
    memorizes      τ_mem: 5 % of the samples, at least, are calibrated copies
    closer         closeness exceeds that of a Gaussian fitted to train
    onset          the monitor says that the model starts to memorize
    turns          the held-out loss is least

A time that never comes is NaN. With them stand, of the last look before onset (of the last of all where there is none),
``stopped_copies`` and ``stopped_price``, the logarithm of the held-out loss there over that at the end.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from scipy.stats import linregress, t

from mnemoscope.studies.rows import frame

COPIED = 0.05
DONE = 0.9


def first_time(steps: Float[np.ndarray, " looks"], values: Float[np.ndarray, " looks"], level: float) -> float:
    """When values first reach a level."""
    reached = np.flatnonzero(values >= level)
    if not len(reached):
        return np.nan
    last = reached[0]
    if last == 0:
        return float(steps[0])
    (low, high), (before, after) = values[last - 1 : last + 1], np.log(steps[last - 1 : last + 1])
    return float(np.exp(before + (after - before) * (level - low) / (high - low)))


def times_of(training: xr.Dataset) -> dict[str, float]:
    """The times of one training."""
    looks = training.dropna("step", subset=["held_out_loss"])
    steps, loss = looks.step.values.astype(float), looks.held_out_loss.values
    least = int(np.argmin(loss))
    fallen = (loss[0] - loss) / max(loss[0] - loss[least], np.finfo(float).tiny)
    state = looks.state.values
    stop = max(0, int(np.argmax(state >= 1)) - 1) if (state >= 1).any() else len(state) - 1
    return {
        "generalizes": first_time(steps, fallen, DONE),
        "memorizes": first_time(steps, looks.copies.values, COPIED),
        "closer": float(steps[np.argmax(looks.beyond.values > 0)]) if (looks.beyond.values > 0).any() else np.nan,
        "onset": float(steps[np.argmax(state >= 1)]) if (state >= 1).any() else np.nan,
        "turns": float(steps[least]),
        "stopped_copies": float(looks.copies.values[stop]),
        "stopped_price": float(np.log(loss[stop] / loss[-1])),
    }


def times(trainings: xr.Dataset) -> Any:
    """A table of trials along ``trial`` with their times."""
    table = frame(trainings)
    found = [times_of(trainings.isel(trial=row)) for row in range(trainings.sizes["trial"])]
    return pd.concat([table, pd.DataFrame(found, index=table.index)], axis=1)


def exponent(table: Any, name: str) -> tuple[float, float, float]:
    """The slope of log time against log n, and its 95 % interval; NaN where two points leave none."""
    known = table[np.isfinite(table[name])]
    if known.n.nunique() < 2:
        return np.nan, np.nan, np.nan
    fit = linregress(np.log(known.n), np.log(known[name]))
    half = fit.stderr * t.ppf(0.975, len(known) - 2) if len(known) > 2 else np.nan
    return float(fit.slope), float(fit.slope - half), float(fit.slope + half)


def mean_time(table: Any, name: str, by: str) -> Any:
    """The geometric mean over seeds of a time, by a setting."""
    return np.exp(np.log(table[name]).groupby(table[by]).mean())
