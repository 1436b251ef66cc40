"""Whatever is trained, as a denoiser D(x, t) = E[x_0 | x_t = x] that is checked at every call."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mnemoscope.choose import check_name
from mnemoscope.errors import InputError
from mnemoscope.monitoring.untouched import networks_of
from mnemoscope.networks import NetworkScore
from mnemoscope.processes import Process, Time
from mnemoscope.processes.base import as_time
from mnemoscope.scores import Score, ScoreFunction
from mnemoscope.scores.base import as_score_function, check_same_process, returned, score_device
from mnemoscope.torch_state import device_of

PREDICTIONS = ("score", "noise", "denoiser", "velocity")
"""What a function may predict; ``velocity`` is that of the library's own networks, ``forward(x, log σ/α)``."""

_LAST = 999.0
"""The last time of networks that count a thousand."""

_BETTER = 0.6


class Model:
    """A model as what it predicts, and as a score and a denoiser.

    Args:
        model: a ``Score``, or a function or network of (x, t).
        process: the forward process.
        shape: of one item.
        predicts: what a function returns, one of ``PREDICTIONS``; a ``Score`` says itself.

    Attributes:
        score: what samplers call.
        own_time: whether it is a plain function, whose scale of time is not known.

    Raises:
        InputError: an unknown ``predicts``, ``velocity`` of what is no network, or a ``Score`` of another process.
    """

    def __init__(
        self, model: ScoreFunction | nn.Module, process: Process, shape: tuple[int, ...], predicts: str
    ) -> None:
        check_name(predicts, PREDICTIONS, "predicts")
        check_same_process(model, process)
        if predicts == "velocity" and not isinstance(model, Score):
            if not isinstance(model, nn.Module):
                raise InputError("predicts='velocity' is for networks forward(x, log σ/α); this model is none")
            model = NetworkScore(model, process, shape)
        self.process, self.own_time = process, not isinstance(model, Score)
        self.score: ScoreFunction = model
        self._predict: ScoreFunction = as_score_function(model)
        self._predicts = predicts
        if isinstance(model, Score):
            self._predict, self._predicts = model.denoiser, "denoiser"  # whose own precision it keeps
        elif predicts != "score":
            self.score = self._as_score

    def denoiser(self, x: Tensor, t: Time, scale: float = 1.0) -> Tensor:
        """E[x_0 | x_t = x]; the function is told ``scale`` times t.

        Raises:
            InputError: it returns another shape.
        """
        found = self._predict(x, t if scale == 1 else scale * as_time(t))
        if self._predicts == "denoiser":
            return found
        if self._predicts == "noise":
            return self.process.denoiser_from_noise(found, x, t)
        return self.process.denoiser_from_score(found, x, t)

    def _as_score(self, x: Tensor, t: Time) -> Tensor:
        return self.process.score_from_denoiser(self.denoiser(x, t), x, t)


def place_of(model: object) -> tuple[torch.device | None, torch.dtype]:
    """Where the model's x must live, None where it does not tell, and its dtype: that of its first weights."""
    networks = networks_of(model)
    device = score_device(model) if callable(model) else None
    weights = [each for network in networks for each in network.parameters() if each.is_floating_point()]
    if device is None and networks:
        device = device_of(networks[0])
    return device, weights[0].dtype if weights else torch.float32


def denoised(model: Model, x: Tensor, t: Tensor, where: str, batch_size: int) -> Tensor:
    """The model's denoiser in single precision on the CPU, batch by batch.

    Raises:
        InputError: an output of another shape, or one that holds NaN or Inf.
    """
    found = []
    for batch in torch.split(x, batch_size):
        try:
            output = returned(model.denoiser(batch, t), batch, "denoiser")
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if not bool(torch.isfinite(output).all()):
            raise InputError(f"{where}: the model returns NaN or Inf")
        found.append(output.detach().cpu().float())
    return torch.cat(found)


def check_time_scale(model: Model, x0: Tensor, times: Sequence[Tensor], noise: Tensor, where: str) -> bool:
    """Whether the model denoises at all as it is told the time, unless another scale of time makes it.

    A network that counts its times from 0 to 999 and is told 0 to t_max takes every x for almost clean. It is found out
    once it has learned something: told 999 t/t_max it has a far smaller error over all times together, and one below
    that of the items' mean.

    Raises:
        InputError: it has.
    """
    if not model.own_time:
        return True
    nothing = len(times) * float((x0 - x0.mean(dim=0)).square().mean())

    def error(scale: float) -> float:
        try:
            noisy = [(model.process.perturb(x0, t, noise), t) for t in times]
            return sum(float((model.denoiser(x, t, scale) - x0).square().mean()) for x, t in noisy)
        except (IndexError, RuntimeError, ValueError):
            return torch.inf

    told = error(1.0)
    # Never beyond 999, where a table of times has no row, which on some devices ends the process.
    last = _LAST / model.process.t_max
    for scale in (last, 1 / last):
        if (other := error(scale)) < min(_BETTER * told, nothing):
            raise InputError(
                f"{where}: the model's time is on another scale: told {scale:.3g} t its error is {other:.3g}, "
                f"told t it is {told:.3g}"
            )
    return told < _BETTER * nothing
