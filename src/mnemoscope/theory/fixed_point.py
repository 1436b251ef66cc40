"""The three scalar equations behind every learning curve of random features, and their derivatives.

Setting (George, Veiga & Macris, arXiv 2502.00336, Theorems 3.2 and 3.6, extended to any number m of noise
draws and any data covariance Σ of eigenvalues S; the derivation is in docs/theory). With ψ_n = n/d, ψ_p =
p/d, u = 1/m, the constants μ̂², v0², s² of ``activations`` and ⟨·⟩ the mean over the spectrum, the p×p
feature covariance K of a random-feature model has the resolvent (K + λ)^{-1}, and χ1, χ2, ρ = tr(K +
λ)^{-1}/p solve

    χ1 = (R/ψ_n) [μ̂² a² ⟨Sg⟩ + u (μ̂² h ⟨g⟩ + s²) + v0²]        R = ψ_p ρ,  g = 1/(1 + R T)
    χ2 = (R/ψ_n) u [μ̂² h ⟨g⟩ + s²]                              T = μ̂² (b a² S + κ h + q (a² S + h))
    1  = ρ (β + ⟨T g⟩)                                          β = b v0² + κ s² + λ + q v²

with b = 1/(1 + χ1), e = 1/(1 + χ2), κ = u b + (1 − u) e. m = ∞ is the number u = 0, not a special case.
The perturbation q is zero; it is there to be differentiated. The quantity that the losses are made of is

    J = (1/d) E tr V (K + λ + qM)^{-1} Vᵀ = 1 − κ + κ² h μ̂² τ,   τ = R ⟨g⟩,

whose derivatives in λ and q follow from the equations' own, by one 3×3 solve. λ may be complex.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnemoscope.theory.spectrum import Spectrum

Array: TypeAlias = NDArray[Any]


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
    """The equations at given values of the unknowns; every attribute but ``g`` has shape ``(points,)``."""

    def __init__(self, ensemble: Ensemble, ridge: Array, unknowns: Array) -> None:
        p, u = ensemble, ensemble.fewness
        self.ensemble, self.ridge, self.unknowns = ensemble, ridge, unknowns
        chi1, chi2, self.rho = unknowns
        self.b, self.e = 1 / (1 + chi1), 1 / (1 + chi2)
        self.kappa = u * self.b + (1 - u) * self.e
        self.R = p.psi_p * self.rho
        self.t0, self.t1 = p.noise * self.kappa, p.signal * self.b  # T = t0 + t1 S
        self.beta = self.b * p.shared + self.kappa * p.private + ridge
        S, weights = p.spectrum.values, p.spectrum.weights
        self.g = g = 1 / (1 + self.R[:, None] * (self.t0[:, None] + self.t1[:, None] * S))  # (points, k)
        self.G0, self.G1 = g @ weights, g @ (weights * S)
        self.H0, self.H1, self.H2 = ((g * g) @ (weights * S**k) for k in range(3))
        self.tau = self.R * self.G0

    @property
    def residual(self) -> Array:
        """Left minus right side of the equations, each divided by its size; shape ``(3, points)``."""
        p, u, (chi1, chi2, rho) = self.ensemble, self.ensemble.fewness, self.unknowns
        private = u * (p.noise * self.G0 + p.private)
        F1 = chi1 - self.R / p.psi_n * (p.signal * self.G1 + private + p.shared)
        F2 = chi2 - self.R / p.psi_n * private
        F3 = rho * (self.beta + self.t1 * self.G1 + self.t0 * self.G0) - 1
        return np.stack([F1 / (1 + abs(chi1)), F2 / (1 + abs(chi2)), F3])

    @property
    def overlap(self) -> Array:
        """J = (1/d) E tr V (K + λ)^{-1} Vᵀ."""
        J: Array = 1 - self.kappa + self.kappa**2 * self.ensemble.noise * self.tau
        return J

    def tangent(
        self, chi1: Any, chi2: Any, rho: Any, ridge: float = 0.0, q: float = 0.0
    ) -> tuple[Array, Array]:
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
        return np.stack([chi1 - shared - private, chi2 - private, F3]), J

    def newton_step(self, **direction: float) -> Array:
        """−F_y^{-1} F_direction, the unknowns' implicit derivative; without a direction, the Newton step."""
        scale = np.stack([1 + abs(self.unknowns[0]), 1 + abs(self.unknowns[1]), abs(self.rho)])
        zero = np.zeros_like(self.rho)
        columns = [scale[i] * self.tangent(*(zero + (i == j) for j in range(3)))[0] for i in range(3)]
        if direction:
            right = self.tangent(zero, zero, zero, **direction)[0]
        else:
            right = self.residual * np.stack([scale[0], scale[1], np.ones_like(scale[2])])
        return -scale * _cramer(columns, right)

    def derivative(self, **direction: float) -> Array:
        """dJ/dλ (``ridge=1.0``) or dJ/dq (``q=1.0``) along the solution."""
        return self.tangent(*self.newton_step(**direction), **direction)[1]


def _cramer(columns: list[Array], right: Array) -> Array:
    """Solve a 3×3 system at each point; far cheaper than one LAPACK call for each."""
    c0, c1, c2 = columns
    n0, n1, n2 = _cross(c1, c2), _cross(c2, c0), _cross(c0, c1)
    determinant = np.sum(c0 * n0, axis=0)
    solution: Array = np.stack([np.sum(right * n, axis=0) for n in (n0, n1, n2)]) / determinant
    return solution


def _cross(a: Array, b: Array) -> Array:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
