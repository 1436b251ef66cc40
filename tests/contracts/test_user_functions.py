"""What a user's score function is handed, checked by a network that insists on it."""

import pytest
import torch
from torch import Tensor, nn

import mnemoscope as mn
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.processes import OrnsteinUhlenbeck, Process
from mnemoscope.sampling import SOLVERS, sample
from mnemoscope.scores import EmpiricalScore
from mnemoscope.scores.base import as_score_function
from tests.laws import PROCESSES
from tests.test_examples import ROOT, run

DIM = 3
PROCESS = OrnsteinUhlenbeck()


class Insisting(nn.Module):
    """A usual network, x and t side by side into linear layers, that takes nothing else."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(DIM + 1, 8, dtype=dtype), nn.Tanh(), nn.Linear(8, DIM, dtype=dtype))
        self.calls: list[tuple[tuple[int, ...], float]] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        parameter = self.layers[0].weight
        assert (x.dtype, x.device) == (parameter.dtype, parameter.device)
        assert t.shape == (len(x),)
        assert (t.dtype, t.device) == (x.dtype, x.device)
        assert bool((t == t[0]).all())
        t.mul_(1)  # memory of its own
        self.calls.append((tuple(x.shape), float(t[0])))
        return -x + 0.1 * self.layers(torch.cat([x, t[:, None]], dim=1))


def forms(network: Insisting) -> dict[str, object]:
    return {"module": network, "method": network.forward, "function": lambda x, t: network(x, t)}


@pytest.mark.parametrize(
    ("solver", "process"),
    # The adaptive solver takes seconds where σ/α runs over many decades.
    [(s, p) for s in SOLVERS for p in PROCESSES if s != "adaptive" or p == PROCESS],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
@pytest.mark.parametrize("form", ["module", "method", "function"])
def test_every_solver(form: str, solver: str, process: Process, generator: torch.Generator) -> None:
    network = Insisting()
    options = {"solver": solver, "n_steps": 4, "tolerance": 1e-2, "event_shape": (DIM,), "batch_size": 4}
    x = sample(forms(network)[form], process, 6, generator=generator, **options)
    assert (x.shape, x.dtype) == ((6, DIM), torch.float32)
    assert {shape[0] for shape, _ in network.calls} == {4, 2}
    times = [t for _, t in network.calls]
    assert max(times) == pytest.approx(process.t_max, rel=1e-5)
    assert min(times) <= process.t_min * (1 + 1e-5)  # an adaptive step may reach beyond


def test_the_dtype_follows_the_initial_noise(generator: torch.Generator) -> None:
    initial = torch.randn(5, DIM, generator=generator, dtype=torch.float64)
    x = sample(Insisting(torch.float64), PROCESS, 5, generator=generator, initial=initial, n_steps=3)
    assert x.dtype == torch.float64


def test_monitor_and_audit(generator: torch.Generator) -> None:
    train, holdout = torch.randn(2, 60, DIM, generator=generator)
    network = Insisting()
    monitor = MemorizationMonitor(train, holdout, PROCESS, n_samples=40, n_steps=3)
    record = monitor.update(network, 1)
    samples = sample(network, PROCESS, 40, generator=torch.Generator().manual_seed(0), n_steps=3, event_shape=(DIM,))
    found = mn.audit(samples, train, holdout=holdout, measures=["distance-ratio"])
    assert record.result.rate == found.results[0].rate


@pytest.mark.parametrize("t", [0.5, torch.tensor(0.5), torch.tensor([0.5]), torch.linspace(0.1, 1, 4).double()])
def test_whatever_time_comes_in(t: float | Tensor) -> None:
    seen = []
    as_score_function(lambda x, t: seen.append(t) or x)(torch.zeros(4, 2), t)
    assert (seen[0].shape, seen[0].dtype) == ((4,), torch.float32)
    torch.testing.assert_close(seen[0], torch.as_tensor(t, dtype=torch.float32).expand(4))


def test_our_own_scores_get_the_time_as_it_is(generator: torch.Generator) -> None:
    """In double precision, so that samples of a seed stay what they were."""
    seen = []

    class Watched(EmpiricalScore):
        def __call__(self, x: Tensor, t: float | Tensor) -> Tensor:
            seen.append(t)
            return super().__call__(x, t)

    score = Watched(torch.randn(5, DIM, generator=generator), PROCESS)
    t, x = torch.tensor(0.3, dtype=torch.float64), torch.zeros(4, DIM)
    assert torch.equal(as_score_function(score)(x, t), score(x, t))
    assert seen[0] is t


def test_samples_live_where_the_caller_says(generator: torch.Generator) -> None:
    seen = []

    def score(x: Tensor, t: Tensor) -> Tensor:
        seen.append((x.device.type, t.device.type))
        return -x

    with pytest.raises(NotImplementedError):  # the last check, for finite samples, has no meaning on "meta"
        sample(score, PROCESS, 3, generator=generator, event_shape=(2,), n_steps=2, device="meta")
    assert set(seen) == {("meta", "meta")}


def test_the_recipe_of_the_documentation_runs() -> None:
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    run(page, "docs/extending.md", names)
    assert isinstance(names["x"], Tensor)
