"""Finished trials as rows, whatever grid their experiment fills: what claims and figures select from."""

from typing import Any

import numpy as np
import xarray as xr


def rows(results: xr.Dataset, **where: Any) -> xr.Dataset:
    """The finished trials of an experiment along one dimension ``trial``, in the order of its plan.

    Args:
        results: the experiment's node of the results, on its own axes.
        where: a spec field → the value that the trials must have in it.

    Returns:
        Every spec field is a coordinate along ``trial``, those that do not vary too.
    """
    dims = results.finished.dims
    flat = results
    if not dims:
        flat = results.expand_dims("trial")
    elif dims != ("trial",):
        flat = results.stack(trial=dims).reset_index("trial")
    shape = (flat.sizes["trial"],)
    fields = {name: ("trial", np.broadcast_to(c.values, shape)) for name, c in results.coords.items() if not c.dims}
    flat = flat.assign_coords(fields)
    kept = flat.finished.values.astype(bool)
    for name, value in where.items():
        kept = kept & (flat[name].values == value)
    return flat.isel(trial=np.flatnonzero(kept)).transpose("trial", ...)


def frame(results: xr.Dataset, **where: Any) -> Any:
    """The same as a pandas table: spec fields and the numbers of every trial, one row each; arrays are left out."""
    found = rows(results, **where)
    names = [name for name, values in found.variables.items() if values.dims == ("trial",)]
    return found[names].to_dataframe().reset_index(drop=True)
