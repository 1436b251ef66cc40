"""F = (1/d) E tr V Q1 M Q2 Vᵀ for two resolvents Q_i = (K + λ_i)^{-1} at different λ, in closed form.

M is the feature covariance on fresh data, so that F is what the test loss is made of. Two leave-one-out
steps give it, on the samples of K and on the columns of W (docs/theory/learning-curves-in-time.md):

1. With Q̄_i = (W T_i Wᵀ/d + β_i)^{-1} the deterministic equivalent of Q_i given W, ⟨A, B⟩ = (1/d) tr A Q̄1 B Q̄2
   and C1 = Σ_b + u Σ_c and C2 = Σ_c the covariances of the two groups of samples of K,

       ν_B = ⟨B, M⟩ + w1 ν1 ⟨B, C1⟩ + w2 ν2 ⟨B, C2⟩,   w1 = b b'/ψ_n,  w2 = u (1 − u) e e'/ψ_n

   for B = C1, C2 (a 2×2 system) and then for B = G = W Wᵀ/d; with ' for the second resolvent

       F = Δ (1 − h μ̂² (κ τ + κ' τ')) + h μ̂² κ κ' ν_G,   Δ = u w1 ν1 + w2 ν2.

2. For A = W (a0 + a1 Σ) Wᵀ/d + y and D_A(S) = a0 + a1 S, with γ = g g' and P = (1/p) tr Q̄1 Q̄2,

       ⟨A, B⟩ = ψ_p² ρ ρ' ⟨D_A D_B γ⟩ + ψ_p P (⟨D_A γ⟩ + y_A)(⟨D_B γ⟩ + y_B),
       P = ρ ρ' / (1 − ψ_p ρ ρ' ⟨T T' γ⟩).
"""

from typing import TypeAlias

import numpy as np

from mnemoscope.theory.activations import Array
from mnemoscope.theory.fixed_point import State

Linear: TypeAlias = tuple[Array | float, Array | float, Array | float]
"""The matrix W (a0 + a1 Σ) Wᵀ/d + y as (a0, a1, y)."""


def two_resolvents(first: State, second: State, points: int) -> Array:
    """F for every pair of a node of ``first`` and a node of ``second`` at the same point.

    Args:
        first: the states of ``points`` points, a block of n1 values of λ for each.
        second: the same with n2 values.
        points: their number.

    Returns:
        Shape ``(points, n1, n2)``.
    """

    def row(values: Array) -> Array:
        return values.reshape(points, -1)[:, :, None]

    def column(values: Array) -> Array:
        return values.reshape(points, -1)[:, None, :]

    psi_n, psi_p, u, signal, noise, shared, private = (
        row(getattr(first.ensemble, name))[:, :1]
        for name in ("psi_n", "psi_p", "fewness", "signal", "noise", "shared", "private")
    )
    S, weights = first.ensemble.spectrum.values, first.ensemble.spectrum.weights
    left, right = first.g().reshape(points, -1, len(S)), second.g().reshape(points, -1, len(S)).swapaxes(1, 2)
    moments = [(left * (weights * S**k)) @ right for k in range(3)]
    rho = row(first.rho) * column(second.rho)

    def mean(a: Linear, b: Linear) -> Array:
        """⟨D_A D_B γ⟩."""
        products = (a[0] * b[0], a[0] * b[1] + a[1] * b[0], a[1] * b[1])
        return sum((c * moment for c, moment in zip(products, moments, strict=True)), np.zeros_like(rho))

    one: Linear = (1.0, 0.0, 0.0)
    first_T: Linear = (row(first.t0), row(first.t1), 0.0)
    second_T: Linear = (column(second.t0), column(second.t1), 0.0)
    P = rho / (1 - psi_p * rho * mean(first_T, second_T))

    def bracket(a: Linear, b: Linear) -> Array:
        """⟨A, B⟩."""
        product = psi_p * P * (mean(a, one) + a[2]) * (mean(b, one) + b[2])
        result: Array = psi_p**2 * rho * mean(a, b) + product
        return result

    C1: Linear = (u * noise, signal, shared + u * private)
    C2: Linear = (noise, 0.0, private)
    M: Linear = (noise, signal, shared + private)
    w1 = row(first.b) * column(second.b) / psi_n
    w2 = u * (1 - u) * row(first.e) * column(second.e) / psi_n
    a11, a12, a22 = bracket(C1, C1), bracket(C1, C2), bracket(C2, C2)
    m1, m2 = bracket(C1, M), bracket(C2, M)
    determinant = (1 - w1 * a11) * (1 - w2 * a22) - w1 * w2 * a12**2
    nu1 = ((1 - w2 * a22) * m1 + w2 * a12 * m2) / determinant
    nu2 = ((1 - w1 * a11) * m2 + w1 * a12 * m1) / determinant
    nu_G = bracket(one, M) + w1 * nu1 * bracket(one, C1) + w2 * nu2 * bracket(one, C2)

    overlap = row(first.kappa * first.tau) + column(second.kappa * second.tau)
    diagonal = u * w1 * nu1 + w2 * nu2
    kappas = row(first.kappa) * column(second.kappa)
    F: Array = diagonal * (1 - noise * overlap) + noise * kappas * nu_G
    return F
