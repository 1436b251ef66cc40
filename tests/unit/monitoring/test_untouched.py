"""A look changes nothing: modes, gradients, buffers, random states, autocast, wrappers."""

import functools
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.monitoring.untouched import _random_state, networks_of, untouched
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.scores import Score

DIM = 3
TRAIN, HOLDOUT = torch.randn(2, 16, DIM, generator=torch.Generator().manual_seed(0))
PROCESS = OrnsteinUhlenbeck(t_min=1e-3, t_max=3.0)


class Restless(nn.Module):
    """It draws from every generator, has batch norm and dropout, counts its calls, and meddles with its weights."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(DIM, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, DIM))
        self.register_buffer("calls", torch.zeros(1))
        self.broken, self.modes = False, set[bool]()

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        self.modes |= {module.training for module in self.modules()}
        weight = self.layers[0].weight
        weight.requires_grad_(False)
        if weight.grad is not None:
            weight.grad += 1
        if self.broken:
            raise RuntimeError("broken")
        drawn = torch.rand(1) + float(np.random.rand()) + random.random()  # noqa: NPY002
        return self.layers(x) + 0 * drawn


network = Restless()


class Holding(Score):
    def __init__(self, held: nn.Module) -> None:
        self.held, self.process, self.event_shape = {"network": [held]}, PROCESS, (DIM,)

    def __call__(self, x: Tensor, t: object) -> Tensor:
        return self.held["network"][0](x, torch.as_tensor(t))


def method(self: object, x: Tensor, t: Tensor) -> Tensor:
    return network(x, t)


def ways(held: nn.Module) -> list[Callable[[Tensor, Tensor], Tensor]]:
    def nested(x: Tensor, t: Tensor, *, deep: Callable[..., Tensor] = lambda x, t: held(x, t)) -> Tensor:
        return deep(x, t)

    return [held, held.forward, lambda x, t: held(x, t), functools.partial(lambda f, x, t: f(x, t), held),
            Holding(held), nested]  # fmt: skip


def states() -> list[object]:
    """Of torch and NumPy; Python's own is moved by the tests' type checker, and has a test of its own."""
    return [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()]  # noqa: NPY002


def test_pythons_random_state_is_as_it_was() -> None:
    drawn = []
    for _ in range(2):
        before = random.getstate()
        with _random_state(3):
            drawn.append(random.random())
        assert random.getstate() == before
        random.random()
    assert drawn[0] == drawn[1]


@settings(max_examples=8)
@given(
    way=st.integers(0, 5),
    modes=st.lists(st.booleans(), min_size=6, max_size=6),
    graded=st.booleans(),
    broken=st.booleans(),
    seed=st.integers(0, 5),
)
def test_everything_is_as_it_was(way: int, modes: list[bool], graded: bool, broken: bool, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        held = Restless()
        held.broken = broken
        if graded:
            held.layers(TRAIN).sum().backward()
        for module, mode in zip(held.modules(), modes, strict=True):
            module.training = mode
        grads = [None if p.grad is None else (p.grad, p.grad.clone()) for p in held.parameters()]
        content = {name: value.clone() for name, value in held.state_dict().items()}
        before, monitor = states(), MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.5])
        try:
            monitor.update(ways(held)[way], 1)
        except RuntimeError:
            assert broken
        assert states() == before
        assert [module.training for module in held.modules()] == modes
        assert all(p.requires_grad for p in held.parameters())
        assert all(torch.equal(content[name], value) for name, value in held.state_dict().items())
        for parameter, grad in zip(held.parameters(), grads, strict=True):
            assert (parameter.grad is None) == (grad is None)
            if grad is not None:
                assert parameter.grad is grad[0]
                assert torch.equal(grad[0], grad[1])
        assert held.modes == {False}, "it was looked at in evaluation mode"
        assert torch.is_grad_enabled()


def test_networks_are_found_wherever_a_function_keeps_them() -> None:
    assert [networks_of(way) for way in ways(network)] == [[network]] * 6
    assert networks_of(lambda x, t: network(x, t)) == [network], "a global one"
    assert networks_of(torch.tanh) == []
    assert networks_of(lambda x, t: torch.zeros_like(x)) == []


def test_what_a_model_draws_is_the_same_at_every_look() -> None:
    noisy = lambda x, t: -x + 0.1 * torch.randn_like(x)  # noqa: E731
    monitor = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.5])
    first = monitor.update(noisy, 1)
    torch.rand(7)
    assert monitor.update(noisy, 2).levels == first.levels


def test_weights_cast_by_autocast_keep_their_gradient() -> None:
    """What autocast casts without gradient it would hand to the next forward pass."""
    linear = nn.Linear(DIM, DIM)
    with torch.autocast("cpu", torch.bfloat16):
        MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.5]).update(lambda x, t: -linear(x), 1)
        loss = linear(TRAIN).square().mean()
        assert torch.is_autocast_cache_enabled()
    loss.backward()
    assert linear.weight.grad is not None


def test_a_data_parallel_network_waits_for_nobody(tmp_path: Path) -> None:
    store = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(Restless())
        with untouched(lambda x, t: wrapped(x, t), 0):
            assert not wrapped.require_forward_param_sync
            wrapped(TRAIN, torch.zeros(16))
        assert wrapped.require_forward_param_sync
        assert wrapped.module.modes == {False}
        assert wrapped.training
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_a_compiled_network_is_looked_at_as_it_is() -> None:
    compiled = torch.compile(nn.Sequential(nn.Linear(DIM, 8), nn.Dropout(0.5), nn.Linear(8, DIM)), backend="eager")
    monitor = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.5])
    first, second = (monitor.update(lambda x, t: compiled(x), step) for step in (1, 2))
    assert first.levels == second.levels, "dropout is off"
    assert all(module.training for module in compiled.modules())
