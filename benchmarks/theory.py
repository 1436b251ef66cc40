"""Speed of the theory and of closed-form training.

    python -m benchmarks theory

Four promises, each a row:

- a 100 × 100 phase diagram for 4 values of m in under 2 s, with residuals below 1e-10;
- per point at least 1,000 times faster than one ``scipy.optimize.root(method="lm")`` solve with continuation from a
  large imaginary part, timed in the same run;
- exact gradient flow at 200 times at least 100 times faster than 1e5 explicit gradient-descent steps at n = 400,
  p = 800, d = 100. Of these 50 are timed and scaled up;
- the expectation over the noise in at most the time of 8 noise draws of each item (its floor is that of 4: two products
  in double precision and four in single).
"""

import math

import numpy as np
import torch
from tests.references import learning_curves as reference

from benchmarks.timing import row, seconds, seconds_in_turn
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.random_features.closed_form import GradientFlow, collect_moments, gradient_descent
from mnemoscope.random_features.expectation import expected_moments
from mnemoscope.random_features.score import RandomFeatureScore
from mnemoscope.theory import phase_diagram
from mnemoscope.theory.grid import make_grid
from mnemoscope.theory.solver import solve

GRID = np.geomspace(0.5, 100, 100)
DRAWS = [1, 4, 100, math.inf]
TIME, RIDGE = 0.1, 1e-3
DESCENT_STEPS, TIMED_STEPS = 100_000, 50


def diagram_rows() -> list[dict[str, object]]:
    def diagram() -> object:
        return phase_diagram(psi_n=GRID, psi_p=GRID, noise_draws=DRAWS, time=TIME, ridge=RIDGE)

    points = make_grid({"psi_n": GRID, "psi_p": GRID, "noise_draws": DRAWS, "time": TIME})
    ridge = np.full(len(GRID) ** 2 * len(DRAWS), RIDGE)
    residual = float(abs(solve(points.ensemble, ridge).residual).max())
    took = seconds(diagram)
    alone = seconds(lambda: solve(points.ensemble, ridge)) / len(ridge)

    linear = float(points.ensemble.signal[0]) / math.exp(-2 * TIME)
    constants = linear, float(points.ensemble.shared[0]), float(points.ensemble.private[0])
    sample = np.random.default_rng(0).choice(GRID, size=(10, 2))
    slow_points = [
        reference.Point(psi_n, psi_p, DRAWS[i % 4], TIME, *constants) for i, (psi_n, psi_p) in enumerate(sample)
    ]
    slow = seconds(lambda: [reference.solve(point, RIDGE) for point in slow_points], repeats=1) / len(sample)
    return [
        row("phase diagram, 40,000 points and 400 boundaries (s)", took, 2.0, took < 2),
        row("largest residual", residual, 1e-10, residual < 1e-10),
        row("one point (µs)", alone * 1e6, None, True),
        row("one root solve with continuation (ms)", slow * 1e3, None, True),
        row("speed-up per point", slow / alone, 1000, slow / alone >= 1000),
    ]


def flow_rows(n_samples: int = 400, n_features: int = 800, dim: int = 100) -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(0)
    score = RandomFeatureScore((dim,), n_features, OrnsteinUhlenbeck(), TIME, generator=generator)
    data = torch.randn(n_samples, dim, generator=generator, dtype=torch.float64)
    train = collect_moments(score, data, noise_draws=4, generator=generator)
    fresh = collect_moments(score, torch.randn_like(data), noise_draws=4, generator=generator)
    times = torch.logspace(-1, 6, 200, dtype=torch.float64)

    def flow() -> None:
        exact = GradientFlow(train)
        exact.losses(times, train)
        exact.losses(times, fresh)

    took = seconds(flow)
    step = seconds(lambda: gradient_descent(train, learning_rate=1.0, steps=TIMED_STEPS)) / TIMED_STEPS
    ratio = step * DESCENT_STEPS / took
    return [
        row("exact flow, train and test loss at 200 times (s)", took, None, True),
        row(
            f"{DESCENT_STEPS:,} descent steps, scaled up from {TIMED_STEPS} (s)",
            step * DESCENT_STEPS,
            None,
            True,
        ),
        row("speed-up of the flow", ratio, 100, ratio >= 100),
    ]


def expectation_rows(n_samples: int = 2000, n_features: int = 1000, dim: int = 100) -> list[dict[str, object]]:
    """All noise draws against one of each item, at an early time."""
    generator = torch.Generator().manual_seed(0)
    score = RandomFeatureScore((dim,), n_features, OrnsteinUhlenbeck(), 0.01, generator=generator)
    data = torch.randn(n_samples, dim, generator=generator, dtype=torch.float64)
    every, one = seconds_in_turn(
        lambda: expected_moments(score, data),
        lambda: collect_moments(score, data, noise_draws=1, generator=generator),
    )
    name = f"expectation over the noise over one draw, n = {n_samples}, p = {n_features}, d = {dim}"
    return [row(name, every / one, 8.0, every / one <= 8.0)]


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    return diagram_rows() + flow_rows() + expectation_rows()
