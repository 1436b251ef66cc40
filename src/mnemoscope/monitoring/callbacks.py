"""The monitor in loops that others write: a callback for Lightning."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import nn

from mnemoscope.choose import check_whole
from mnemoscope.errors import InputError
from mnemoscope.monitoring.monitor import MemorizationMonitor
from mnemoscope.scores import ScoreFunction

_LIGHTNING = ("lightning.pytorch", "pytorch_lightning")


def lightning_callback(
    monitor: MemorizationMonitor,
    *,
    every: int = 500,
    model: Callable[[Any], ScoreFunction | nn.Module] | None = None,
    stop: bool = False,
) -> Any:
    """A callback for Lightning's ``Trainer``, whose numbers Lightning logs.

    Its keys are those of ``MonitorRecord.metrics``, so Lightning's own
    ``EarlyStopping("mnemoscope/state", divergence_threshold=0.5, strict=False)`` stops at the onset. In a run of
    several processes the first one looks and the others hear of it.

    Args:
        monitor: what looks.
        every: optimizer steps between two looks.
        model: from the Lightning module to what ``MemorizationMonitor.update`` takes; left out, the module itself.
        stop: end the training as soon as ``monitor.should_stop()``.

    Raises:
        InputError: ``every`` below 1, or Lightning is not installed.
    """
    every = check_whole(every, "every")

    class MonitorCallback(_lightning_callback()):  # type: ignore[misc]
        """Looks after every so many optimizer steps."""

        def __init__(self) -> None:
            self._last = 0

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any, **__: Any) -> None:
            """Look, log and stop."""
            step = int(trainer.global_step)
            # With accumulated gradients several batches end at one step.
            if step == self._last or step % every:
                return
            self._last, found = step, None
            if trainer.is_global_zero:
                record = monitor.update(pl_module if model is None else model(pl_module), step)
                found = record.metrics(), monitor.should_stop()
            metrics, done = trainer.strategy.broadcast(found)
            pl_module.log_dict(metrics, on_step=True, on_epoch=False, batch_size=1)
            if stop and done:
                trainer.should_stop = True

    return MonitorCallback()


def _lightning_callback() -> Any:
    """Lightning's base class of callbacks, under either of its two names."""
    for name in _LIGHTNING:
        try:
            return import_module(name).Callback
        except ModuleNotFoundError:
            continue
    raise InputError("Lightning is not installed: pip install lightning")
