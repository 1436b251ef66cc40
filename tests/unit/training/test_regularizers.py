"""Each regulariser against its law, and that it reaches the training."""

import json
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.errors import InputError
from mnemoscope.networks import MLP, NetworkSpec, build_network
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.scores.regularized import TikhonovScore
from mnemoscope.training import TrainingSpec, denoising_loss, fit
from mnemoscope.training.draws import Draws
from mnemoscope.training.loss import WEIGHTINGS, loss_weight
from mnemoscope.training.regularizers import Corruption, Dropout, Flip, Shift, Tikhonov, WeightDecay, as_regularizers

PROCESS = OrnsteinUhlenbeck()
DATA = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
TEXTS = ["tikhonov:0.1", "weight-decay:0.5", "dropout:0.25", "corruption:0.3", "flip", "shift:2"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(width: int = 8) -> torch.nn.Module:
    return build_network(NetworkSpec("mlp", (3,), {"width": width}), 0)


def flat(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


class Constant(torch.nn.Module):
    """ε̂ = a everywhere, at one time."""

    def __init__(self, a: torch.Tensor) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(a)

    def forward(self, x: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
        scale = torch.exp(2 * noise_level[:, None])
        alpha, sigma = 1 / (1 + scale).sqrt(), (scale / (1 + scale)).sqrt()
        return (self.a - sigma * x) / alpha


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("c", [0.0, 0.02, 1.0])
def test_the_minimiser_under_tikhonovs_penalty(weighting: str, c: float) -> None:
    """At one point and one time the best answer is E[ε | x] σ²/(σ² + c): that of ``TikhonovScore``, whatever weighs."""
    train, t = DATA[:4, :1].double(), torch.tensor(0.3, dtype=torch.float64)
    x = torch.tensor([[0.4]], dtype=torch.float64)
    alpha, sigma = PROCESS.coefficients(x, t)
    noises = (x - alpha * train) / sigma  # the one noise that brings each item to x, and its likelihood
    weights = torch.softmax(-noises.square().sum(dim=1) / 2, dim=0)

    def loss(a: torch.Tensor) -> torch.Tensor:
        each = [
            denoising_loss(Constant(a), PROCESS, item[None], t, noise[None], weighting, regularizers=[Tikhonov(c)])
            for item, noise in zip(train, noises, strict=True)
        ]
        return (weights * torch.stack(each)).sum()

    expected = PROCESS.noise_from_score(TikhonovScore(train, PROCESS, c)(x, t), t)[0]
    least = loss(expected)
    assert all(loss(expected + step) > least for step in (-1e-3, 1e-3))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_weightings_are_those_errors(weighting: str) -> None:
    """w ‖ε̂ − ε‖² is the squared error of what the weighting is named after, computed from a perturbed answer."""
    model, t, s = network(), torch.linspace(0.05, 2.5, 7, dtype=torch.float64), 0.5
    x0, noise = torch.randn(2, 7, 3, generator=generator(1)).double()
    model = model.double()
    alpha, sigma = PROCESS.coefficients(x0, t)
    ratio = sigma / alpha
    x = alpha * x0 + sigma * noise
    level = torch.log(ratio).flatten()
    guess = (sigma * x + alpha * model(x, level)) / (alpha**2 + sigma**2)  # OU: α² + σ² = 1
    clean = (x - sigma * guess) / alpha
    out = ratio * s / (ratio**2 + s**2).sqrt()
    errors = {
        "noise": guess - noise,
        "score": (guess - noise) / sigma,
        "denoiser": clean - x0,
        "velocity": (alpha * guess - sigma * clean) - (alpha * noise - sigma * x0),
        "edm": (clean - x0) / out,
        "min-snr": (clean - x0) * torch.clamp(1 / ratio**2, max=5).sqrt(),
    }
    found = denoising_loss(model, PROCESS, x0, t, noise, weighting)
    torch.testing.assert_close(found, errors[weighting].square().mean(), rtol=1e-9, atol=1e-9)
    assert loss_weight(weighting, alpha, sigma, s).shape == sigma.shape


def test_corrupted_items_have_the_same_mean_and_more_variance() -> None:
    """x_0 + 0.5 ε, once for the run: six standard errors of 4,000 items of 8 values."""
    items = torch.full((4000, 8), 0.7)
    draws = Draws(items, PROCESS, TrainingSpec(batch_size=64, regularizers=(Corruption(0.5),)), generator())
    n = items.numel()
    assert draws.data.mean().item() == pytest.approx(0.7, abs=6 * 0.5 / n**0.5)
    assert draws.data.var().item() == pytest.approx(0.25, abs=6 * 0.25 * (2 / n) ** 0.5)
    seen = {tuple(item.tolist()) for item in draws.data}
    assert all(tuple(item.tolist()) in seen for item in draws.batch().x0)


@settings(max_examples=8)
@given(shape=st.sampled_from([(5, 4), (1, 5, 4), (5, 4, 3)]), pixels=st.integers(0, 3), seed=st.integers(0, 9))
def test_pictures_are_mirrored_and_moved(shape: tuple[int, ...], pixels: int, seed: int) -> None:
    """Against loops over items, rows and columns: every item is one of the allowed pictures, and all of them come."""
    picture = torch.rand(shape, generator=generator(seed))
    rows, columns = (1, 2) if shape[0] == 1 else (0, 1)

    def moved(down: int, right: int) -> torch.Tensor:
        found = picture.clone()
        for axis, by in ((rows, down), (columns, right)):
            kept = [min(max(k - by, 0), shape[axis] - 1) for k in range(shape[axis])]
            found = torch.stack([found.select(axis, k) for k in kept], dim=axis)
        return found

    def among(found: torch.Tensor, allowed: list[torch.Tensor]) -> None:
        places = [[k for k, each in enumerate(allowed) if torch.equal(item, each)] for item in found]
        assert all(places)
        assert {k for place in places for k in place} == set(range(len(allowed)))

    batch = picture.expand(600, *shape).contiguous()  # 49 pictures: one is missing but once in 4,000
    among(Flip().batch(batch, generator(seed)), [picture, picture.flip(columns)])
    steps = range(-pixels, pixels + 1)
    among(Shift(pixels).batch(batch, generator(seed)), [moved(down, right) for down in steps for right in steps])


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weights_decay_apart_from_the_gradient(optimizer: str) -> None:
    """θ ← (1 − η L) θ − η · the step of the same optimizer without it."""
    start, eta, rate = network(), 0.01, 3.0
    runs = []
    for regularizers in ((), (WeightDecay(rate),)):
        trained = network()
        spec = TrainingSpec(1, 5, optimizer=optimizer, learning_rate=eta, regularizers=regularizers)
        fit(trained, DATA, PROCESS, spec)
        runs.append(flat(trained))
    torch.testing.assert_close(runs[1], runs[0] - eta * rate * flat(start), rtol=1e-4, atol=1e-6)


def test_dropout_is_on_while_training_alone() -> None:
    trained = network()
    seen = []
    hook = next(module for module in trained.modules() if isinstance(module, torch.nn.Dropout))
    hook.register_forward_hook(lambda module, _, out: seen.append((module.p, float((out == 0).float().mean()))))
    fit(trained, DATA, PROCESS, TrainingSpec(1, 2000, regularizers=(Dropout(0.25),)))
    # 16,000 draws of probability ¼: within 0.021 but once in 10⁹.
    assert seen[0] == (0.25, pytest.approx(0.25, abs=0.021))
    assert hook.p == 0
    spec = TrainingSpec(1, 4, regularizers=("dropout:0.1",))
    with pytest.raises(InputError, match="TwoLayer has no dropout layers"):
        fit(build_network(NetworkSpec("two-layer", (3,), {"width": 4}), 0), DATA, PROCESS, spec)


def test_texts() -> None:
    assert [str(each) for each in as_regularizers(TEXTS)] == TEXTS
    assert as_regularizers(TEXTS) == (
        Tikhonov(0.1), WeightDecay(0.5), Dropout(0.25), Corruption(0.3), Flip(), Shift(2)
    )  # fmt: skip
    spec = TrainingSpec(regularizers=("tikhonov:1", Shift(3)))
    assert TrainingSpec.from_json(json.loads(json.dumps(spec.to_json(), allow_nan=False))) == spec
    assert spec.regularizers == (Tikhonov(1.0), Shift(3))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: as_regularizers(["l1:0.1"]), "regularizer: unknown name 'l1'"),
        (lambda: as_regularizers(["tikhonov"]), "needs a number after the colon"),
        (lambda: as_regularizers(["tikhonov:much"]), "needs a number after the colon"),
        (lambda: as_regularizers(["flip:1"]), "flip takes no number"),
        (lambda: as_regularizers(["flip", "flip"]), "flip comes 2 times"),
        (lambda: as_regularizers("flip"), "must be a list"),
        (lambda: Tikhonov(-1), "tikhonov: c must be"),
        (lambda: WeightDecay(float("nan")), "weight-decay: rate must be"),
        (lambda: Dropout(1.0), "dropout: probability must be"),
        (lambda: Corruption(float("inf")), "corruption: scale must be"),
        (lambda: as_regularizers(["shift:1.5"]), "shift: pixels must be a whole number"),
        (lambda: Shift(-1), "shift: pixels must be at least 0"),
        (lambda: fit(MLP((3,)), DATA, PROCESS, TrainingSpec(1, regularizers=("flip",))), "flip: needs images"),
        (lambda: fit(MLP((3,)), DATA, PROCESS, TrainingSpec(1, regularizers=("shift:1",))), "shift: needs images"),
    ],
)
def test_what_is_no_regularizer(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        make()
