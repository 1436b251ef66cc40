"""Diagnostics on stacks whose smoothness is known, of this library and of others."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mnemoscope.errors import InputError
from mnemoscope.networks import ResidualNetwork
from mnemoscope.residual import ResidualBranches, ResidualCNN, ResidualMLP, layer_weights, smoothness
from mnemoscope.residual.layers import resample_layers
from mnemoscope.residual.smoothness import smoothness_of_layers


@given(depth=st.integers(3, 12), parameters=st.integers(1, 20), seed=st.integers(0, 2**16))
def test_the_jump_share_is_the_slow_sum_and_one_on_average(depth: int, parameters: int, seed: int) -> None:
    layers = torch.from_numpy(np.random.default_rng(seed).normal(size=(depth, parameters)))
    found = smoothness_of_layers(layers, shuffles=400, seed=seed)
    gaps = [float((layers[k + 1] - layers[k]).norm()) for k in range(depth - 1)]
    spread = sum(float((row - layers.mean(dim=0)).square().sum()) for row in layers)
    assert found.distances.tolist() == pytest.approx(gaps)
    assert found.maximum == pytest.approx(max(gaps))
    assert found.jump_share == pytest.approx(sum(gap**2 for gap in gaps) / (2 * spread))
    steps = [layers[k + 1] - layers[k] for k in range(depth - 1)]
    products = [float(step @ after) for step, after in itertools.pairwise(steps)]
    assert found.step_correlation == pytest.approx(np.mean(products) / np.mean(np.square(gaps)))
    # The mean of 400 shuffles of a quantity in [0, 2]: five standard errors.
    assert float(found.null.mean()) == pytest.approx(1.0, abs=5 * float(found.null.std()) / math.sqrt(400) + 1e-9)


def test_the_p_value_is_uniform_on_independent_layers() -> None:
    """100 stacks of i.i.d. layers: p ≤ 0.1 about 10 times; more than 22 has probability below 1e-4."""
    rng = np.random.default_rng(0)
    p = [smoothness_of_layers(torch.from_numpy(rng.normal(size=(6, 3))), shuffles=99).p_value for _ in range(100)]
    assert sum(value <= 0.1 for value in p) <= 22
    assert np.mean(p) == pytest.approx(0.5, abs=0.12)
    assert min(p) >= 0.01


@pytest.mark.parametrize(
    ("initialization", "smooth"), [("tied", True), ("smooth", True), ("iid", False)], ids=lambda part: str(part)
)
def test_initialisations_get_their_verdict(initialization: str, smooth: bool, generator: torch.Generator) -> None:
    network = ResidualMLP(4, 4, ResidualBranches(4, 8, 32, initialization=initialization, generator=generator))
    found = smoothness(network)
    assert found.smooth is smooth
    assert found.verdict.startswith("Smooth" if smooth else "Not smooth")


def test_noise_on_a_smooth_path_is_measured_and_refused(generator: torch.Generator) -> None:
    s = torch.linspace(0, 1, 400, dtype=torch.float64)[:, None]
    direction = torch.randn(1, 50, generator=generator, dtype=torch.float64)
    path = math.sqrt(2) * torch.sin(2 * math.pi * s) * direction / direction.square().mean().sqrt()
    noise = torch.randn(400, 50, generator=generator, dtype=torch.float64)
    found = smoothness_of_layers(path + noise / 2)
    assert found.jump_share == pytest.approx(0.25 / 1.25, abs=0.02)
    assert found.p_value <= 0.01  # neighbours are alike
    assert found.step_correlation == pytest.approx(-0.5, abs=0.03)
    assert not found.smooth  # and yet a fifth of the variance is jumps
    assert smoothness_of_layers(path + noise / 200).smooth


def test_a_random_walk_lies_between_a_path_and_noise(generator: torch.Generator) -> None:
    noise = torch.randn(200, 100, generator=generator, dtype=torch.float64)
    # 200 steps in 100 dimensions: a standard error of 1/√20,000 = 0.007.
    assert smoothness_of_layers(noise.cumsum(dim=0)).step_correlation == pytest.approx(0, abs=0.03)
    assert smoothness_of_layers(noise).step_correlation == pytest.approx(-0.5, abs=0.03)
    assert smoothness_of_layers(noise.cumsum(dim=0).cumsum(dim=0)).step_correlation > 0.9


def test_the_maximum_falls_like_one_over_the_depth() -> None:
    steps = []
    for depth in (50, 400):
        generator = torch.Generator().manual_seed(3)
        network = ResidualMLP(4, 4, ResidualBranches(4, 8, depth, initialization="smooth", generator=generator))
        steps.append(smoothness(network, shuffles=19).maximum)
    assert steps[0] / steps[1] == pytest.approx(8, rel=0.1)


def test_parameters_can_be_looked_at_apart(generator: torch.Generator) -> None:
    network = ResidualNetwork((6,), width=8, depth=20, initialization="iid")
    network.branches.outer.data = torch.linspace(0, 1, 20)[:, None, None].expand(20, 8, 8).clone()
    assert smoothness(network, names=["outer"]).smooth
    assert not smoothness(network, names=["inner"]).smooth
    with pytest.raises(InputError, match="names: unknown name 'bias', choose one of inner, outer"):
        smoothness(network, names=["bias"])


def test_any_list_of_blocks_will_do() -> None:
    blocks = nn.ModuleList(nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(5))
    weights = layer_weights(blocks)
    assert {name: tuple(value.shape) for name, value in weights.items()} == {"0.weight": (5, 3, 3), "0.bias": (5, 3)}
    assert torch.equal(weights["0.bias"][2], blocks[2][0].bias)
    assert layer_weights(list(blocks)).keys() == weights.keys()
    assert len(layer_weights(ResidualCNN(1, 10, 2, 7))["inner.weight"]) == 7


def test_a_diffusers_transformer_will_do() -> None:
    from diffusers.models.attention import BasicTransformerBlock

    torch.manual_seed(0)
    blocks = nn.ModuleList(BasicTransformerBlock(8, 1, 8, norm_type="layer_norm") for _ in range(12))
    assert not smoothness(blocks, shuffles=99).smooth
    first = {name: value.detach() for name, value in blocks[0].named_parameters()}
    for k, block in enumerate(blocks):
        block.load_state_dict({name: value * (1 + k / 12) for name, value in first.items()})
    found = smoothness(blocks)
    assert found.smooth
    assert found.distances.std() < 1e-4 * found.maximum


def test_resampled_layers_lie_on_the_line() -> None:
    places = (torch.arange(8, dtype=torch.float64) + 0.5) / 8
    fine = resample_layers(places[:, None, None].expand(8, 2, 3), 16)
    expected = ((torch.arange(16, dtype=torch.float64) + 0.5) / 16).clamp(min=1 / 16, max=15 / 16)
    torch.testing.assert_close(fine, expected[:, None, None].expand(16, 2, 3))


def test_what_is_no_stack_is_refused(generator: torch.Generator) -> None:
    network = ResidualMLP(2, 2, ResidualBranches(2, 3, 5, generator=generator))
    with torch.no_grad():
        network.branches.outer[3, 0, 1] = math.nan
    with pytest.raises(InputError, match="block 3: outer has values that are not finite"):
        smoothness(network)
    with pytest.raises(InputError, match=r"block 1: weight has shape \(3, 3\), block 0 \(2, 2\)"):
        smoothness([nn.Linear(2, 2), nn.Linear(3, 3)])
    with pytest.raises(InputError, match="block 1 and block 0 differ in bias"):
        smoothness([nn.Linear(2, 2), nn.Linear(2, 2, bias=False)])
    with pytest.raises(InputError, match="Linear is no list of blocks"):
        smoothness(nn.Linear(2, 2))
    with pytest.raises(InputError, match="has no blocks"):
        smoothness(nn.ModuleList())
    with pytest.raises(InputError, match="blocks have no parameters"):
        smoothness([nn.Tanh(), nn.Tanh()])
    with pytest.raises(InputError, match="needs at least 3 layers to have an order, got 2"):
        smoothness([nn.Linear(2, 2), nn.Linear(2, 2)])
    with pytest.raises(InputError, match="shuffles: must be at least 1"):
        smoothness(ResidualCNN(1, 2, 2, 4), shuffles=0)
