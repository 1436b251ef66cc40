"""What must hold before two sets are compared."""

from dataclasses import replace

import numpy as np
import torch

from mnemoscope.auditing.evidence import Evidence
from mnemoscope.auditing.nearest import Nearest
from mnemoscope.auditing.null import HELD_OUT
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array, row_chunks
from mnemoscope.data.options import shape_remedy
from mnemoscope.errors import InputError
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.pages.render import percent
from mnemoscope.text import one_name

_MANY_VALUES = 16
"""Items of fewer values have no typical range of their own to compare."""

_QUERIES, _ROWS = 100, 500
"""Items and training items whose distances tell another scale from another spread."""

_NEARER = 1.4
"""By so much the distances of sets on two scales shrink when brought to one, and up to so much they may then exceed the
distance between training items. On real digits the former is at least 1.7 (a factor of two, or a shift by half the
range), the latter 1.0; samples that are merely spread wider or narrower than the data miss one or the other."""


_RARE = 0.05
_VARIANCES, _SPREADS = 2.0, 2.0
_MANY = 5000
"""Items of whose spread the whole set's is read."""


def comparable(items: Dataset, train: Dataset, what: str) -> Dataset:
    """The ``items`` in the event shape of ``train``; axes of size one do not matter.

    Sets with one declared value range are taken at their word. Otherwise, where their items typically span different
    values, the question is whether a scale explains it: then bringing both to one range makes the items as near to
    training items as these are to one another. Samples of a regularised or barely trained model, which are spread
    wider or narrower than the data, come no nearer to it that way, and are audited as they are.

    Raises:
        InputError: event shapes that differ, a set on another scale, or a table that was not read by the schema of
            ``train``.
    """
    if items.schema != train.schema:
        raise InputError(_other_schema(items, train, what))
    if _squeezed(items) != _squeezed(train):
        raise InputError(
            f"{items.name}: {what} has event shape {items.event_shape}, but {train.name} has {train.event_shape}"
            f"{shape_remedy(items.event_shape, train.event_shape)}"
        )
    if items.value_range != train.value_range and train.dim >= _MANY_VALUES:
        _check_ranges(items, train, what)
    return replace(items, array=items.array.reshape(items.n_samples, *train.event_shape))


def _other_schema(items: Dataset, train: Dataset, what: str) -> str:
    if train.schema is None:
        return f"{items.name}: {what} is a table, {train.name} an array without names of columns: give both as tables"
    return f"{items.name}: {what} was not read by the schema of {train.name}: load(..., schema=train.schema) does that"


def _squeezed(data: Dataset) -> tuple[int, ...]:
    return tuple(size for size in data.event_shape if size != 1)


def _check_ranges(items: Dataset, train: Dataset, what: str) -> None:
    # The median over items of their smallest and largest value: what one item typically spans, whatever a few do.
    (low, high), (train_low, train_high) = _typical_range(items.array), _typical_range(train.array)
    width, train_width = high - low, train_high - train_low
    widest = max(width, train_width)
    scaled = min(width, train_width) < 0.6 * widest
    shifted = abs(low - train_low) > 0.35 * widest
    if not (scaled or shifted) or width == 0:
        return
    rows, others = _some(train.array, _ROWS), _some(items.array, _QUERIES).reshape(-1, *train.event_shape)
    rescaled = (others.astype(np.float64) - low) * (train_width / width) + train_low
    as_it_is, at_one_scale = (_typical_distance(part, rows) for part in (others, rescaled))
    itself = np.arange(0, len(rows), max(1, len(rows) // _QUERIES))
    between_training_items = _typical_distance(rows[itself], rows, itself)
    if at_one_scale <= _NEARER * between_training_items and as_it_is >= _NEARER * at_one_scale:
        raise InputError(
            f"{items.name}: {what} spans about {low:.4g} to {high:.4g} in each item, but {train.name} spans "
            f"{train_low:.4g} to {train_high:.4g}; bring both to one value range: --value-range LOW HIGH says what "
            f"black and white are in sets of floating point, in Python load(..., value_range=) and Dataset.rescaled"
        )


def _some(array: Array, n: int) -> Array:
    """Up to n items, evenly spaced: what comes in order of its class is seen from every class."""
    return np.asarray(array[np.unique(np.linspace(0, len(array) - 1, n).astype(int))])


def _typical_distance(items: Array, rows: Array, itself: Array | None = None) -> float:
    return float(np.median(nearest_neighbours(items, rows, 1, exclude=itself).distances))


def _typical_range(array: Array) -> tuple[float, float]:
    extremes = [(rows.amin(dim=1), rows.amax(dim=1)) for _, rows in row_chunks(array)]
    low, high = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*extremes, strict=True))
    return float(np.median(low)), float(np.median(high))


def unlike(
    generated: Dataset, train: Dataset, copies_in_order: bool, found: Nearest, evidence: Evidence
) -> tuple[str, ...]:
    """In what way the samples cannot be draws from the data, whatever they are near to.

    All samples are one item, each is constant while training items are not, they are the training set row by row
    (``copies_in_order``); most lie further from all training items, or nearer without being listed as copies, than 95 %
    of honest items do; pictures vary by less than half or more than twice the variance of the data; a column of a table
    is off by more than its spread, or spread by less than a third or more than three times.
    """
    reasons = []
    if _all_equal(generated.array):
        reasons.append("every sample is the same item")
    if _all_constant(generated.array) and not _all_constant(train.array):
        reasons.append("every sample has one value throughout")
    if copies_in_order:
        reasons.append("they are the training set, row by row")
    null = evidence.null
    low, high = np.quantile(null.nearest.distances[:, 0], (_RARE, 1 - _RARE))
    further = np.mean(found.distances[:, 0] > high)
    nearer = np.mean((found.distances[:, 0] < low) & ~evidence.copies.listed)
    for share, how, most in ((further, "further from", "furthest"), (nearer, "nearer to", "nearest")):
        if share > 0.5:
            reasons.append(
                f"{percent(float(share))} of them lie {how} the training set than all but the {most} 5 % of the "
                f"{'held-out items' if null.source == HELD_OUT else 'training items left out'}"
            )
    if len(train.event_shape) > 1:
        ratio = _variance(generated.array) / max(_variance(train.array), np.finfo(float).tiny)
        if not 1 / _VARIANCES < ratio < _VARIANCES:
            reasons.append(f"they vary {ratio:.2g} times as much as the training items (variance)")
    else:
        reasons += _odd_columns(generated, train)
    return tuple(reasons)


def _variance(array: Array) -> float:
    """The total variance of the items, over their number of values."""
    rows = torch.from_numpy(_some(array, _MANY).reshape(min(len(array), _MANY), -1).astype(np.float64))
    return float(rows.var(dim=0, correction=0).mean())


def _odd_columns(generated: Dataset, train: Dataset) -> list[str]:
    """Columns of a table whose median or quartiles are not those of the data."""
    (least, low, middle, high, most), (t_least, t_low, t_middle, t_high, t_most) = (
        np.quantile(_some(data.array, _MANY).astype(np.float64), (0.15, 0.25, 0.5, 0.75, 0.85), axis=0)
        for data in (generated, train)
    )
    spread = t_high - t_low
    # Of few values, as in one-hot columns, a quartile may jump by chance: the wider spread must be off as well. It is
    # 1.5 times as wide in a Gaussian, so twice here is three times there.
    narrow, wide = _SPREADS * (most - least) < spread, high - low > _SPREADS * (t_most - t_least)
    odd = (spread > 0) & ((np.abs(middle - t_middle) > spread) | narrow | wide)
    named = range(train.dim) if train.schema is None else [one_name(name) for name in train.schema.coordinates]
    unit = "" if train.schema is None else " (in standard deviations from train's mean)"
    return [
        f"column {named[column]} has median {middle[column]:.4g} and quartiles {low[column]:.4g} and "
        f"{high[column]:.4g}, in train {t_middle[column]:.4g}, {t_low[column]:.4g} and {t_high[column]:.4g}{unit}"
        for column in np.flatnonzero(odd)[:3]
    ]


def _all_equal(array: Array) -> bool:
    first = next(row_chunks(array, rows=1))[1]
    return all(bool((rows == first).all()) for _, rows in row_chunks(array))


def _all_constant(array: Array) -> bool:
    return all(bool((rows == rows[:, :1]).all()) for _, rows in row_chunks(array))
