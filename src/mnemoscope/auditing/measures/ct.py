"""C_T: are samples nearer to the training set than held-out items are? (Meehan, Chaudhuri & Dasgupta 2020).

Cut the space into cells π by k-means on the training set. In each, let L(x) be the distance to the nearest training
item of the cell, and compare it between the generated and the held-out items of the cell by Mann and Whitney's U, the
number of pairs in which the generated one is farther (ties count half):

    Z = (U − mn/2) / √Var U,    C_T = Σ_π w_π Z_π / Σ_π w_π,    w_π the share of held-out items in π.

Given the training set, the distances of honest samples and of held-out items are draws from one law in each cell, so
each Z is nearly standard normal and C_T has mean zero and standard deviation √Σ w_π² / Σ w_π. C_T ≪ 0: copies. C_T ≫ 0:
the samples fit the data less well than held-out items do.
"""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from mnemoscope.auditing.measures.whole_set import WholeSetResult, WholeSetStatistic
from mnemoscope.data.arrays import Array, row_chunks
from mnemoscope.errors import InputError
from mnemoscope.neighbours import nearest_neighbours

_ITEMS_FOR_CELLS = 10_000


@dataclass(frozen=True)
class DataCopyingTest(WholeSetStatistic):
    """C_T with ties, and with its standard deviation.

    Attributes:
        cells: number of k-means cells.
        fewest: cells with fewer generated or held-out items are passed over, and the notes say so.

    Raises:
        InputError: less than one cell or item.
    """

    cells: int = 5
    fewest: int = 20

    name: ClassVar[str] = "ct"
    limits: ClassVar[str] = (
        "ct: does not see copies among samples that are otherwise too far from the data, nor a few copies among many "
        "samples, nor anything in cells without held-out items; an honest but narrow or blurred generator looks like a "
        "copier"
    )

    def __post_init__(self) -> None:
        if self.cells < 1:
            raise InputError(f"ct: cells must be at least 1, got {self.cells}")
        if self.fewest < 1:
            raise InputError(f"ct: fewest must be at least 1, got {self.fewest}")

    def _result(self, generated: Array, train: Array, holdout: Array, rng: np.random.Generator) -> WholeSetResult:
        where_train, where_generated, where_holdout = self._partition(rng, train, generated, holdout)
        n_cells = int(where_train.max()) + 1
        scores, weights = [], []
        for cell in range(n_cells):
            samples, others = generated[where_generated == cell], holdout[where_holdout == cell]
            if min(len(samples), len(others)) < self.fewest:
                continue
            ignore = where_train != cell
            first, second = (
                nearest_neighbours(items, train, 1, ignore=ignore).distances[:, 0] for items in (samples, others)
            )
            scores.append(mann_whitney_z(first, second))
            weights.append(len(others) / len(holdout))
        if not scores:
            raise InputError(
                f"ct: no cell of {n_cells} has {self.fewest} generated and {self.fewest} held-out items: "
                "use more items or fewer cells"
            )
        share = np.array(weights) / sum(weights)
        return WholeSetResult(
            name=self.name,
            value=float(share @ np.array(scores)),
            rule=(
                "mean over k-means cells of the Mann–Whitney Z of distances to train, generated against held-out "
                f"items: far below 0 for copies ({len(scores)} of {n_cells} cells with at least {self.fewest} "
                "items of each kind)"
            ),
            null=0.0,
            spread=float(np.sqrt((share**2).sum())),
            limits=self.limits,
            notes=self._notes(n_cells, where_generated, where_holdout),
        )

    def _partition(self, rng: np.random.Generator, train: Array, *others: Array) -> list[Int[np.ndarray, " items"]]:
        """The cell of each item, for each set; the cells are made of at most 10,000 training items."""
        some = np.sort(rng.permutation(len(train))[:_ITEMS_FOR_CELLS])
        sample = train[some].reshape(len(some), -1).astype(np.float64)
        means = KMeans(min(self.cells, len(some)), n_init=3, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings():
            # Fewer distinct items than cells: some cells stay empty, which is no harm.
            warnings.simplefilter("ignore", ConvergenceWarning)
            means.fit(sample)
        return [
            np.concatenate([means.predict(rows.numpy()) for _, rows in row_chunks(set_)]) for set_ in (train, *others)
        ]

    def _notes(
        self, n_cells: int, where_generated: Int[np.ndarray, " n"], where_holdout: Int[np.ndarray, " m"]
    ) -> tuple[str, ...]:
        notes = []
        for what, where, other in (
            ("held-out", where_holdout, where_generated),
            ("generated", where_generated, where_holdout),
        ):
            few = np.flatnonzero(np.bincount(where, minlength=n_cells)[:n_cells] < self.fewest)
            if len(few):
                share = np.isin(other, few).mean()
                kind = "generated" if what == "held-out" else "held-out"
                notes.append(
                    f"{len(few)} of {n_cells} cells have fewer than {self.fewest} {what} items and were passed over, "
                    f"with {100 * share:.1f} % of the {kind} items"
                )
        return tuple(notes)


def mann_whitney_z(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]) -> float:
    """The standardized number of pairs in which the value of ``first`` is larger, ties half; zero if all are tied."""
    n, m = len(first), len(second)
    ranks = rankdata(np.concatenate([first, second]))
    larger = ranks[:n].sum() - n * (n + 1) / 2
    _, tied = np.unique(ranks, return_counts=True)
    total = n + m
    variance = n * m / 12 * (total + 1 - (tied.astype(float) ** 3 - tied).sum() / (total * (total - 1)))
    return float((larger - n * m / 2) / np.sqrt(variance)) if variance > 0 else 0.0
