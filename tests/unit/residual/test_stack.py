"""The fused recurrence against the plain loop, and the initialisations against their laws."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mnemoscope.errors import InputError
from mnemoscope.residual import ResidualBranches, ResidualMLP, SmoothPath, initial_layers, residual_stack
from mnemoscope.residual.stack import ACTIVATIONS
from tests.references import networks as references
from tests.tolerances import EXACT


def test_every_activation_is_checked() -> None:
    assert references.ACTIVATIONS.keys() == ACTIVATIONS.keys()


@given(
    activation=st.sampled_from(sorted(references.ACTIVATIONS)),
    depth=st.integers(1, 9),
    width=st.integers(1, 6),
    dim=st.integers(1, 5),
    batch=st.integers(1, 4),
    segment=st.one_of(st.none(), st.integers(1, 10)),
    seed=st.integers(0, 2**16),
)
def test_the_stack_and_its_gradients_are_those_of_the_loop(
    activation: str, depth: int, width: int, dim: int, batch: int, segment: int | None, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch, dim), (depth, width, dim), (depth, dim, width))
    h, W, V = (torch.randn(s, generator=generator, dtype=torch.float64, requires_grad=True) for s in shapes)
    weight = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    fused = residual_stack(h, W, V, activation=activation, scale=0.3, segment=segment)
    plain = references.residual_loop(h, W.mT, V.mT, activation, 0.3)
    torch.testing.assert_close(fused, plain, rtol=1e-9, atol=EXACT)
    found = torch.autograd.grad((fused * weight).sum(), (h, W, V))
    expected = torch.autograd.grad((plain * weight).sum(), (h, W, V))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)
    with torch.no_grad():
        torch.testing.assert_close(residual_stack(h, W, V, activation=activation, scale=0.3), plain)


def test_checkpoints_change_neither_values_nor_gradients(generator: torch.Generator) -> None:
    x = torch.randn(7, 5, generator=generator)
    found = []
    for segment in (None, 1, 6, 100):
        fixed = torch.Generator().manual_seed(1)
        network = ResidualMLP(5, 5, ResidualBranches(5, 8, 20, initialization="iid", segment=segment, generator=fixed))
        nn.init.constant_(network.branches.outer, 0.3)
        output = network(x)
        found.append((output, *torch.autograd.grad(output.square().sum(), list(network.parameters()))))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            torch.testing.assert_close(a, b)


def test_checkpoints_keep_few_activations(generator: torch.Generator) -> None:
    """What autograd holds on to between forward and backward: 32 segments' states instead of every layer's."""
    kept = {}
    for segment in (None, 32):
        network = ResidualMLP(4, 4, ResidualBranches(4, 64, 1024, segment=segment, generator=generator))
        total = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal total
            total += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            network(torch.randn(50, 4, generator=generator))
        kept[segment] = total
    assert kept[None] > 1024 * 50 * (4 + 2 * 64)
    assert kept[32] < kept[None] / 7


def test_the_network_is_the_papers_formula(generator: torch.Generator) -> None:
    network = ResidualMLP(
        3, 2, ResidualBranches(5, 7, 4, initialization="iid", generator=generator, dtype=torch.float64)
    )
    branches, x = network.branches, torch.randn(6, 3, generator=generator, dtype=torch.float64)
    start = x @ torch.eye(3, 5, dtype=torch.float64)
    torch.testing.assert_close(network(x), start[:, 3:], msg="at the start F(x) = B A x")
    nn.init.normal_(branches.outer, generator=generator)
    h = start
    for W, V in zip(branches.inner, branches.outer, strict=True):
        h = h + (V @ nn.functional.gelu(W @ h.T / math.sqrt(5))).T / (4 * math.sqrt(7))
    torch.testing.assert_close(network(x), h @ network.project.T)
    free = ResidualBranches(5, 7, 4, normalized=False, dtype=torch.float64)
    with torch.no_grad():
        free.inner.copy_(branches.inner / math.sqrt(5))
        free.outer.copy_(branches.outer / math.sqrt(7))
    torch.testing.assert_close(free(start), branches(start))


@pytest.mark.parametrize(("kind", "expected"), [("tied", 1.0), ("iid", 0.0), ("smooth", math.exp(-2.0))])
def test_initial_layers_correlate_as_they_say(kind: str, expected: float, generator: torch.Generator) -> None:
    """20,000 entries: the correlation at distance 1/2 errs by at most 0.007; six times that is never seen."""
    layers = initial_layers(kind, 8, (200, 100), generator=generator, length_scale=0.25).flatten(1)
    assert layers.shape == (8, 20_000)
    correlation = layers @ layers.T / layers.shape[1]
    assert correlation.diag().tolist() == pytest.approx([1.0] * 8, abs=0.06)
    assert float(correlation[0, 4]) == pytest.approx(expected, abs=0.05)


def test_smooth_networks_of_all_depths_read_one_path() -> None:
    draws = [initial_layers("smooth", depth, (3, 2), generator=torch.Generator().manual_seed(5)) for depth in (4, 8)]
    torch.testing.assert_close(draws[1][1::2], draws[0])
    path = SmoothPath((3, 2), generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(path(torch.tensor([0.5, 1.0])), draws[0][1::2])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"depth": 0}, "depth: must be at least 1, got 0"),
        ({"initialization": "zero"}, "initialization: unknown name 'zero'.*tied, smooth, iid"),
        ({"activation": "sine"}, "activation: unknown name 'sine'.*gelu"),
    ],
)
def test_bad_networks(arguments: dict, complaint: str) -> None:
    options = {"depth": 3} | arguments
    with pytest.raises(InputError, match=complaint):
        ResidualBranches(2, 2, **options)


def test_bad_segments_and_length_scales() -> None:
    with pytest.raises(InputError, match="segment: must be at least 1, got 0"):
        ResidualBranches(2, 2, 3, segment=0)(torch.zeros(1, 2))
    with pytest.raises(InputError, match="length_scale: must be positive, got 0"):
        SmoothPath((2,), length_scale=0.0)
