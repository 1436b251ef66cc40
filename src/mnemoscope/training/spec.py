"""What a training run is, apart from its data: frozen, validated, and the same in memory and on disk."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mnemoscope.choose import check_name, check_number, check_whole
from mnemoscope.errors import InputError
from mnemoscope.networks import Prediction
from mnemoscope.text import json_number
from mnemoscope.training.loss import WEIGHTINGS
from mnemoscope.training.regularizers import Regularizer, WeightDecay, as_regularizers

OPTIMIZERS = ("adam", "sgd")
TIMES = ("log-ratio", "uniform", "log-normal")
SCHEDULES = ("constant", "linear", "cosine")
MIXED_PRECISION = ("no", "bf16", "fp16")

_MAY_BE_INFINITE = ("noise_draws", "clip_norm")


@dataclass(frozen=True)
class TrainingSpec:
    """Denoising score matching by stochastic gradient descent.

    Attributes:
        steps: optimizer steps.
        batch_size: (sample, noise draw) pairs in each step, drawn with replacement.
        noise_draws: m, the number of noise draws (each with its own time) that every training sample has for the
            whole run; ``math.inf`` draws afresh at every step.
        optimizer: ``adam`` or ``sgd`` (no momentum).
        learning_rate: η, at its highest.
        ema_decay: decay per step of the exponential moving average of the weights; 0 for none.
        ema_warmup: whether the decay grows with the step k as (1 + k)/(10 + k) up to ``ema_decay``: the average then
            spans a ninth of the steps at most. Without, it lags in a run that is not long against 1/(1 − decay).
        times: law of t: ``log-ratio`` (log σ/α uniform between t_min and t_max), ``uniform`` in t, ``log-normal`` (log
            σ/α ~ N(−1.2, 1.2²), cut to that range, as EDM has it), or one fixed time.
        weighting: of the squared error of ε̂: ``noise``, 1, as in the papers; ``velocity``, 1 + σ²/α², which weighs
            the network's own output evenly over the noise levels and trains faster; or another of ``loss``.
        seed: of the initial weights and of every draw.
        predicts: what the network's output is: ``velocity``, ``noise``, ``denoiser``, ``score`` or ``edm``.
        data_std: standard deviation of the data, of ``edm`` (prediction and weighting) alone.
        schedule: of the learning rate: ``constant``, ``linear`` or ``cosine``, the last two to 0 at the last step.
        warmup_steps: steps over which the learning rate grows from 0 first.
        clip_norm: largest norm of a step's gradient, beyond which it is scaled down; ``math.inf`` for none.
        mixed_precision: ``no``, ``bf16`` or ``fp16`` (on a GPU): in which the network computes; weights are single.
        label_dropout: probability that a label is left out, in conditional training (Ho & Salimans 2022).
        regularizers: objects, or their texts, as ``tikhonov:0.1`` (see ``regularizers``).

    Raises:
        InputError: a value out of range; the message names the field.
    """

    steps: int = 10_000
    batch_size: int = 128
    noise_draws: float = math.inf
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    ema_decay: float = 0.999
    ema_warmup: bool = True
    times: str | float = "log-ratio"
    weighting: str = "velocity"
    seed: int = 0
    predicts: str = "velocity"
    data_std: float = 0.5
    schedule: str = "constant"
    warmup_steps: int = 0
    clip_norm: float = math.inf
    mixed_precision: str = "no"
    label_dropout: float = 0.1
    regularizers: Sequence[Regularizer | str] = ()

    def __post_init__(self) -> None:
        check_whole(self.steps, "steps")
        check_whole(self.batch_size, "batch_size")
        draws = check_number(self.noise_draws, "noise_draws", "a whole number from 1 or inf", 1, closed="[]")
        if draws < math.inf and draws != int(draws):
            raise InputError(f"noise_draws must be a whole number from 1 or inf, got {draws!r}")
        check_name(self.optimizer, OPTIMIZERS, "optimizer")
        check_number(self.learning_rate, "learning_rate", "positive and finite")
        check_number(self.ema_decay, "ema_decay", "in [0, 1)", 0, 1, closed="[")
        check_whole(self.seed, "seed", 0)
        check_name(self.weighting, WEIGHTINGS, "weighting")
        if isinstance(self.times, str):
            check_name(self.times, TIMES, "times")
        else:
            check_number(self.times, "times", f"a positive time or one of {', '.join(TIMES)}")
        Prediction(self.predicts, self.data_std)
        check_name(self.schedule, SCHEDULES, "schedule")
        check_whole(self.warmup_steps, "warmup_steps", 0)
        check_number(self.clip_norm, "clip_norm", "positive, or inf for none", closed="]")
        check_name(self.mixed_precision, MIXED_PRECISION, "mixed_precision")
        check_number(self.label_dropout, "label_dropout", "in [0, 1]", 0, 1, closed="[]")
        object.__setattr__(self, "regularizers", as_regularizers(self.regularizers))

    @property
    def prediction(self) -> Prediction:
        """What the network predicts."""
        return Prediction(self.predicts, self.data_std)

    @property
    def regularized_by(self) -> tuple[Regularizer, ...]:
        """The regularisers as objects, which is what they are kept as."""
        return as_regularizers(self.regularizers)

    @property
    def weight_decay(self) -> float:
        """The rate of ``WeightDecay``; 0 without."""
        return next((each.rate for each in self.regularized_by if isinstance(each, WeightDecay)), 0.0)

    def ema_decay_at(self, step: int) -> float:
        """The decay with which the weights after ``step`` steps were averaged."""
        return min(self.ema_decay, (1 + step) / (10 + step)) if self.ema_warmup else self.ema_decay

    def to_json(self) -> dict[str, Any]:
        """Fields as JSON values; what is infinite becomes the text ``inf``, regularisers their texts."""
        numbers = {name: json_number(getattr(self, name)) for name in _MAY_BE_INFINITE}
        regularizers = [str(each) for each in self.regularizers]
        return {**asdict(self), **numbers, "regularizers": regularizers}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "TrainingSpec":
        """The inverse of ``to_json``; what older runs did not record was as ``BEFORE`` has it."""
        given = {**BEFORE, **fields}
        numbers = {name: float(given[name]) for name in _MAY_BE_INFINITE}
        return cls(**{**given, **numbers})


BEFORE: dict[str, Any] = {**TrainingSpec().to_json(), "ema_warmup": False}
"""Settings from before they were recorded."""
