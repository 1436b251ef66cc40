"""Deep residual networks in the limit L → ∞: what is known in closed form.

For h_k = h_{k−1} + (1/(L√width)) V_k σ(W_k h_{k−1}/√q) of Marion, Wu, Sander & Biau (ICLR 2024, arXiv 2309.01213), with
σ(0) = 0 and |σ(a) − σ(b)| ≤ κ|a − b|. All norms are Euclidean and spectral, unless marked.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import linregress, t

from mnemoscope.errors import InputError

GELU_LIPSCHITZ = 1.12891
"""κ of GELU: its slope is largest at a = √2, where it is Φ(√2) + √2 φ(√2)."""


def euler_error_bound(
    depth: ArrayLike,
    *,
    inner_norm: float,
    outer_norm: float,
    inner_slope: float,
    outer_slope: float,
    dim: int,
    width: int,
    lipschitz: float = GELU_LIPSCHITZ,
    start_norm: float = 1.0,
) -> NDArray[np.float64]:
    """Proposition 2 with its constant: ‖h_L − H(1)‖ ≤ C/L where Z_k = Z(k/L) of a Lipschitz path Z.

    With λ = κ M_V M_W/√(q·width) and μ = κ (M_V K_W + K_V M_W)/√(q·width), ‖H(s)‖ ≤ e^{λs}‖h_0‖ and the velocity
    changes along the way by at most (λ² + μ) e^λ ‖h_0‖ per unit of s, so each Euler step errs by half of that over L²,
    and errors grow by 1 + λ/L per step:

        C = (λ² + μ) e^λ (e^λ − 1)/(2λ) ‖h_0‖.

    Args:
        depth: L.
        inner_norm: M_W ≥ ‖W(s)‖ for all s.
        outer_norm: M_V ≥ ‖V(s)‖.
        inner_slope: K_W ≥ ‖W'(s)‖.
        outer_slope: K_V ≥ ‖V'(s)‖.
        dim: q.
        width: units of a branch.
        lipschitz: κ.
        start_norm: ‖h_0‖.

    Raises:
        InputError: depth, dim or width < 1, or a negative norm.
    """
    L = np.asarray(depth, dtype=np.float64)
    if (L < 1).any() or dim < 1 or width < 1:
        raise InputError(f"depth, dim and width: must be at least 1, got {L.min():g}, {dim}, {width}")
    norms = (inner_norm, outer_norm, inner_slope, outer_slope, lipschitz, start_norm)
    if min(norms) < 0:
        raise InputError(f"norms: must not be negative, got {min(norms)}")
    unit = lipschitz / math.sqrt(dim * width)
    growth = unit * outer_norm * inner_norm
    change = unit * (outer_norm * inner_slope + outer_slope * inner_norm)
    spread = math.expm1(growth) / growth if growth > 0 else 1.0
    constant = (growth**2 + change) * math.exp(growth) * spread * start_norm / 2
    return np.asarray(constant / L, dtype=np.float64)


def initial_polyak_lojasiewicz(features: ArrayLike, project: ArrayLike, inputs: ArrayLike | None = None) -> float:
    """A lower bound on the Polyak–Łojasiewicz ratio P of a weight-tied network with V = 0, whatever the labels.

    There only the gradients in V (and in A and B) do not vanish: with residuals R = F(X) − Y of shape (n, d') and
    hidden features S = σ(X Aᵀ Wᵀ/√q)/√width of shape (n, width),

        L Σ_k ‖∂ℓ/∂V_k‖² = (4/n²) ‖Bᵀ Rᵀ S‖_F² ≥ (4/n) λ_min(S Sᵀ) λ_min(B Bᵀ) ℓ,

    which is positive as soon as width ≥ n and B is onto (Proposition 5).

    Args:
        features: S, shape ``(n_samples, width)``.
        project: B, shape ``(dim_out, dim)``.
        inputs: X, shape ``(n_samples, dim_in)``, if A is trained too: adds (4/n) λ_min(X Xᵀ) λ_min(B Bᵀ).

    Raises:
        InputError: arrays that are not matrices.
    """
    S, B = np.asarray(features, np.float64), np.asarray(project, np.float64)
    X = None if inputs is None else np.asarray(inputs, np.float64)
    if S.ndim != 2 or B.ndim != 2 or (X is not None and X.ndim != 2):
        raise InputError("features, project and inputs: must be matrices")
    kernel = S @ S.T + (0 if X is None else X @ X.T)
    smallest = max(0.0, float(np.linalg.eigvalsh(kernel)[0]))
    return 4 / len(S) * smallest * max(0.0, float(np.linalg.eigvalsh(B @ B.T)[0]))


def alternating_limit(ratio: float, pairs: int) -> float:
    """Where the ReLU counter-example ends (Appendix D): w* of (1 + w*/2L)^L = C.

    The network h_k = h_{k−1} + σ(w_k h_{k−1})/2L of depth 2L starts from w_k = (−1)^k/2L. Layers with negative weight
    do nothing to x > 0 and stay; the L others share the work of mapping x to C x. Successive weights end w* + 1/2L
    apart, which tends to log C² and not to zero: where σ is not smooth, there need be no ODE in the limit.

    Args:
        ratio: C > 1.
        pairs: L.

    Raises:
        InputError: ratio <= 1 or pairs < 1.
    """
    if not 1 < ratio < math.inf:
        raise InputError(f"ratio: must be above 1, got {ratio}")
    if pairs < 1:
        raise InputError(f"pairs: must be at least 1, got {pairs}")
    return 2 * pairs * math.expm1(math.log(ratio) / pairs)


@dataclass(frozen=True)
class Rate:
    """A fitted rate with its interval.

    Attributes:
        value: the slope.
        interval: of 95 %, from the scatter around the line (Student's t).
    """

    value: float
    interval: tuple[float, float]


def power_law(x: ArrayLike, y: ArrayLike) -> Rate:
    """The exponent a of y ∝ x^a, by least squares in the logarithms.

    Raises:
        InputError: fewer than three points, or a value that is not positive and finite.
    """
    return _rate(_log("x", x), _log("y", y))


def exponential_rate(time: ArrayLike, loss: ArrayLike) -> Rate:
    """The rate r of loss ∝ e^{−r t}, by least squares in the logarithm of the loss.

    Raises:
        InputError: fewer than three points, or a loss that is not positive and finite.
    """
    return _rate(np.asarray(time, np.float64), -_log("loss", loss))


def _log(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if not (np.isfinite(array) & (array > 0)).all():
        raise InputError(f"{name}: must be positive and finite")
    logarithm: NDArray[np.float64] = np.log(array)
    return logarithm


def _rate(x: NDArray[np.float64], y: NDArray[np.float64]) -> Rate:
    if len(x) < 3 or x.shape != y.shape or x.ndim != 1:
        raise InputError(f"a rate needs at least three points, got shapes {x.shape} and {y.shape}")
    line = linregress(x, y)
    half = float(t.ppf(0.975, len(x) - 2) * line.stderr)
    return Rate(float(line.slope), (float(line.slope) - half, float(line.slope) + half))
