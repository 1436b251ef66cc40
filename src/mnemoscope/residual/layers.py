"""The weights of any residual stack, layer by layer: networks of this package, or a list of same-shaped blocks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.errors import InputError
from mnemoscope.residual.dense import ResidualBranches

Stack: TypeAlias = nn.Module | Sequence[nn.Module]
"""A ``ResidualBranches``, a network that has ``branches`` or ``blocks``, or blocks: a ``ModuleList``, a ``Sequential``
or a plain sequence, of which block k maps h_{k−1} to h_k."""

LayerWeights: TypeAlias = Mapping[str, Tensor]
"""A parameter's name → its values in all layers, shape ``(depth, *shape)``."""


def find_stack(stack: Stack) -> ResidualBranches | list[nn.Module]:
    """The recurrence itself, or the list of blocks.

    Raises:
        InputError: there is none, or it has no block.
    """
    for name in ("branches", "blocks"):
        stack = getattr(stack, name, stack)
    if isinstance(stack, ResidualBranches):
        return stack
    if isinstance(stack, nn.Module) and not isinstance(stack, nn.ModuleList | nn.Sequential):
        raise InputError(
            f"stack: {type(stack).__name__} is no list of blocks: pass the ModuleList or Sequential that holds them"
        )
    blocks: list[nn.Module] = list(stack)
    if not blocks:
        raise InputError("stack: has no blocks")
    return blocks


def layer_weights(stack: Stack) -> dict[str, Tensor]:
    """Every parameter of the blocks, detached, stacked over the depth.

    Raises:
        InputError: no blocks, blocks without parameters or of unequal shapes, or a weight that is not finite; block
            (from 0) and parameter are named.
    """
    found = find_stack(stack)
    if isinstance(found, ResidualBranches):
        weights = {"inner": found.inner.detach(), "outer": found.outer.detach()}
    else:
        weights = stack_blocks([dict(block.named_parameters()) for block in found])
    if not weights:
        raise InputError("stack: its blocks have no parameters")
    for name, value in weights.items():
        finite = value.isfinite().flatten(1).all(dim=1)
        if not finite.all():
            raise InputError(f"stack: block {int((~finite).nonzero()[0])}: {name} has values that are not finite")
    return weights


def stack_blocks(blocks: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of every block, stacked by name.

    Raises:
        InputError: blocks with other names or shapes than the first.
    """
    first = blocks[0]
    for index, block in enumerate(blocks):
        if block.keys() != first.keys():
            odd = sorted(block.keys() ^ first.keys())[0]
            raise InputError(f"stack: block {index} and block 0 differ in {odd}: blocks must be of one kind")
        for name, value in block.items():
            if value.shape != first[name].shape:
                raise InputError(
                    f"stack: block {index}: {name} has shape {tuple(value.shape)}, block 0 {tuple(first[name].shape)}"
                )
    return {name: torch.stack([block[name].detach() for block in blocks]) for name in first}


def flatten_layers(weights: LayerWeights) -> Float[Tensor, "depth parameters"]:
    """All parameters of a layer in one row."""
    rows: Iterable[Tensor] = (value.flatten(1) for value in weights.values())
    return torch.cat(list(rows), dim=1)


def resample_layers(weights: Float[Tensor, "depth *shape"], depth: int) -> Float[Tensor, "new_depth *shape"]:
    """Layers at another depth: linear between the layers' places (k − 1/2)/L, constant beyond the first and last."""
    rows = weights.flatten(1).mT[None]
    new = nn.functional.interpolate(rows, size=depth, mode="linear", align_corners=False)
    return new[0].mT.reshape(depth, *weights.shape[1:])
