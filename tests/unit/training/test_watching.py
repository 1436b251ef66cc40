"""A training that is watched, stopped, killed and resumed; signals and losses that are not finite."""

import importlib
import json
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mnemoscope.data import Dataset, load_digits
from mnemoscope.errors import DivergenceError, InputError
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.networks import MLP, NetworkScore, NetworkSpec
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.training import TrainingSpec, fit, load_run, train_run
from mnemoscope.training.checkpoint import checkpoints_of, step_of
from mnemoscope.training.watching import Looks

PROCESS = OrnsteinUhlenbeck()
DATA = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
SPEC = TrainingSpec(steps=12, batch_size=4)


def network(seed: int = 0) -> MLP:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MLP((3,), width=8)


def flat(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def steps(folder: Path) -> list[int]:
    return [step_of(path) for path in reversed(checkpoints_of(folder))]


class Until:
    """Says that all is well up to a step, and remembers what it was shown."""

    def __init__(self, onset: float = math.inf) -> None:
        self.onset, self.seen, self.shown = onset, list[int](), list[torch.Tensor]()

    def update(self, model: NetworkScore, step: int) -> None:
        self.seen.append(step)
        self.shown.append(flat(model.network))

    def should_stop(self) -> bool:
        return self.seen[-1] >= self.onset

    @property
    def last_good_step(self) -> int | None:
        return max((step for step in self.seen if step < self.onset), default=None)


def test_looks_come_at_their_steps_and_at_the_end() -> None:
    """At the weights themselves, not their average."""
    monitor, trained = Until(), network()
    result = fit(trained, DATA, PROCESS, SPEC, monitor=monitor, monitor_every=5)
    assert monitor.seen == [5, 10, 12]
    assert torch.equal(monitor.shown[-1], flat(trained))
    assert not torch.equal(monitor.shown[-1], flat(result.score.network))
    assert (result.stopped, result.last_good_step) == (False, 12)


@pytest.mark.parametrize("decided", [False, True])
def test_all_processes_hear_the_first(decided: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first looks; the others end when it does."""
    said: list[list[bool]] = []
    monkeypatch.setattr("accelerate.utils.broadcast_object_list", lambda each: said.append(each) or [decided])
    score = NetworkScore(network(), PROCESS, (3,))
    for first in (True, False):
        monitor = Until(onset=0 if decided else math.inf)
        processes = SimpleNamespace(num_processes=2, is_main_process=first)
        looks = Looks(monitor, score, 5, True, None, lambda _: False, 0, processes)
        assert not looks.after(4, False)
        assert looks.after(5, False) is decided
        assert looks.stopped is decided
        assert monitor.seen == ([5] if first else [])
    assert said == [[decided], [False]]


@pytest.mark.parametrize("done", [0, 4])
def test_who_is_stopped_before_a_step_leaves_no_checkpoint_of_it(
    done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if done:
        fit(network(), DATA, PROCESS, replace(SPEC, steps=done), checkpoints=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("mnemoscope.training.fit"), "_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        fit(network(), DATA, PROCESS, SPEC, checkpoints=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_end_at_onset(tmp_path: Path) -> None:
    monitor = Until(onset=9)
    result = fit(network(), DATA, PROCESS, SPEC, monitor=monitor, monitor_every=3, checkpoints=tmp_path)
    assert (result.stopped, len(result.losses), result.last_good_step) == (True, 9, 6)
    assert steps(tmp_path) == [6, 9]  # the last before onset, and where it ended
    on = Until(onset=9)
    result = fit(network(), DATA, PROCESS, SPEC, monitor=on, monitor_every=3, stop=False)
    assert (result.stopped, len(result.losses), result.last_good_step) == (False, 12, 6)


def test_the_last_good_checkpoint_is_kept_and_those_that_are_due_stay(tmp_path: Path) -> None:
    options: dict[str, Any] = {"checkpoints": tmp_path, "checkpoint_every": 4, "monitor_every": 3}
    fit(network(), DATA, PROCESS, SPEC, monitor=Until(onset=12), stop=False, **options)
    assert steps(tmp_path) == [4, 8, 9, 12]
    assert not list(tmp_path.glob(".*"))


def test_one_that_goes_on_does_not_remove_what_it_found(tmp_path: Path) -> None:
    fit(network(), DATA, PROCESS, TrainingSpec(steps=3, batch_size=4), checkpoints=tmp_path)
    fit(network(), DATA, PROCESS, SPEC, monitor=Until(), monitor_every=3, checkpoints=tmp_path)
    assert steps(tmp_path) == [3, 12]


def test_onset_at_the_step_that_it_goes_on_from(tmp_path: Path) -> None:
    """A training that was stopped is not trained further, unless it is asked to."""
    options: dict[str, Any] = {"checkpoints": tmp_path, "monitor_every": 3}
    fit(network(), DATA, PROCESS, SPEC, monitor=Until(onset=6), **options)
    again = fit(network(), DATA, PROCESS, SPEC, monitor=Until(onset=6), **options)
    assert (again.stopped, len(again.losses)) == (True, 6)
    further = fit(network(), DATA, PROCESS, SPEC, monitor=Until(onset=6), stop=False, **options)
    assert (further.stopped, len(further.losses)) == (False, 12)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_ends_with_a_checkpoint(tmp_path: Path, sign: signal.Signals, times: int) -> None:
    """Of the last step done, from which a training goes on as if nothing had been; a second one changes nothing."""

    def stop(_: object, step: int) -> None:
        if step == 5:
            for _ in range(times):
                signal.raise_signal(sign)

    whole = fit(network(), DATA, PROCESS, SPEC)
    before = signal.getsignal(sign)
    with pytest.raises(KeyboardInterrupt):
        fit(network(), DATA, PROCESS, SPEC, checkpoints=tmp_path, watch=stop, watch_every=1)
    assert signal.getsignal(sign) == before
    assert steps(tmp_path) == [5]
    rest = fit(network(3), DATA, PROCESS, SPEC, checkpoints=tmp_path)
    assert torch.equal(flat(rest.score.network), flat(whole.score.network))
    assert rest.losses == whole.losses


def test_a_signal_within_a_step_waits_for_its_end(tmp_path: Path) -> None:
    trained = network()
    called: list[int] = []

    def interrupt(*_: object) -> None:
        called.append(1)
        if len(called) == 4:
            signal.raise_signal(signal.SIGTERM)

    trained.layers[0].register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(trained, DATA, PROCESS, SPEC, checkpoints=tmp_path)
    assert steps(tmp_path) == [4]


def test_a_signal_before_the_first_step_leaves_no_run(tmp_path: Path) -> None:
    class Interrupts(Until):
        def update(self, model: NetworkScore, step: int) -> None:
            signal.raise_signal(signal.SIGTERM)

    data = Dataset(DATA.numpy(), "mine")

    def make(_: Path) -> Until:
        signal.raise_signal(signal.SIGINT)
        return Until()

    with pytest.raises(KeyboardInterrupt):
        train_run(data, PROCESS, NetworkSpec("mlp", (3,)), SPEC, tmp_path / "run", monitor=make)
    assert not (tmp_path / "run").exists()
    options: dict[str, Any] = {"monitor": lambda _: Interrupts(), "monitor_every": 2}
    with pytest.raises(KeyboardInterrupt):
        train_run(data, PROCESS, NetworkSpec("mlp", (3,)), SPEC, tmp_path / "run", **options)
    assert load_run(tmp_path / "run").step == 2


@pytest.mark.parametrize("kept", [True, False])
def test_a_loss_that_is_not_finite_names_the_last_good_checkpoint(tmp_path: Path, kept: bool) -> None:
    trained = network()

    def spoil(_: object, step: int) -> None:
        if step == 7:
            with torch.no_grad():
                next(trained.parameters()).fill_(math.nan)

    options: dict[str, Any] = {"checkpoints": tmp_path, "checkpoint_every": 3} if kept else {}
    with pytest.raises(DivergenceError, match=r"the loss is not finite at step 8") as caught:
        fit(trained, DATA, PROCESS, SPEC, watch=spoil, watch_every=1, **options)
    assert caught.value.last_good == (str(tmp_path / "step-00000006") if kept else None)
    assert ("the last good checkpoint is" in str(caught.value)) == kept


def test_weights_that_are_not_finite_are_no_good_checkpoint(tmp_path: Path) -> None:
    """The loss of a step is that of the weights before: these come out of it broken, and nothing is kept of them."""
    trained = network()

    def spoil(_: object, step: int) -> None:
        if step == 6:
            with torch.no_grad():
                next(trained.parameters()).fill_(math.inf)

    options: dict[str, Any] = {"checkpoints": tmp_path, "checkpoint_every": 3, "watch": spoil, "watch_every": 1}
    with pytest.raises(DivergenceError, match="step 6"):
        fit(trained, DATA, PROCESS, SPEC, **options)
    assert steps(tmp_path) == [3]


@pytest.fixture(scope="module")
def sets() -> tuple[Dataset, Callable[[Path], MemorizationMonitor]]:
    train, rest = load_digits().take(np.arange(40)), load_digits().take(np.arange(40, 80))
    tensors = train.to_model(), rest.to_model()
    return train, lambda history: MemorizationMonitor(*tensors, PROCESS, levels=[0.1], history=history)


@pytest.mark.parametrize("killed_at", [5, 8])
def test_killed_while_it_is_watched_and_resumed(tmp_path: Path, sets: Any, killed_at: int) -> None:
    """The same records, losses and weights as a run that was not: killed after a look, and between two."""
    data, make = sets
    spec, kind = TrainingSpec(steps=12, batch_size=8, learning_rate=1e-2), NetworkSpec("mlp", (8, 8), {"width": 16})
    options: dict[str, Any] = {"checkpoint_every": 3, "monitor_every": 4, "monitor": make, "stop": False}
    whole = train_run(data, PROCESS, kind, spec, tmp_path / "whole", **options)

    def killing(history: Path) -> MemorizationMonitor:
        monitor, looks = make(history), []
        update = monitor.update

        def killed(model: NetworkScore, step: int) -> object:
            looks.append(step)
            if step == killed_at:  # the look itself is cut short
                raise ZeroDivisionError
            found = update(model, step)
            if step < killed_at < step + 4:  # the look was taken, its checkpoint was not written
                raise ZeroDivisionError
            return found

        monitor.update = killed  # type: ignore[method-assign, assignment]
        return monitor

    with pytest.raises(ZeroDivisionError):
        train_run(data, PROCESS, kind, spec, tmp_path / "run", **{**options, "monitor": killing})
    rest = train_run(data, PROCESS, kind, spec, tmp_path / "run", resume=True, **options)
    for name in ("looks.jsonl", "run.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert rest.losses == whole.losses
    assert torch.equal(flat(rest.score.network), flat(whole.score.network))
    lines = (tmp_path / "run" / "looks.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines[1:]] == [4, 8, 12]


def test_looks_of_a_run_that_never_began_are_not_taken_for_its_own(tmp_path: Path, sets: Any) -> None:
    """SIGKILL before the first checkpoint leaves a history: the next run starts one of its own."""
    data, make = sets
    kind, options = NetworkSpec("mlp", (8, 8), {"width": 8}), {"monitor": make, "monitor_every": 2}
    train_run(data, PROCESS, kind, TrainingSpec(steps=4, batch_size=8), tmp_path / "a", **options)
    expected = (tmp_path / "a" / "looks.jsonl").read_bytes()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "looks.jsonl").write_bytes(expected.replace(b'"step": 2', b'"step": 3'))
    train_run(data, PROCESS, kind, TrainingSpec(steps=4, batch_size=8), tmp_path / "b", **options)
    assert (tmp_path / "b" / "looks.jsonl").read_bytes() == expected


def test_looks_are_at_least_a_step_apart() -> None:
    with pytest.raises(InputError, match="monitor_every"):
        fit(network(), DATA, PROCESS, SPEC, monitor=Until(), monitor_every=0)


@pytest.mark.parametrize("stop", [True, False])
def test_whether_a_run_stops_is_for_the_caller_to_say(tmp_path: Path, sets: Any, stop: bool) -> None:
    """At the first look, of a monitor that finds onset at once."""
    data, make = sets
    spec, kind = TrainingSpec(steps=6, batch_size=8), NetworkSpec("mlp", (8, 8), {"width": 8})

    def alarmed(history: Path) -> MemorizationMonitor:
        monitor = make(history)
        monitor.should_stop = lambda *_: True  # type: ignore[method-assign]
        return monitor

    found = train_run(
        data, PROCESS, kind, spec, tmp_path / "run", monitor=alarmed, monitor_every=3, stop=stop, progress=False
    )
    assert len(found.losses) == (3 if stop else 6)


@pytest.mark.parametrize("progress", [True, False])
def test_a_bar_is_shown_if_asked_for(progress: bool, capsys: pytest.CaptureFixture[str]) -> None:
    fit(network(), DATA, PROCESS, TrainingSpec(steps=3, batch_size=4), progress=progress)
    assert ("training" in "".join(capsys.readouterr())) == progress
