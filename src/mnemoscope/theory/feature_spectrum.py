"""The spectrum of the feature covariance K, and the training times that it sets.

K + λ has the resolvent trace ρ(λ), so K has the density (1/π) Im ρ(−x − i0) at x. Gradient flow fits a
mode of eigenvalue k in a time 1/k. With p > d, the d largest eigenvalues carry the linear part of the
score; where they form bulks of their own, all others wait until memorization sets in (Bonnaire, Urfin,
Biroli & Mézard 2025):

    generalization time   1/(lowest of the d largest eigenvalues): all of the linear part is learned
    memorization time     1/(top of the next bulk): the rest begins to be fitted

Besides its bulks K has one possible atom: for finite m its null space, of mass 1 − m ψ_n/ψ_p; for m = ∞ the
features that no sample reaches, of eigenvalue s² and mass 1 − (ψ_n + 1)/ψ_p.
"""

from dataclasses import dataclass
from typing import Unpack

import numpy as np
import xarray as xr

from mnemoscope.errors import ConvergenceError
from mnemoscope.theory.activations import Array
from mnemoscope.theory.fixed_point import Ensemble
from mnemoscope.theory.grid import Settings, Values, as_number, as_positive, check_names, make_grid
from mnemoscope.theory.solver import solve

_OFFSET = 1e-10  # distance from the real axis, relative to x; its square root is the density's error at edges
_OCCUPIED = 1e-5  # Im ρ/|ρ| above this is inside a bulk; an edge is then off by about its square
_SCAN = 2000  # points of the logarithmic scan for bulks
_MASS_TOLERANCE = 2e-3


@dataclass(frozen=True)
class FeatureSpectrum:
    """Where the eigenvalues of K lie.

    Attributes:
        bulks: lower and upper edges, ascending, shape ``(bulks, 2)``.
        masses: the share of the p eigenvalues in each bulk, shape ``(bulks,)``.
        atom: an eigenvalue shared by many modes; 0 is K's null space.
        atom_mass: its share, possibly 0.
        generalization_time: 1/(lower edge of the d largest eigenvalues), in the units of ``training_curve``;
            None where these do not stand apart.
        memorization_time: 1/(upper edge of the bulk below them); None as well.
    """

    bulks: Array
    masses: Array
    atom: float
    atom_mass: float
    generalization_time: float | None
    memorization_time: float | None


def spectral_density(*, eigenvalue: Values, **settings: Unpack[Settings]) -> xr.DataArray:
    """Density of K's eigenvalues, without its atom.

    Args:
        eigenvalue: x > 0.
        **settings: as for ``learning_curve``, see ``Settings``.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: an argument out of range, by name.
        ConvergenceError: a point that could not be solved, by its arguments.
    """
    points = make_grid(settings, eigenvalue=as_positive("eigenvalue", eigenvalue))
    density = points.label(_trace(points.ensemble, points.extra["eigenvalue"]).imag / np.pi)
    return density.rename("density").assign_attrs(long_name="density of the eigenvalues of K")


def feature_spectrum(**settings: Unpack[Settings]) -> FeatureSpectrum:
    """Bulks, atom and training times of K at one point.

    Args:
        **settings: as for ``learning_curve``, see ``Settings``; numbers only.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: an argument out of range, by name.
        ConvergenceError: the bulks found do not account for all eigenvalues.
    """
    check_names(settings, Settings)
    psi_n, psi_p = as_number("psi_n", settings["psi_n"]), as_number("psi_p", settings["psi_p"])
    noise_draws = as_number("noise_draws", settings.get("noise_draws", np.inf))
    as_number("time", settings["time"])
    ensemble = make_grid(settings).ensemble
    if ensemble.fewness[0] > 0:
        atom, atom_mass = 0.0, max(0.0, 1 - psi_n * noise_draws / psi_p)
    else:
        atom, atom_mass = float(ensemble.private[0]), max(0.0, 1 - (psi_n + 1) / psi_p)
    bulks = _find_bulks(ensemble, atom if atom_mass else 0.0)
    masses = np.array([_mass(ensemble, low, high) for low, high in bulks])
    if abs(masses.sum() + atom_mass - 1) > _MASS_TOLERANCE:
        raise ConvergenceError(
            f"the bulks found at psi_n={psi_n:g}, psi_p={psi_p:g}, noise_draws={noise_draws:g} hold a share"
            f" of {masses.sum():.4f} of the eigenvalues instead of {1 - atom_mass:.4f}"
        )
    # The d largest eigenvalues stand apart where some bulks from the top hold a share of d/p exactly.
    from_top = np.cumsum(masses[::-1])[::-1]
    apart = np.flatnonzero(abs(from_top - 1 / psi_p) < _MASS_TOLERANCE / psi_p)
    if not apart.size or apart[0] == 0:
        return FeatureSpectrum(bulks, masses, atom, atom_mass, None, None)
    times = 1 / float(bulks[apart[0], 0]), 1 / float(bulks[apart[0] - 1, 1])
    return FeatureSpectrum(bulks, masses, atom, atom_mass, *times)


def _trace(ensemble: Ensemble, x: Array) -> Array:
    """ρ just below λ = −x, shape ``(points,)``."""
    rho: Array = solve(ensemble, -x * (1 + 1j * _OFFSET)).rho
    return rho


def _at(ensemble: Ensemble, x: Array) -> Array:
    """ρ at several x of the one point of ``ensemble``."""
    return _trace(ensemble.take(np.zeros(len(x), int)), x)


def _find_bulks(ensemble: Ensemble, atom: float) -> Array:
    """Edges of all bulks: a scan, then bisection of log x between an empty and an occupied point."""
    top = _upper_bound(ensemble)
    x = np.geomspace(1e-9 * top, top, _SCAN)
    x = x[abs(x - atom) > 1e-4 * atom]  # the offset smears the atom, which is not a bulk

    def occupied(x: Array) -> Array:
        rho = _at(ensemble, x)
        result: Array = rho.imag > _OCCUPIED * abs(rho)
        return result

    inside = np.concatenate([[False], occupied(x), [False]])
    change = np.flatnonzero(inside[1:] != inside[:-1])
    x = np.concatenate([[x[0] / 10], x, [10 * top]])
    low, high, rising = x[change], x[change + 1], inside[change + 1]
    for _ in range(50):
        middle = np.sqrt(low * high)
        to_left = occupied(middle) == rising
        low, high = np.where(to_left, low, middle), np.where(to_left, middle, high)
    edges: Array = np.sqrt(low * high).reshape(-1, 2)
    return edges


def _upper_bound(p: Ensemble) -> float:
    """Above all eigenvalues: (b + c)(b + c)ᵀ ≤ 2bbᵀ + 2ccᵀ, and each part by the edge of Marchenko-Pastur."""
    widen = (1 + np.sqrt(p.psi_p)) ** 2
    b = (p.signal * p.spectrum.values.max() * widen + p.shared) * (1 + np.sqrt(p.psi_p / p.psi_n)) ** 2
    c = (p.noise * widen + p.private) * (1 + np.sqrt(p.fewness * p.psi_p / p.psi_n)) ** 2
    return float(2 * (b + c)[0])


def _mass(ensemble: Ensemble, low: float, high: float) -> float:
    """∫ density over a bulk: midpoint rule in θ, log x = centre − half·cos θ, which suits root-like edges."""
    theta = (np.arange(400) + 0.5) * np.pi / 400
    centre, half = (np.log(high) + np.log(low)) / 2, (np.log(high) - np.log(low)) / 2
    x = np.exp(centre - half * np.cos(theta))
    return float(np.sum(_at(ensemble, x).imag * x * np.sin(theta)) * half / 400)
