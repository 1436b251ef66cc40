"""The signals of one noise level."""

from dataclasses import dataclass

from mnemoscope.monitoring.membership import Signal


@dataclass(frozen=True)
class LevelSignals:
    """The signals at one noise level.

    Attributes:
        ratio: the noise-to-signal ratio σ/α.
        train_loss: mean of ‖D(x_t) − x_0‖²/d over noised training items.
        holdout_loss: the same over held-out items.
        membership: area under the curve of that loss; null ½.
        norm_membership: the same of ‖D(α x_0) − x_0‖²/d, from one output without noise; null ½.
        gap: held-out loss less training loss, paired on common noise; null 0.
        perfection: how far the model is on its way to the exact denoiser of its training set: 1 less its mean squared
            distance at training items over that at held-out items (see ``perfect``); null 0, perfect memory 1.
    """

    ratio: float
    train_loss: float
    holdout_loss: float
    membership: Signal
    norm_membership: Signal
    gap: Signal
    perfection: Signal
