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

_LAST = 999.0
"""The last time of networks that count a thousand."""

_BETTER = 0.6


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
        found = _checked(function(x, t), x)
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
    return lambda x, t: process.denoiser_from_score(_checked(function(x, scale * t), x), x, t)


def _checked(output: object, x: Tensor) -> Tensor:
    if not isinstance(output, Tensor) or output.shape != x.shape:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise InputError(f"the model returns {shape} for x of shape {tuple(x.shape)}")
    return output


def denoised(denoiser: Denoiser, x: Tensor, t: Tensor, where: str, batch_size: int) -> Tensor:
    """The denoiser's output in single precision on the CPU, batch by batch.

    Raises:
        InputError: an output of another shape, or one that holds NaN or Inf.
    """
    found = []
    for batch in torch.split(x, batch_size):
        try:
            output = _checked(denoiser(batch, t), batch)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if not bool(torch.isfinite(output).all()):
            raise InputError(f"{where}: the model returns NaN or Inf")
        found.append(output.detach().cpu().float())
    return torch.cat(found)


def check_time_scale(score: ScoreFunction, process: Process, x0: Tensor, t: Tensor, noise: Tensor, where: str) -> bool:
    """Whether the model denoises at all as it is told the time, unless another scale of time makes it.

    A network that counts its times from 0 to 999 and is told 0 to 1 takes every x for almost clean. It is found out
    once it has learned something: told 999 t it has a far smaller error, and one below that of the items' mean.

    Raises:
        InputError: it has.
    """
    if isinstance(score, Score):
        return True
    x = process.perturb(x0, t, noise)
    nothing = float((x0 - x0.mean(dim=0)).square().mean())

    def error(scale: float) -> float:
        # Beyond 999 a table of times has no row, which on some devices ends the process.
        if scale > 1 and scale * float(t) > _LAST:
            return torch.inf
        try:
            return float((as_denoiser(score, process, scale)(x, t) - x0).square().mean())
        except (IndexError, RuntimeError, ValueError):
            return torch.inf

    told = error(1.0)
    for scale in (_LAST, 1 / _LAST):
        if (other := error(scale)) < min(_BETTER * told, nothing):
            raise InputError(
                f"{where}: the model's time is on another scale: told {scale:.3g} t its error is {other:.3g}, "
                f"told t with {told:.3g}"
            )
    return told < _BETTER * nothing
