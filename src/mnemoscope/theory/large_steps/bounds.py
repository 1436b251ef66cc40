"""The bounds of Wu, Marion, Biau & Boyer (COLT 2025, arXiv 2502.03435), each with its conditions.

Two facts contradict each other. The optimal score is very irregular (Theorem 4), and so is every network whose risk is
small (Proposition 7). But a network at a minimum at which SGD with step width · η is stable, λ_max(∇²R_n) ≤
2/(width · η), is regular (Proposition 6). With a large η its risk is therefore bounded from below (Theorem 8).

A bound whose conditions fail says nothing: its ``value`` is refused, and only ``formula`` can still be read.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mnemoscope.errors import InputError
from mnemoscope.theory.large_steps.noised import NoisedPoints
from mnemoscope.theory.large_steps.relu import Neurons, check_neurons, relu_risk


@dataclass(frozen=True)
class Bound:
    """A number that bounds another one, provided that its conditions hold.

    Attributes:
        formula: what the formula gives, whether or not it applies.
        upper: whether it bounds from above; else from below.
        conditions: what the theorem asks for → whether it is so.
    """

    formula: float
    upper: bool
    conditions: Mapping[str, bool]

    @property
    def usable(self) -> bool:
        """Whether every condition holds."""
        return all(self.conditions.values())

    @property
    def value(self) -> float:
        """The bound.

        Raises:
            InputError: a condition fails (it is named), so that there is no bound.
        """
        if not self.usable:
            failed = ", ".join(condition for condition, met in self.conditions.items() if not met)
            raise InputError(f"this bound does not apply: {failed} does not hold")
        return self.formula

    def slack(self, measured: float) -> float:
        """Distance from the measured number to the bound, negative where it is violated.

        Raises:
            InputError: a condition fails.
        """
        return self.value - measured if self.upper else measured - self.value


def midpoint_variance_bound(points: NoisedPoints, index: int) -> Bound:
    """Prop. 2, first part: Var[W | Y = m_i] ≥ (x_i − x_{i+1})²/(2n) at m_i = μ(x_i + x_{i+1})/2, with i = ``index``.

    Raises:
        InputError: the data coincide somewhere, or there is no such gap.
    """
    _ = points.spacing
    if not 0 <= index < points.n_samples - 1:
        raise InputError(f"index: there are {points.n_samples - 1} gaps, got {index}")
    return Bound(float(points.x[index + 1] - points.x[index]) ** 2 / (2 * points.n_samples), False, {})


def posterior_mean_bound(points: NoisedPoints, y: float) -> Bound:
    """Prop. 2: ``|E[W | Y = y] − x_i|`` ≤ nΔ e^{−μ²Δ²/4σ²} near μx_i.

    Raises:
        InputError: the data coincide somewhere.
    """
    return Bound(points.n_samples * points.spacing * _decay(points, 4), True, _near(points, y))


def posterior_variance_bound(points: NoisedPoints, y: float) -> Bound:
    """Prop. 2: Var[W | Y = y] ≤ 4n²Δ² e^{−μ²Δ²/4σ²} near μx_i.

    Raises:
        InputError: the data coincide somewhere.
    """
    return Bound(4 * (points.n_samples * points.spacing) ** 2 * _decay(points, 4), True, _near(points, y))


def optimal_risk_bound(points: NoisedPoints) -> Bound:
    """Cor. 3: R_n(s*) ≤ (4μ²(x_n − x_1)²/σ⁴) e^{−μ²Δ²/32σ²} if Δ ≥ 2σ/μ.

    Raises:
        InputError: the data coincide somewhere.
    """
    extent = float(points.x[-1] - points.x[0])
    formula = 4 * points.mu**2 * extent**2 / points.sigma**4 * _decay(points, 32)
    return Bound(formula, True, _separated(points, 2))


def optimal_irregularity_bound(points: NoisedPoints) -> Bound:
    """Thm. 4: TV_π(s*) ≥ μ³nΔ³/(2¹²σ⁴) if n ≥ 10 and 16n³ e^{−μ²Δ²/4σ²} ≤ 1.

    Raises:
        InputError: the data coincide somewhere.
    """
    n, spacing = points.n_samples, points.spacing
    conditions = {"n ≥ 10": n >= 10, "16n³ exp(−μ²Δ²/4σ²) ≤ 1": 16 * n**3 * _decay(points, 4) <= 1}
    return Bound(points.mu**3 * n * spacing**3 / (2**12 * points.sigma**4), False, conditions)


def stable_irregularity_bound(points: NoisedPoints, neurons: Neurons, sharpness: float) -> Bound:
    """Prop. 6: TV_π(s) ≤ width λ_max/4 + √R_n/2 + (A/(√(2π)σ)) max{√(2nR_n), (√(2πe) AσnR_n)^{1/3}}.

    A is the largest outer weight in absolute value.

    Args:
        points: the data and the noise level.
        neurons: one network with inner weights ±1.
        sharpness: λ_max of the Hessian of R_n in biases and outer weights; 2/(width η) stands for it where SGD with
            step width · η is linearly stable.

    Raises:
        InputError: weights that are not finite, or an inner weight of zero.
    """
    check_neurons(neurons)
    neurons = neurons.double()
    n, risk = points.n_samples, float(relu_risk(points, neurons))
    largest, width = float(neurons.outer.abs().max()), neurons.inner.shape[-1]
    cube_root = (math.sqrt(2 * math.pi * math.e) * largest * points.sigma * n * risk) ** (1 / 3)
    moving = largest / (math.sqrt(2 * math.pi) * points.sigma) * max(math.sqrt(2 * n * risk), cube_root)
    formula = width * sharpness / 4 + math.sqrt(risk) / 2 + moving
    unit = bool(torch.all(neurons.inner.abs() == 1))
    return Bound(formula, True, {"inner weights ±1": unit, "λ_max ≥ 0": sharpness >= 0})


def learned_irregularity_bound(points: NoisedPoints, risk: float) -> Bound:
    """Prop. 7: TV_π(s) ≥ μn²Δ/(2¹¹σ²) for every score of risk R_n ≤ 1/(16nσ²), if Δ ≥ 8σ/μ.

    Raises:
        InputError: the data coincide somewhere.
    """
    small = {"R_n ≤ 1/(16nσ²)": risk <= 1 / (16 * points.n_samples * points.sigma**2)}
    return Bound(_learned_irregularity(points), False, _separated(points, 8) | small)


def excess_risk_bound(points: NoisedPoints, outer_bound: float, learning_rate: float) -> Bound:
    """Thm. 8: excess risk > πn⁵μ³Δ³/(2³⁶ e^{1/2} A⁴σ⁴) wherever SGD with step width · η is linearly stable.

    The theorem asks for σ ≤ σ_0 without naming σ_0; what is checked here in its place is what its proof needs. Let T be
    the bound of Prop. 7 and r twice the bound of this theorem. Were R_n ≤ r, Prop. 7 (if r ≤ 1/(16nσ²)) would give
    TV_π ≥ T, of which Prop. 6 leaves less than T/4 to 1/(2η) and, if √r ≤ T/2, at most T/4 to √R_n/2. Its last term,
    the cube root if r ≤ πe A²σ²/(4n), would have to exceed T/2, which is R_n > r. And R_n(s*) ≤ r/2 by Cor. 3, so that
    the excess is above r/2.

    Args:
        points: the data and the noise level.
        outer_bound: A, at least every outer weight in absolute value.
        learning_rate: η.

    Raises:
        InputError: the data coincide somewhere, or ``outer_bound`` or ``learning_rate`` is not positive.
    """
    for name, value in (("outer_bound", outer_bound), ("learning_rate", learning_rate)):
        if not value > 0:
            raise InputError(f"{name}: must be positive, got {value}")
    n, mu, sigma = points.n_samples, points.mu, points.sigma
    tv = _learned_irregularity(points)
    formula = math.pi * n**5 * (mu * points.spacing) ** 3 / (2**36 * math.sqrt(math.e) * (outer_bound * sigma) ** 4)
    total = 2 * formula
    optimal = optimal_risk_bound(points)
    conditions = {
        **_separated(points, 8),
        "η > 2¹²σ²/(μn²Δ)": learning_rate > 2 / tv,
        "r ≤ 1/(16nσ²)": total <= 1 / (16 * n * sigma**2),
        "√r ≤ T/2": math.sqrt(total) <= tv / 2,
        "r ≤ πeA²σ²/(4n)": total <= math.pi * math.e * (outer_bound * sigma) ** 2 / (4 * n),
        "R_n(s*) ≤ r/2 by Cor. 3": optimal.usable and optimal.formula <= formula,
    }
    return Bound(formula, False, conditions)


def _learned_irregularity(points: NoisedPoints) -> float:
    return points.mu * points.n_samples**2 * points.spacing / (2**11 * points.sigma**2)


def _decay(points: NoisedPoints, divisor: float) -> float:
    """exp(−μ²Δ²/(divisor σ²))."""
    return math.exp(-((points.mu * points.spacing / points.sigma) ** 2) / divisor)


def _separated(points: NoisedPoints, factor: int) -> dict[str, bool]:
    return {f"Δ ≥ {factor}σ/μ": points.spacing >= factor * points.sigma / points.mu}


def _near(points: NoisedPoints, y: float) -> dict[str, bool]:
    distance = float((y - points.mu * points.x).abs().min())
    return _separated(points, 2) | {"|y − μx_i| ≤ μΔ/4": distance <= points.mu * points.spacing / 4}
