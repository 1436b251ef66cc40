"""Transformations of values, for items of any shape: brightness and contrast in closed form, and inversion."""

import numpy as np

from mnemoscope.auditing.transformations.transformation import Event, Map, Transformation, floating
from mnemoscope.data.arrays import Array


def affine(name: str) -> Transformation:
    """The best a·x + b with a > 0 for each pair of items, in closed form.

    Every item is centred and scaled to unit norm. Between such items the Euclidean distance is √(2(1 − ρ)) with ρ their
    correlation, and the least-squares residual of one as a·x + b of the other is √(1 − ρ²) of its spread. Constant
    items, which are a·x + b of every other with a = 0, go to zero: at distance 1 from all others, 0 from each other.
    """
    return Transformation(name, embedding=_standardised)


def _standardised(items: Array) -> Array:
    rows = items.reshape(len(items), -1).astype(np.float64)
    # Far from zero the rounding of the mean would pass for contrast.
    rounding = 4 * np.finfo(np.float64).eps * np.sqrt(rows.shape[1]) * np.abs(rows).max(axis=1, keepdims=True)
    rows -= rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    constant = norms <= rounding
    unit = np.where(constant, 0.0, rows / np.where(constant, 1.0, norms))
    return unit.reshape(items.shape).astype(floating(items[:0]).dtype)


def inversion(name: str) -> Transformation:
    """Light for dark: b − x for the best b.

    The variant mirrors each item between its own extremes, and the embedding takes the mean off every item, so that no
    b needs to be known.
    """

    def maps(event_shape: Event) -> tuple[Map, ...]:  # noqa: ARG001
        return (_inverted,)

    return Transformation(name, maps, _centred)


def _inverted(items: Array) -> Array:
    if items.dtype == bool:  # which NumPy does not subtract
        return ~items
    axes = tuple(range(1, items.ndim))
    low, high = (extreme(items, axis=axes, keepdims=True) for extreme in (np.min, np.max))
    return np.asarray(high - items + low)


def _centred(items: Array) -> Array:
    axes = tuple(range(1, items.ndim))
    values = floating(items)
    return np.asarray(values - values.mean(axis=axes, keepdims=True, dtype=np.float64).astype(values.dtype))
