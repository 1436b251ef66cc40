"""Copies and closeness alone, of one set of samples after another, against one training and one held-out set.

What does not depend on the samples is done once: the search of the held-out items, which are the null, the index of
them, and the closeness of a Gaussian fitted to the training items. Of an audit this is the part that a verdict rests
on; what else an audit says (planted copies, whether samples look like data, further measures) is not looked at.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from mnemoscope.auditing.checks import comparable
from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.copies import below_all_p
from mnemoscope.auditing.evidence import Evidence, gather
from mnemoscope.auditing.features import make_features
from mnemoscope.auditing.measures import DistanceRatio
from mnemoscope.auditing.null import LEFT_OUT_ITEMS, Null
from mnemoscope.auditing.pool import REFERENCE_SAMPLES, Pool
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.transformations import make_transformations
from mnemoscope.auditing.votes import Votes
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError

_DRAWS = 20_000
"""Of the simulation: repeated looks ask for small p-values."""


@dataclass(frozen=True)
class CopyTest:
    """What one set of samples showed.

    Attributes:
        evidence: the distance ratio on samples and null, and the calibrated copies.
        closeness: of the samples to the training items.
        p: of no copies, from the simulated law and from the exact one of samples below every honest item; at repeated
            looks p-values are needed that no simulation reaches.
    """

    evidence: Evidence
    closeness: Closeness
    p: float


class CopyTests:
    """Calibrated copies and closeness by distances of pixels, as an audit with a held-out set finds them.

    Args:
        train: the training set.
        holdout: items of the same law that were not trained on.
        seed: of the index, and of every test: the same samples give the same result, whatever was tested before.

    Attributes:
        holdout: in the event shape of ``train``.

    Raises:
        InputError: sets that cannot be compared, fewer than two distinct training items, or a held-out set that shares
            items with ``train``, exactly or nearly, which repeats in the data do not explain.
    """

    def __init__(self, train: Dataset, holdout: Dataset, *, seed: int = 0) -> None:
        self.holdout = comparable(holdout, train, "the held-out set")
        repeated, rng = Repeated(train.array), np.random.default_rng(seed)
        if train.n_samples - repeated.redundant < 2:
            raise InputError(f"{train.name}: needs at least 2 distinct training items")
        pixels, as_they_are = make_features("pixels"), make_transformations(())
        self._comparison = Comparison(train, repeated.first, rng, space=pixels, transformation=as_they_are)
        self._pool = Pool(train, self.holdout, repeated, Repeated(self.holdout.array), None, None)
        found, self._other = self._pool.find_held_out(self._comparison)
        self._null, self._seed = self._pool.null(self._comparison, found, self._other, rng), seed

    @cached_property
    def _references(self) -> tuple[Votes, Float[np.ndarray, " blurs"]]:
        rng = np.random.default_rng([self._seed, 1])
        return self._pool.references(self._comparison, self._other, REFERENCE_SAMPLES, rng)

    @property
    def reference_share(self) -> float:
        """The closeness of a Gaussian fitted to the training items."""
        return self._references[0].share

    def test(self, samples: Dataset) -> CopyTest:
        """Copies among the samples, and their closeness.

        Raises:
            InputError: samples that cannot be compared with the training set.
        """
        comparison, null, rng = self._comparison, self._null, np.random.default_rng([self._seed, 2])
        samples = comparable(samples, self._pool.train, "the generated set")
        search = comparison.search(samples)
        matched = Null.matched(comparison, samples, search, LEFT_OUT_ITEMS, rng)
        identical = null.find_identical(self._pool.repeated.rows_of(Repeated(samples.array)), None)
        evidence = gather(search, null, matched, [DistanceRatio()], identical, rng, draws=_DRAWS)
        near = self._pool.closeness(comparison, search, self._other, rng, references=lambda: self._references)
        return CopyTest(evidence, near, min(1.0, 2 * min(evidence.copies.p, self._exact_p(evidence, matched))))

    @staticmethod
    def _exact_p(evidence: Evidence, matched: Null) -> float:
        found, other = evidence.results[0], DistanceRatio().scores(matched.search)
        p = below_all_p(found.scores, found.null_scores, evidence.worth, found.effective)
        return max(p, below_all_p(found.scores, other, evidence.worth, len(other)))
