"""Networks and their descents as one would write them first: loops, autograd, torch.optim."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ACTIVATIONS = {
    "identity": lambda a: a,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "tanh": torch.tanh,
}


def residual_loop(
    x: Tensor, W: Tensor | Sequence[Tensor], V: Tensor | Sequence[Tensor], activation: str, scale: float
) -> Tensor:
    """h ← h + scale · σ(h W_k) V_k, layer by layer; W_k of shape ``(dim, width)``, V_k of ``(width, dim)``."""
    sigma = ACTIVATIONS[activation]
    for k in range(len(W)):
        x = x + scale * sigma(x @ W[k]) @ V[k]
    return x


def two_layer_descent(
    weights: Sequence[Tensor],
    x: Tensor,
    target: Tensor,
    learning_rate: float,
    *,
    steps: int = 1,
    reduction: str = "mean",
    frozen_inner: bool = False,
) -> list[Tensor]:
    """One network Σ_j outer_j ReLU(inner_j x + bias_j)/width, trained by torch's own optimizer.

    ``weights`` are inner, bias and outer; steps are in the mean-field scaling, width times the learning rate.
    """
    inner, bias, outer = (w.clone().requires_grad_() for w in weights)
    width = len(bias)
    optimizer = torch.optim.SGD([bias, outer] if frozen_inner else [inner, bias, outer], lr=width * learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        error = torch.relu(x @ inner.mT + bias) @ outer.mT / width - target
        losses = error.square().sum(1)
        (losses.mean() if reduction == "mean" else losses.sum()).backward()
        optimizer.step()
    return [w.detach() for w in (inner, bias, outer)]
