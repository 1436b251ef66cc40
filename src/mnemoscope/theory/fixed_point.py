"""The three scalar equations behind every learning curve of random features, and their derivatives.

Setting: George, Veiga & Macris, arXiv 2502.00336, Theorems 3.2 and 3.6, extended to any number m of noise
draws and any data covariance Σ of eigenvalues S (docs/theory has the derivation). With ψ_n = n/d, ψ_p = p/d,
u = 1/m, the constants μ̂², v0², s² of ``activations`` and ⟨·⟩ the mean over the spectrum, the resolvent trace
ρ = tr(K + λ)^{-1}/p of the p×p feature covariance K, and χ1 and χ2, solve

    χ1 = (R/ψ_n) [μ̂² a² ⟨Sg⟩ + u (μ̂² h ⟨g⟩ + s²) + v0²]        R = ψ_p ρ,  g = 1/(1 + R T)
    χ2 = (R/ψ_n) u [μ̂² h ⟨g⟩ + s²]                              T = μ̂² (b a² S + κ h + q (a² S + h))
    1  = ρ (β + ⟨T g⟩)                                          β = b v0² + κ s² + λ + q v²

with b = 1/(1 + χ1), e = 1/(1 + χ2), κ = u b + (1 − u) e. m = ∞ is the number u = 0, not a special case.
The perturbation q is zero; it is there to be differentiated. The quantity that the losses are made of is

    J = (1/d) E tr V (K + λ + qM)^{-1} Vᵀ = 1 − κ + κ² h μ̂² τ,   τ = R ⟨g⟩,

whose derivatives in λ and q follow from the equations' own, by one 3×3 solve. λ may be complex.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from mnemoscope.theory.activations import Array
from mnemoscope.theory.data_spectrum import Spectrum

_BLOCK = 2**20  # eigenvalues times points held at once where all points are evaluated


@dataclass(frozen=True)
class Ensemble:
    """Everything but λ, one entry for each point, all of shape ``(points,)``.

    Attributes:
        psi_n, psi_p: samples and features per dimension.
        fewness: u = 1/m.
        signal, noise: μ̂² a² and μ̂² h.
        shared, private: v0² and s².
        spectrum: of the data, the same at every point.
    """

    psi_n: Array
    psi_p: Array
    fewness: Array
    signal: Array
    noise: Array
    shared: Array
    private: Array
    spectrum: Spectrum

    def take(self, index: Any) -> "Ensemble":
        """The points at ``index`` (a slice, mask or index array)."""
        arrays = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "spectrum"}
        return replace(self, **arrays)

    @property
    def norm(self) -> Array:
        """‖f‖², the mean eigenvalue of K: μ̂² (a² ⟨S⟩ + h) + v0² + s²."""
        return self.signal * self.spectrum.mean + self.noise + self.shared + self.private


class State:
    """The equations at given values of the unknowns; every attribute has shape ``(points,)``."""

    def __init__(self, ensemble: Ensemble, ridge: Array, unknowns: Array) -> None:
        p, u = ensemble, ensemble.fewness
        self.ensemble, self.ridge, self.unknowns = ensemble, ridge, unknowns
        chi1, chi2, self.rho = unknowns
        self.b, self.e = 1 / (1 + chi1), 1 / (1 + chi2)
        self.kappa = u * self.b + (1 - u) * self.e
        self.R = p.psi_p * self.rho
        self.t0, self.t1 = p.noise * self.kappa, p.signal * self.b  # T = t0 + t1 S
        self.beta = self.b * p.shared + self.kappa * p.private + ridge
        self.G0, self.G1, self.H0, self.H1, self.H2 = self._moments()
        self.tau = self.R * self.G0

    def g(self, part: slice = slice(None)) -> Array:
        """The factors g at each of the k eigenvalues, shape ``(points, k)``; on request of some points."""
        R, t0, t1 = self.R[part, None], self.t0[part, None], self.t1[part, None]
        g: Array = 1 / (1 + R * (t0 + t1 * self.ensemble.spectrum.values))
        return g

    def _moments(self) -> Array:
        """⟨g⟩, ⟨Sg⟩, ⟨g²⟩, ⟨Sg²⟩, ⟨S²g²⟩, shape ``(5, points)``, without holding g at all points at once."""
        law = self.ensemble.spectrum
        weights = law.weights[:, None] * law.values[:, None] ** np.arange(3)
        rows = max(1, _BLOCK // len(law.values))
        moments = np.empty((5, len(self.R)), dtype=self.R.dtype)
        for start in range(0, len(self.R), rows):
            part = slice(start, start + rows)
            g = self.g(part)
            moments[:2, part], moments[2:, part] = (g @ weights[:, :2]).T, (g * g @ weights).T
        return moments

    @property
    def equations(self) -> Array:
        """Left minus right side of the three equations, shape ``(3, points)``."""
        p, u, (chi1, chi2, rho) = self.ensemble, self.ensemble.fewness, self.unknowns
        private = u * (p.noise * self.G0 + p.private)
        F1 = chi1 - self.R / p.psi_n * (p.signal * self.G1 + private + p.shared)
        F2 = chi2 - self.R / p.psi_n * private
        F3 = rho * (self.beta + self.t1 * self.G1 + self.t0 * self.G0) - 1
        return np.stack([F1, F2, F3])

    @property
    def residual(self) -> Array:
        """The largest deviation of the equations, relative to the size of their terms."""
        chi1, chi2, _ = abs(self.unknowns)
        F1, F2, F3 = abs(self.equations)
        residual: Array = np.maximum(np.maximum(F1 / (1 + chi1), F2 / (1 + chi2)), F3)
        return residual

    @property
    def overlap(self) -> Array:
        """J = (1/d) E tr V (K + λ)^{-1} Vᵀ."""
        J: Array = 1 - self.kappa + self.kappa**2 * self.ensemble.noise * self.tau
        return J

    def tangent(self, chi1: Any, chi2: Any, rho: Any, ridge: float = 0.0, q: float = 0.0) -> tuple[Array, Array]:
        """Change of the equations and of J along a direction of (χ1, χ2, ρ, λ, q): per point."""
        p, u = self.ensemble, self.ensemble.fewness
        b, e = -(self.b**2) * chi1, -(self.e**2) * chi2
        kappa = u * b + (1 - u) * e
        t0, t1, R = p.noise * (kappa + q), p.signal * (b + q), p.psi_p * rho
        beta = b * p.shared + kappa * p.private + ridge + q * (p.shared + p.private)
        change0, change1 = self.R * t0 + R * self.t0, self.R * t1 + R * self.t1
        G0 = -(change0 * self.H0 + change1 * self.H1)
        G1 = -(change0 * self.H1 + change1 * self.H2)
        value = p.noise * self.G0 + p.private
        private = u * (R * value + self.R * p.noise * G0) / p.psi_n
        shared = (R * (p.signal * self.G1 + p.shared) + self.R * p.signal * G1) / p.psi_n
        size = self.beta + self.t1 * self.G1 + self.t0 * self.G0
        F3 = rho * size + self.rho * (beta + t1 * self.G1 + self.t1 * G1 + t0 * self.G0 + self.t0 * G0)
        tau = R * self.G0 + self.R * G0
        J = -kappa + p.noise * self.kappa * (2 * kappa * self.tau + self.kappa * tau)
        F1, F2 = chi1 - shared - private, chi2 - private
        return np.stack(np.broadcast_arrays(F1, F2, F3)), J

    def newton_step(self) -> Array:
        """The change of the unknowns that Newton's method makes, shape ``(3, points)``."""
        return self._unknowns_for(-self.equations)

    def derivative(self, **direction: float) -> Array:
        """dJ/dλ (``ridge=1.0``) or dJ/dq (``q=1.0``) along the solution, by the implicit function theorem."""
        explicit, _ = self.tangent(0.0, 0.0, 0.0, **direction)
        return self.tangent(*self._unknowns_for(-explicit), **direction)[1]

    def _unknowns_for(self, right: Array) -> Array:
        """The change of the unknowns that changes the equations by ``right``; both ``(3, points)``."""
        scale = np.stack([1 + abs(self.unknowns[0]), 1 + abs(self.unknowns[1]), abs(self.rho)])
        columns = [self.tangent(*(scale[i] * (i == j) for j in range(3)))[0] for i in range(3)]
        return scale * _cramer(columns, right)


def _cramer(columns: list[Array], right: Array) -> Array:
    """Solve a 3×3 system at each point; far cheaper than one LAPACK call for each."""
    c0, c1, c2 = columns
    n0, n1, n2 = _cross(c1, c2), _cross(c2, c0), _cross(c0, c1)
    determinant = np.sum(c0 * n0, axis=0)
    solution: Array = np.stack([np.sum(right * n, axis=0) for n in (n0, n1, n2)]) / determinant
    return solution


def _cross(a: Array, b: Array) -> Array:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
