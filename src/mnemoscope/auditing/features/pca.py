r"""Principal components of the training set.

The features are the items minus the training mean, projected on the leading eigenvectors of the training covariance.
They are **not whitened**: the projection is then a contraction, ‖Px − Py‖ ≤ ‖x − y‖, so that a copy stays at least as
near as it was and distances keep the data's units. (Whitening would give the noisiest of the kept directions the same
weight as the first.) Only the training set is fitted; what generated items add in other directions is not seen.

The covariance is summed in double precision over chunks of the training set. Up to 4,096 values in an item its
eigenvectors are computed exactly. Beyond, the covariance itself is too large: randomized subspace iteration (Halko,
Martinsson & Tropp 2011, SIAM Review 53, 217) with a fixed generator, 32 more directions than kept and 8 passes over the
training set, then Rayleigh–Ritz in the subspace found.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.auditing.features.base import Embedding, FeatureSpace, check_event_shape, embed_rows, with_features
from mnemoscope.data import Dataset, row_chunks
from mnemoscope.errors import InputError

SHARE = 0.95
"""Of the variance that is kept where no number of components is given."""

MOST = 256
"""Components that are then kept at most."""

_LARGEST = 4096
_MORE, _PASSES = 32, 8
_BATCH = 1024


@dataclass(frozen=True)
class PCA(FeatureSpace):
    """Leading principal components of the training set, not whitened.

    Args:
        components: how many; left out, as many as keep 95 % of the training set's variance, at most 256.

    Raises:
        InputError: fewer than one component or, when fitted, more than the directions in which the training set varies.
    """

    components: int | None = None

    def __post_init__(self) -> None:
        if self.components is not None and self.components < 1:
            raise InputError(f"features pca:{self.components}: needs at least one component")

    @property
    def name(self) -> str:
        return "pca" if self.components is None else f"pca:{self.components}"

    def fit(self, train: Dataset, *, progress: bool = False) -> Embedding:
        return _PCAEmbedding(self.name, self.components, train, progress)


@dataclass(frozen=True)
class _PCAEmbedding(Embedding):
    """Fitted when first needed: a cache that knows all the features needs no axes."""

    name: str
    components: int | None
    train: Dataset
    progress: bool

    @property
    def identity(self) -> str | None:
        return f"{self.name} of {self.train.fingerprint}"

    def embed(self, items: Dataset) -> Dataset:
        check_event_shape(items, self.train.event_shape, self.name)
        mean, axes = self._fitted
        return with_features(
            items, embed_rows(items, lambda rows: (rows - mean) @ axes, self.name, _BATCH, self.progress)
        )

    @cached_property
    def _fitted(self) -> tuple[Float[Tensor, " dim"], Float[Tensor, "dim components"]]:
        """The training mean and the axes, orthonormal columns."""
        most = MOST if self.components is None else self.components
        mean, total = _moments(self.train)
        if self.train.dim <= _LARGEST:
            variances, axes = _exact(self.train, mean)
        else:
            variances, axes = _randomized(self.train, mean, most + _MORE)
        n_real = int((variances > 1e-12 * total).sum())
        if n_real == 0:
            raise InputError(f"features {self.name}: all items of {self.train.name} are the same")
        if self.components is None:
            most = min(most, 1 + int((variances.cumsum(0) < SHARE * total).sum()))
        elif most > n_real:
            raise InputError(f"features {self.name}: {self.train.name} varies in {n_real} directions only")
        axes = axes[:, : min(most, n_real)]
        # An eigenvector's sign is arbitrary: its largest entry is made positive, so that a cache stays valid.
        return mean, axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()


def _moments(train: Dataset) -> tuple[Float[Tensor, " dim"], Tensor]:
    """Mean, and total variance."""
    n = train.n_samples
    mean = sum((rows.sum(dim=0) for _, rows in row_chunks(train.array)), start=_zeros(train.dim)) / n
    total = sum(((rows - mean).square().sum() for _, rows in row_chunks(train.array)), start=_zeros()) / n
    return mean, total


def _exact(train: Dataset, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Variances in descending order and their axes, from the whole covariance."""
    variances, axes = torch.linalg.eigh(_covariance(train, mean, lambda rows: rows, train.dim))
    return variances.flip(0), axes.flip(1)


def _randomized(train: Dataset, mean: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The leading ones, from the covariance times a few directions."""
    generator = torch.Generator("cpu").manual_seed(0)
    size = min(size, train.dim, train.n_samples)
    axes = torch.randn(train.dim, size, generator=generator, dtype=torch.float64, device="cpu")
    for _ in range(_PASSES - 1):
        axes = torch.linalg.qr(_times_covariance(train, mean, torch.linalg.qr(axes).Q)).Q
    small = axes.mT @ _times_covariance(train, mean, axes)
    variances, turn = torch.linalg.eigh((small + small.mT) / 2)
    return variances.flip(0), axes @ turn.flip(1)


def _times_covariance(train: Dataset, mean: Tensor, axes: Tensor) -> Tensor:
    return _covariance(train, mean, lambda rows: rows @ axes, axes.shape[1])


def _covariance(train: Dataset, mean: Tensor, map_rows: Callable[[Tensor], Tensor], width: int) -> Tensor:
    """The covariance of the items with a linear map of them, in one pass."""
    total = _zeros(train.dim, width)
    for _, rows in row_chunks(train.array):
        centred = rows - mean
        total.addmm_(centred.mT, map_rows(centred))
    return total / train.n_samples


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64, device="cpu")
