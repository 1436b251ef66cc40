"""Stochastic gradient descent on batches of two-layer networks.

Descents step with width · η (Wu, Marion, Biau & Boyer, COLT 2025, arXiv 2502.03435). A minimum of the risk R_n at which
such a descent is linearly stable has λ_max(∇²R_n) ≤ 2/(width · η). A network whose loss stops being finite has
diverged: the step is reported, and the others go on.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.mean_field.batch import TwoLayerBatch
from mnemoscope.processes import Process
from mnemoscope.processes.base import standard_normal

Draw: TypeAlias = Callable[[int, int], tuple[Tensor, Tensor]]
"""``draw(network, n_steps)`` gives the inputs, shape ``(n_steps, batch, dim)``, and targets of a network's next steps,
from a generator of its own."""

_CHUNK = 200


class Descent(NamedTuple):
    """How a batch of networks was trained, each of shape ``(networks,)``.

    ``losses`` of stochastic descent are means over the last steps, up to 200; of full-batch descent those of the last
    step before the end or before divergence. ``diverged`` is the first step whose loss was not finite, 0 for none.
    """

    losses: Tensor
    diverged: Int[Tensor, " networks"]


def stochastic_descent(
    networks: TwoLayerBatch,
    draw: Draw,
    *,
    learning_rates: Sequence[float],
    steps: Sequence[int],
    reduction: str = "mean",
) -> Descent:
    """Train every network in place by SGD with its own learning rate for its own number of steps.

    Raises:
        InputError: a learning rate that is not positive, a number of steps below 1, steps that grow from one network
            to the next (so that those still training stay together), or an unknown ``reduction``.
    """
    rates = check_rates(learning_rates, len(networks))
    if len(steps) != len(networks) or min(steps) < 1 or sorted(steps, reverse=True) != list(steps):
        raise InputError(f"steps: needs {len(networks)} positive numbers that do not grow, got {list(steps)}")
    device = networks.bias.device
    losses = torch.full((len(networks),), math.nan, dtype=torch.float32, device=device)
    diverged = torch.zeros(len(networks), dtype=torch.int64, device=device)
    for done in range(0, steps[0], _CHUNK):
        # Whole chunks are drawn whoever needs them, so that the draws do not depend on the other networks.
        active = sum(asked > done for asked in steps)
        batches = [draw(network, _CHUNK) for network in range(active)]
        inputs, targets = (torch.stack(parts, dim=1) for parts in zip(*batches, strict=True))
        training, seen = networks.take(slice(active)), losses.new_zeros(active)
        for step in range(min(_CHUNK, steps[0] - done)):
            if steps[active - 1] <= done + step:
                active = sum(asked > done + step for asked in steps)
                training = networks.take(slice(active))
            x, target = inputs[step, :active], targets[step, :active]
            loss = training.descend(x, target, rates[:active].to(networks.bias), reduction)
            note_divergence(loss, done + step + 1, diverged[:active])
            seen[:active] += loss
        counts = seen.new_tensor([min(_CHUNK, asked - done) for asked in steps[: len(seen)]])
        losses[: len(seen)] = seen / counts
    return Descent(losses, diverged)


def denoising_draws(
    data: Float[Tensor, "networks n_samples dim"],
    process: Process,
    times: Sequence[float],
    batch_size: int,
    generators: Sequence[torch.Generator],
) -> Draw:
    """Batches (Y, −ξ/σ) of each network's data, noised to the time at which it learns the score."""

    def draw(network: int, n_steps: int) -> tuple[Tensor, Tensor]:
        generator, items = generators[network], data[network]
        alpha, sigma = float(process.alpha(times[network])), float(process.sigma(times[network]))
        which = torch.randint(len(items), (n_steps, batch_size), generator=generator, device=generator.device)
        noise = standard_normal((n_steps, batch_size, items.shape[1]), generator, like=data)
        return alpha * items[which.to(items.device)] + sigma * noise, -noise / sigma

    return draw


def check_rates(learning_rates: Sequence[float], n_networks: int) -> Float[Tensor, " networks"]:
    """The learning rates as a tensor.

    Raises:
        InputError: not one positive number for each network.
    """
    rates = torch.tensor(list(learning_rates), dtype=torch.float64, device="cpu")
    if len(rates) != n_networks or not bool(((rates > 0) & rates.isfinite()).all()):
        raise InputError(f"learning_rates: needs {n_networks} positive numbers, got {list(learning_rates)}")
    return rates


def note_divergence(losses: Tensor, step: int, diverged: Tensor) -> None:
    """Enter the step in place for networks whose loss has just stopped being finite."""
    diverged[(diverged == 0) & ~losses.isfinite()] = step
