"""Whatever is trained, as a denoiser D(x, t) = E[x_0 | x_t = x] that is checked at every call."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from mnemoscope.choose import check_name
from mnemoscope.errors import InputError
from mnemoscope.monitoring.untouched import networks_of
from mnemoscope.networks import NetworkScore
from mnemoscope.processes import Process, Time
from mnemoscope.scores import Score, ScoreFunction
from mnemoscope.scores.base import as_score_function, score_device
from mnemoscope.torch_state import device_of

Denoiser: TypeAlias = Callable[[Tensor, Tensor], Tensor]

PREDICTIONS = ("score", "noise", "denoiser", "velocity")
"""What a function may predict; ``velocity`` is that of the library's own networks, ``forward(x, log σ/α)``."""

_SCALES = (1000.0, 1e-3)
_BETTER = 0.5


def as_score(
    model: ScoreFunction | nn.Module, process: Process, shape: tuple[int, ...], predicts: str
) -> ScoreFunction:
    """What samplers and signals call: a ``Score`` as it is, a function as a score.

    Raises:
        InputError: an unknown ``predicts``, or ``velocity`` of what is no network.
    """
    check_name(predicts, PREDICTIONS, "predicts")
    if isinstance(model, Score) or predicts == "score":
        return model
    if predicts == "velocity":
        if not isinstance(model, nn.Module):
            raise InputError("predicts='velocity' is for networks forward(x, log σ/α); this model is none")
        return NetworkScore(model, process, shape)
    function = as_score_function(model)

    def score(x: Tensor, t: Time) -> Tensor:
        found = function(x, t)
        return process.score_from_noise(found, t) if predicts == "noise" else process.score_from_denoiser(found, x, t)

    return score


def place_of(model: object) -> tuple[torch.device | None, torch.dtype]:
    """Where the model's x must live, None where it does not tell, and its dtype: that of its first weights."""
    networks = networks_of(model)
    device = score_device(model) if callable(model) else None
    weights = [each for network in networks for each in network.parameters() if each.is_floating_point()]
    if device is None and networks:
        device = device_of(networks[0])
    return device, weights[0].dtype if weights else torch.float32


def as_denoiser(score: ScoreFunction, process: Process, scale: float = 1.0) -> Denoiser:
    """The denoiser of a score; ``scale`` multiplies the time that a function is told, for the check below."""
    if isinstance(score, Score):
        return score.denoiser
    function = as_score_function(score)
    return lambda x, t: process.denoiser_from_score(function(x, scale * t), x, t)


def denoised(denoiser: Denoiser, x: Tensor, t: Tensor, where: str, batch_size: int) -> Tensor:
    """The denoiser's output in single precision on the CPU, batch by batch.

    Raises:
        InputError: an output of another shape, or one that holds NaN or Inf.
    """
    found = []
    for batch in torch.split(x, batch_size):
        output = denoiser(batch, t)
        if not isinstance(output, Tensor) or output.shape != batch.shape:
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise InputError(f"{where}: the model returns {shape} for x of shape {tuple(batch.shape)}")
        if not bool(torch.isfinite(output).all()):
            raise InputError(f"{where}: the model returns NaN or Inf")
        found.append(output.detach().cpu().float())
    return torch.cat(found)


def check_time_scale(score: ScoreFunction, process: Process, x0: Tensor, t: Tensor, noise: Tensor, where: str) -> None:
    """That a plain function does not denoise far better when told another time.

    A network that counts its times from 0 to 1,000 and is told 0 to 1 takes every x for almost clean. It is found out
    where it works at all: told 1,000 t it halves the error, and beats the mean of the items.

    Raises:
        InputError: it does.
    """
    if isinstance(score, Score):
        return
    x = process.perturb(x0, t, noise)
    nothing = float((x0 - x0.mean(dim=0)).square().mean())

    def error(scale: float) -> float:
        with torch.no_grad():
            try:
                return float((as_denoiser(score, process, scale)(x, t) - x0).square().mean())
            except (IndexError, RuntimeError, ValueError):  # another scale may be outside what it takes
                return torch.inf

    told = error(1.0)
    for scale in _SCALES:
        if (other := error(scale)) < _BETTER * min(told, nothing):
            raise InputError(
                f"{where}: the model's time is on another scale: told {scale:g} t it denoises with error {other:.3g}, "
                f"told t with {told:.3g}"
            )
