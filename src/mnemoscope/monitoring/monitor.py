"""Watch memorization while a model trains: at chosen steps, look at it, decide, and log."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from mnemoscope.auditing.copy_tests import CopyTest, CopyTests
from mnemoscope.choose import check_kind, check_name, check_whole
from mnemoscope.data import DataLike, Dataset, as_dataset
from mnemoscope.errors import InputError
from mnemoscope.monitoring.decision import GENERALIZING, MEMORIZING, ONSET, STARTING, STATES, Rule, State
from mnemoscope.monitoring.history import History
from mnemoscope.monitoring.models import PREDICTIONS, Model, place_of
from mnemoscope.monitoring.record import MonitorRecord
from mnemoscope.monitoring.samples import SampleSignals
from mnemoscope.monitoring.signals import Probe
from mnemoscope.monitoring.untouched import untouched
from mnemoscope.processes import Process
from mnemoscope.processes.base import standard_normal
from mnemoscope.sampling import SOLVERS, sample
from mnemoscope.scores import ScoreFunction

Logger: TypeAlias = Callable[[dict[str, float], int], object]
"""Takes numbers by name, and the step that they belong to."""


class MemorizationMonitor:
    """Signals of memorization against the training step, and what they come to.

    A look takes no samples unless it is asked to, changes nothing in the model or in any random state, and starts from
    the same noise each time, so that records differ by the model alone.

    Args:
        train: the training set on the model's scale, shape ``(n_train, *event)``; a memory map is not read whole.
        holdout: held-out items on the same scale, at least 16.
        process: the forward process.
        levels: noise-to-signal ratios σ/α to look at; (0.1, 0.3, 1, 3), as far as the process reaches them.
        n_items: training items, and held-out ones, at most, at which the model is looked at.
        predicts: what a model that is no ``Score`` returns for (x, t): ``score``, ``noise``, ``denoiser``; or
            ``velocity``, of the library's own networks, ``forward(x, log σ/α)``.
        n_samples: samples drawn and tested at each look; none by default.
        solver: of the sampler.
        n_steps: of the sampler.
        batch_size: items that the model is given at once.
        seed: of the choice of items, the noise and the samples' noise.
        false_alarms: probability, at most, that a model that knows nothing of which items it was trained on is ever
            said to memorize, or to start to, in all looks together.
        looks: as many looks are planned; later ones are allowed, and less powerful.
        onset: the perfection from which on a model is starting to memorize.
        log: called with the numbers of each look and its step, as loggers take them.
        history: a file of the records. One that is there is gone on with: looks that it holds are not taken again.
        on_onset: called with the record of the look at which a model starts to memorize.

    Attributes:
        records: one for each look.

    Raises:
        InputError: sets that do not fit each other or overlap, exactly or nearly, beyond what repeats in the data
            explain; too few items; a level that the process does not reach; a history of another monitor.
        OutputError: the history cannot be written.
    """

    def __init__(
        self,
        train: DataLike,
        holdout: DataLike,
        process: Process,
        *,
        levels: Sequence[float] | None = None,
        n_items: int = 48,
        predicts: str = "score",
        n_samples: int = 0,
        solver: str = "ode",
        n_steps: int = 20,
        batch_size: int = 256,
        seed: int = 0,
        false_alarms: float = 0.05,
        looks: int = 50,
        onset: float = ONSET,
        log: Logger | None = None,
        history: str | Path | None = None,
        on_onset: Callable[[MonitorRecord], object] | None = None,
    ) -> None:
        self.train, self.process = as_dataset(train, "train"), process
        check_kind(process, Process, "process")
        check_name(predicts, PREDICTIONS, "predicts")
        check_name(solver, SOLVERS, "solver")
        self.predicts, self.solver, self.log, self.on_onset = predicts, solver, log, on_onset
        self.n_samples, self.n_steps = check_whole(n_samples, "n_samples", 0), check_whole(n_steps, "n_steps")
        self.seed = check_whole(seed, "seed", 0)
        self.rule = Rule(false_alarms, looks, onset)
        self._tests = CopyTests(self.train, as_dataset(holdout, "holdout"))
        self.holdout = self._tests.holdout
        self._probe = Probe(
            self.train, self.holdout, process, levels=levels, n_items=n_items, batch_size=batch_size, seed=self.seed
        )
        self.records: list[MonitorRecord] = []
        self._current: MonitorRecord | None = None
        self._history = None if history is None else History(history, self._description(n_items))
        self._read_back = () if self._history is None else self._history.records
        self.records += self._read_back

    def update(self, model: ScoreFunction | nn.Module, step: int, samples: DataLike | None = None) -> MonitorRecord:
        """Look at a model after ``step`` steps of training; any training loop may call this.

        Args:
            model: a ``Score``, or a function or network of (x, t) that returns what ``predicts`` says, t of shape
                ``(batch,)``. Networks that it reaches are evaluated in evaluation mode and left as they were.
            step: larger than at the last look. A look that the history held, as after a restart, is not taken again.
            samples: of the model, on the scale of ``train``, to be tested; in place of ``n_samples``.

        Raises:
            InputError: a model that returns another shape, NaN or Inf, or whose time is on another scale; samples that
                cannot be compared with ``train``; a step that is not beyond the last one.
        """
        step = check_whole(step, "step", 0)
        known = next((record for record in self._read_back if record.step == step), None)
        if known is None:
            if self.records and step <= self.records[-1].step:
                raise InputError(f"step {step} comes after step {self.records[-1].step}: looks go forward")
            known = self._look(model, step, samples)
        self._current = known
        return known

    @property
    def state(self) -> State:
        """Of the latest look; ``generalizing`` before the first."""
        latest = self._current or (self.records[-1] if self.records else None)
        return latest.decision.state if latest else GENERALIZING

    def should_stop(self, at: State = STARTING) -> bool:
        """Whether the model is starting to memorize by the latest look, or further.

        Args:
            at: ``memorizing``, to go on until samples hold copies.

        Raises:
            InputError: another word.
        """
        if at not in (STARTING, MEMORIZING):
            raise InputError(f"at must be {STARTING!r} or {MEMORIZING!r}, got {at!r}")
        return STATES.index(self.state) >= STATES.index(at)

    @property
    def last_good_step(self) -> int | None:
        """The step of the last look before onset, whose checkpoint is the one to keep; None if there is none."""
        latest = self._current or (self.records[-1] if self.records else None)
        good = None
        for record in self.records:
            if record.decision.state == GENERALIZING:
                good = record.step
            if record is latest:
                break
        return good

    def _look(self, model: ScoreFunction | nn.Module, step: int, samples: DataLike | None) -> MonitorRecord:
        where, (device, dtype) = f"step {step}", place_of(model)
        watched = Model(model, self.process, self.train.event_shape, self.predicts)
        with untouched(model, self.seed):
            self._probe.check(watched, where, device, dtype)
        with untouched(model, self.seed):
            levels = self._probe.look(watched, where, device, dtype)
            if samples is None and self.n_samples:
                samples = self._draw(watched.score, device, dtype)
        found = None if samples is None else self._test(samples, step)
        signals = None if found is None else SampleSignals.of(found)
        before = self.records[-1].decision if self.records else None
        look = len(self.records) + 1
        telling = self._probe.telling(levels)
        decision = self.rule.decide(look, step, telling, self._probe.pairs, signals, before)
        record = MonitorRecord(step, levels, signals, decision)
        if self._history is not None:
            self._history.append(record)
        result = None if found is None else found.evidence.results[0]
        self.records.append(record := replace(record, _result=result))
        if self.log is not None:
            self.log(record.metrics(), step)
        if self.on_onset is not None and decision.since == step:
            self.on_onset(record)
        return record

    def _draw(self, score: ScoreFunction, device: torch.device | None, dtype: torch.dtype) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        shape, initial = self.train.event_shape, None
        if dtype is not torch.float32:
            unit = standard_normal((self.n_samples, *shape), generator)
            initial = (self.process.sigma(self.process.t_max) * unit).to(dtype)
        return sample(
            score,
            self.process,
            self.n_samples,
            generator=generator,
            solver=self.solver,
            n_steps=self.n_steps,
            event_shape=shape,
            initial=initial,
            device=device,
        )

    def _test(self, samples: DataLike, step: int) -> CopyTest:
        # Samples of an untrained model leave the data's range: they are on its scale all the same.
        array = as_dataset(samples, "samples").array
        return self._tests.test(Dataset(array, f"samples at step {step}", self.train.value_range))

    def _description(self, n_items: int) -> dict[str, object]:
        """What decides the records, beside the model."""
        names = ("predicts", "n_samples", "solver", "n_steps", "seed")
        return {
            "train": self.train.fingerprint,
            "holdout": self.holdout.fingerprint,
            "process": self.process.spec(),
            "levels": self._probe.levels,
            "n_items": n_items,
            **{name: getattr(self, name) for name in names},
            **asdict(self.rule),
        }
