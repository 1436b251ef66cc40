"""Gradient descent on the exact risk R_n of one-dimensional data: the large-step theory in motion.

The expectation over the noise is done in closed form (``relu_risk_gradient``), so a descent has no noise of its own,
and the point where it ends can be held against the stability bound λ_max(∇²R_n) ≤ 2/(width · η) (Wu, Marion, Biau &
Boyer, COLT 2025, arXiv 2502.03435).
"""

import math
from collections.abc import Callable, Sequence

import torch

from mnemoscope.errors import InputError
from mnemoscope.mean_field.descent import Descent, check_rates, note_divergence
from mnemoscope.theory.large_steps.noised import NoisedPoints
from mnemoscope.theory.large_steps.relu import Neurons, relu_risk_gradient


def full_batch_descent(
    neurons: Neurons,
    points: NoisedPoints,
    *,
    learning_rates: Sequence[float],
    steps: int,
    frozen_inner: bool = True,
    watch: Callable[[Neurons, int], object] | None = None,
    watch_every: int = 1000,
) -> tuple[Neurons, Descent]:
    """Gradient descent on the exact R_n, with the expectation over the noise done in closed form.

    Args:
        neurons: networks of shape ``(networks, width)``, left as they are.
        points: the data and the noise level.
        learning_rates: η of every network; the step is width · η.
        steps: number of steps.
        frozen_inner: keep the inner weights.
        watch: called with the networks and the number of steps done every ``watch_every`` steps and at the end.
        watch_every: steps between calls of ``watch``.

    Returns:
        The trained networks in double precision, and the history of the descent.

    Raises:
        InputError: a learning rate that is not positive, or a number of steps below 1.
    """
    rates = check_rates(learning_rates, len(neurons.inner)).double()[:, None] * neurons.inner.shape[-1]
    if steps < 1:
        raise InputError(f"steps: must be at least 1, got {steps}")

    trained, diverged = neurons.double(), torch.zeros(len(rates), dtype=torch.int64, device="cpu")
    losses = torch.full((len(rates),), math.nan, dtype=torch.float64)
    for step in range(1, steps + 1):
        losses_now, slope = relu_risk_gradient(points, trained)
        note_divergence(losses_now, step, diverged)
        losses = torch.where(diverged == 0, losses_now, losses)
        inner = trained.inner if frozen_inner else trained.inner - rates * slope.inner
        trained = Neurons(inner, trained.bias - rates * slope.bias, trained.outer - rates * slope.outer)
        if watch is not None and (step == steps or step % watch_every == 0):
            watch(trained, step)
    return trained, Descent(losses, diverged)
