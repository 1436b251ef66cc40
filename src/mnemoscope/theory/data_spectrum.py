"""The data's covariance, as the theory sees it: its eigenvalues S_i and how often each occurs.

The curves depend on the data through the mean of functions of S_i only, so a repeated eigenvalue is stored
once, and the order of the eigenvalues cannot matter.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnemoscope.choose import check_number
from mnemoscope.errors import InputError

_ROWS = 4096  # items in double precision at a time


@dataclass(frozen=True)
class Spectrum:
    """Distinct eigenvalues and their shares.

    Attributes:
        values: S, ascending, shape ``(k,)``, non-negative.
        weights: the share of the ``dim`` eigenvalues that take each value, shape ``(k,)``, of sum one.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The data's variance per dimension, tr Σ / dim."""
        return float(self.values @ self.weights)


def as_spectrum(spectrum: ArrayLike | None) -> Spectrum:
    """None (isotropic, Σ = I), eigenvalues of shape ``(dim,)``, or a data set of shape ``(n_samples,
    *event)``.

    Raises:
        InputError: no eigenvalues, one that is negative or not finite, all of them zero; for a data set,
        fewer
            than two items or a value that is not finite.
    """
    if spectrum is None:
        return Spectrum(np.ones(1), np.ones(1))
    values = as_numbers("spectrum", spectrum)
    if values.ndim > 1:
        values = data_spectrum(values)
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iuf":
        raise InputError(
            f"spectrum: needs real eigenvalues of shape (dim,), got {values.dtype} of shape {values.shape}"
        )
    if not np.all(np.isfinite(values)) or values.min() < 0:
        where = int(np.argmin(np.where(np.isfinite(values), values, -np.inf)))
        raise InputError(f"spectrum: eigenvalues must be finite and >= 0, got {values[where]} at index {where}")
    if values.max() == 0:
        raise InputError("spectrum: every eigenvalue is zero")
    distinct, counts = np.unique(values.astype(np.float64), return_counts=True)
    return Spectrum(distinct, counts / values.size)


def as_numbers(name: str, values: ArrayLike) -> NDArray[Any]:
    """What a caller hands over as numbers, as NumPy has it; a memory map stays one.

    Raises:
        InputError: NumPy cannot make an array of it.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.getmaskarray(values).any():
            raise InputError(f"{name}: has masked values: fill them, or leave their items out")
        return np.asarray(values.data)
    try:
        return values if isinstance(values, np.memmap) else np.asarray(values)
    except Exception as error:  # whatever an object's own __array__ raises: of a sparse tensor, of one with a gradient
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{name}: needs an array of numbers ({why})") from error


def data_spectrum(data: ArrayLike, *, whitening: float | None = None) -> NDArray[np.float64]:
    """Eigenvalues of a data set's empirical covariance, in units of their mean.

    Args:
        data: shape ``(n_samples, *event)``; items are flattened and centred.
        whitening: the ridge ω of a whitening x → (C + ω)^{−1/2} x applied to the data in these units, which
            makes an eigenvalue S into S/(S + ω). Left out, the data are taken as they are.

    Returns:
        Shape ``(dim,)``, ascending.

    Raises:
        InputError: fewer than two items, values that are not finite or all equal, or a whitening ridge <= 0.
    """
    items: NDArray[Any] = as_numbers("data", data)
    if items.ndim < 2 or items.shape[0] < 2 or items.dtype.kind not in "biuf":
        raise InputError(f"data: needs two or more items of real numbers, got {items.dtype} of shape {items.shape}")
    if whitening is not None:
        whitening = check_number(whitening, "whitening:", "a positive number")
    flat = items.reshape(len(items), -1)
    total, square = np.zeros(flat.shape[1]), np.zeros((flat.shape[1], flat.shape[1]))
    first = flat[0].astype(np.float64)  # moments about an item, not about zero: less to cancel
    with np.errstate(invalid="ignore"):  # an infinite value becomes NaN, and is told below
        for start in range(0, len(flat), _ROWS):
            rows = flat[start : start + _ROWS].astype(np.float64) - first
            total += rows.sum(axis=0)
            square += rows.T @ rows
        mean = total / len(flat)
        covariance = square / len(flat) - np.multiply.outer(mean, mean)
    if not (np.all(np.isfinite(covariance)) and np.trace(covariance) > 0):
        raise InputError("data: its values must be finite and must vary")
    values = np.maximum(np.linalg.eigvalsh(covariance), 0)
    values /= values.mean()
    spectrum: NDArray[np.float64] = values if whitening is None else values / (values + whitening)
    return spectrum
