"""What a monitor has to say in a training: looks at stated steps, the last good checkpoint, the end.

The room that knows how to tell memorization lies above this one: whoever calls ``fit`` hands one in.

A look comes after its step and before that step's checkpoint, so that a training which goes on from a checkpoint finds
the looks of all steps before in the monitor's history. Looks go to the weights themselves: their average lags.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mnemoscope.extras import optional
from mnemoscope.networks import NetworkScore
from mnemoscope.output import temporary_path


@runtime_checkable
class Monitor(Protocol):
    """What looks at a model: ``MemorizationMonitor``, or another."""

    def update(self, model: NetworkScore, step: int) -> object:
        """Look at the model after so many steps; a step that was looked at before is not looked at again."""

    def should_stop(self) -> bool:
        """Whether the model is starting to memorize, by the latest look."""

    @property
    def last_good_step(self) -> int | None:
        """The step of the last look before that."""


class Elsewhere:
    """The monitor in processes other than the first, which alone looks."""

    last_good_step: int | None = None

    def update(self, model: NetworkScore, step: int) -> None:
        """Nothing."""

    def should_stop(self) -> bool:
        """The first process says."""
        return False


class Looks:
    """A monitor's looks in one training.

    Args:
        monitor: what looks; in processes other than the first it is left alone.
        score: of the weights being trained.
        every: steps between two looks.
        stop: whether the training ends when the monitor says so.
        save: writes a checkpoint of the present step and returns it; None where none are kept.
        due: whether a step has a checkpoint anyway.
        start: steps that were done before; their checkpoint is not this training's to remove.
        accelerator: of the training.
    """

    def __init__(
        self,
        monitor: Monitor,
        score: NetworkScore,
        every: int,
        stop: bool,
        save: Callable[[], Path] | None,
        due: Callable[[int], bool],
        start: int,
        accelerator: Any,
    ) -> None:
        self.monitor, self.score, self.every, self.stop = monitor, score, every, stop
        self._save, self._accelerator = save, accelerator
        self._due, self._start = due, start
        self._kept: Path | None = None
        self.stopped = False

    def after(self, step: int, last: bool) -> bool:
        """Look if it is time, keep the checkpoint while all is well, and say whether the training is to end.

        Args:
            step: steps done.
            last: whether there are no more; the last step is looked at as well.
        """
        if step % self.every and not last:
            return False
        end = False
        if self._accelerator.is_main_process:
            self.monitor.update(self.score, step)
            memorizes = self.monitor.should_stop()
            end = self.stop and memorizes
            if not memorizes and self._save is not None:
                self._keep(self._save(), step)
        self.stopped = self._heard(end)
        return self.stopped

    def _keep(self, checkpoint: Path, step: int) -> None:
        """The newest good one, in place of the one before; those that are due anyway stay."""
        before, self._kept = self._kept, None if step == self._start or self._due(step) else checkpoint
        if before is not None and before != checkpoint:
            gone = temporary_path(before.parent)  # no half of a checkpoint is ever seen
            before.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def _heard(self, end: bool) -> bool:
        """What the first process decided, in all of them."""
        if self._accelerator.num_processes == 1:
            return end
        heard: list[bool] = optional("accelerate.utils", "train").broadcast_object_list([end])
        return heard[0]
