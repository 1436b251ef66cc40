"""From a user's arguments to the points at which the equations are solved, and back to labelled arrays.

The convention of every function of the theory: an argument is a number; a one-dimensional array, which
becomes a dimension of the result named after the argument; or an ``xarray.DataArray``, which keeps its own
dimensions. Arrays therefore span a grid, and arguments that share a dimension run along it together.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Required, TypeAlias, TypedDict

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike

from mnemoscope.errors import InputError
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.theory.activations import ActivationLike, Array, activation_constants, activation_label
from mnemoscope.theory.data_spectrum import as_numbers, as_spectrum
from mnemoscope.theory.fixed_point import Ensemble

Values: TypeAlias = "float | ArrayLike | xr.DataArray"
"""A number, a one-dimensional array, or a DataArray: see the module's docstring."""

SMALLEST, LARGEST = 1e-30, 1e30
"""Bounds of every argument: beyond, double precision runs out in the products of several."""


class ModelSettings(TypedDict, total=False):
    """What every function of the learning curves takes, by keyword.

    Attributes:
        psi_p: p/d, features per dimension.
        time: t of the Ornstein-Uhlenbeck process.
        noise_draws: m, noise draws for each sample: whole numbers, or ``math.inf``, which it is if left out.
        activation: a name from ``activation_names()``, an ``Activation``, or a smooth callable on arrays; ``relu`` if
            left out.
    """

    psi_p: Required[Values]
    time: Required[Values]
    noise_draws: Values
    activation: ActivationLike


class Settings(ModelSettings, total=False):
    """The model's settings and those of its training data.

    Attributes:
        psi_n: n/d, samples per dimension.
        spectrum: eigenvalues of the data's covariance, shape ``(dim,)``; a data set, shape ``(n_samples, *event)``,
            for its covariance in units of its mean eigenvalue; None, or left out, for Σ = I.
    """

    psi_n: Required[Values]
    spectrum: ArrayLike | None


@dataclass(frozen=True)
class Grid:
    """The points of a grid, flattened, and the way back.

    Attributes:
        ensemble: what the fixed point sees, one entry for each point.
        noise_power: h = σ(t)², shape ``(points,)``.
        bayes_loss: B, the test loss of the true score of the Gaussian N(0, Σ), shape ``(points,)``.
        activation: what results call the activation.
        extra: further arguments, such as ``ridge``, broadcast with the others, each of shape ``(points,)``.
    """

    ensemble: Ensemble
    noise_power: Array
    bayes_loss: Array
    activation: str
    extra: dict[str, Array]
    _template: xr.DataArray

    def label(self, values: Array) -> xr.DataArray:
        """Values of shape ``(points,)`` as an array with the grid's dimensions and coordinates."""
        return self._template.copy(data=values.reshape(self._template.shape))


def make_grid(settings: Settings, **extra: xr.DataArray) -> Grid:
    """Validate, broadcast and flatten; ``extra`` arguments come validated, by ``as_positive``.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: the argument that cannot be used, and its first bad value.
    """
    check_names(settings, Settings)
    named = {
        "psi_n": settings["psi_n"],
        "psi_p": settings["psi_p"],
        "noise_draws": settings.get("noise_draws", math.inf),
        "time": settings["time"],
    }
    labelled = {name: as_positive(name, values) for name, values in named.items()} | extra
    draws = labelled["noise_draws"]
    bad = draws.where((draws < 1) | ((draws != np.floor(draws)) & np.isfinite(draws))).values
    if np.any(np.isfinite(bad)):
        raise InputError(f"noise_draws: must be whole numbers >= 1 or math.inf, got {bad[np.isfinite(bad)][0]:g}")

    law = as_spectrum(settings.get("spectrum"))
    process, times = OrnsteinUhlenbeck(), torch.from_numpy(np.array(labelled["time"].values))
    signal_power, noise_power = process.alpha(times).numpy() ** 2, process.sigma(times).numpy() ** 2
    variance = signal_power * law.mean + noise_power
    activation = settings.get("activation", "relu")
    constants = activation_constants(activation, variance, noise_power / variance)
    bayes = 1 - noise_power * np.sum(
        law.weights / (np.multiply.outer(signal_power, law.values) + noise_power[..., None]), -1
    )
    of_time = {
        "signal": constants.linear * signal_power,
        "noise": constants.linear * noise_power,
        "shared": constants.shared,
        "private": constants.private,
        "noise_power": noise_power,
        "bayes_loss": bayes,
    }
    labelled |= {name: labelled["time"].copy(data=values) for name, values in of_time.items()}
    arrays = dict(zip(labelled, xr.broadcast(*labelled.values()), strict=True))
    template = arrays["psi_n"].drop_attrs()
    flat = {name: np.ascontiguousarray(array.values).ravel() for name, array in arrays.items()}
    with np.errstate(divide="ignore"):
        fewness = 1 / flat["noise_draws"]
    seen = {name: flat[name] for name in ("psi_n", "psi_p", "signal", "noise", "shared", "private")}
    ensemble = Ensemble(**seen, fewness=fewness, spectrum=law)
    others = {name: flat[name] for name in extra}
    return Grid(ensemble, flat["noise_power"], flat["bayes_loss"], activation_label(activation), others, template)


def check_names(settings: Mapping[str, Any], kind: Any) -> None:
    """What Python does for named arguments, done for settings.

    Args:
        settings: as a caller gave them.
        kind: ``ModelSettings`` or ``Settings``.

    Raises:
        TypeError: an argument that ``kind`` requires is missing, or one that it does not have is there.
    """
    required, known = kind.__required_keys__, kind.__required_keys__ | kind.__optional_keys__
    for name in sorted(required - settings.keys()):
        raise TypeError(f"missing argument {name!r}")
    for name in settings:
        if name not in known:
            raise TypeError(f"unexpected argument {name!r}, the settings are {', '.join(sorted(known))}")


def as_number(name: str, values: Values) -> float:
    """An argument of a function that answers for one point only.

    Raises:
        InputError: it is not one number.
    """
    array = as_numbers(name, values)
    if array.ndim or array.dtype.kind not in "iuf":
        raise InputError(f"{name}: pass one number, got {array.dtype} of shape {array.shape}")
    return float(array)


def as_positive(name: str, values: Values, *, or_zero: bool = False) -> xr.DataArray:
    """An argument as a labelled array in double precision: positive, within bounds, or infinite if it is noise_draws.

    Raises:
        InputError: not real numbers, or one out of bounds; it is named.
    """
    if not isinstance(values, xr.DataArray):
        array = as_numbers(name, values)
        if array.ndim > 1:
            raise InputError(f"{name}: pass a number, a one-dimensional array or a DataArray, got shape {array.shape}")
        values = xr.DataArray(array, dims=(name,) if array.ndim else (), coords={name: array} if array.ndim else None)
    if values.dtype.kind not in "iuf" or values.size == 0:
        raise InputError(f"{name}: needs real numbers, got {values.dtype} of shape {values.shape}")
    values = values.astype(np.float64)
    numbers = values.values
    in_range = (numbers >= SMALLEST) & (numbers <= LARGEST)
    if or_zero:
        in_range |= numbers == 0
    if name == "noise_draws":  # how small is make_grid's business
        in_range |= (numbers == math.inf) | (numbers > 0)
    bad = numbers[~in_range]
    if bad.size:
        low = ">= 0" if or_zero else "positive"
        bounds = f"between {SMALLEST:g} and {LARGEST:g}"
        beyond = f"{low} and finite" if not np.isfinite(bad[0]) or bad[0] <= 0 else bounds
        raise InputError(f"{name}: must be {beyond}, got {bad[0]:g}")
    return values
