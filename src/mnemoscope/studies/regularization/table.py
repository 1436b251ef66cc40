"""Rows of the table of results, as claims and figures read them."""

from typing import Any

import numpy as np
import xarray as xr

from mnemoscope.sweeps.trial import Array


def select(results: xr.Dataset, **where: Any) -> xr.Dataset:
    """The trials whose fields have the values of ``where``; a field that is the same throughout is a scalar."""
    kept = np.ones(results.sizes["trial"], bool)
    for name, value in where.items():
        kept &= np.broadcast_to(results[name].values == value, kept.shape)
    return results.isel(trial=np.flatnonzero(kept))


def numbers(results: xr.Dataset, name: str, ndim: int = 0) -> Array:
    """A variable with ``ndim`` dimensions beside the trials', in their order; NaN where no trial is finished."""
    if name in results:
        return np.asarray(results[name].transpose("trial", ...).values, float)
    return np.full((results.sizes["trial"], *(1,) * ndim), np.nan)


def strengths(results: xr.Dataset, **where: Any) -> Array:
    """The strengths that the selected trials have, increasing."""
    return np.unique(np.broadcast_to(select(results, **where).strength.values, select(results, **where).sizes["trial"]))


def collapsed(results: xr.Dataset, score: str) -> tuple[Array, Array, Array]:
    """Strength, copies and samples, summed over the seeds."""
    at = strengths(results, part="collapse", score=score)
    rows = [select(results, part="collapse", score=score, strength=strength) for strength in at]
    copies, samples = (np.array([numbers(row, name).sum() for row in rows]) for name in ("collapsed", "latents"))
    return at, copies, samples


def along_training(results: xr.Dataset, name: str, **where: Any) -> tuple[Array, Array]:
    """Epochs, and one row of ``name`` at these epochs for each seed."""
    rows = select(results, part="network", **where)
    if name not in results or "epoch" not in results.coords:
        return np.array([np.nan]), np.full((rows.sizes["trial"], 1), np.nan)
    last = int(rows.steps.max()) if rows.sizes["trial"] else 0
    rows = rows.sel(epoch=rows.epoch <= last)
    return rows.epoch.values, numbers(rows, name, 1)


def over_seeds(results: xr.Dataset, name: str, **where: Any) -> tuple[Array, Array]:
    """Strength, and the mean over seeds of a measurement of closed-form scores on real images."""
    at = strengths(results, part="images", **where)
    rows = [select(results, part="images", strength=strength, **where) for strength in at]
    return at, np.array([_first_look(row, name).mean() for row in rows])


def _first_look(rows: xr.Dataset, name: str) -> Array:
    """A measurement of closed-form scores, which are looked at once; a loss is the mean over its noise levels."""
    if name not in rows:
        return np.full(rows.sizes["trial"], np.nan)
    found = rows[name].sel(look=0)
    return np.asarray(found.mean("noise_level", skipna=False) if "noise_level" in found.dims else found, float)
