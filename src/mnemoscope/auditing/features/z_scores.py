"""Columns of a table on one scale: each value less its mean in the training set, over its standard deviation there.

Where columns have units of their own, the one with the largest numbers is all that a distance sees. Values that are
constant in the training set keep their unit.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.auditing.features.base import Embedding, FeatureSpace, check_event_shape, embed_rows, with_features
from mnemoscope.data import Dataset, row_chunks
from mnemoscope.data.arrays import Array

_BATCH = 4096
_ENOUGH = 0.99


@dataclass(frozen=True)
class ZScores(FeatureSpace):
    """Every value in standard deviations of the training set."""

    @property
    def name(self) -> str:
        return "z-scores"

    def fit(self, train: Dataset, *, progress: bool = False) -> Embedding:
        centre, variance = moments(train.array)
        scale = np.sqrt(variance)
        return _ZScoreEmbedding(train.event_shape, centre, np.where(scale > 0, scale, 1.0), progress)


@dataclass(frozen=True, eq=False)
class _ZScoreEmbedding(Embedding):
    event_shape: tuple[int, ...]
    centre: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]
    progress: bool

    @property
    def identity(self) -> str | None:
        return None  # they cost less than reading them from a cache would

    def embed(self, items: Dataset) -> Dataset:
        check_event_shape(items, self.event_shape, "z-scores")
        centre, scale = torch.from_numpy(self.centre), torch.from_numpy(self.scale)

        def scaled(rows: Tensor) -> Tensor:
            return (rows - centre) / scale

        return with_features(items, embed_rows(items, scaled, "z-scores", _BATCH, self.progress))


def moments(array: Array) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]]:
    """Mean and variance of each value, in two passes over the items, shape ``(n, *event)``."""
    n, dim = len(array), int(np.prod(array.shape[1:]))
    centre, variance = np.zeros(dim), np.zeros(dim)
    for _, rows in row_chunks(array):
        centre += rows.sum(dim=0).numpy() / n
    for _, rows in row_chunks(array):
        variance += ((rows.numpy() - centre) ** 2).sum(axis=0) / n
    return centre, np.asarray(variance)


def scale_note(train: Dataset) -> tuple[str, ...]:
    """What to say where few columns of vectors make nearly all distances, and so hide what the others would tell."""
    if len(train.event_shape) != 1:
        return ()
    with np.errstate(over="ignore", invalid="ignore"):
        variance = np.sort(moments(train.array)[1])[::-1]
        shares = np.cumsum(variance) / variance.sum()
    if not np.isfinite(shares).all():
        return ()
    n_seen, n_columns = 1 + int(np.sum(shares < _ENOUGH)), int(np.sum(variance > 0))
    if 4 * n_seen > n_columns:
        return ()
    return (
        f"{n_seen} of its {n_columns} columns {'makes' if n_seen == 1 else 'make'} 99 % of all squared distances, and "
        f"copies that differ in {'it' if n_seen == 1 else 'them'} stay unseen: if columns have units of their own, "
        f"--features z-scores brings them to one scale (and tables with names are read on one scale by themselves)",
    )
