"""A network handed to the library comes back with every part in the mode in which it came, also after an error."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.networks import NetworkScore
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.residual import neural_ode, ode_distance, resample_depth, smoothness
from mnemoscope.sampling import sample
from mnemoscope.torch_state import evaluation_mode
from mnemoscope.training import TrainingSpec, fit

DIM = 2
PROCESS = OrnsteinUhlenbeck()
TRAIN, HOLDOUT = torch.randn(2, 50, DIM, generator=torch.Generator().manual_seed(0))


class Watched(nn.Module):
    """Of parts that behave otherwise in training, and which note in which modes they were called."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(DIM + 1, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, DIM))
        self.modes: list[list[bool]] = []
        self.broken = False

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        self.modes.append(modes_of(self))
        if self.broken:
            raise ZeroDivisionError
        return -x + 0.1 * self.layers(torch.cat([x, t[:, None]], dim=1))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.norm, self.drop = nn.Linear(DIM, DIM), nn.BatchNorm1d(DIM), nn.Dropout(0.5)

    def forward(self, h: Tensor) -> Tensor:
        return h + 0.1 * self.drop(self.norm(self.inner(h)))


def modes_of(network: nn.Module) -> list[bool]:
    return [module.training for module in network.modules()]


def buffers_of(network: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in network.buffers()]


def by_sample(network: nn.Module) -> None:
    sample(network, PROCESS, 4, generator=torch.Generator().manual_seed(0), n_steps=2, event_shape=(DIM,))


def by_a_method(network: nn.Module) -> None:
    sample(network.forward, PROCESS, 4, generator=torch.Generator().manual_seed(0), n_steps=2, event_shape=(DIM,))


def by_a_network_score(network: nn.Module) -> None:
    NetworkScore(network, PROCESS, (DIM,))(TRAIN, 0.5)


def by_the_monitor(network: nn.Module) -> None:
    monitor = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, n_samples=40, n_steps=2)
    monitor.update(network, 1)
    monitor.update(NetworkScore(network, PROCESS, (DIM,)), 2)


EVALUATIONS = [by_sample, by_a_method, by_a_network_score, by_the_monitor]
STACKS: dict[str, Callable[[nn.Sequential], object]] = {
    "neural_ode": lambda stack: neural_ode(stack)(TRAIN, steps=2),
    "ode_distance": lambda stack: ode_distance(stack, TRAIN, steps=2),
    "resample_depth": lambda stack: resample_depth(stack, 5, TRAIN),
    "smoothness": lambda stack: smoothness(stack, shuffles=3),
}
some_modes = st.lists(st.booleans(), min_size=20, max_size=20)
few = settings(max_examples=6)


def set_modes(network: nn.Module, modes: list[bool]) -> None:
    for module, mode in zip(network.modules(), modes, strict=False):
        module.training = mode


@pytest.mark.parametrize("use", EVALUATIONS, ids=lambda use: use.__name__)
@few
@given(modes=some_modes, broken=st.booleans())
def test_evaluations(use: Callable[[nn.Module], None], modes: list[bool], broken: bool) -> None:
    network = Watched()
    network.broken = broken
    set_modes(network, modes)
    before, statistics = modes_of(network), buffers_of(network)
    if broken:
        with pytest.raises(ZeroDivisionError):
            use(network)
    else:
        use(network)
    assert modes_of(network) == before
    assert network.modes
    assert not any(any(seen) for seen in network.modes)
    assert all(torch.equal(*pair) for pair in zip(statistics, buffers_of(network), strict=True))


@pytest.mark.parametrize("name", STACKS)
@few
@given(modes=some_modes)
def test_residual_stacks(name: str, modes: list[bool]) -> None:
    stack = nn.Sequential(*(Block() for _ in range(4)))
    set_modes(stack, modes)
    before, statistics = modes_of(stack), buffers_of(stack)
    STACKS[name](stack)
    assert modes_of(stack) == before
    assert all(torch.equal(*pair) for pair in zip(statistics, buffers_of(stack), strict=True))


def test_a_resampled_network_comes_in_the_mode_of_the_old_one() -> None:
    for mode in (False, True):
        stack = nn.Sequential(*(Block() for _ in range(4))).train(mode)
        for block in stack:
            block.norm.eval()
        new = resample_depth(stack, 6, TRAIN).network
        norms = [module for module in new.modules() if isinstance(module, nn.BatchNorm1d)]
        assert not any(norm.training for norm in norms)
        assert all(module.training is mode for module in new.modules() if module not in norms)


@few
@given(modes=some_modes, broken=st.booleans())
def test_training(modes: list[bool], broken: bool) -> None:
    """Trained in training mode, but for parts that a network in training mode has frozen; then as it came."""
    network = Watched()
    network.broken = broken
    set_modes(network, modes)
    before = modes_of(network)
    if broken:
        with pytest.raises(ZeroDivisionError):
            fit(network, TRAIN, PROCESS, TrainingSpec(steps=2, batch_size=4))
    else:
        found = fit(network, TRAIN, PROCESS, TrainingSpec(steps=2, batch_size=4))
        assert not any(modes_of(found.score.network))
    assert modes_of(network) == before
    in_training = before if before[0] else [True] * len(before)
    assert all(seen == in_training for seen in network.modes)


def test_the_flags_alone_are_set() -> None:
    """A network may do more when told to train: merge its adapters, say."""

    class Merging(nn.Linear):
        def train(self, mode: bool = True) -> "Merging":
            raise AssertionError("told to train")

    with evaluation_mode(Merging(2, 2)):
        pass
