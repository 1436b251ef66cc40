"""From single trials to labelled results: one table for each kind of trial, together a tree.

The dimensions of a table are the spec fields that vary, if the trials fill the grid of their values; otherwise
there is the one dimension ``trial`` with those fields as its coordinates. Fields that do not vary are scalar
coordinates. Values appear in the order in which the trials were listed. Where a result has dimensions of its own,
these come last; trials that differ in a dimension's length or coordinate are aligned as in ``xarray``'s outer
join. Missing is NaN: integers and booleans become double precision, floats keep theirs, and ``finished`` says
which trials there are.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import xarray as xr

from mnemoscope.errors import InputError
from mnemoscope.records import canonical_json
from mnemoscope.sweeps.trial import Array, Trial, Variables


def tabulate_kinds(trials: Sequence[Trial], results: Mapping[str, Variables]) -> xr.DataTree:
    """One node for each kind of trial, called as ``Trial.kind`` says, in the order in which the kinds were listed."""
    kinds: dict[str, list[Trial]] = {}
    for trial in trials:
        kinds.setdefault(trial.kind(), []).append(trial)
    return xr.DataTree.from_dict({kind: tabulate(alike, results) for kind, alike in kinds.items()})


def tabulate(trials: Sequence[Trial], results: Mapping[str, Variables]) -> xr.Dataset:
    """The results, by trial key, of those among ``trials`` that are finished; the trials are of one kind.

    Raises:
        InputError: trials disagree on the dimensions of a variable.
    """
    dims, shape, positions, coords = _layout(trials)
    results = {trial.key: results[trial.key] for trial in trials if trial.key in results}
    inner = _inner_axes(results)
    finished = np.zeros(shape, dtype=bool)
    table: dict[str, tuple[tuple[str, ...], Array]] = {}
    for name, own_dims, dtype in _variables(results):
        if name in inner:
            continue
        full = (*shape, *(len(inner[dim]) for dim in own_dims))
        table[name] = ((*dims, *own_dims), np.full(full, np.nan, dtype))
    for trial, position in zip(trials, positions, strict=True):
        if trial.key not in results:
            continue
        finished[position] = True
        variables = results[trial.key]
        for name in variables.keys() & table.keys():
            own_dims, array = variables[name]
            within = zip(own_dims, array.shape, strict=True)
            where = np.ix_(*(np.searchsorted(inner[dim], _axis(variables, dim, length)) for dim, length in within))
            table[name][1][tuple(position) + where] = array
    given = {name for variables in results.values() for name in variables}
    coords |= {dim: ((dim,), axis) for dim, axis in inner.items() if dim in given}
    return xr.Dataset({"finished": (dims, finished), **{name: table[name] for name in sorted(table)}}, coords)


def _layout(
    trials: Sequence[Trial],
) -> tuple[tuple[str, ...], tuple[int, ...], list[tuple[int, ...]], dict[str, Any]]:
    """Outer dimensions, their sizes, the position of every trial, and the coordinates."""
    columns = {name: _column(trials, name) for name in type(trials[0]).model_fields}
    axes = {name: list(dict.fromkeys(column.tolist())) for name, column in columns.items()}
    constant = {name: columns[name][0] for name in columns if len(axes[name]) == 1}
    dims = tuple(name for name in columns if name not in constant)
    shape = tuple(len(axes[name]) for name in dims)
    coords: dict[str, Any] = dict(constant)
    if prod(shape) == len(trials):
        index = {dim: {value: i for i, value in enumerate(axes[dim])} for dim in dims}
        positions = [tuple(index[dim][columns[dim][i]] for dim in dims) for i in range(len(trials))]
        return dims, shape, positions, coords | {d: ((d,), np.array(axes[d], columns[d].dtype)) for d in dims}
    positions = [(i,) for i in range(len(trials))]
    return ("trial",), (len(trials),), positions, coords | {d: (("trial",), columns[d]) for d in dims}


def _column(trials: Sequence[Trial], name: str) -> Array:
    """One field of all trials: numbers and booleans as they are, text as text, anything else as its JSON."""
    values = [getattr(trial, name) for trial in trials]
    kinds = {type(value) for value in values}
    if kinds == {bool} or kinds <= {int, float}:
        return np.array(values)
    texts = [
        v if isinstance(v, str) else canonical_json(t.spec[name]).decode() for t, v in zip(trials, values, strict=True)
    ]
    return np.array(texts, dtype=object)


def _axis(variables: Variables, dim: str, length: int) -> Array:
    """The positions along a result's own dimension: its coordinate if it has one, else 0, 1, 2 and so on."""
    return variables[dim][1] if dim in variables else np.arange(length)


def _inner_axes(results: Mapping[str, Variables]) -> dict[str, Array]:
    """Every dimension of the results' own with all positions that occur along it, increasing."""
    found: dict[str, list[Array]] = {}
    for variables in results.values():
        for dims, array in variables.values():
            for dim, length in zip(dims, array.shape, strict=True):
                found.setdefault(dim, []).append(_axis(variables, dim, length))
    return {dim: np.unique(np.concatenate(found[dim])) for dim in sorted(found)}


def _variables(results: Mapping[str, Variables]) -> list[tuple[str, tuple[str, ...], np.dtype[Any]]]:
    """Every variable with its own dimensions and a dtype that can hold all trials' values and NaN."""
    seen: dict[str, tuple[tuple[str, ...], np.dtype[Any]]] = {}
    for variables in results.values():
        for name, (dims, array) in variables.items():
            dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
            known_dims, known_dtype = seen.setdefault(name, (dims, dtype))
            if known_dims != dims:
                raise InputError(f"result {name}: has dimensions {dims} in one trial and {known_dims} in another")
            seen[name] = (dims, np.result_type(known_dtype, dtype))
    return [(name, dims, dtype) for name, (dims, dtype) in seen.items()]
