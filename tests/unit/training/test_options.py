"""Every option of a training: that it matters, against an independent reference, and that a run goes on with it."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from mnemoscope.networks import NetworkScore, NetworkSpec, Prediction, build_network
from mnemoscope.networks.predictions import PREDICTIONS
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.records import write_record
from mnemoscope.training import TrainingSpec, denoising_loss, fit, load_run, train_run
from mnemoscope.training.description import RunRecord
from mnemoscope.training.draws import Draws
from mnemoscope.training.schedules import rate_at

PROCESS = OrnsteinUhlenbeck()
DATA = torch.randn(9, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
LABELS = torch.arange(9) % 3
SPEC = TrainingSpec(steps=6, batch_size=4, learning_rate=1e-2)
ITEMS = Dataset(DATA.numpy(), "mine", classes=tuple("abc"[k] for k in LABELS))

OPTIONS: dict[str, dict[str, Any]] = {
    "predicts": {"predicts": "edm"},
    "data_std": {"predicts": "edm", "data_std": 0.7},
    "weighting": {"weighting": "min-snr"},
    "times": {"times": "log-normal"},
    "linear": {"schedule": "linear"},
    "cosine": {"schedule": "cosine", "warmup_steps": 2},
    "warmup": {"warmup_steps": 3},
    "clip_norm": {"clip_norm": 0.01},
    "mixed_precision": {"mixed_precision": "bf16"},
    **{
        text: {"regularizers": (text,)}
        for text in ("tikhonov:0.1", "weight-decay:0.5", "dropout:0.25", "corruption:0.3", "flip", "shift:1")
    },
    "several": {"regularizers": ("flip", "dropout:0.1", "tikhonov:0.01"), "noise_draws": 3, "clip_norm": 1.0},
}


def network(seed: int = 0, **options: int) -> torch.nn.Module:
    return build_network(NetworkSpec("mlp", (4, 4), {"width": 8, **options}), seed)


def flat(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def trained(spec: TrainingSpec, **options: Any) -> torch.Tensor:
    return flat(fit(network(), DATA, PROCESS, spec, **options).score.network)


@pytest.fixture(scope="module")
def usual() -> torch.Tensor:
    return trained(SPEC)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_matters_and_a_run_goes_on_with_it(name: str, usual: torch.Tensor, tmp_path: Path) -> None:
    """Bit for bit: killed after three steps, the rest from other first weights; other settings are refused by name."""
    spec = replace(SPEC, **OPTIONS[name])
    whole = fit(network(), DATA, PROCESS, spec)
    assert not torch.allclose(flat(whole.score.network), usual, rtol=1e-5, atol=1e-7)

    def stop(_: object, step: int) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(network(), DATA, PROCESS, spec, checkpoints=tmp_path, watch=stop, watch_every=3)
    rest = fit(network(7), DATA, PROCESS, spec, checkpoints=tmp_path)
    assert torch.equal(flat(rest.score.network), flat(whole.score.network))
    assert rest.losses == whole.losses


@pytest.mark.parametrize("name", OPTIONS)
def test_batches_come_from_their_generator_alone(name: str) -> None:
    """The same whatever the state of the process, another for another generator."""
    spec = TrainingSpec(batch_size=50, label_dropout=0.5, **OPTIONS[name])

    def batches(seed: int, elsewhere: int) -> list[torch.Tensor]:
        torch.manual_seed(elsewhere)
        before = torch.get_rng_state()
        draws = Draws(DATA, PROCESS, spec, torch.Generator().manual_seed(seed), LABELS, 3)
        (x0, t, noise), labels = draws.labelled_batch()
        assert torch.equal(torch.get_rng_state(), before)
        assert labels is not None
        return [x0, t, noise, labels]

    with torch.random.fork_rng(devices=[]):
        one, again, other = batches(0, 0), batches(0, 1), batches(1, 0)
    for first, second, third in zip(one, again, other, strict=True):
        assert torch.equal(first, second)
        assert not torch.equal(first, third)


@pytest.mark.parametrize("name", OPTIONS)
def test_settings_survive_json(name: str) -> None:
    spec = TrainingSpec(**OPTIONS[name])
    assert TrainingSpec.from_json(json.loads(json.dumps(spec.to_json(), allow_nan=False))) == spec


def test_a_run_goes_on_with_the_same_settings_alone(tmp_path: Path) -> None:
    kind = NetworkSpec("mlp", (4, 4), {"width": 8})
    one = replace(SPEC, regularizers=("tikhonov:0.1",), schedule="cosine")
    train_run(ITEMS, PROCESS, kind, one, tmp_path / "run")
    assert load_run(tmp_path / "run").description["training"]["regularizers"] == ["tikhonov:0.1"]
    for change in (
        *({"predicts": "noise"}, {"data_std": 0.6}, {"weighting": "noise"}, {"warmup_steps": 1}, {"clip_norm": 2.0}),
        *({"mixed_precision": "bf16"}, {"label_dropout": 0.2}, {"regularizers": ("tikhonov:0.2",)}, {"steps": 8}),
    ):
        (field,) = change
        with pytest.raises(InputError, match=f"was training {field}="):
            train_run(ITEMS, PROCESS, kind, replace(one, **change), tmp_path / "run", resume=True)


def test_what_was_not_recorded_stays_what_it_was() -> None:
    """A new default would change how runs of before are read, and what those of today are."""
    usual = {
        **{"steps": 10_000, "batch_size": 128, "noise_draws": "inf", "optimizer": "adam", "learning_rate": 1e-3},
        **{"ema_decay": 0.999, "ema_warmup": True, "times": "log-ratio", "weighting": "velocity", "seed": 0},
        **{"predicts": "velocity", "data_std": 0.5, "schedule": "constant", "warmup_steps": 0, "clip_norm": "inf"},
        **{"mixed_precision": "no", "label_dropout": 0.1, "regularizers": []},
    }
    assert TrainingSpec().to_json() == usual
    assert TrainingSpec.from_json({}).to_json() == {**usual, "ema_warmup": False}


def test_a_run_from_before_there_were_these_settings(tmp_path: Path) -> None:
    kind = NetworkSpec("mlp", (4, 4), {"width": 8})
    train_run(ITEMS, PROCESS, kind, SPEC, tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    before = load_run(tmp_path / "run").description
    for name in ("predicts", "schedule", "warmup_steps", "clip_norm", "mixed_precision", "regularizers", "data_std"):
        del before["training"][name]
    write_record(record, RunRecord.model_validate(before))
    train_run(ITEMS, PROCESS, kind, replace(SPEC, steps=7), tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="was training predicts='velocity'"):
        train_run(ITEMS, PROCESS, kind, replace(SPEC, steps=8, predicts="noise"), tmp_path / "run", resume=True)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 4])
def test_schedules_by_their_formulas(schedule: str, warmup: int) -> None:
    spec = TrainingSpec(steps=20, schedule=schedule, warmup_steps=warmup)
    rate = rate_at(spec)
    for step in range(20):
        after = (step - warmup) / (20 - warmup)
        falls = {"constant": 1.0, "linear": 1 - after, "cosine": (1 + math.cos(math.pi * after)) / 2}[schedule]
        assert rate(step) == pytest.approx(step / warmup if step < warmup else falls)


def test_the_schedule_is_that_of_torch_stepped_by_hand(usual: torch.Tensor) -> None:
    """Plain gradient descent with diffusers' own scheduler, one ``step()`` after each step of the optimizer."""
    from diffusers.optimization import get_scheduler

    spec = replace(SPEC, optimizer="sgd", schedule="cosine", warmup_steps=2, ema_decay=0.0)
    slow = network()
    optimizer = torch.optim.SGD(slow.parameters(), lr=spec.learning_rate)
    scheduler = get_scheduler("cosine", optimizer, num_warmup_steps=2, num_training_steps=6)
    draws = Draws(DATA, PROCESS, spec, torch.Generator().manual_seed(0))
    for _ in range(6):
        optimizer.zero_grad()
        denoising_loss(slow, PROCESS, *draws.batch(), "velocity").backward()
        optimizer.step()
        scheduler.step()
    torch.testing.assert_close(trained(spec), flat(slow), rtol=1e-5, atol=1e-7)
    assert not torch.equal(flat(slow), usual)


@pytest.mark.parametrize("clip", [1e-4, 1e3])
def test_the_gradient_is_clipped_to_its_norm(clip: float) -> None:
    spec = replace(SPEC, steps=1, optimizer="sgd", learning_rate=0.1, ema_decay=0.0)
    start, plain, clipped = flat(network()), trained(spec), trained(replace(spec, clip_norm=clip))
    gradient = (start - plain) / 0.1
    expected = gradient * min(1.0, clip / float(gradient.norm()))
    torch.testing.assert_close((start - clipped) / 0.1, expected, rtol=2e-2, atol=1e-5)


def test_mixed_precision_computes_in_sixteen_bits_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the network alone: weights and loss are single, and the network's own forward pass is as it was."""
    model = network()
    forward, seen = model.forward, set()
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(lambda *a: seen.add(a[2].dtype))
    fit(model, DATA, PROCESS, replace(SPEC, mixed_precision="bf16"))
    assert seen == {torch.bfloat16}
    assert {each.dtype for each in model.parameters()} == {torch.float32}
    assert model.forward == forward
    seen.clear()
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")  # what a launcher sets: the run's settings decide
    fit(model, DATA, PROCESS, SPEC)
    assert seen == {torch.float32}
    with pytest.raises(InputError, match="mixed_precision: fp16 is not for cpu"):
        fit(model, DATA, PROCESS, replace(SPEC, mixed_precision="fp16"))


def test_accelerates_own_state_is_as_it_was() -> None:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()
    accelerator = Accelerator(mixed_precision="bf16")
    try:
        fit(network(), DATA, PROCESS, replace(SPEC, steps=1))
        assert accelerator.mixed_precision == "bf16"
    finally:
        AcceleratorState._reset_state()


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_a_run_is_read_back_as_what_it_predicts(predicts: str, tmp_path: Path) -> None:
    spec = replace(SPEC, steps=2, predicts=predicts, data_std=0.8)
    found = train_run(ITEMS, PROCESS, NetworkSpec("mlp", (4, 4), {"width": 8}), spec, tmp_path / "run")
    loaded = load_run(tmp_path / "run").score
    assert isinstance(loaded, NetworkScore)
    assert loaded.prediction == found.score.prediction == Prediction(predicts, 0.8)
    torch.testing.assert_close(loaded(DATA, 0.3), found.score(DATA, 0.3))


def test_labels_belong_to_their_items_and_some_are_left_out() -> None:
    """4,000 draws at probability ¼: within 0.042 but once in 10⁹."""
    spec = TrainingSpec(batch_size=4000, label_dropout=0.25)
    draws = Draws(DATA, PROCESS, spec, torch.Generator().manual_seed(0), LABELS, 3)
    (x0, *_), labels = draws.labelled_batch()
    assert labels is not None
    assert float((labels == 3).float().mean()) == pytest.approx(0.25, abs=0.042)
    item = (x0[:, None] == DATA).flatten(2).all(dim=2).long().argmax(dim=1)
    assert torch.equal(labels[labels < 3], LABELS[item][labels < 3])


def test_a_class_is_learnt(tmp_path: Path) -> None:
    """Three constant pictures in three classes: the denoiser at high noise is its class's picture, else their mean."""
    levels = np.array([-1.0, 0.0, 1.0], dtype=np.float32)
    pictures = np.broadcast_to(levels.repeat(4)[:, None, None], (12, 4, 4)).copy()
    data = Dataset(pictures, "three", (-1.0, 1.0), classes=tuple("cab"[k] for k in np.arange(3).repeat(4)))
    kind = NetworkSpec("mlp", (4, 4), {"width": 32, "classes": 3})
    spec = TrainingSpec(steps=300, batch_size=64, learning_rate=5e-3, times=2.0, label_dropout=0.3)
    train_run(data, PROCESS, kind, spec, tmp_path / "run")
    x = torch.randn(400, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        means = {
            label: float(load_run(tmp_path / "run", label=label).score.denoiser(x, 2.0).mean())
            for label in ("a", "b", "c", None)
        }
    assert means == pytest.approx({"c": -1.0, "a": 0.0, "b": 1.0, None: 0.0}, abs=0.25)
    with pytest.raises(InputError, match="label: unknown name 'd', choose one of a, b, c"):
        load_run(tmp_path / "run", label="d")
    relabelled = data.described(classes=tuple("abc"[k] for k in np.arange(3).repeat(4)))
    with pytest.raises(InputError, match="trained on other data"):
        train_run(relabelled, PROCESS, kind, spec, tmp_path / "run", resume=True)


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    kind = NetworkSpec("mlp", (4, 4), {"width": 8, "classes": 2})
    with pytest.raises(InputError, match="mine: has 3 classes, the network 2"):
        train_run(ITEMS, PROCESS, kind, SPEC, tmp_path / "run")
    with pytest.raises(InputError, match="mine: has no classes"):
        train_run(ITEMS.described(classes=None), PROCESS, kind, SPEC, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    for labels, complaint in (
        (LABELS[:5], "one for each of 9 items"),
        (LABELS.float(), "whole numbers"),
        (LABELS, "from 0 to 1, got 0 to 2"),
        (LABELS - 1, "from 0 to 1, got -1"),
    ):
        with pytest.raises(InputError, match=f"labels: .*{complaint}"):
            fit(network(classes=2), DATA, PROCESS, SPEC, labels=labels)
    with pytest.raises(InputError, match="takes no labels"):
        fit(network(), DATA, PROCESS, SPEC, labels=LABELS)
    train_run(ITEMS, PROCESS, NetworkSpec("mlp", (4, 4), {"width": 8}), replace(SPEC, steps=1), tmp_path / "plain")
    with pytest.raises(InputError, match="trained without classes"):
        load_run(tmp_path / "plain", label="a")


def test_times_as_edm_has_them() -> None:
    """log σ/α ~ N(−1.2, 1.2²), cut at both ends: 4,000 draws, mean and spread within six standard errors."""
    spec = TrainingSpec(batch_size=4000, times="log-normal")
    process = OrnsteinUhlenbeck(t_min=1e-6, t_max=20.0)
    level = process.ratio(Draws(DATA, process, spec, torch.Generator().manual_seed(0)).batch().t).log()
    assert float(level.mean()) == pytest.approx(-1.2, abs=6 * 1.2 / 4000**0.5)
    assert float(level.std()) == pytest.approx(1.2, abs=6 * 1.2 / 8000**0.5)
    cut = OrnsteinUhlenbeck(t_min=0.1, t_max=0.2)
    t = Draws(DATA, cut, spec, torch.Generator().manual_seed(0)).batch().t
    assert (float(t.min()), float(t.max())) == (pytest.approx(0.1), pytest.approx(0.2))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("predicts", "epsilon"),
        ("data_std", 0.0),
        ("schedule", "step"),
        ("warmup_steps", -1),
        ("clip_norm", 0.0),
        ("mixed_precision", "fp8"),
        ("label_dropout", 1.1),
        ("regularizers", ("l2:1",)),
    ],
)
def test_bad_options_name_the_field(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=field.removesuffix("s")):
        TrainingSpec(**{field: value})
