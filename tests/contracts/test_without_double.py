"""No tensor in double precision reaches a device that has none (Apple's), checked on a make-believe one.

Its tensors say that they live on "meta" and hold their values on the CPU; to make, keep or send one in double precision
is an error, as it is there.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

import mnemoscope as mn
from mnemoscope import torch_state
from mnemoscope.auditing import mmd_squared
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.residual.smoothness import smoothness_of_layers
from mnemoscope.sampling import SOLVERS
from mnemoscope.scores import EmpiricalBayesScore, KernelSmoothedScore, TemperedScore
from tests.laws import PROCESSES

APPLE = torch.device("meta")
PROCESS = mn.VariancePreserving()
X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))


class There(Tensor):
    """A tensor on the make-believe device."""

    @staticmethod
    def __new__(cls, values: Tensor) -> "There":
        if values.dtype == torch.float64:
            raise TypeError("the device has no double precision")
        return Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), dtype=values.dtype, device=APPLE, storage_offset=0
        )

    def __init__(self, values: Tensor) -> None:
        self.values = values

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(function, args, kwargs or {})


def run(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """On the values; what comes of a tensor there, or is asked for there, is there."""
    found: list[There] = []

    def here(value: Any) -> Any:
        if isinstance(value, There):
            found.append(value)
            return value.values
        return value

    target = kwargs.get("device")
    leaving = function is torch.ops.aten._to_copy.default and target is not None and torch.device(target) != APPLE
    args, kwargs = tree_map(here, args), tree_map(here, kwargs)
    if leaving and found and kwargs.get("dtype") == torch.float64:
        raise TypeError("the device has no double precision: move first, then convert")
    if target is not None:
        kwargs["device"] = torch.device("cpu")
    result = function(*args, **kwargs)
    stays = (bool(found) or (target is not None and torch.device(target) == APPLE)) and not leaving
    if function in (torch.ops.aten.copy_.default,) and found:
        return next(value for value in found)
    return tree_map(lambda r: There(r) if stays and isinstance(r, Tensor) else r, result)


class Apple(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(function, args, kwargs or {})


class Given(TorchFunctionMode):
    """What never comes to a dispatch: tensors made of numbers, and numbers of tensors."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if function is Tensor.tolist and isinstance(args[0], There):
            return args[0].values.tolist()
        numbers = function in (torch.tensor, torch.as_tensor) and not isinstance(args[0], Tensor)
        if numbers and options.get("device") is not None and torch.device(options["device"]) == APPLE:
            return There(function(*args, **(options | {"device": "cpu"})))
        return function(*args, **options)


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(torch_state, "WITHOUT_DOUBLE", frozenset({"meta"}))
    with Apple(), Given(), torch.no_grad():
        yield


def there(values: Tensor) -> Tensor:
    return values.to(APPLE)


def compare(found: Tensor, expected: Tensor) -> None:
    assert found.device == APPLE
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-5)


def test_the_device_has_no_double_precision(apple: object) -> None:
    x = there(X)
    assert (x + 1).device == APPLE
    assert torch.equal((x + 1).cpu(), X + 1)
    for wrong in (
        lambda: x.double(),
        lambda: X.double().to(APPLE),
        lambda: torch.zeros(2, dtype=torch.float64, device=APPLE),
        lambda: x.to("cpu", torch.float64),
    ):
        with pytest.raises(TypeError, match="no double"):
            wrong()


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)
def test_processes(apple: object, process: mn.Process) -> None:
    for t in (0.3, torch.tensor(0.3, dtype=torch.float64), torch.full((60,), 0.3, dtype=torch.float64)):
        compare(process.perturb(there(X), t, there(X)), process.perturb(X, t, X))
        compare(process.denoiser_from_score(there(X), there(X), t), process.denoiser_from_score(X, X, t))
        compare(process.score_from_noise(there(X), t), process.score_from_noise(X, t))
    g = torch.Generator().manual_seed(0)
    assert process.forward(there(X), 0.3, g).device == APPLE


BUILDERS: list[Callable[[Tensor], mn.Score]] = [
    lambda train: mn.EmpiricalScore(train, PROCESS),
    lambda train: mn.EmpiricalScore(train, PROCESS, torch.rand(60, generator=torch.Generator().manual_seed(0))),
    lambda train: mn.TikhonovScore(train, PROCESS, 0.1),
    lambda train: mn.TikhonovScore(train, PROCESS, 0.1, "covariance"),
    lambda train: EmpiricalBayesScore(train, PROCESS, 0.1),
    lambda train: TemperedScore(train, PROCESS, 2.0),
    lambda train: KernelSmoothedScore(train, PROCESS, 0.3, generator=torch.Generator().manual_seed(0), n_draws=2),
]


@pytest.mark.parametrize("number", range(len(BUILDERS)))
def test_closed_form_scores_compute_on_the_cpu(apple: object, number: int) -> None:
    build = BUILDERS[number]
    score, expected = build(there(X)), build(X)
    assert score.device == APPLE
    for t in (0.01, 0.5):
        compare(score(there(X), t), expected(X, t))
        compare(score.denoiser(there(X), t), expected.denoiser(X, t))


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["empirical", "function"])
def test_samplers(apple: object, solver: str, kind: str) -> None:
    def drawn(train: Tensor) -> Tensor:
        score = mn.EmpiricalScore(train, PROCESS) if kind == "empirical" else lambda x, t: -x * (1 + t[:, None])
        options = {"solver": solver, "n_steps": 4, "event_shape": (3,), "device": train.device, "tolerance": 1e-3}
        return mn.sample(score, PROCESS, 4, generator=torch.Generator().manual_seed(1), **options)

    found, expected = drawn(there(X)), drawn(X)
    assert found.device == APPLE
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-2, atol=1e-2)


def test_networks(apple: object) -> None:
    network = build_network(NetworkSpec("mlp", (3,), {"width": 8}), seed=0)
    expected = NetworkScore(network, PROCESS, (3,))(X, 0.3)
    for module in network.modules():
        for group in (module._parameters, module._buffers):
            for name, value in group.items():
                group[name] = there(value.detach())
    compare(NetworkScore(network, PROCESS, (3,))(there(X), 0.3), expected)


def test_monitor_audit_and_distances(apple: object) -> None:
    monitor = MemorizationMonitor(X, X + 1, PROCESS, n_samples=40, n_steps=2)
    monitor.update(mn.EmpiricalScore(there(X), PROCESS), 1)
    assert mmd_squared(there(X), there(X + 1)) == pytest.approx(mmd_squared(X, X + 1), rel=1e-6)
    assert smoothness_of_layers(there(X), shuffles=3).jump_share == smoothness_of_layers(X, shuffles=3).jump_share
    found = nearest_neighbours(X.numpy(), X.numpy(), 2, device=APPLE)
    assert (found.indices == nearest_neighbours(X.numpy(), X.numpy(), 2).indices).all()
