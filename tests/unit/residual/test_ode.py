"""The neural ODE against solutions in closed form, and networks at other depths."""

import math

import pytest
import torch
from torch import Tensor, nn

from mnemoscope.errors import InputError
from mnemoscope.networks import ResidualNetwork
from mnemoscope.residual import (
    NeuralODE,
    ResidualBranches,
    ResidualCNN,
    ResidualMLP,
    SmoothPath,
    neural_ode,
    ode_distance,
    resample_depth,
)
from mnemoscope.theory import euler_error_bound, power_law
from tests.tolerances import SLOPE


def linear_network(depth: int, generator: torch.Generator) -> tuple[ResidualMLP, Tensor]:
    """The same linear branch in every layer: h_L = (1 + M/L)^L h_0, H(1) = e^M h_0."""
    network = ResidualMLP(
        3, 3, ResidualBranches(3, 5, depth, activation="identity", generator=generator, dtype=torch.float64)
    )
    V = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        network.branches.outer.copy_(V.expand(depth, 3, 5))
    return network, V @ network.branches.inner[0].detach() / math.sqrt(15)


@pytest.mark.parametrize("steps", [None, 50])
def test_the_ode_of_a_linear_network_is_the_exponential(steps: int | None, generator: torch.Generator) -> None:
    network, M = linear_network(6, generator)
    h = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    exact = h @ torch.matrix_exp(M).T
    found = neural_ode(network)(h, steps=steps, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found, exact, rtol=1e-6, atol=1e-6)
    stack = h @ torch.linalg.matrix_power(torch.eye(3) + M / 6, 6).T
    expected = float((stack - exact).norm() / (stack - h).norm())
    assert ode_distance(network, h) == pytest.approx(expected, rel=1e-4)


def test_the_path_passes_through_every_layer_at_its_place() -> None:
    """Scalar linear branches commute: H(1) = exp ∫ v(s) ds, and that integral is the layers' mean."""
    v = torch.tensor([0.3, 2.0, -1.0, 0.7], dtype=torch.float64)
    network = ResidualMLP(1, 1, ResidualBranches(1, 1, 4, activation="identity", dtype=torch.float64))
    with torch.no_grad():
        network.branches.inner.fill_(1.0)
        network.branches.outer.copy_(v[:, None, None])
    ode, one = neural_ode(network), torch.ones(1, 1, dtype=torch.float64)
    assert float(ode(one, steps=80)) == pytest.approx(math.exp(float(v.mean())), rel=1e-6)
    assert [float(ode.path(s)["outer"]) for s in (0.0, 0.125, 0.25, 0.625, 1.0)] == pytest.approx(
        [0.3, 0.3, 1.15, -1.0, 0.7]
    )


def test_blocks_of_another_library_have_an_ode_too(generator: torch.Generator) -> None:
    """h ↦ h + tanh(…)/L written as plain modules, called with an argument more, is the fused network's ODE."""

    class Block(nn.Module):
        def __init__(self, W: Tensor, V: Tensor, scale: float) -> None:
            super().__init__()
            self.W, self.V, self.scale = nn.Parameter(W), nn.Parameter(V), scale
            self.register_buffer("count", torch.tensor(3))

        def forward(self, h: Tensor, sign: float) -> Tensor:
            return h + sign * self.scale * torch.tanh(h @ self.W.T) @ self.V.T

    network = ResidualMLP(
        3, 3, ResidualBranches(3, 5, 9, activation="tanh", initialization="smooth", generator=generator)
    )
    nn.init.normal_(network.branches.outer, generator=generator)
    weights = zip(network.branches.inner.detach(), network.branches.outer.detach(), strict=True)
    blocks = [Block(W / math.sqrt(3), V / math.sqrt(5), 1 / 9) for W, V in weights]
    h = torch.randn(4, 3, generator=generator)
    ours, theirs = (
        neural_ode(stack, call=call)(h, steps=40)
        for stack, call in ((network, None), (blocks, lambda block, h: block(h, sign=1.0)))
    )
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)
    found = ode_distance(blocks, h, call=lambda block, h: block(h, sign=1.0), steps=40)
    assert found == pytest.approx(ode_distance(network, h, steps=40), rel=1e-3)


def test_the_error_falls_like_one_over_the_depth_and_stays_below_its_bound(generator: torch.Generator) -> None:
    """Proposition 2, with the constant of ``euler_error_bound``: slope −1."""
    inner, outer = (
        SmoothPath(shape, generator=generator, length_scale=0.5, dtype=torch.float64) for shape in ((6, 4), (4, 6))
    )
    network = ResidualMLP(4, 4, ResidualBranches(4, 6, 1, generator=generator, dtype=torch.float64))
    ode = NeuralODE(
        lambda h, z: network.branches.velocity(h, z["inner"], z["outer"]),
        lambda s: {name: path(torch.tensor([s]))[0] for name, path in (("inner", inner), ("outer", outer))},
    )
    h = torch.randn(1, 4, generator=generator, dtype=torch.float64)
    exact = ode(h, steps=200)
    depths, errors = [16, 32, 64, 128, 256], []
    for depth in depths:
        s = torch.arange(1, depth + 1, dtype=torch.float64) / depth
        network.branches.inner, network.branches.outer = nn.Parameter(inner(s)), nn.Parameter(outer(s))
        errors.append(float((network.branches(h) - exact).detach().norm()))
    assert power_law(depths, errors).value == pytest.approx(-1, abs=SLOPE)
    s = torch.linspace(0, 1, 2001, dtype=torch.float64)
    norms = {}
    for name, path in (("inner", inner), ("outer", outer)):
        norms[f"{name}_norm"] = float(torch.linalg.matrix_norm(path(s), ord=2).max())
        norms[f"{name}_slope"] = float(torch.linalg.matrix_norm(path(s).diff(dim=0) * 2000, ord=2).max())
    bound = euler_error_bound(depths, **norms, dim=4, width=6, start_norm=float(h.norm()))
    assert all(error <= limit for error, limit in zip(errors, bound, strict=True))
    assert bound[0] < 1e6 * errors[0]


@pytest.mark.parametrize("depth", [8, 16, 64])
def test_a_smooth_network_is_the_same_function_at_another_depth(depth: int, generator: torch.Generator) -> None:
    network = ResidualMLP(4, 4, ResidualBranches(4, 8, 16, initialization="smooth", generator=generator))
    s = torch.linspace(0, 1, 16)[:, None, None]
    network.branches.outer.data = torch.cos(3 * s) * torch.randn(4, 8, generator=generator)
    x = torch.randn(20, 4, generator=generator)
    found = resample_depth(network, depth, x)
    assert found.network.branches.depth == depth
    assert network.branches.depth == 16
    measured = float(((found.network(x) - network(x)).norm() / network(x).norm()).detach())
    assert found.error == pytest.approx(measured, abs=1e-6)
    assert found.error == (pytest.approx(0, abs=1e-6) if depth == 16 else pytest.approx(0.01, abs=0.02))
    torch.nn.init.normal_(network.branches.outer, generator=generator)
    rough = resample_depth(network, depth, x).error
    assert depth == 16 or rough > 3 * found.error


def test_score_networks_and_convolutions_change_depth(generator: torch.Generator) -> None:
    score = ResidualNetwork((3, 3), width=8, depth=4)
    nn.init.constant_(score.branches.outer, 0.1)
    x, level = torch.randn(5, 3, 3, generator=generator), torch.zeros(5)
    assert 0 < resample_depth(score, 9, x, level).error < 0.1

    network = ResidualCNN(1, 3, 4, 6, batch_norm=True, generator=generator).eval()
    images = torch.randn(5, 1, 6, 6, generator=generator)
    for block in network.blocks:
        nn.init.constant_(block.outer_norm.weight, 1.0)
    deep = resample_depth(network, 60, images)
    assert len(deep.network.blocks) == 60
    assert not deep.network.training
    assert 0 < deep.error < 0.1
    assert resample_depth(deep.network, 6, images).error < 0.1
    assert resample_depth(network.blocks, 6, torch.randn(2, 4, 5, 5, generator=generator)).error < 1e-6


def test_a_convolutional_network_starts_from_its_stem(generator: torch.Generator) -> None:
    images = torch.randn(3, 1, 6, 6, generator=generator)
    for batch_norm in (True, False):
        network = ResidualCNN(1, 2, 4, 5, initialization="iid", batch_norm=batch_norm, generator=generator)
        torch.testing.assert_close(network(images), network.head(network.stem(images).mean(dim=(2, 3))))
        assert len({float(block.inner.weight[0, 0, 0, 0].detach()) for block in network.blocks}) == 5


def test_bad_depths_steps_and_stacks(generator: torch.Generator) -> None:
    network, x = ResidualMLP(2, 2, ResidualBranches(2, 3, 4, generator=generator)), torch.ones(1, 2)
    with pytest.raises(InputError, match="depth: must be at least 1, got 0"):
        resample_depth(network, 0, x)
    with pytest.raises(InputError, match="inputs: needs something"):
        resample_depth(network, 3)
    with pytest.raises(InputError, match="steps: must be at least 1, got 0"):
        neural_ode(network)(x, steps=0)
    with pytest.raises(InputError, match="leaves h as it is"):
        ode_distance(network, x)
