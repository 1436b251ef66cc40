import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel

from mnemoscope.data import Dataset, load_digits
from mnemoscope.errors import InputError, OutputError
from mnemoscope.networks import MLP, NetworkSpec, build_network
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, VariancePreserving
from mnemoscope.scores import EmpiricalScore
from mnemoscope.training import TrainingSpec, denoising_loss, fit, load_run, train_run
from mnemoscope.training.checkpoint import TrainingState, checkpoints_of, load_checkpoint, save_checkpoint
from mnemoscope.training.draws import Draws

PROCESS = OrnsteinUhlenbeck()


def digits_like(n: int = 20, shape: tuple[int, ...] = (8, 8)) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("noise_draws", [math.inf, 3])
@pytest.mark.parametrize("name", ["mlp", "unet"])
def test_resuming_is_bit_for_bit(tmp_path: Path, name: str, optimizer: str, noise_draws: float) -> None:
    data = digits_like()
    network = NetworkSpec(name, (8, 8), {"width": 8})
    options = {"batch_size": 4, "optimizer": optimizer, "noise_draws": noise_draws, "learning_rate": 1e-2}
    whole = fit(build_network(network, 0), data, PROCESS, TrainingSpec(steps=6, **options))
    folder = tmp_path / name
    folder.mkdir()
    fit(build_network(network, 0), data, PROCESS, TrainingSpec(steps=4, **options), checkpoints=folder)
    # The second process starts from other weights: everything must come from the checkpoint.
    rest = fit(build_network(network, 9), data, PROCESS, TrainingSpec(steps=6, **options), checkpoints=folder)
    assert torch.equal(weights(whole.score.network), weights(rest.score.network))
    assert whole.losses == rest.losses


def test_a_different_seed_differs() -> None:
    data, network = digits_like(), NetworkSpec("mlp", (8, 8), {"width": 8})
    one, other = (fit(build_network(network, 0), data, PROCESS, TrainingSpec(steps=2, seed=s)).losses for s in (0, 1))
    assert one != other


def test_checkpoints_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = TrainingSpec(steps=3, batch_size=4)
    fit(MLP((8, 8), width=8), digits_like(), PROCESS, spec, checkpoints=tmp_path, checkpoint_every=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000001", "step-00000002", "step-00000003"]

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mnemoscope.training.checkpoint.write_record", full_disk)
    with pytest.raises(OutputError, match=r"step-00000004.*No space left"):
        fit(MLP((8, 8), width=8), digits_like(), PROCESS, TrainingSpec(steps=4, batch_size=4), checkpoints=tmp_path)
    assert checkpoints_of(tmp_path)[0].name == "step-00000003"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("file", ["network", "average", "optimizer"])
def test_damaged_checkpoints_are_named(tmp_path: Path, file: str) -> None:
    fit(MLP((8, 8), width=8), digits_like(), PROCESS, TrainingSpec(steps=1, batch_size=4), checkpoints=tmp_path)
    broken = tmp_path / "step-00000001" / f"{file}.safetensors"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(InputError, match=f"{file}.safetensors: is damaged"):
        fit(MLP((8, 8), width=8), digits_like(), PROCESS, TrainingSpec(steps=2, batch_size=4), checkpoints=tmp_path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    fit(MLP((8, 8), width=8), digits_like(), PROCESS, TrainingSpec(steps=1, batch_size=4), checkpoints=tmp_path)
    with pytest.raises(InputError, match="does not fit this network"):
        fit(MLP((8, 8), width=16), digits_like(), PROCESS, TrainingSpec(steps=2, batch_size=4), checkpoints=tmp_path)


def test_the_average_follows_the_weights() -> None:
    spec = TrainingSpec(steps=5, batch_size=4, ema_decay=0.0)
    network = MLP((8, 8), width=8)
    result = fit(network, digits_like(), PROCESS, spec)
    assert torch.equal(weights(network), weights(result.score.network))
    start = weights(build_network(NetworkSpec("mlp", (8, 8), {"width": 8}), 0))
    slow_network = build_network(NetworkSpec("mlp", (8, 8), {"width": 8}), 0)
    slow_spec = TrainingSpec(steps=5, batch_size=4, ema_decay=0.9, ema_warmup=False)
    slow = fit(slow_network, digits_like(), PROCESS, slow_spec)
    lag = (weights(slow.score.network) - start).norm() / (weights(slow_network) - start).norm()
    assert 0.2 < lag < 0.9


def test_the_average_by_its_recursion() -> None:
    """a_1 = w_1, a_k+1 = d_k a_k + (1 − d_k) w_k+1 with d_k = min(decay, (1 + k)/(10 + k)), and its last is the one."""
    spec = TrainingSpec(steps=40, batch_size=4, ema_decay=0.7)
    seen: list[torch.Tensor] = []
    network = MLP((8, 8), width=8)
    result = fit(
        network, digits_like(), PROCESS, spec, watch=lambda *_: seen.append(weights(network).clone()), watch_every=1
    )
    average = seen[0]
    for k, now in enumerate(seen[1:], start=1):
        decay = min(0.7, (1 + k) / (10 + k))
        average = decay * average + (1 - decay) * now
    torch.testing.assert_close(weights(result.score.network), average)
    assert spec.ema_decay_at(1) == 2 / 11
    assert spec.ema_decay_at(10**6) == 0.7


def test_an_average_that_lags_is_said_and_the_raw_weights_can_be_had(tmp_path: Path) -> None:
    data = load_digits().take(np.arange(8))
    network = NetworkSpec("mlp", (8, 8), {"width": 8})
    spec = TrainingSpec(steps=60, batch_size=4, ema_warmup=False)
    train_run(data, PROCESS, network, spec, tmp_path / "run")
    with pytest.warns(UserWarning, match="the average spans 1000 of 60 steps"):
        average = load_run(tmp_path / "run")
    raw = load_run(tmp_path / "run", weights="raw")
    kept = load_file(tmp_path / "run" / "checkpoints" / "step-00000060" / "network.safetensors")
    assert all(torch.equal(raw.score.network.state_dict()[name], tensor) for name, tensor in kept.items())
    assert not torch.equal(weights(raw.score.network), weights(average.score.network))
    with pytest.raises(InputError, match="weights"):
        load_run(tmp_path / "run", weights="best")
    # Warmed up it spans a ninth of the steps: no warning, which would be an error here.
    train_run(data, PROCESS, network, TrainingSpec(steps=60, batch_size=4), tmp_path / "warm")
    load_run(tmp_path / "warm")


def test_finite_noise_draws_are_a_table_and_infinite_ones_are_fresh() -> None:
    data = digits_like(3, (2,))
    for noise_draws, distinct in ((2, 6), (math.inf, 1000)):
        spec = TrainingSpec(batch_size=1000, noise_draws=noise_draws)
        batch = Draws(data, PROCESS, spec, torch.Generator().manual_seed(0)).batch()
        assert len(torch.unique(batch.noise, dim=0)) == distinct
        assert len(torch.unique(batch.t)) == distinct


@pytest.mark.parametrize("times", ["log-ratio", "uniform", 0.3])
def test_times_stay_in_range(times: str | float) -> None:
    spec = TrainingSpec(batch_size=5000, times=times)
    t = Draws(digits_like(3, (2,)), PROCESS, spec, torch.Generator().manual_seed(0)).batch().t
    assert t.min() >= PROCESS.t_min * (1 - 1e-9)
    assert t.max() <= PROCESS.t_max * (1 + 1e-9)
    middle = {
        "log-ratio": PROCESS.time_of(torch.sqrt(PROCESS.ratio(PROCESS.t_min) * PROCESS.ratio(PROCESS.t_max))).item(),
        "uniform": PROCESS.t_max / 2,
        0.3: 0.3,
    }[times]
    # The median of 5000 uniform draws lies within 0.035 of the middle quantile but once in a million.
    assert abs((t <= middle * (1 + 1e-12)).double().mean().item() - (1 if times == 0.3 else 0.5)) < 0.035


def test_velocity_weighting_is_one_plus_ratio_squared(generator: torch.Generator) -> None:
    network, x0 = MLP((3,), width=8), torch.randn(16, 3, generator=generator)
    noise, t = torch.randn(16, 3, generator=generator), 0.7
    plain = denoising_loss(network, EDM(), x0, t, noise)
    weighted = denoising_loss(network, EDM(), x0, t, noise, "velocity")
    torch.testing.assert_close(weighted, plain * (1 + t**2))


class Exact(torch.nn.Module):
    """The velocity of the empirical score, plus a perturbation."""

    def __init__(self, train: torch.Tensor, t: float, size: float) -> None:
        super().__init__()
        self.score, self.t, self.size = EmpiricalScore(train, PROCESS), t, size

    def forward(self, x: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
        alpha, sigma = PROCESS.coefficients(x, self.t)
        noise = PROCESS.noise_from_score(self.score(x, self.t), self.t) + self.size * torch.sin(3 * x)
        return (noise - sigma * x) / alpha


@pytest.mark.statistical
def test_the_loss_at_infinitely_many_draws_is_least_at_the_empirical_score() -> None:
    """L(s* + δh) − L(s*) = δ² E‖h‖²: no first-order term, so s* is the minimiser. Six standard errors."""
    train = digits_like(5, (1,)).double()
    t, n = 0.2, 200_000
    spec = TrainingSpec(batch_size=n, times=t)
    x0, times, noise = Draws(train, PROCESS, spec, torch.Generator().manual_seed(1)).batch()
    losses = {d: denoising_loss(Exact(train, t, d), PROCESS, x0, times, noise).item() for d in (-0.1, 0.0, 0.1)}
    x = PROCESS.perturb(x0, times, noise)
    expected = 0.01 * (torch.sin(3 * x) ** 2).mean().item()
    for size in (-0.1, 0.1):
        assert losses[size] - losses[0.0] == pytest.approx(expected, abs=6 * 0.2 / math.sqrt(n))
    assert losses[0.0] < min(losses[-0.1], losses[0.1])


@pytest.mark.statistical
def test_minimising_the_loss_at_one_noise_level_recovers_the_empirical_score() -> None:
    """Least squares on 60 Gaussian bumps with 10⁶ fresh draws: the score to 1 % where the data is."""
    train = torch.tensor([[-1.0], [-0.2], [0.5], [1.1]], dtype=torch.float64)
    t = 0.05
    centres = torch.linspace(-2.5, 2.5, 60, dtype=torch.float64)

    def features(x: torch.Tensor) -> torch.Tensor:
        return torch.exp(-((x - centres) ** 2) / (2 * 0.15**2))

    spec = TrainingSpec(batch_size=100_000, times=t)
    draws = Draws(train, PROCESS, spec, torch.Generator().manual_seed(2))
    gram, moment = torch.zeros(60, 60, dtype=torch.float64), torch.zeros(60, 1, dtype=torch.float64)
    for _ in range(10):
        x0, times, noise = draws.batch()
        phi = features(PROCESS.perturb(x0, times, noise))
        gram += phi.mT @ phi
        moment += phi.mT @ noise
    ridge = 1e-9 * gram.diagonal().mean() * torch.eye(60, dtype=torch.float64)
    coefficients = torch.linalg.solve(gram + ridge, moment)
    x = PROCESS.forward(train.repeat(500, 1), t, torch.Generator().manual_seed(3))
    learned = PROCESS.score_from_noise(features(x) @ coefficients, t)
    exact = EmpiricalScore(train, PROCESS)(x, t)
    assert ((learned - exact).norm() / exact.norm()).item() < 0.01


def test_a_network_learns(generator: torch.Generator) -> None:
    spec = TrainingSpec(steps=300, batch_size=64, learning_rate=1e-2, times=0.05)
    losses = fit(build_network(NetworkSpec("mlp", (2,), {"width": 32}), 0), digits_like(3, (2,)), PROCESS, spec).losses
    assert np.mean(losses[-50:]) < 0.8 * np.mean(losses[:20])


def test_watching() -> None:
    seen = []
    spec = TrainingSpec(steps=5, batch_size=4)
    fit(MLP((8, 8), width=8), digits_like(), PROCESS, spec, watch=lambda score, step: seen.append(step), watch_every=2)
    assert seen == [2, 4, 5]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("noise_draws", 0),
        ("noise_draws", 1.5),
        ("optimizer", "adagrad"),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("ema_decay", 1.0),
        ("times", "log"),
        ("times", -1.0),
        ("weighting", "snr"),
    ],
)
def test_bad_specifications_name_the_field(field: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{field}( must be|: unknown name)"):
        TrainingSpec(**{field: value})


@pytest.mark.parametrize("noise_draws", [math.inf, 7])
def test_specifications_survive_json(noise_draws: float) -> None:
    spec = TrainingSpec(noise_draws=noise_draws, times=0.5)
    assert TrainingSpec.from_json(json.loads(json.dumps(spec.to_json(), allow_nan=False))) == spec


def test_divergence_says_so() -> None:
    spec = TrainingSpec(steps=200, batch_size=4, optimizer="sgd", learning_rate=1e6)
    with pytest.raises(InputError, match=r"loss is not finite at step \d+"):
        fit(MLP((8, 8), width=8), digits_like(), PROCESS, spec)
    with pytest.raises(InputError, match="data: is empty"):
        fit(MLP((8, 8), width=8), digits_like(0), PROCESS, TrainingSpec())


def test_runs_on_disk(tmp_path: Path) -> None:
    data = Dataset(np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8), "mine")
    network, process = NetworkSpec("mlp", (8, 8), {"width": 8}), VariancePreserving(beta_max=10.0)
    run = tmp_path / "run"
    result = train_run(data, process, network, TrainingSpec(steps=3, batch_size=4), run, checkpoint_every=2)
    loaded = load_run(run)
    assert torch.equal(weights(loaded.score.network), weights(result.score.network))
    assert loaded.score.process == process
    assert (loaded.step, loaded.value_range) == (3, (0, 255))
    assert load_run(run, step=2).step == 2
    assert loaded.description["data"]["fingerprint"] == data.fingerprint

    longer = train_run(data, process, network, TrainingSpec(steps=5, batch_size=4), run, resume=True)
    whole = train_run(data, process, network, TrainingSpec(steps=5, batch_size=4), tmp_path / "whole")
    assert torch.equal(weights(longer.score.network), weights(whole.score.network))

    with pytest.raises(InputError, match="holds a training run already"):
        train_run(data, process, network, TrainingSpec(), run)
    for other, named in [
        ((data, EDM(), network, TrainingSpec(steps=5, batch_size=4)), "process name"),
        ((data, process, network, TrainingSpec(steps=5, batch_size=8)), "batch_size"),
        ((data, process, network, TrainingSpec(steps=2, batch_size=4)), "steps"),
        ((data.take(np.arange(5)), process, network, TrainingSpec(steps=5, batch_size=4)), "other data"),
    ]:
        with pytest.raises(InputError, match=named):
            train_run(*other, run, resume=True)


def test_unusable_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no training run"):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json: cannot be read as the record of a training run"):
        load_run(tmp_path)
    data = Dataset(np.random.default_rng(0).normal(size=(12, 4)), "mine")
    run = tmp_path / "run"
    train_run(data, PROCESS, NetworkSpec("mlp", (4,)), TrainingSpec(steps=1, batch_size=4), run)
    with pytest.raises(InputError, match="no finished checkpoint of step 7"):
        load_run(run, step=7)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="file"):
        train_run(data, PROCESS, NetworkSpec("mlp", (4,)), TrainingSpec(steps=1), blocked)


def test_saving_twice_keeps_the_first(tmp_path: Path) -> None:
    fit(MLP((4,), width=8), digits_like(4, (4,)), PROCESS, TrainingSpec(steps=1), checkpoints=tmp_path)
    before = (tmp_path / "step-00000001" / "state.json").stat().st_mtime_ns
    fit(MLP((4,), width=8), digits_like(4, (4,)), PROCESS, TrainingSpec(steps=1), checkpoints=tmp_path)
    assert (tmp_path / "step-00000001" / "state.json").stat().st_mtime_ns == before


def test_a_checkpoint_holds_the_scale_of_gradients_in_half_precision(tmp_path: Path) -> None:
    def state(scale: float) -> TrainingState:
        network = torch.nn.Linear(2, 2)
        optimizer = torch.optim.Adam(network.parameters())
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        return TrainingState(network, AveragedModel(network), optimizer, torch.Generator(), [0.5], scaler)

    checkpoint, other = save_checkpoint(tmp_path, state(1024.0)), state(2.0)
    load_checkpoint(checkpoint, other)
    assert other.scaler.get_scale() == 1024.0
