"""The neural ODE of a residual network, and the same network at another depth.

A stack h_k = h_{k−1} + f(h_{k−1}, Z_k)/L is the Euler scheme of

    dH/ds = f(H, Z(s)),   0 ≤ s ≤ 1,

where Z(s) passes linearly through Z_k at s = (k − 1/2)/L. Where the weights are smooth along the depth, both agree up
to O(1/L) (Marion et al., arXiv 2309.01213, Proposition 2), and so does the network that reads its weights off Z(s)
at any other depth: train shallow and deepen, or train deep and compress. Blocks of any other library count as h + f/L
as they stand, with f = L (block(h) − h).
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.errors import InputError
from mnemoscope.residual.dense import ResidualBranches
from mnemoscope.residual.initial import check_depth
from mnemoscope.residual.layers import LayerWeights, Stack, find_stack, layer_weights, resample_layers, stack_blocks
from mnemoscope.torch_state import evaluation_mode, has_double, ode_solver

Call: TypeAlias = Callable[[Callable[..., Any], Tensor], Tensor]
"""How a block is applied to h, for blocks that need more: ``lambda block, h: block(h, embedding)``."""


class NeuralODE:
    """dH/ds = f(H, Z(s)).

    Args:
        velocity: f.
        path: Z, s in [0, 1] → weights by name.
    """

    def __init__(
        self,
        velocity: Callable[[Tensor, LayerWeights], Tensor],
        path: Callable[[float], LayerWeights],
    ) -> None:
        self.velocity, self.path = velocity, path

    @torch.no_grad()
    def __call__(
        self, h: Float[Tensor, "batch *dims"], *, steps: int | None = None, rtol: float = 1e-6, atol: float = 1e-6
    ) -> Float[Tensor, "batch *dims"]:
        """H(1) from H(0) = h.

        Args:
            h: H(0).
            steps: of the classical Runge-Kutta scheme; adaptive (Dormand-Prince) if left out.
            rtol: relative tolerance of the adaptive scheme.
            atol: absolute tolerance of the adaptive scheme.

        Raises:
            InputError: steps < 1.
            MissingExtraError: torchdiffeq is not installed.
        """
        odeint = ode_solver()
        if steps is not None and steps < 1:
            raise InputError(f"steps: must be at least 1, got {steps}")
        scheme: dict[str, Any] = {"method": "dopri5", "rtol": rtol, "atol": atol}
        if not has_double(h.device):
            scheme["options"] = {"dtype": h.dtype}  # of time and step, double otherwise
        if steps is not None:
            scheme = {"method": "rk4", "options": {"step_size": 1 / steps}}
        ends = torch.tensor([0.0, 1.0], dtype=h.dtype, device=h.device)
        states: Tensor = odeint(lambda s, state: self.velocity(state, self.path(float(s))), h, ends, **scheme)
        return states[-1]


def neural_ode(stack: Stack, *, call: Call | None = None) -> NeuralODE:
    """The ODE of a residual network of this package, or of blocks of one kind (in evaluation mode).

    Args:
        stack: as ``layer_weights`` takes it.
        call: how a block is applied, ``block(h)`` if left out.

    Raises:
        InputError: what ``layer_weights`` refuses.
    """
    weights = layer_weights(stack)
    found = find_stack(stack)
    if isinstance(found, ResidualBranches):
        branches = found
        return NeuralODE(lambda h, z: branches.velocity(h, z["inner"], z["outer"]), _interpolate(weights))
    buffers = stack_blocks([dict(block.named_buffers()) for block in found])
    template, depth = copy.deepcopy(found[0]).eval(), len(found)

    def velocity(h: Tensor, z: LayerWeights) -> Tensor:
        def block(*arguments: Any, **options: Any) -> Any:
            return torch.func.functional_call(template, dict(z), arguments, options)

        return depth * ((block(h) if call is None else call(block, h)) - h)

    return NeuralODE(velocity, _interpolate({**weights, **buffers}))


def _interpolate(weights: LayerWeights) -> Callable[[float], dict[str, Tensor]]:
    depth = len(next(iter(weights.values())))

    def path(s: float) -> dict[str, Tensor]:
        place = min(max(s * depth - 0.5, 0.0), depth - 1.0)
        before = min(int(place), max(depth - 2, 0))
        after = min(before + 1, depth - 1)
        return {
            name: torch.lerp(value[before], value[after], place - before)
            if value.is_floating_point()
            else value[before]
            for name, value in weights.items()
        }

    return path


def ode_distance(
    stack: Stack, h: Float[Tensor, "batch *dims"], *, call: Call | None = None, steps: int | None = None
) -> float:
    """‖h_L − H(1)‖/‖h_L − h_0‖: how far a stack (in evaluation mode) is from its ODE, as a share of what it does to h.

    Raises:
        InputError: what ``layer_weights`` refuses, or a stack that does nothing to h.
    """
    ode = neural_ode(stack, call=call)
    found = find_stack(stack)
    with torch.no_grad(), evaluation_mode(*([found] if isinstance(found, nn.Module) else found)):
        last = h
        if isinstance(found, ResidualBranches):
            last = found(h)
        else:
            for block in found:
                last = block(last) if call is None else call(block, last)
        moved = float(torch.linalg.vector_norm(last - h))
        if moved == 0:
            raise InputError("stack: it leaves h as it is, so there is no distance to compare with")
        return float(torch.linalg.vector_norm(last - ode(h, steps=steps))) / moved


@dataclass(frozen=True)
class Resampled:
    """A network at another depth.

    Attributes:
        network: the new network; the old one is left as it was.
        error: ‖F_new − F‖/‖F‖ over the given inputs.
    """

    network: nn.Module
    error: float


def resample_depth(network: nn.Module, depth: int, *inputs: Tensor) -> Resampled:
    """The same function at another depth, and how far it is from the same.

    Args:
        network: a residual network of this package, or a ``Sequential`` of same-shaped residual blocks.
        depth: the new L.
        inputs: what ``network`` is called with, in evaluation mode, to measure the error.

    Raises:
        InputError: depth < 1, no inputs, or what ``layer_weights`` refuses.
    """
    check_depth(depth)
    if not inputs:
        raise InputError("inputs: needs something to measure the error on")
    found = find_stack(network)
    if isinstance(found, ResidualBranches):
        new = copy.deepcopy(network)
        branches = find_stack(new)
        assert isinstance(branches, ResidualBranches)
        for name, value in layer_weights(network).items():
            setattr(branches, name, nn.Parameter(resample_layers(value, depth)))
    else:
        blocks = nn.Sequential(*_resample_blocks(found, layer_weights(network), depth))
        blocks.training = network.training
        new = blocks if isinstance(network, nn.Sequential) else copy.deepcopy(network)
        if new is not blocks:
            new.blocks = blocks
    with torch.no_grad(), evaluation_mode(network, new):
        before, after = network(*inputs), new(*inputs)
    return Resampled(new, float(torch.linalg.vector_norm(after - before) / torch.linalg.vector_norm(before)))


class ScaledBlock(nn.Module):
    """h + scale · (block(h) − h).

    Args:
        block: h ↦ h + f(h).
        scale: of f.
    """

    def __init__(self, block: nn.Module, scale: float) -> None:
        super().__init__()
        self.block, self.scale = block, scale

    def forward(self, h: Float[Tensor, "batch *dims"]) -> Float[Tensor, "batch *dims"]:
        """The scaled block at h."""
        return torch.lerp(h, self.block(h), self.scale)


def _resample_blocks(blocks: list[nn.Module], weights: Mapping[str, Tensor], depth: int) -> list[ScaledBlock]:
    buffers = stack_blocks([dict(block.named_buffers()) for block in blocks])
    floating = {name: value for name, value in buffers.items() if value.is_floating_point()}
    layers = {name: resample_layers(value, depth) for name, value in {**weights, **floating}.items()}
    new = []
    for index in range(depth):
        block = copy.deepcopy(blocks[0])
        block.load_state_dict({name: value[index] for name, value in layers.items()}, strict=False)
        scaled = ScaledBlock(block, len(blocks) / depth)
        scaled.training = block.training  # the flag alone: parts of the block may be frozen
        new.append(scaled)
    return new
