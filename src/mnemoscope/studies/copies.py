"""The one way from samples to copies: back to the data's scale, audited against held-out data, as a trial's result."""

from torch import Tensor

from mnemoscope.auditing import MeasureResult, audit
from mnemoscope.data import Dataset, from_model

COPIES = ("copies", "null", "excess_low", "excess_high")
"""What ``copies`` gives, and what a network that diverged has NaN in."""


def copies(samples: Tensor, train: Dataset, holdout: Dataset, seed: int) -> dict[str, float]:
    """``shares`` of what ``audited`` finds."""
    return shares(audited(samples, train, holdout, seed))


def audited(samples: Tensor, train: Dataset, holdout: Dataset, seed: int) -> MeasureResult:
    """What the distance ratio says of samples on the model's scale, [−1, 1] for the value range of ``train``.

    Args:
        samples: shape ``(n, *event)``, up to axes of length one.
        train: the training set.
        holdout: items that were not trained on, for the null.
        seed: of the audit.
    """
    found = audit(generated(samples, train), train, holdout=holdout, measures=["distance-ratio"], seed=seed)
    return found.results[0]


def generated(samples: Tensor, train: Dataset) -> Dataset:
    """Samples on the model's scale as data like ``train``: its value range, to which pictures are clipped."""
    values = from_model(samples.reshape(-1, *train.event_shape), train.value_range)
    return Dataset(values, "samples", train.value_range)


def shares(found: MeasureResult) -> dict[str, float]:
    """Share of copies, that of the null, and the ends of the 95 % interval of the excess."""
    return dict(zip(COPIES, (found.rate.fraction, found.null.fraction, *found.excess_interval), strict=True))
