"""The score that a network of diffusers defines, along the noise of the scheduler it was trained with.

In the coordinates x̂ = x/√(α² s² + σ²), ᾱ = α s/√(α² s² + σ²), σ̄ = σ/√(α² s² + σ²) of ``schedulers`` a network F gives

    epsilon         ε̂ = F
    v_prediction    v = ᾱ ε − σ̄ x_0/s = F, so that ε̂ = σ̄ x̂ + ᾱ F     (Salimans & Ho 2022, appendix D)
    sample          E[x_0 | x] = F
"""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_kind, check_whole
from mnemoscope.data import ImageLayout
from mnemoscope.errors import InputError
from mnemoscope.pipelines.autoencoder import Autoencoder
from mnemoscope.pipelines.schedulers import Schedule, read_scheduler
from mnemoscope.processes import Time
from mnemoscope.processes.base import as_time
from mnemoscope.scores import Score
from mnemoscope.scores.base import check_floating, returned
from mnemoscope.text import one_line
from mnemoscope.torch_state import device_of, evaluation_mode

_SLACK = 1e-6
"""Relative: how far a time may lie beyond the ends by rounding."""


class DiffusersScore(Score):
    """A network and its schedule as a score; ``from_diffusers`` makes one.

    Attributes:
        network: the network. Every call evaluates it in evaluation mode and leaves it in the mode in which it was.
        schedule: how its inputs and outputs are related to the process.
        autoencoder: what the score's items are latents of; None where they are the data themselves.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        event_shape: tuple[int, ...],
        layout: ImageLayout = "CHW",
        inputs: Mapping[str, Any] | None = None,
        autoencoder: Autoencoder | None = None,
    ) -> None:
        self.network, self.schedule, self.autoencoder = network, schedule, autoencoder
        self.process, self.event_shape = schedule.process, event_shape
        self._layout, self._inputs = layout, dict(inputs or {})
        self.device = device_of(network)

    def __call__(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The score at x; t must lie between t_min and t_max of the process, whose times are not the network's."""
        return self.process.score_from_noise(self.noise(x, t), t)

    def noise(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The noise prediction ε̂ at x."""
        check_floating(x, "x", self.event_shape)
        time = self._checked(t)
        alpha, sigma = self.process.coefficients(x, t)
        signal = alpha * self.schedule.data_scale
        scale = torch.sqrt(signal**2 + sigma**2)
        unit = x / scale
        found = self._evaluate(unit, time)
        if self.schedule.prediction == "epsilon":
            return found
        if self.schedule.prediction == "sample":
            return (x - alpha * found) / sigma
        noise: Tensor = (sigma * unit + self.schedule.sign * signal * found) / scale
        return noise

    def time_of_step(self, step: Time) -> Tensor:
        """The t at which the network is told ``step``, its own time: what a scheduler's ``timesteps`` are here."""
        return self.schedule.time_of(as_time(step).double())

    def encode(self, images: Float[Tensor, "batch *image"]) -> Float[Tensor, "batch *event"]:
        """The latents of images in [−1, 1], on the scale on which the score lives.

        Raises:
            InputError: there is no autoencoder, or it does not take such images.
        """
        return self._latent().encode(images)

    def decode(self, latents: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch *image"]:
        """The images of latents, in [−1, 1]; the inverse of ``encode`` as far as there is one.

        Raises:
            InputError: there is no autoencoder, or it does not take such latents.
        """
        return self._latent().decode(latents)

    def _latent(self) -> Autoencoder:
        if self.autoencoder is None:
            raise InputError("autoencoder: the score has none: its items are the images themselves")
        return self.autoencoder

    def _checked(self, t: Time) -> Tensor:
        """The time that the network is told.

        Raises:
            InputError: t is no time of the process, as a step of the scheduler would be.
        """
        low, high = self.process.t_min, self.process.t_max
        time = as_time(t).detach().cpu().double()
        inside = (time >= low * (1 - _SLACK)) & (time <= high * (1 + _SLACK))
        if not bool(inside.all()):
            wrong = float(time[~inside].flatten()[0])
            raise InputError(
                f"t must lie between {low:.6g} and {high:.6g} ({self.process.name}), got {wrong:g}: "
                f"time_of_step turns the scheduler's own times into t"
            )
        return self.schedule.network_time(time.clamp(low, high))

    def _evaluate(self, unit: Tensor, time: Tensor) -> Tensor:
        """What the network returns for x̂, in the layout, dtype and on the device of x̂."""
        images = unit[:, None] if self._layout == "HW" else unit.permute(0, 3, 1, 2) if self._layout == "HWC" else unit
        precision = next((each.dtype for each in self.network.parameters()), images.dtype)
        given = images.to(self.device, precision)
        # Networks take times in single precision, whatever their weights are: half of it cannot tell steps apart.
        told = time.to(torch.float32).to(self.device).reshape(-1).expand(len(images)).clone()
        inputs = {name: _expanded(value, len(images), self.device) for name, value in self._inputs.items()}
        with evaluation_mode(self.network):
            output = self.network(given, timestep=told, **inputs)
        found = _prediction(output)
        channels = images.shape[1]
        if isinstance(found, Tensor) and found.ndim == images.ndim and found.shape[1] == 2 * channels:
            found = found[:, :channels]  # the other half is the logarithm of a variance, which the score has no use for
        found = returned(found, given, type(self.network).__name__).to(unit)
        return found[:, 0] if self._layout == "HW" else found.permute(0, 2, 3, 1) if self._layout == "HWC" else found


def from_diffusers(
    model: nn.Module,
    scheduler: Any,
    *,
    event_shape: tuple[int, ...] | None = None,
    class_label: int | None = None,
    inputs: Mapping[str, Any] | None = None,
    autoencoder: nn.Module | None = None,
) -> DiffusersScore:
    """The score of a network of diffusers: a U-Net or a transformer, with the scheduler that it was trained with.

    It serves wherever a score does, with ``score.process``: ``sample``, ``MemorizationMonitor``, contract tests. Its
    times are those of the process, and a time of the scheduler given as t is an error; ``time_of_step`` converts.

    Args:
        model: called as ``model(x, timestep=..., **inputs)``; of an output with twice the channels of x, as with
            learned variances, the first half is taken.
        scheduler: of diffusers: its table of ᾱ or its σ, and its ``prediction_type``, are what the model was trained
            with. How many sampling steps it is set to does not matter.
        event_shape: of one item, as your data have it: (channels, height, width), (height, width, channels), or
            (height, width) where the model has one channel. Left out, that of the model's configuration.
        class_label: of a class-conditional model; a score belongs to one class.
        inputs: further inputs by name, such as ``encoder_hidden_states``; tensors have a batch axis of size 1.
        autoencoder: the model is one of latents, and this makes them: the score's items are scaled latents, with
            ``score.encode`` and ``score.decode``.

    Raises:
        InputError: a scheduler that is not supported, a model that is conditional and is given no condition, or that
            cannot be evaluated on such items or returns something of another shape; the message names it.
    """
    check_kind(model, nn.Module, "model")
    schedule = read_scheduler(scheduler)
    name, config = type(model).__name__, getattr(model, "config", None) or {}
    if "timestep" not in inspect.signature(model.forward).parameters:
        raise InputError(f"{name}: its forward has no argument 'timestep', as networks of diffusers have")
    if config.get("time_embedding_type", "positional") not in ("positional", "fourier"):
        raise InputError(
            f"{name}: time_embedding_type {config.get('time_embedding_type')!r} knows no time between steps"
        )
    shape, layout = _layout(name, config, event_shape)
    given = {**(inputs or {}), **_class_input(name, model, config, class_label, inputs or {})}
    coder = None if autoencoder is None else Autoencoder(autoencoder)
    score = DiffusersScore(model, schedule, shape, layout, given, coder)
    _try(score, name)
    return score


def _layout(name: str, config: Mapping[str, Any], event_shape: Any) -> tuple[tuple[int, ...], ImageLayout]:
    channels, size = config.get("in_channels"), config.get("sample_size")
    if event_shape is None:
        if channels is None or size is None:
            raise InputError(
                f"event_shape is needed: the configuration of {name} does not tell in_channels, sample_size"
            )
        sides = (size, size) if isinstance(size, int) else tuple(size)
        return (int(channels), *(int(side) for side in sides)), "CHW"
    shape = check_event_shape(event_shape)
    if channels is None or (len(shape) == 3 and shape[0] == channels):
        return shape, "CHW"
    if len(shape) == 3 and shape[2] == channels:
        return shape, "HWC"
    if len(shape) == 2 and channels == 1:
        return shape, "HW"
    raise InputError(f"event_shape {shape} does not fit {name}, which takes {channels} channels")


def _class_input(
    name: str, model: nn.Module, config: Mapping[str, Any], label: int | None, inputs: Mapping[str, Any]
) -> dict[str, Tensor]:
    """The class as an input of the network."""
    by_norm = config.get("num_embeds_ada_norm") if config.get("norm_type") == "ada_norm_zero" else None
    conditional = getattr(model, "class_embedding", None) is not None or by_norm is not None
    if label is None:
        if conditional and "class_labels" not in inputs:
            raise InputError(f"{name}: is class-conditional: class_label says of which class the score is to be")
        return {}
    if not conditional:
        raise InputError(f"class_label: {name} knows no classes")
    # A transformer with normalised classes has one more, for none of them.
    most = by_norm if by_norm is not None else (config.get("num_class_embeds") or 2**31) - 1
    return {"class_labels": torch.tensor([check_whole(label, "class_label", 0, most)])}


def _expanded(value: Any, n: int, device: torch.device) -> Any:
    """An input with a batch axis of size 1 for n items."""
    if isinstance(value, Tensor):
        return (value.expand(n, *value.shape[1:]) if value.ndim and len(value) == 1 else value).to(device)
    return {key: _expanded(each, n, device) for key, each in value.items()} if isinstance(value, Mapping) else value


def _prediction(output: Any) -> Any:
    if hasattr(output, "sample"):
        return output.sample
    return output[0] if isinstance(output, tuple | list) and output else output


def _try(score: DiffusersScore, name: str) -> None:
    """One evaluation, whose failure is a line about the model."""
    process = score.process
    t = process.time_of((process.ratio(process.t_min) * process.ratio(process.t_max)).sqrt())
    item = torch.zeros(1, *score.event_shape, device=score.device)
    try:
        with torch.no_grad():
            found = score.noise(item, t)
    except InputError:
        raise
    except Exception as error:
        why = one_line(str(error).strip().partition("\n")[0] or type(error).__name__, 200)
        raise InputError(f"{name}: cannot be evaluated on an item of shape {score.event_shape} ({why})") from error
    if not bool(torch.isfinite(found).all()):
        raise InputError(
            f"{name}: returns NaN or Inf for an item of shape {score.event_shape}: its weights are damaged"
        )
