"""Explicit regularisers: small objects that a training run composes, each written ``name:number``.

==============  =======================================================================================================
tikhonov:C      E (C/σ²)‖s_θ‖² beside the score-matching loss: its minimiser is that of ``TikhonovScore`` (Baptista et
                al. 2025), s* σ²/(σ² + C), whatever the weighting. All is weighed by σ²/(σ² + C), which leaves the
                minimiser and keeps the gradient bounded
weight-decay:L  θ ← θ − η L θ at every step, apart from the gradient (Loshchilov & Hutter 2019)
dropout:P       every dropout layer of the network drops with probability P while it trains
corruption:S    x_0 + S ε in place of x_0, drawn once for the whole run: clean items are never seen. The mean stays, the
                covariance grows by S² (Daras et al. 2023 train on nothing else)
flip            every picture is mirrored left to right with probability ½, afresh at every step
shift:K         every picture is moved by up to K pixels each way, afresh at every step; its edge fills what comes in
==============  =======================================================================================================
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor, nn

from mnemoscope.choose import check_number, check_whole, choose
from mnemoscope.data.images import ImageLayout, image_layout
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class Regularizer:
    """Changes one place of a training run, and leaves the others as they are.

    Attributes:
        name: as text has it.
    """

    name: ClassVar[str]

    def items(self, items: Tensor, generator: torch.Generator) -> Tensor:
        """The training set as the run sees it, drawn once; shape ``(n_samples, *event)``."""
        del generator
        return items

    def batch(self, x0: Tensor, generator: torch.Generator) -> Tensor:
        """A batch as the run sees it, drawn at every step; shape ``(batch, *event)``."""
        del generator
        return x0

    def squares(self, errors: Tensor, predicted: Tensor, sigma: Tensor) -> Tensor:
        """The weighted squared errors, given the equally weighted squares of ε̂, both of the shape of a batch."""
        del predicted, sigma
        return errors

    @contextmanager
    def trains(self, network: nn.Module) -> Iterator[None]:
        """The network while it trains; as it was afterwards."""
        del network
        yield

    def check_event(self, event_shape: tuple[int, ...]) -> None:
        """Refuse items that it cannot work on.

        Raises:
            InputError: they are such.
        """

    def __str__(self) -> str:
        numbers = [float(getattr(self, field.name)) for field in fields(self)]
        return ":".join([self.name, *(f"{int(n) if n.is_integer() else n!r}" for n in numbers)])


@dataclass(frozen=True)
class Tikhonov(Regularizer):
    """Tikhonov's penalty on the score, of strength c in squared units of the data."""

    c: float
    name: ClassVar[str] = "tikhonov"

    def __post_init__(self) -> None:
        check_number(self.c, "tikhonov: c", "a finite number >= 0", closed="[")

    def squares(self, errors: Tensor, predicted: Tensor, sigma: Tensor) -> Tensor:
        """(σ² e² + c ε̂²)/(σ² + c)."""
        return (sigma**2 * errors + self.c * predicted) / (sigma**2 + self.c)


@dataclass(frozen=True)
class WeightDecay(Regularizer):
    """Weights shrink by η times this rate at every step."""

    rate: float
    name: ClassVar[str] = "weight-decay"

    def __post_init__(self) -> None:
        check_number(self.rate, "weight-decay: rate", "a finite number >= 0", closed="[")


@dataclass(frozen=True)
class Dropout(Regularizer):
    """Dropout layers drop with this probability."""

    probability: float
    name: ClassVar[str] = "dropout"

    def __post_init__(self) -> None:
        check_number(self.probability, "dropout: probability", "in [0, 1)", 0, 1, closed="[")

    @contextmanager
    def trains(self, network: nn.Module) -> Iterator[None]:
        """The layers' probability is set, and put back.

        Raises:
            InputError: a network without dropout layers.
        """
        layers = [module for module in network.modules() if isinstance(module, nn.Dropout)]
        if not layers:
            raise InputError(f"dropout: {type(network).__name__} has no dropout layers (mlp, unet and dit have)")
        before = [layer.p for layer in layers]
        for layer in layers:
            layer.p = self.probability
        try:
            yield
        finally:
            for layer, p in zip(layers, before, strict=True):
                layer.p = p


@dataclass(frozen=True)
class Corruption(Regularizer):
    """Gaussian noise of this standard deviation on the training items, drawn once."""

    scale: float
    name: ClassVar[str] = "corruption"

    def __post_init__(self) -> None:
        check_number(self.scale, "corruption: scale", "a finite number >= 0", closed="[")

    def items(self, items: Tensor, generator: torch.Generator) -> Tensor:
        """x_0 + S ε."""
        return items + self.scale * torch.randn(items.shape, generator=generator, dtype=items.dtype, device="cpu")


@dataclass(frozen=True)
class Flip(Regularizer):
    """Pictures are mirrored left to right, each with probability ½."""

    name: ClassVar[str] = "flip"

    def check_event(self, event_shape: tuple[int, ...]) -> None:
        """Pictures alone have a left and a right."""
        _picture(event_shape, self.name)

    def batch(self, x0: Tensor, generator: torch.Generator) -> Tensor:
        """Half of the pictures, mirrored."""
        _, across = _axes(_picture(tuple(x0.shape[1:]), self.name))
        chosen = torch.rand(len(x0), generator=generator, device="cpu") < 0.5
        return torch.where(chosen.view(-1, *[1] * (x0.ndim - 1)), x0.flip(across), x0)


@dataclass(frozen=True)
class Shift(Regularizer):
    """Pictures are moved by up to so many pixels each way."""

    pixels: int
    name: ClassVar[str] = "shift"

    def __post_init__(self) -> None:
        check_whole(self.pixels, "shift: pixels", 0)

    def check_event(self, event_shape: tuple[int, ...]) -> None:
        """Pictures alone can be moved."""
        _picture(event_shape, self.name)

    def batch(self, x0: Tensor, generator: torch.Generator) -> Tensor:
        """Every picture, moved by its own way."""
        axes = _axes(_picture(tuple(x0.shape[1:]), self.name))
        moves = torch.randint(-self.pixels, self.pixels + 1, (2, len(x0)), generator=generator, device="cpu")
        for axis, move in zip(axes, moves, strict=True):
            size = x0.shape[axis]
            rows = (torch.arange(size) - move[:, None]).clamp(0, size - 1)  # beyond the edge, the edge
            shape = [len(x0), *[1] * (x0.ndim - 1)]
            shape[axis] = size
            x0 = torch.gather(x0, axis, rows.view(shape).expand(x0.shape))
        return x0


REGULARIZERS: dict[str, type[Regularizer]] = {
    kind.name: kind for kind in (Tikhonov, WeightDecay, Dropout, Corruption, Flip, Shift)
}


def as_regularizers(given: Sequence[Regularizer | str]) -> tuple[Regularizer, ...]:
    """Regularisers from objects and texts, each kind at most once.

    Raises:
        InputError: an unknown name, no number or a bad one, or a kind that comes twice.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"regularizers must be a list, as ['tikhonov:0.1', 'flip'], got {given!r}")
    found = tuple(each if isinstance(each, Regularizer) else _from_text(each) for each in given)
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"regularizers: {name} comes {names.count(name)} times")
    return found


def _from_text(text: str) -> Regularizer:
    if not isinstance(text, str):
        raise InputError(f"regularizers: each must be a regularizer or its text, got {text!r}")
    name, colon, number = text.partition(":")
    kind = choose(name, REGULARIZERS, "regularizer")
    if kind is Flip:
        if colon:
            raise InputError(f"regularizer {text!r}: flip takes no number")
        return Flip()
    try:
        value = float(number)
    except ValueError:
        raise InputError(f"regularizer {text!r}: {name} needs a number after the colon, as in {name}:0.1") from None
    if kind is Shift:
        if not value.is_integer():
            raise InputError(f"shift: pixels must be a whole number, got {number}")
        return Shift(int(value))
    return kind(value)  # type: ignore[call-arg]


def _picture(event_shape: tuple[int, ...], name: str) -> ImageLayout:
    layout = image_layout(event_shape)
    if layout is None:
        raise InputError(f"{name}: needs images, got event shape {event_shape}")
    return layout


def _axes(layout: ImageLayout) -> tuple[int, int]:
    """Of height and width in a batch."""
    return (2, 3) if layout == "CHW" else (1, 2)
