"""What a training run is, apart from its data: frozen, validated, and the same in memory and on disk."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from mnemoscope.choose import check_name, check_number, check_whole
from mnemoscope.errors import InputError

OPTIMIZERS = ("adam", "sgd")
TIMES = ("log-ratio", "uniform")
WEIGHTINGS = ("noise", "velocity")


@dataclass(frozen=True)
class TrainingSpec:
    """Denoising score matching by stochastic gradient descent.

    Attributes:
        steps: optimizer steps.
        batch_size: (sample, noise draw) pairs in each step, drawn with replacement.
        noise_draws: m, the number of noise draws (each with its own time) that every training sample has for the
            whole run; ``math.inf`` draws afresh at every step.
        optimizer: ``adam`` or ``sgd`` (no momentum).
        learning_rate: η, constant.
        ema_decay: decay per step of the exponential moving average of the weights; 0 for none.
        ema_warmup: whether the decay grows with the step k as (1 + k)/(10 + k) up to ``ema_decay``: the average then
            spans a ninth of the steps at most. Without, it lags in a run that is not long against 1/(1 − decay).
        times: law of t: ``log-ratio`` (log σ/α uniform between t_min and t_max), ``uniform`` in t, or one fixed time.
        weighting: of the squared error of ε̂: ``noise``, 1, as in the papers; or ``velocity``, 1 + σ²/α², which weighs
            the network's own output evenly over the noise levels and trains faster.
        seed: of the initial weights and of every draw.

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

    def __post_init__(self) -> None:
        check_whole(self.steps, "steps")
        check_whole(self.batch_size, "batch_size")
        draws = check_number(self.noise_draws, "noise_draws", "a whole number from 1 or inf", 1, closed="[]")
        _require(draws == math.inf or draws == int(draws), "noise_draws", "a whole number from 1 or inf", draws)
        check_name(self.optimizer, OPTIMIZERS, "optimizer")
        check_number(self.learning_rate, "learning_rate", "positive and finite")
        check_number(self.ema_decay, "ema_decay", "in [0, 1)", 0, 1, closed="[")
        check_whole(self.seed, "seed", 0)
        check_name(self.weighting, WEIGHTINGS, "weighting")
        if isinstance(self.times, str):
            check_name(self.times, TIMES, "times")
        else:
            check_number(self.times, "times", f"a positive time or one of {', '.join(TIMES)}")

    def ema_decay_at(self, step: int) -> float:
        """The decay with which the weights after ``step`` steps were averaged."""
        return min(self.ema_decay, (1 + step) / (10 + step)) if self.ema_warmup else self.ema_decay

    def to_json(self) -> dict[str, Any]:
        """Fields as JSON values; an infinite ``noise_draws`` becomes the string ``inf``."""
        draws = "inf" if self.noise_draws == math.inf else int(self.noise_draws)
        return {**asdict(self), "noise_draws": draws}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "TrainingSpec":
        """The inverse of ``to_json``; a run from before there was a warm-up had none."""
        return cls(**{"ema_warmup": False, **fields, "noise_draws": float(fields["noise_draws"])})


def _require(holds: bool, field: str, what: str, value: object) -> None:
    if not holds:
        raise InputError(f"{field} must be {what}, got {value!r}")
