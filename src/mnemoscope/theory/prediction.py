"""What the learning curves say for one setting, in numbers and in a plain sentence."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Unpack

import xarray as xr
from numpy.typing import ArrayLike

from mnemoscope.errors import InputError
from mnemoscope.text import json_number
from mnemoscope.theory.activations import activation_label
from mnemoscope.theory.data_spectrum import as_numbers, data_spectrum
from mnemoscope.theory.grid import ModelSettings, as_number, check_names
from mnemoscope.theory.learning_curves import learning_curve
from mnemoscope.theory.phases import memorization_share

REAL_IMAGE_ACCURACY = (
    "The theory takes the data to be Gaussian: on Fashion-MNIST (14×14 pixels) its test loss was within 6 %"
    " of models fitted on whitened images, and 16 to 143 % too high for raw ones; on whitened digits (8×8) it was up to"
    " 23 % too high."
)
"""As measured by the study random-features; docs/theory/learning-curves.md has every figure."""

_CHANGES = {
    "more_draws": "twice the noise draws",
    "more_data": "twice the data",
    "fewer_features": "half the features",
}


@dataclass(frozen=True)
class Losses:
    """The losses of ``learning_curve`` at one point, per dimension, and the share of memorization."""

    test_loss: float
    train_loss: float
    score_error: float
    bayes_loss: float
    memorization: float


@dataclass(frozen=True)
class Prediction:
    """A prediction and what would change it.

    Attributes:
        losses: as asked for.
        changes: the losses after one change each: ``more_data`` (twice n), ``fewer_features`` (half of p)
            and, unless m is infinite, ``more_draws`` (twice m).
        inputs: the arguments, in a form that JSON can hold.
        sentence: all of it in words.
    """

    losses: Losses
    changes: dict[str, Losses]
    inputs: dict[str, Any]
    sentence: str

    def payload(self) -> dict[str, Any]:
        """What ``predict --json`` prints: the losses, then inputs, changes and the sentence."""
        changes = {name: asdict(losses) for name, losses in self.changes.items()}
        return {**asdict(self.losses), "inputs": self.inputs, "changes": changes, "sentence": self.sentence}


def predict(
    *,
    ridge: float,
    psi_n: float | None = None,
    data: ArrayLike | None = None,
    whitening: float | None = None,
    **settings: Unpack[ModelSettings],
) -> Prediction:
    """The learning curves at one point, beside the same point with more draws, more data and fewer features.

    Args:
        ridge: λ > 0.
        psi_n: n/d; left out, that of ``data``.
        data: a data set of shape ``(n_samples, *event)``, whose covariance (in units of its mean eigenvalue)
            stands for Σ; left out, Σ = I.
        whitening: the ridge of a whitening applied to the data, as in ``data_spectrum``.
        **settings: ``psi_p``, ``time`` and more, see ``ModelSettings``; numbers only.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: an argument out of range, by name, or neither ``psi_n`` nor ``data``.
        ConvergenceError: a point that could not be solved.
    """
    check_names(settings, ModelSettings)
    psi_p, time = as_number("psi_p", settings["psi_p"]), as_number("time", settings["time"])
    ridge = as_number("ridge", ridge)
    psi_n = None if psi_n is None else as_number("psi_n", psi_n)
    noise_draws = as_number("noise_draws", settings.get("noise_draws", math.inf))
    activation = settings.get("activation", "relu")
    if data is None:
        if psi_n is None:
            raise InputError("psi_n: needed where no data set tells it")
        if whitening is not None:
            raise InputError("whitening: there is no data set to whiten")
        spectrum = None
    else:
        spectrum = data_spectrum(data, whitening=whitening)
        psi_n = len(as_numbers("data", data)) / len(spectrum) if psi_n is None else psi_n
    variants = {
        "asked": (psi_n, psi_p, noise_draws),
        "more_data": (2 * psi_n, psi_p, noise_draws),
        "fewer_features": (psi_n, psi_p / 2, noise_draws),
    }
    if math.isfinite(noise_draws):
        variants["more_draws"] = (psi_n, psi_p, 2 * noise_draws)
    columns = (xr.DataArray(list(column), dims="variant") for column in zip(*variants.values(), strict=True))
    named = dict(zip(("psi_n", "psi_p", "noise_draws"), columns, strict=True))
    curves = learning_curve(**named, time=time, ridge=ridge, activation=activation, spectrum=spectrum)
    names = ("test_loss", "train_loss", "score_error", "bayes_loss")
    found = {variant: _losses(*(float(curves[name][i]) for name in names)) for i, variant in enumerate(variants)}
    losses = found.pop("asked")
    inputs = {
        "psi_n": float(psi_n),
        "psi_p": psi_p,
        "noise_draws": json_number(noise_draws),
        "time": time,
        "ridge": float(ridge),
        "activation": activation_label(activation),
        "dim": None if spectrum is None else len(spectrum),
        "whitening": whitening,
        "largest_eigenvalue": None if spectrum is None else float(spectrum[-1]),
    }
    sentence = _sentence(losses, found) + ("" if data is None else f" {REAL_IMAGE_ACCURACY}")
    return Prediction(losses, found, inputs, sentence)


def _losses(test: float, train: float, error: float, bayes: float) -> Losses:
    return Losses(test, train, error, bayes, float(memorization_share(test, train, bayes)))


def _sentence(losses: Losses, changes: dict[str, Losses]) -> str:
    sides = ["the truth", "its training data"]
    memorizing = losses.memorization >= 0.5
    side = "memorizing" if memorizing else "generalizing"
    text = (
        f"On the {side} side of the crossover: the trained score is nearer to {sides[memorizing]} than to"
        f" {sides[not memorizing]} (share of memorization {losses.memorization:.2f};"
        f" test loss {losses.test_loss:.3g}, train loss {losses.train_loss:.3g},"
        f" the true score's {losses.bayes_loss:.3g})."
    )
    effects = [f"{_CHANGES[name]} would {_effect(losses, after)}" for name, after in changes.items()]
    return f"{text} {'; '.join(effects).capitalize()}."


def _effect(before: Losses, after: Losses) -> str:
    # At tiny times the error may be lost in rounding.
    change = after.score_error / before.score_error - 1 if before.score_error > 0 else math.nan
    if math.isnan(change):
        error = "change a score error that is too small to tell"
    elif abs(change) < 0.005:
        error = "leave the score error as it is"
    else:
        error = f"{'raise' if change > 0 else 'lower'} the score error by {abs(change):.0%}"
    crossed = (after.memorization >= 0.5) != (before.memorization >= 0.5)
    return error + (" and cross over to the other side" if crossed else "")
