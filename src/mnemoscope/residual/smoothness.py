"""Are the weights of a residual network smooth along its depth?

With Z_1, …, Z_L the flattened weights of the layers and Z̄ their mean,

    jump share   J = Σ_k ‖Z_{k+1} − Z_k‖² / (2 Σ_k ‖Z_k − Z̄‖²)

(von Neumann's ratio, halved) has mean 1 over all orders of the layers. White noise of variance τ² on top of a smooth
path of variance ρ² gives J → τ²/(τ² + ρ²), a Lipschitz path alone J = O(1/L²). The null is that the order of the layers
does not matter: layers shuffled at random give the distribution of J, and the permutation p-value
(1 + #{J_shuffled ≤ J})/(1 + shuffles) is exact at every L. Rejecting it says that neighbours are alike, which a path
with jumps may be too. What jumps add shows in the correlation of successive steps D_k = Z_{k+1} − Z_k,

    r = mean_k ⟨D_k, D_{k+1}⟩ / mean_k ‖D_k‖²,

which needs no other depth to compare with: r → 1 along a differentiable path (the limit is an ODE), 0 along a random
walk (an SDE), −1/2 for noise, also on top of a smooth path once L is so large that the noise is the larger part of a
step. The verdict asks for r > 0.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import choose
from mnemoscope.errors import InputError
from mnemoscope.residual.layers import Stack, flatten_layers, layer_weights
from mnemoscope.torch_state import to_double

LEVEL = 0.01
"""Level of the permutation test."""

_FLAT = 1e-12
"""Below this share of the weights' mean square, what differs between layers is rounding."""


@dataclass(frozen=True)
class Smoothness:
    """What the weights look like along the depth.

    Attributes:
        distances: ‖Z_{k+1} − Z_k‖ of successive layers, shape ``(depth − 1,)``.
        jump_share: J; 1 for layers in random order, 0 for layers that are all equal.
        step_correlation: r; 1 along a straight line and for layers that are all equal, 0 along a random walk, −1/2 for
            layers in random order.
        p_value: of the null that the order of the layers does not matter.
        null: J of the shuffled layers, shape ``(shuffles,)``.
    """

    distances: Float[Tensor, " gaps"]
    jump_share: float
    step_correlation: float
    p_value: float
    null: Float[Tensor, " shuffles"]

    @property
    def maximum(self) -> float:
        """max_k ‖Z_{k+1} − Z_k‖: O(1/L) where the network tends to an ODE (Proposition 3)."""
        return float(self.distances.max())

    @property
    def smooth(self) -> bool:
        """Whether the order of the layers matters and their successive steps go on rather than to and fro.

        Layers that are all equal are smooth although no test can tell their order.
        """
        return self.jump_share == 0 or (self.p_value <= LEVEL and self.step_correlation > 0)

    @property
    def verdict(self) -> str:
        """One sentence, with the null beside the measurement."""
        low, high = (float(self.null.quantile(q)) for q in (0.025, 0.975))
        return (
            f"{'Smooth' if self.smooth else 'Not smooth'} along the depth: successive steps correlate by"
            f" {self.step_correlation:.2f} (path 1, random walk 0, noise -0.5); jumps carry {self.jump_share:.1%}"
            f" of the variance (shuffled layers: {low:.1%} to {high:.1%}, p = {self.p_value:.2g})."
        )


def successive_distances(layers: Float[Tensor, "depth parameters"]) -> Float[Tensor, " gaps"]:
    """‖Z_{k+1} − Z_k‖ for k = 1, …, L − 1."""
    distances: Tensor = torch.linalg.vector_norm(layers.diff(dim=0), dim=1)
    return distances


def smoothness(stack: Stack, *, names: list[str] | None = None, shuffles: int = 999, seed: int = 0) -> Smoothness:
    """Judge the weights of any residual stack along its depth.

    Args:
        stack: a residual network of this package or blocks of one kind, see ``layer_weights``.
        names: parameters to look at; all if left out.
        shuffles: number of random orders.
        seed: of the shuffles.

    Raises:
        InputError: fewer than three layers, an unknown name, no shuffles, or what ``layer_weights`` refuses.
    """
    weights = layer_weights(stack)
    if names is not None:
        weights = {name: choose(name, weights, "names") for name in names}
    return smoothness_of_layers(flatten_layers(weights), shuffles=shuffles, seed=seed)


def smoothness_of_layers(
    layers: Float[Tensor, "depth parameters"], *, shuffles: int = 999, seed: int = 0
) -> Smoothness:
    """The same for weights that are given as rows."""
    if len(layers) < 3:
        raise InputError(f"stack: needs at least 3 layers to have an order, got {len(layers)}")
    if shuffles < 1:
        raise InputError(f"shuffles: must be at least 1, got {shuffles}")
    layers = to_double(layers)
    centred = layers - layers.mean(dim=0)
    spread = float(centred.square().sum())
    distances = successive_distances(layers)
    if spread <= _FLAT * float(layers.square().sum()):
        return Smoothness(distances, 0.0, 1.0, 1.0, layers.new_zeros(shuffles))
    if len(centred) < centred.shape[1]:
        # Distances between L points live in L dimensions: rotate them there, and shuffles cost L² instead of L p.
        values, basis = torch.linalg.eigh(centred @ centred.mT)
        centred = basis * values.clamp(min=0).sqrt()
    jump_share = float(distances.square().sum()) / (2 * spread)
    steps = centred.diff(dim=0)
    step_correlation = float((steps[1:] * steps[:-1]).sum(dim=1).mean() / distances.square().mean())
    rng = np.random.default_rng(seed)
    orders = (torch.from_numpy(rng.permutation(len(centred))) for _ in range(shuffles))
    null = torch.stack([centred[order].diff(dim=0).square().sum() for order in orders]) / (2 * spread)
    # A shuffle that reproduces the given order up to rounding counts as equal to it.
    as_low = int((null <= jump_share * (1 + 1e-9)).sum())
    return Smoothness(distances, jump_share, step_correlation, (1 + as_low) / (1 + shuffles), null)
