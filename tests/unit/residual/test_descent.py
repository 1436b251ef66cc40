"""Descent in the scaling of the paper: against gradient flow, its energy balance, and the ReLU counter-example."""

import math

import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.residual import ResidualBranches, ResidualMLP, descend, gradient_flow, polyak_lojasiewicz, smoothness
from mnemoscope.residual.descent import mean_square_loss
from mnemoscope.theory import alternating_limit


def problem(depth: int = 12, **options: object) -> tuple[ResidualMLP, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    x, y = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    return ResidualMLP(4, 4, ResidualBranches(4, 8, depth, generator=generator, dtype=torch.float64, **options)), x, y


def test_one_step_is_the_gradient_in_the_papers_scaling() -> None:
    network, x, y = problem()
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    loss = (network(x) - y).square().sum() / 6
    gradients = dict(zip(before, torch.autograd.grad(loss, list(network.parameters())), strict=True))
    found = list(descend(network, x, y, steps=1, learning_rate=0.01))
    assert [record.step for record in found] == [0, 1]
    assert found[0].loss == pytest.approx(float(loss.detach()))
    squares = 0.0
    for name, value in network.named_parameters():
        rate = 12 if name.startswith("branches") else 1
        squares += rate * float(gradients[name].square().sum())
        torch.testing.assert_close(value, before[name] - 0.01 * rate * gradients[name])
    assert found[0].ratio == pytest.approx(squares / found[0].loss)
    assert polyak_lojasiewicz(network, x, y) == pytest.approx(found[1].ratio)


def test_small_steps_follow_the_flow_and_the_flow_dissipates_the_ratio() -> None:
    times = torch.tensor([0.0, 0.05, 0.1], dtype=torch.float64)
    network, x, y = problem()
    losses = gradient_flow(network, x, y, times=times)
    assert float(losses[-1]) == pytest.approx(float(mean_square_loss(network, x, y).detach()))
    gaps = []
    for steps in (20, 80):
        discrete, x, y = problem()
        path = list(descend(discrete, x, y, steps=steps, learning_rate=0.1 / steps))
        gaps.append(abs(path[-1].loss - float(losses[-1])))
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.2)  # Euler is of first order
    # dℓ/dt = −P ℓ: the logarithm of the loss falls by the integral of P.
    fallen = math.log(float(losses[0] / losses[-1]))
    ratios = torch.tensor([record.ratio for record in path])
    assert float(torch.trapezoid(ratios, dx=0.1 / 80)) == pytest.approx(fallen, rel=0.01)


def test_clipping_shortens_the_step_of_each_layer_alone() -> None:
    network, x, y = problem(initialization="iid")
    before = network.branches.layers.clone()
    list(descend(network, x, y, steps=1, learning_rate=1.0))
    free = (network.branches.layers - before).norm(dim=1)
    clip = float(free.median())
    network, x, y = problem(initialization="iid")
    list(descend(network, x, y, steps=1, learning_rate=1.0, clip=clip))
    torch.testing.assert_close((network.branches.layers - before).norm(dim=1), free.clamp(max=clip))


def test_parameters_that_need_no_gradient_stay() -> None:
    network, x, y = problem()
    network.lift.requires_grad_(False)
    network.project.requires_grad_(False)
    record = next(descend(network, x, y, steps=0, learning_rate=0.1))
    loss = mean_square_loss(network, x, y)
    grads = torch.autograd.grad(loss, [network.branches.inner, network.branches.outer])
    assert record.ratio == pytest.approx(12 * sum(float(g.square().sum()) for g in grads) / float(loss.detach()))
    list(descend(network, x, y, steps=3, learning_rate=0.1))
    assert torch.equal(network.lift, torch.eye(4, dtype=torch.float64))


@pytest.mark.parametrize("pairs", [1, 8, 32])
def test_the_relu_counter_example_ends_where_its_formula_says(pairs: int) -> None:
    network = ResidualMLP(1, 1, ResidualBranches(1, 1, 2 * pairs, activation="relu", dtype=torch.float64))
    for parameter in (network.lift, network.project, network.branches.outer):
        parameter.requires_grad_(False)
    with torch.no_grad():
        network.branches.outer.fill_(1.0)
        signs = torch.tensor([(-1.0) ** k for k in range(1, 2 * pairs + 1)], dtype=torch.float64)
        network.branches.inner.copy_((signs / (2 * pairs))[:, None, None])
    x = torch.tensor([[0.5], [1.0]], dtype=torch.float64)
    list(descend(network, x, 3 * x, steps=400, learning_rate=0.1))
    weights = network.branches.inner.detach().flatten()
    limit = alternating_limit(3.0, pairs)
    torch.testing.assert_close(weights[0::2], torch.full((pairs,), -1 / (2 * pairs), dtype=torch.float64))
    assert weights[1::2].tolist() == pytest.approx([limit] * pairs, abs=1e-6)
    if pairs > 1:
        found = smoothness(network, names=["inner"])
        assert found.maximum == pytest.approx(limit + 1 / (2 * pairs), abs=1e-6)
        assert not found.smooth


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"steps": -1}, "steps: must be at least 0, got -1"),
        ({"learning_rate": 0.0}, "learning_rate: must be positive, got 0"),
        ({"clip": 0.0}, "clip: must be positive, got 0"),
        ({"learning_rate": 1e6, "steps": 50}, "loss is not finite at step .*lower learning_rate"),
    ],
)
def test_bad_descents(options: dict, complaint: str) -> None:
    network, x, y = problem()
    with pytest.raises(InputError, match=complaint):
        list(descend(network, x, y, **({"steps": 2, "learning_rate": 0.1} | options)))


@pytest.mark.parametrize("times", [[0.0], [0.1, 0.2], [0.0, 0.2, 0.2]])
def test_bad_times(times: list[float]) -> None:
    network, x, y = problem()
    with pytest.raises(InputError, match="times: must be at least two, start at 0 and increase"):
        gradient_flow(network, x, y, times=torch.tensor(times))
