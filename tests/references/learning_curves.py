"""Slow, obvious twins of the theory: its equations as the docs state them, one scalar at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.optimize import root
from scipy.special import roots_hermitenorm


@dataclass(frozen=True)
class Point:
    """One setting; the activation by its constants μ̂², v0², s²."""

    psi_n: float
    psi_p: float
    noise_draws: float
    time: float
    linear: float
    shared: float
    private: float
    spectrum: Sequence[float] = (1.0,)

    @classmethod
    def of(
        cls,
        psi_n: float,
        psi_p: float,
        noise_draws: float,
        time: float,
        function: Callable[[np.ndarray], np.ndarray],
        spectrum: Sequence[float] = (1.0,),
    ) -> "Point":
        """With the constants of a smooth activation."""
        a2 = math.exp(-2 * time)
        variance = a2 * float(np.mean(spectrum)) + 1 - a2
        constants = smooth_constants(function, variance, (1 - a2) / variance)
        return cls(psi_n, psi_p, noise_draws, time, *constants, spectrum)

    @property
    def a2(self) -> float:
        return math.exp(-2 * self.time)

    @property
    def h(self) -> float:
        return 1 - self.a2


def smooth_constants(
    function: Callable[[np.ndarray], np.ndarray], variance: float, novelty: float
) -> tuple[float, float, float]:
    """μ̂², v0² and s² by their definitions: Gauss-Hermite in one and two dimensions, for functions without kinks."""
    z, weight = roots_hermitenorm(200)
    weight = weight / weight.sum()
    gamma, width = 1 - novelty, math.sqrt(variance)
    mean = function(width * z) @ weight
    f = function(width * z) - mean
    slope, norm = (f * z) @ weight, f**2 @ weight
    other = np.add.outer(gamma * z, math.sqrt(1 - gamma**2) * z)
    c = (f * ((function(width * other) - mean) @ weight)) @ weight
    return slope**2 / variance, c - gamma * slope**2, norm - c - novelty * slope**2


def equations(point: Point, ridge: complex, unknowns: Sequence[complex], q: complex = 0) -> tuple[list, dict]:
    """Left minus right side of the three equations, and the scalars κ, τ_I, J on the way."""
    chi1, chi2, rho = unknowns
    m, a2, h, mu2 = point.noise_draws, point.a2, point.h, point.linear
    v02, s2 = point.shared, point.private
    S = np.asarray(point.spectrum)
    if math.isinf(m):
        mw1, w2 = 1 / (1 + chi1), 1.0
        kappa = 1.0
    else:
        w1, w2 = 1 / m / (1 + chi1), (m - 1) / m / (1 + chi2)
        mw1, kappa = m * w1, w1 + w2
    T = mu2 * (mw1 * a2 * S + kappa * h + q * (a2 * S + h))
    beta = mw1 * v02 + kappa * s2 + ridge + q * (v02 + s2)
    g = 1 / (1 + point.psi_p * rho * T)
    tau_I, tau_S = (point.psi_p * rho * np.mean(D * g) for D in (np.ones_like(S), S))
    if math.isinf(m):
        right1, right2 = (mu2 * a2 * tau_S + point.psi_p * rho * v02) / point.psi_n, 0.0
        J = h * mu2 * tau_I
    else:
        first = m * mu2 * a2 * tau_S + h * mu2 * tau_I + point.psi_p * rho * (m * v02 + s2)
        second = h * mu2 * tau_I + point.psi_p * rho * s2
        right1, right2 = first / (point.psi_n * m), second / (point.psi_n * m)
        J = w1 * chi1 + w2 * chi2 + kappa**2 * h * mu2 * tau_I
    residual = [chi1 - right1, chi2 - right2, rho * (beta + np.mean(T * g)) - 1]
    return residual, {"kappa": kappa, "tau": tau_I, "J": J, "alpha": (mw1, kappa), "beta": beta}


def solve(point: Point, ridge: complex, q: float = 0.0) -> np.ndarray:
    """(χ1, χ2, ρ) by Levenberg-Marquardt at 41 imaginary parts from 1e3 down to 1e-3, and then at zero."""
    side = -1.0 if np.imag(ridge) < 0 else 1.0
    heights = [*np.geomspace(1e3, 1e-3, 41), 0.0]
    unknowns = np.array([0, 0, 1 / (ridge + 1j * side * heights[0])])
    for height in heights:

        def split(x: np.ndarray, height: float = height) -> np.ndarray:
            z = np.array(equations(point, ridge + 1j * side * height, x[:3] + 1j * x[3:], q)[0])
            return np.concatenate([z.real, z.imag])

        found = root(split, np.concatenate([unknowns.real, unknowns.imag]), method="lm", options={"xtol": 1e-15})
        unknowns = found.x[:3] + 1j * found.x[3:]
    return unknowns


def losses(point: Point, ridge: float) -> tuple[float, float]:
    """Test and train loss, the derivatives by central differences."""

    def overlap(ridge: float, q: float) -> float:
        return float(np.real(equations(point, ridge, solve(point, ridge, q), q)[1]["J"]))

    step_q, step = 1e-4, 1e-3 * ridge
    scalars = equations(point, ridge, solve(point, ridge))[1]
    by_q = (overlap(ridge, step_q) - overlap(ridge, -step_q)) / (2 * step_q)
    by_ridge = (overlap(ridge + step, 0) - overlap(ridge - step, 0)) / (2 * step)
    test = 1 - 2 * point.h * point.linear * np.real(scalars["kappa"] * scalars["tau"]) - by_q
    return float(test), float(1 - np.real(scalars["J"]) + ridge * by_ridge)


def marchenko_pastur(psi_p: float, function: Callable[[float], complex]) -> complex:
    """(1/d) tr function(W Wᵀ/d), W of shape (p, d): an integral over the law, its atom at zero included."""
    low, high = (1 - math.sqrt(psi_p)) ** 2, (1 + math.sqrt(psi_p)) ** 2

    def integrand(theta: float) -> complex:
        x = (high + low) / 2 + (high - low) / 2 * math.cos(theta)
        root_part = (high - low) / 2 * math.sin(theta)
        return function(x) * root_part**2 / (2 * math.pi * psi_p * x)

    bulk = (
        quad(lambda t: np.real(integrand(t)), 0, math.pi)[0] + 1j * quad(lambda t: np.imag(integrand(t)), 0, math.pi)[0]
    )
    return psi_p * (bulk + max(0.0, 1 - 1 / psi_p) * function(0.0))


def two_resolvents(point: Point, ridges: tuple[complex, complex]) -> complex:
    """F at Σ = I and finite m: all matrices are functions of W Wᵀ/d, their traces integrals."""
    m, mu2, a2, h = point.noise_draws, point.linear, point.a2, point.h
    unknowns = [solve(point, ridge) for ridge in ridges]
    scalars = [equations(point, ridge, y)[1] for ridge, y in zip(ridges, unknowns, strict=True)]
    alphas = [mu2 * (s["alpha"][0] * a2 + s["alpha"][1] * h) for s in scalars]
    betas = [s["beta"] for s in scalars]

    def trace(a: tuple[float, float], b: tuple[float, float]) -> complex:
        def function(x: float) -> complex:
            resolvents = (alphas[0] * x + betas[0]) * (alphas[1] * x + betas[1])
            return (a[0] * x + a[1]) * (b[0] * x + b[1]) / resolvents

        return marchenko_pastur(point.psi_p, function)

    C = [(m * mu2 * a2 + mu2 * h, m * point.shared + point.private), (mu2 * h, point.private)]
    M, G = (mu2, point.shared + point.private), (1.0, 0.0)
    shares = [1 / m, (m - 1) / m]
    u = [share / np.prod([1 + y[a] for y in unknowns]) for a, share in enumerate(shares)]
    per_draw = 1 / (point.psi_n * m)
    matrix = np.array([[(b == a) - per_draw * u[a] * trace(C[b], C[a]) for a in range(2)] for b in range(2)])
    nu = np.linalg.solve(matrix, [per_draw * trace(C[b], M) for b in range(2)])
    g_M = trace(G, M) + sum(u[a] * nu[a] * trace(G, C[a]) for a in range(2))
    S = sum(u[a] * nu[a] for a in range(2))
    kappas, taus = [s["kappa"] for s in scalars], [s["tau"] for s in scalars]
    return S * (1 - h * mu2 * (kappas[0] * taus[0] + kappas[1] * taus[1])) + h * mu2 * kappas[0] * kappas[1] * g_M
