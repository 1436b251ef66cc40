"""The fit loop of denoising score matching.

    L(θ) = E ‖ε̂_θ(α x_0 + σ ε, t) − ε‖² / d,

is the σ²-weighted distance of the score −ε̂/σ to its conditional target −ε/σ (Vincent 2011; Ho et al. 2020). Its
minimiser over all functions is the exact score of the empirical law: whoever minimises it perfectly memorizes.

Devices are accelerate's business: under ``accelerate launch`` all processes draw the same batch and each takes its
slice, so that the number of processes does not change the run beyond rounding.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnemoscope.choose import check_kind, check_whole
from mnemoscope.data.arrays import as_items, as_tensor, check_finite
from mnemoscope.errors import DivergenceError, InputError
from mnemoscope.extras import optional
from mnemoscope.networks import NetworkScore
from mnemoscope.networks.score import predict_noise
from mnemoscope.processes import Process, Time
from mnemoscope.progress import progress_bar
from mnemoscope.reading import check_memory
from mnemoscope.torch_state import training_mode, usual_defaults
from mnemoscope.training.checkpoint import TrainingState, resume, save_checkpoint
from mnemoscope.training.draws import Draws
from mnemoscope.training.spec import TrainingSpec

Watcher = Callable[[NetworkScore, int], object]
"""Called with the averaged score and the number of steps done."""


@dataclass(frozen=True)
class FitResult:
    """A trained score.

    Attributes:
        score: of the averaged weights.
        losses: the batch loss of every step.
    """

    score: NetworkScore
    losses: list[float]


def denoising_loss(
    network: nn.Module, process: Process, x0: Tensor, t: Time, noise: Tensor, weighting: str = "noise"
) -> Tensor:
    """Mean of w ‖ε̂(x_t, t) − ε‖²/d over a batch, x_t = α x_0 + σ ε, w = 1 (``noise``) or 1 + σ²/α² (``velocity``)."""
    error = predict_noise(network, process, process.perturb(x0, t, noise), t) - noise
    if weighting == "velocity":
        alpha, sigma = process.coefficients(x0, t)
        error = error * torch.sqrt(1 + (sigma / alpha) ** 2)
    return error.square().mean()


def fit(
    network: nn.Module,
    data: Tensor,
    process: Process,
    spec: TrainingSpec,
    *,
    checkpoints: Path | None = None,
    checkpoint_every: int | None = None,
    watch: Watcher | None = None,
    watch_every: int = 1000,
    progress: bool = False,
) -> FitResult:
    """Train a velocity-predicting network by denoising score matching.

    Args:
        network: ``forward(x, noise_level)``; trained in place, and left in the mode in which it came. Parts of a
            network in training mode that are in evaluation mode stay so: they are frozen.
        data: shape ``(n_samples, *event)``, of unit scale (``Dataset.to_model``); brought to the network's precision.
        process: the forward process.
        spec: the training run.
        checkpoints: folder for checkpoints; if it holds some, training goes on from the latest, and ends with the
            weights of an uninterrupted run (bit for bit on CPU). A damaged one is passed over, with a warning.
        checkpoint_every: steps between checkpoints; only one at the end if left out.
        watch: called every ``watch_every`` steps and at the end.
        watch_every: steps between calls of ``watch``.
        progress: show a bar.

    Raises:
        InputError: no data, data that are not finite floating-point numbers, a network that returns no tensor like x,
            a run that does not fit into memory, or a batch that the processes cannot share evenly.
        DivergenceError: a loss that is not finite; it knows the step and the learning rate.
        MissingExtraError: accelerate is not installed.
    """
    data = _checked(network, data, process, spec)
    for what, every in (("checkpoint_every", checkpoint_every), ("watch_every", watch_every)):
        if every is not None:
            check_whole(every, what)
    accelerator = optional("accelerate", "train").Accelerator()
    if spec.batch_size % accelerator.num_processes:
        raise InputError(f"batch_size {spec.batch_size} is not divisible by {accelerator.num_processes} processes")
    generator = torch.Generator().manual_seed(spec.seed)
    draws = Draws(data.cpu(), process, spec, generator)
    with usual_defaults():
        state = _start(network.to(accelerator.device), spec, generator)
    if checkpoints is not None:
        resume(checkpoints, state)
    trained, optimizer = accelerator.prepare(state.network, state.optimizer)
    score = NetworkScore(state.average.module.eval(), process, tuple(data.shape[1:]))

    bar = progress_bar("training", spec.steps, enabled=progress and accelerator.is_main_process)
    with training_mode(trained), bar as advance:
        for _ in range(state.step):
            advance()
        while state.step < spec.steps:
            share = slice(accelerator.process_index, None, accelerator.num_processes)
            # The times stay on the CPU in double precision: only α and σ go to the device.
            batch = draws.batch()
            x0, noise = (part[share].to(accelerator.device) for part in (batch.x0, batch.noise))
            loss = denoising_loss(trained, process, x0, batch.t[share], noise, spec.weighting)
            optimizer.zero_grad()
            accelerator.backward(loss)
            with usual_defaults():  # in which Adam makes its counters
                optimizer.step()
            state.average.update_parameters(state.network)
            state.losses.append(float(accelerator.reduce(loss.detach(), "mean")))
            if not math.isfinite(state.losses[-1]):
                raise DivergenceError(state.step, spec.learning_rate)
            advance()
            last = state.step == spec.steps
            if watch is not None and (last or state.step % watch_every == 0):
                watch(score, state.step)
            due = last or (checkpoint_every is not None and state.step % checkpoint_every == 0)
            if checkpoints is not None and due and accelerator.is_main_process:
                save_checkpoint(checkpoints, state)
    return FitResult(score, state.losses)


def _checked(network: nn.Module, data: Tensor, process: Process, spec: TrainingSpec) -> Tensor:
    """The training items on the CPU, without a gradient; what cannot be trained is refused before anything changes."""
    check_kind(network, nn.Module, "network")
    check_kind(process, Process, "process")
    check_kind(spec, TrainingSpec, "spec")
    items = as_items(as_tensor(data, "data"), "data")
    if not isinstance(items, Tensor) or not items.is_floating_point():
        raise InputError(f"data: needs floating-point numbers of unit scale (Dataset.to_model), got {items.dtype}")
    items = items.to(torch.device("cpu"), next((each.dtype for each in network.parameters()), items.dtype))
    check_finite(items, "data")
    parameters = sum(each.nbytes for each in network.parameters())
    draws = spec.batch_size + (0 if spec.noise_draws == math.inf else len(items) * int(spec.noise_draws))
    # Gradients, the average and Adam's two moments; of each draw the item, its noise, x_t and what is predicted.
    states = 2 + 2 * (spec.optimizer == "adam")
    needed = states * parameters + 4 * draws * items[0].nbytes
    check_memory("training (network, batch and noise draws)", needed)
    return items


def _start(network: nn.Module, spec: TrainingSpec, generator: torch.Generator) -> TrainingState:
    optimizers = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = optimizers[spec.optimizer](network.parameters(), lr=spec.learning_rate)

    def follow(averages: Sequence[Tensor], weights: Sequence[Tensor], step: Tensor | int) -> None:
        get_ema_multi_avg_fn(spec.ema_decay_at(int(step)))(averages, weights, step)  # type: ignore[no-untyped-call]

    return TrainingState(network, AveragedModel(network, multi_avg_fn=follow), optimizer, generator, [])
