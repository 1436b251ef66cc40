"""The fit loop of denoising score matching; its loss is in ``loss``.

Devices are accelerate's business: under ``accelerate launch`` all processes draw the same batch and each takes its
slice, so that the number of processes does not change the run beyond rounding. What layers draw while they train
(dropout) is seeded by the step: a run that goes on from a checkpoint draws what it would have drawn.

A signal that asks to stop is heard between two steps, and what was done by then is kept in a checkpoint.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnemoscope.choose import check_kind, check_whole
from mnemoscope.errors import DivergenceError, InputError
from mnemoscope.networks import NetworkScore
from mnemoscope.networks.score import n_classes
from mnemoscope.output import stopped_by, uninterrupted
from mnemoscope.processes import Process
from mnemoscope.progress import progress_bar
from mnemoscope.torch_state import own_random_state, training_mode, usual_defaults
from mnemoscope.training.accelerated import accelerated, prepared
from mnemoscope.training.checkpoint import TrainingState, resume, save_checkpoint
from mnemoscope.training.checks import check_weights, checked, checked_labels, last_checkpoint
from mnemoscope.training.draws import Draws
from mnemoscope.training.loss import denoising_loss
from mnemoscope.training.schedules import rate_at
from mnemoscope.training.spec import TrainingSpec
from mnemoscope.training.watching import Looks, Monitor

Watcher = Callable[[NetworkScore, int], object]
"""Called with the averaged score and the number of steps done."""


@dataclass(frozen=True)
class FitResult:
    """A trained score.

    Attributes:
        score: of the averaged weights.
        losses: the batch loss of every step.
        stopped: whether the monitor ended the training.
        last_good_step: the step of the monitor's last look before onset; None without a monitor, or without such.
    """

    score: NetworkScore
    losses: list[float]
    stopped: bool = False
    last_good_step: int | None = None


def fit(
    network: nn.Module,
    data: Tensor,
    process: Process,
    spec: TrainingSpec,
    *,
    labels: Tensor | None = None,
    checkpoints: Path | None = None,
    checkpoint_every: int | None = None,
    watch: Watcher | None = None,
    watch_every: int = 1000,
    monitor: Monitor | None = None,
    monitor_every: int = 500,
    stop: bool = True,
    progress: bool = False,
) -> FitResult:
    """Train a network by denoising score matching.

    Args:
        network: ``forward(x, noise_level)``, of several classes ``forward(x, noise_level, labels)``, predicting what
            ``spec.predicts`` says; trained in place, and left in the mode in which it came. Parts of a network in
            training mode that are in evaluation mode stay so: they are frozen.
        data: shape ``(n_samples, *event)``, of unit scale (``Dataset.to_model``); brought to the network's precision.
        process: the forward process.
        spec: the training run.
        labels: the class of each item, shape ``(n_samples,)``, a number from 0, for a network with as many ``classes``.
        checkpoints: folder for checkpoints; if it holds some, training goes on from the latest, and ends with the
            weights of an uninterrupted run (bit for bit on CPU). A damaged one is passed over, with a warning. After a
            signal that asks to stop (SIGTERM, Ctrl-C) it holds one of the last step done.
        checkpoint_every: steps between checkpoints; only one at the end if left out.
        watch: called every ``watch_every`` steps and at the end.
        watch_every: steps between calls of ``watch``.
        monitor: a ``MemorizationMonitor``, which looks at the weights themselves every ``monitor_every`` steps and at
            the end. The checkpoint of the last look before onset is kept.
        monitor_every: steps between two looks.
        stop: end the training as soon as ``monitor.should_stop()``.
        progress: show a bar.

    Raises:
        InputError: no data, data that are not finite floating-point numbers, a network that returns no tensor like x,
            labels that it does not have, a run that does not fit into memory, a batch that the processes cannot share
            evenly, or a regulariser that does not fit.
        DivergenceError: a loss that is not finite; it knows the step, the learning rate and the last good checkpoint.
        MissingExtraError: accelerate is not installed.
    """
    data = checked(network, data, process, spec)
    told = None if labels is None else checked_labels(labels, len(data), n_classes(network))
    for what, every in (
        ("checkpoint_every", checkpoint_every),
        ("watch_every", watch_every),
        ("monitor_every", monitor_every),
    ):
        if every is not None:
            check_whole(every, what)
    if monitor is not None:
        check_kind(monitor, Monitor, "monitor")
    with ExitStack() as stack:
        accelerator = stack.enter_context(accelerated(spec.mixed_precision))
        if spec.batch_size % accelerator.num_processes:
            raise InputError(f"batch_size {spec.batch_size} is not divisible by {accelerator.num_processes} processes")
        generator = torch.Generator().manual_seed(spec.seed)
        draws = Draws(data.cpu(), process, spec, generator, told, 0 if told is None else n_classes(network))
        with usual_defaults():
            state = _start(network.to(accelerator.device), spec, generator)
        state.scaler = accelerator.scaler
        if checkpoints is not None:
            resume(checkpoints, state)
        for each in spec.regularized_by:
            stack.enter_context(each.trains(state.network))
        trained, optimizer = stack.enter_context(prepared(accelerator, state.network, state.optimizer))
        shape = tuple(data.shape[1:])
        score, raw = (
            NetworkScore(each, process, shape, spec.prediction) for each in (state.average.module.eval(), state.network)
        )
        rate, start = rate_at(spec), state.step

        def save() -> Path:
            check_weights(state, spec, checkpoints)
            assert checkpoints is not None, "asked for where there is a folder alone"
            return save_checkpoint(checkpoints, state)

        def due(step: int) -> bool:
            return step == spec.steps or (checkpoint_every is not None and step % checkpoint_every == 0)

        saves = checkpoints is not None and accelerator.is_main_process
        looks = None
        if monitor is not None:
            looks = Looks(monitor, raw, monitor_every, stop, save if saves else None, due, start, accelerator)
        bar = progress_bar("training", spec.steps, enabled=progress and accelerator.is_main_process)
        stack.enter_context(training_mode(trained))
        advance = stack.enter_context(bar)
        for _ in range(state.step):
            advance()
        stack.enter_context(_kept_when_stopped(save if saves else None, state, start))
        ended = looks is not None and start > 0 and looks.after(start, start == spec.steps)
        while state.step < spec.steps and not ended:
            share = slice(accelerator.process_index, None, accelerator.num_processes)
            with uninterrupted(), own_random_state((spec.seed + _PRIME * state.step + share.start) % 2**63):
                _step(trained, optimizer, state, draws, spec, rate(state.step), share, accelerator)
            if not math.isfinite(state.losses[-1]):
                raise DivergenceError(state.step, spec.learning_rate, last_checkpoint(checkpoints))
            advance()
            last = state.step == spec.steps
            if watch is not None and (last or state.step % watch_every == 0):
                watch(score, state.step)
            if looks is not None:
                ended = looks.after(state.step, last)
            if saves and (ended or due(state.step)):
                save()
    good = None if monitor is None else monitor.last_good_step
    return FitResult(score, state.losses, ended, good)


_PRIME = 1_000_003
"""Apart from which the seeds of two steps lie, so that other processes have seeds of their own."""


def _step(
    trained: nn.Module,
    optimizer: Any,
    state: TrainingState,
    draws: Draws,
    spec: TrainingSpec,
    rate: float,
    share: slice,
    accelerator: Any,
) -> None:
    """One step of the optimizer and of the average, on this process's share of the batch."""
    # The times stay on the CPU in double precision: only α and σ go to the device.
    batch, labels = draws.labelled_batch()
    x0, noise = (part[share].to(accelerator.device) for part in (batch.x0, batch.noise))
    loss = denoising_loss(
        trained,
        draws.process,
        x0,
        batch.t[share],
        noise,
        spec.weighting,
        prediction=spec.prediction,
        regularizers=draws.regularizers,
        labels=None if labels is None else labels[share].to(accelerator.device),
    )
    optimizer.zero_grad()
    accelerator.backward(loss)
    if spec.clip_norm < math.inf:
        accelerator.clip_grad_norm_(trained.parameters(), spec.clip_norm)
    for group in state.optimizer.param_groups:
        group["lr"] = spec.learning_rate * rate
    with usual_defaults():  # in which Adam makes its counters
        optimizer.step()
    state.average.update_parameters(state.network)
    state.losses.append(float(accelerator.reduce(loss.detach(), "mean")))


@contextmanager
def _kept_when_stopped(save: Callable[[], Path] | None, state: TrainingState, start: int) -> Iterator[None]:
    """A checkpoint of the last whole step, where somebody asks the process to stop."""
    with stopped_by():
        try:
            yield
        except KeyboardInterrupt:
            if save is not None and state.step > start:
                with uninterrupted():
                    save()
            raise


def _start(network: nn.Module, spec: TrainingSpec, generator: torch.Generator) -> TrainingState:
    optimizers = {"adam": torch.optim.AdamW if spec.weight_decay else torch.optim.Adam, "sgd": torch.optim.SGD}
    made = optimizers[spec.optimizer](
        network.parameters(),
        lr=spec.learning_rate,
        weight_decay=spec.weight_decay,
        # All weights in one call, of which there is one for numbers that are real and need no scaling.
        fused=spec.mixed_precision == "no" and all(each.is_floating_point() for each in network.parameters()),
    )

    def follow(averages: Sequence[Tensor], weights: Sequence[Tensor], step: Tensor | int) -> None:
        get_ema_multi_avg_fn(spec.ema_decay_at(int(step)))(averages, weights, step)  # type: ignore[no-untyped-call]

    return TrainingState(network, AveragedModel(network, multi_avg_fn=follow), made, generator, [])
