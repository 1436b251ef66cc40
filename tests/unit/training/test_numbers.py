"""Every number of a training run against the loop written out, and every argument shown to matter."""

import copy
import importlib
import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from mnemoscope.data import Dataset
from mnemoscope.errors import ConvergenceError, InputError
from mnemoscope.networks import MLP, NetworkSpec
from mnemoscope.networks.score import predict_noise
from mnemoscope.processes import EDM, OrnsteinUhlenbeck
from mnemoscope.training import TrainingSpec, checks, denoising_loss, fit, load_run, sharpness, train_run
from mnemoscope.training.draws import Draws
from mnemoscope.training.regularizers import Corruption, Dropout, Regularizer, Shift, Tikhonov, WeightDecay

PROCESS = OrnsteinUhlenbeck()
DATA = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)


def network(seed: int = 0) -> MLP:
    torch.manual_seed(seed)
    return MLP((3,), width=8)


def flat(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.parametrize("weighting", ["noise", "velocity"])
def test_the_loss_item_by_item(weighting: str) -> None:
    """w ‖ε̂ − ε‖²/d with w = 1 or 1 + σ²/α², each item at its own time."""
    model, generator = network(), torch.Generator().manual_seed(1)
    x0, noise = torch.randn(2, 7, 3, generator=generator)
    t = torch.linspace(0.05, 2.5, 7)
    total = 0.0
    for item, time, eps in zip(x0, t, noise, strict=True):
        alpha, sigma = PROCESS.alpha(time).item(), PROCESS.sigma(time).item()
        x = (alpha * item + sigma * eps)[None]
        error = (predict_noise(model, PROCESS, x, time) - eps)[0].detach()
        total += (1 + sigma**2 / alpha**2 if weighting == "velocity" else 1) * float((error**2).sum()) / 3
    assert denoising_loss(model, PROCESS, x0, t, noise, weighting).item() == pytest.approx(total / 7, rel=1e-5)


@pytest.mark.parametrize(("optimizer", "draws"), [("sgd", math.inf), ("adam", 2)])
def test_a_run_is_the_loop_written_out(optimizer: str, draws: float) -> None:
    """Losses, weights and their average after four steps: each batch from one generator, each step by hand."""
    spec = TrainingSpec(4, 5, draws, optimizer, 0.05, ema_decay=0.25, seed=3)
    trained = network()
    slow = copy.deepcopy(trained)
    found = fit(trained, DATA, PROCESS, spec)
    batches = Draws(DATA, PROCESS, spec, torch.Generator().manual_seed(3))
    average, losses = [], []
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in slow.parameters()]
    for step in range(1, 5):
        x0, t, noise = batches.batch()
        loss = denoising_loss(slow, PROCESS, x0, t, noise, "velocity")
        gradients = torch.autograd.grad(loss, list(slow.parameters()))
        losses.append(loss.item())
        with torch.no_grad():
            for parameter, gradient, (first, second) in zip(slow.parameters(), gradients, moments, strict=True):
                first.mul_(0.9).add_(0.1 * gradient)
                second.mul_(0.999).add_(0.001 * gradient**2)
                adam = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
                parameter -= 0.05 * (adam if optimizer == "adam" else gradient)
        decay = min(0.25, step / (9 + step))  # of the weights after step − 1 steps
        average = [
            p.detach().clone() if step == 1 else decay * a + (1 - decay) * p.detach()
            for a, p in zip(average or slow.parameters(), slow.parameters(), strict=True)
        ]
    assert found.losses == pytest.approx(losses, rel=1e-4)
    torch.testing.assert_close(flat(trained), flat(slow), rtol=1e-3, atol=1e-5)
    expected = torch.cat([each.flatten() for each in average])
    torch.testing.assert_close(flat(found.score.network), expected, rtol=1e-3, atol=1e-5)


def test_a_finite_table_belongs_to_its_samples() -> None:
    """Each sample has its own m pairs of a time and a noise: neither pairs nor samples are mixed up."""
    spec = TrainingSpec(batch_size=400, noise_draws=2)
    draws = Draws(DATA, PROCESS, spec, torch.Generator().manual_seed(0))
    x0, t, noise = draws.batch()
    again = draws.batch()
    pairs = {(tuple(x.tolist()), float(s), tuple(e.tolist())) for x, s, e in zip(x0, t, noise, strict=True)}
    assert len(pairs) == len({s for _, s, _ in pairs}) == len({e for *_, e in pairs}) == 18
    assert {(tuple(x.tolist()), float(s), tuple(e.tolist())) for x, s, e in zip(*again, strict=True)} == pairs
    assert not torch.equal(again.x0, x0)
    assert {x for x, *_ in pairs} == {tuple(x.tolist()) for x in DATA}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_have_the_precision_of_the_data_and_times_double(dtype: torch.dtype) -> None:
    x0, t, noise = Draws(DATA.to(dtype), PROCESS, TrainingSpec(batch_size=4), torch.Generator()).batch()
    assert (x0.dtype, t.dtype, noise.dtype) == (dtype, torch.float64, dtype)


CHANGED = {
    "steps": 4,
    "batch_size": 6,
    "noise_draws": 2.0,
    "optimizer": "sgd",
    "learning_rate": 0.04,
    "ema_decay": 0.05,
    "ema_warmup": False,
    "times": "uniform",
    "weighting": "noise",
    "seed": 1,
}


def test_every_setting_of_a_run_matters() -> None:
    """Another value gives other averaged weights, the same values the same, bit for bit."""
    usual = {"steps": 3, "batch_size": 5, "learning_rate": 0.05}

    def run(process: Any = PROCESS, data: torch.Tensor = DATA, **changes: Any) -> torch.Tensor:
        return flat(fit(network(), data, process, TrainingSpec(**(usual | changes))).score.network)

    plain = run()
    assert torch.equal(run(), plain)
    for name, value in CHANGED.items():
        assert not torch.allclose(run(**{name: value}), plain, rtol=1e-5, atol=1e-7), name
    assert not torch.allclose(run(process=EDM()), plain, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(run(data=DATA / 2), plain, rtol=1e-5, atol=1e-7)


def test_checkpoints_and_calls_come_when_they_are_due(tmp_path: Path) -> None:
    seen: list[int] = []
    spec = TrainingSpec(steps=7, batch_size=4)
    watch = lambda score, step: seen.append(step)  # noqa: E731
    fit(network(), DATA, PROCESS, spec, checkpoints=tmp_path, checkpoint_every=3, watch=watch, watch_every=7)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-{n:08d}" for n in (3, 6, 7)]
    assert seen == [7]
    fit(network(), DATA, PROCESS, spec, watch=watch)
    assert seen == [7, 7]


def test_an_exploding_run_names_its_step() -> None:
    broken = network()
    with torch.no_grad():
        next(broken.parameters()).fill_(math.nan)
    with pytest.raises(InputError, match=r"not finite at step 1\b.*0\.02"):
        fit(broken, DATA, PROCESS, TrainingSpec(steps=3, learning_rate=0.02))


def test_runs_hand_on_what_they_were_asked(tmp_path: Path) -> None:
    """The seed of a run is that of its first weights; a later step is another checkpoint."""
    data, kind = Dataset(DATA.numpy(), "mine"), NetworkSpec("mlp", (3,), {"width": 8})
    spec = TrainingSpec(steps=3, batch_size=4, learning_rate=0.05)
    runs = [
        train_run(data, PROCESS, kind, replace(spec, seed=seed), tmp_path / f"{n}", checkpoint_every=1)
        for n, seed in enumerate((0, 0, 1))
    ]
    one, again, other = (flat(run.score.network) for run in runs)
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)
    first, last = load_run(tmp_path / "0", step=1), load_run(tmp_path / "0")
    assert (first.step, last.step) == (1, 3)
    assert not torch.allclose(flat(first.score.network), flat(last.score.network))  # type: ignore[attr-defined]
    assert last.description["training"] == spec.to_json()


@pytest.mark.parametrize(
    ("field", "least", "most", "below", "above"),
    [
        ("seed", 0, 2**63 - 1, -1, 2**63),
        ("ema_decay", 0.0, 0.999999, -1e-9, 1.0),
        ("learning_rate", 1e-300, 1e300, 0.0, math.inf),
        ("steps", 1, 10**9, 0, None),
        ("batch_size", 1, 10**9, 0, None),
        ("noise_draws", 1, math.inf, 0, 2.5),
        ("times", 1e-9, 5.0, 0.0, "exp"),
        ("data_std", 1e-9, 1e9, 0.0, math.inf),
        ("warmup_steps", 0, 10**9, -1, None),
        ("clip_norm", 1e-9, math.inf, 0.0, math.nan),
        ("label_dropout", 0.0, 1.0, -1e-9, 1 + 1e-9),
    ],
)
def test_ranges_have_two_ends(field: str, least: Any, most: Any, below: Any, above: Any) -> None:
    for value in (least, most):
        assert getattr(TrainingSpec(**{field: value}), field) == value
    for value in (below, above):
        if value is not None:
            with pytest.raises(InputError, match=field):
                TrainingSpec(**{field: value})


@pytest.mark.parametrize(
    ("kind", "most", "beyond"),
    [
        (Tikhonov, 1e300, [-1, math.inf]),
        (WeightDecay, 1e300, [-1, math.inf]),
        (Dropout, 0.999999, [-1, 1.0]),
        (Corruption, 1e300, [-1, math.inf]),
        (Shift, 10**9, [-1]),
    ],
)
def test_a_strength_of_zero_is_allowed_and_does_nothing(
    kind: Callable[[Any], Regularizer], most: float, beyond: list[float]
) -> None:
    (field,) = fields(kind(most))  # type: ignore[arg-type]
    assert getattr(kind(most), field.name) == most
    for value in beyond:
        with pytest.raises(InputError, match=f"{kind(0).name}: {field.name}"):
            kind(value)
    items, none, dice = DATA[:, None, :].expand(9, 3, 3), kind(0), torch.Generator()
    assert torch.equal(none.items(items, dice), items)
    assert torch.equal(none.batch(items, dice), items)
    sigma = torch.ones_like(items)
    torch.testing.assert_close(none.squares(items, 2 * items, sigma), items)
    plain, regularized = network(), network()
    spec = TrainingSpec(steps=1, batch_size=4, regularizers=() if kind in (Corruption, Shift) else (none,))
    fit(plain, DATA, PROCESS, replace(spec, regularizers=()))
    fit(regularized, DATA, PROCESS, spec)
    torch.testing.assert_close(flat(regularized), flat(plain), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("draws", "expected"), [(math.inf, 5), (7, 5 + 9 * 7)])
@pytest.mark.parametrize(("optimizer", "states"), [("adam", 4), ("sgd", 2)])
def test_the_memory_that_is_asked_for(
    draws: float, expected: int, optimizer: str, states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients, average (and Adam's two moments) of every weight; item, noise, x_t and answer of every draw."""
    asked: list[float] = []
    monkeypatch.setattr(checks, "check_memory", lambda _, needed: asked.append(needed))
    checks.checked(network(), DATA, PROCESS, TrainingSpec(batch_size=5, noise_draws=draws, optimizer=optimizer))
    assert asked == [states * 4 * flat(network()).numel() + 4 * expected * 4 * 3]


class TestSharpness:
    BASIS = torch.linalg.qr(torch.randn(40, 40, generator=torch.Generator().manual_seed(0)).double())[0]
    VALUES = torch.linspace(0, 2, 40, dtype=torch.float64)
    ZEROS: ClassVar = {"a": torch.zeros(40, dtype=torch.float64)}

    def loss(self, p: dict[str, torch.Tensor]) -> torch.Tensor:
        return ((p["a"] @ self.BASIS) ** 2 * self.VALUES).sum() / 2

    @pytest.fixture
    def module(self) -> Any:
        return importlib.import_module("mnemoscope.training.sharpness")

    def test_every_argument_reaches_lanczos(self, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The largest, not by absolute value; and the seed, the tolerance and the restarts as they were given."""
        eigsh, seen = module.eigsh, []
        monkeypatch.setattr(module, "eigsh", lambda *a, **given: seen.append(given) or eigsh(*a, **given))
        usual = sharpness(self.loss, self.ZEROS)
        sharpness(self.loss, self.ZEROS, tolerance=1e-3, max_steps=77, seed=5)
        assert usual == pytest.approx(2, rel=1e-4)
        assert [(each["tol"], each["maxiter"], each["k"], each["which"]) for each in seen] == [
            (1e-4, 1000, 1, "LA"),
            (1e-3, 77, 1, "LA"),
        ]
        for each, seed in zip(seen, (0, 5), strict=True):
            np.testing.assert_array_equal(each["v0"], np.random.default_rng(seed).standard_normal(40))

    @pytest.mark.parametrize(("residual", "accepted"), [(0.9, True), (1.1, False)])
    def test_a_residual_of_ten_tolerances_is_the_limit(
        self, module: Any, monkeypatch: pytest.MonkeyPatch, residual: float, accepted: bool
    ) -> None:
        """In the norm of the Hessian, 2 here: an answer off by 20 tolerances and a little is refused."""
        top, next_to_it = self.BASIS[:, -1].numpy(), self.BASIS[:, 0].numpy()
        angle = residual * 10 * 1e-4 * 2 / 2
        vector = math.cos(angle) * top + math.sin(angle) * next_to_it
        monkeypatch.setattr(module, "eigsh", lambda *_, **__: (np.array([2.0]), vector[:, None]))
        find: Callable[[], float] = lambda: sharpness(self.loss, self.ZEROS)  # noqa: E731
        if accepted:
            assert find() == 2.0
        else:
            with pytest.raises(ConvergenceError, match="residual"):
                find()

    @pytest.mark.parametrize("size", [16, 17])
    def test_small_and_large_agree(self, size: int) -> None:
        values = torch.linspace(-5, 1, size, dtype=torch.float64)
        assert sharpness(
            lambda p: (p["a"] ** 2 * values).sum() / 2, {"a": torch.zeros(size).double()}
        ) == pytest.approx(1)
