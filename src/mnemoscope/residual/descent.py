"""Training a fully connected residual network in the scaling that keeps its weights smooth.

On ℓ = (1/n) Σ_i ‖F(x_i) − y_i‖² the flow is dA/dt = −∂ℓ/∂A, dB/dt = −∂ℓ/∂B and, for Z_k = (W_k, V_k),

    dZ_k/dt = −L ∂ℓ/∂Z_k,

because one layer of L moves F by 1/L only (Marion et al., arXiv 2309.01213, equation 4). Along it dℓ/dt = −P ℓ with the
local Polyak–Łojasiewicz ratio

    P = (‖∂ℓ/∂A‖² + L Σ_k ‖∂ℓ/∂Z_k‖² + ‖∂ℓ/∂B‖²)/ℓ;

where P ≥ μ on the way, ℓ(t) ≤ e^{−μt} ℓ(0). Parameters that do not require gradients stay and do not count. With
``clip`` the velocity L ∂ℓ/∂Z_k of every layer is shortened to that norm where it exceeds it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.residual.dense import ResidualMLP
from mnemoscope.torch_state import ode_solver


@dataclass(frozen=True)
class DescentStep:
    """Where gradient descent stands before a step.

    Attributes:
        step: steps done.
        loss: ℓ.
        ratio: P.
    """

    step: int
    loss: float
    ratio: float


def mean_square_loss(
    network: ResidualMLP, x: Float[Tensor, "n_samples dim_in"], y: Float[Tensor, "n_samples dim_out"]
) -> Float[Tensor, ""]:
    """ℓ = (1/n) Σ_i ‖F(x_i) − y_i‖²."""
    loss: Tensor = (network(x) - y).square().sum() / len(x)
    return loss


def descend(
    network: ResidualMLP,
    x: Float[Tensor, "n_samples dim_in"],
    y: Float[Tensor, "n_samples dim_out"],
    *,
    steps: int,
    learning_rate: float,
    clip: float = math.inf,
) -> Iterator[DescentStep]:
    """Gradient descent, step η of the flow, on all parameters that require gradients; in place.

    Yields what it finds before every step and after the last: ``steps + 1`` times. The network may be looked at in
    between.

    Raises:
        InputError: steps < 0, learning_rate or clip not positive, or a loss that is not finite.
    """
    if steps < 0:
        raise InputError(f"steps: must be at least 0, got {steps}")
    if not 0 < learning_rate < math.inf:
        raise InputError(f"learning_rate: must be positive, got {learning_rate}")
    _check_clip(clip)
    trained = _trained(network)
    for step in range(steps + 1):
        loss = mean_square_loss(network, x, y)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(f"the loss is not finite at step {step}: lower learning_rate={learning_rate}")
        gradients = dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))
        yield DescentStep(step, value, _ratio(network, gradients, value))
        if step < steps:
            velocities = _velocities(network, gradients, clip)
            with torch.no_grad():
                for name, parameter in trained.items():
                    parameter.sub_(velocities[name], alpha=learning_rate)


def gradient_flow(
    network: ResidualMLP,
    x: Float[Tensor, "n_samples dim_in"],
    y: Float[Tensor, "n_samples dim_out"],
    *,
    times: Float[Tensor, " times"],
    clip: float = math.inf,
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> Float[Tensor, " times"]:
    """The flow itself by an adaptive solver: ℓ at increasing times from 0; ends with the network of the last time.

    Raises:
        InputError: times that do not start at 0 or do not increase, or clip not positive.
        MissingExtraError: torchdiffeq is not installed.
    """
    odeint = ode_solver()
    _check_clip(clip)
    if times.ndim != 1 or len(times) < 2 or float(times[0]) != 0 or bool((times.diff() <= 0).any()):
        raise InputError("times: must be at least two, start at 0 and increase")
    trained = _trained(network)

    def slope(_: Tensor, weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        _load(trained, weights)
        with torch.enable_grad():
            loss = mean_square_loss(network, x, y)
            gradients = dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))
        return tuple(-velocity for velocity in _velocities(network, gradients, clip).values())

    start = tuple(parameter.detach().clone() for parameter in trained.values())
    with torch.no_grad():
        paths = odeint(slope, start, times.to(start[0]), rtol=rtol, atol=atol)
        losses = []
        for weights in zip(*paths, strict=True):
            _load(trained, weights)
            losses.append(mean_square_loss(network, x, y))
    return torch.stack(losses)


def polyak_lojasiewicz(
    network: ResidualMLP, x: Float[Tensor, "n_samples dim_in"], y: Float[Tensor, "n_samples dim_out"]
) -> float:
    """The ratio P at the present weights; infinite where ℓ = 0."""
    trained = _trained(network)
    loss = mean_square_loss(network, x, y)
    gradients = dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))
    return _ratio(network, gradients, float(loss.detach()))


def _trained(network: ResidualMLP) -> dict[str, Tensor]:
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}


def _load(parameters: dict[str, Tensor], weights: tuple[Tensor, ...]) -> None:
    with torch.no_grad():
        for parameter, weight in zip(parameters.values(), weights, strict=True):
            parameter.copy_(weight)


def _rate(network: ResidualMLP, name: str) -> int:
    return network.branches.depth if name.startswith("branches.") else 1


def _ratio(network: ResidualMLP, gradients: dict[str, Tensor], loss: float) -> float:
    squares = [_rate(network, name) * float(gradient.square().sum()) for name, gradient in gradients.items()]
    return sum(squares) / loss if loss > 0 else math.inf


def _velocities(network: ResidualMLP, gradients: dict[str, Tensor], clip: float) -> dict[str, Tensor]:
    velocities = {name: _rate(network, name) * gradient for name, gradient in gradients.items()}
    layers = [velocity for name, velocity in velocities.items() if name.startswith("branches.")]
    if math.isfinite(clip) and layers:
        norm = torch.stack([velocity.flatten(1).square().sum(dim=1) for velocity in layers]).sum(dim=0).sqrt()
        shorten = (clip / norm.clamp(min=clip))[:, None, None]
        for velocity in layers:
            velocity.mul_(shorten)
    return velocities


def _check_clip(clip: float) -> None:
    if not clip > 0:
        raise InputError(f"clip: must be positive, got {clip}")
