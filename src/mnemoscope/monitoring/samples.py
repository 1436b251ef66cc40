"""What samples of a model showed: calibrated copies and closeness, as numbers."""

from dataclasses import dataclass

from scipy.stats import norm

from mnemoscope.auditing.copy_tests import CopyTest
from mnemoscope.auditing.intervals import LEVEL

_Z_INTERVAL = 2 * float(norm.isf((1 - LEVEL) / 2))


@dataclass(frozen=True)
class SampleSignals:
    """What samples showed.

    Attributes:
        n: how many samples.
        copied: share of copies by the field's fixed rule (d1/d2 < 1/3).
        copied_null: the same of held-out items.
        copies: 95 % lower bound on the share of calibrated copies.
        copies_p: of the test that there are none.
        listed: samples in the list of copies.
        identical: samples identical to a training item.
        closeness: share of samples nearer to train than to the held-out set.
        closeness_interval: 95 %.
        expected: closeness of a generator that does not know which items were trained on.
        chance_spread: standard deviation of the closeness of such a generator.
        reference: closeness of a Gaussian fitted to train; None where chance explains the samples'.
        excess_interval: 95 % interval of the closeness beyond that reference; None with it.
    """

    n: int
    copied: float
    copied_null: float
    copies: float
    copies_p: float
    listed: int
    identical: int
    closeness: float
    closeness_interval: tuple[float, float]
    expected: float
    chance_spread: float
    reference: float | None
    excess_interval: tuple[float, float] | None

    @classmethod
    def of(cls, found: CopyTest) -> "SampleSignals":
        """The numbers of a test."""
        result, copies, near = found.evidence.results[0], found.evidence.copies, found.closeness
        return cls(
            n=result.rate.total,
            copied=result.rate.fraction,
            copied_null=result.null.fraction,
            copies=copies.share_lower,
            copies_p=found.p,
            listed=int(copies.listed.sum()),
            identical=found.evidence.identical.rate.count,
            closeness=near.share,
            closeness_interval=near.share_interval,
            expected=near.expected,
            chance_spread=near.chance_spread,
            reference=None if near.grade is None else near.grade.reference,
            excess_interval=None if near.grade is None else near.grade.excess_interval,
        )

    @property
    def closeness_p(self) -> float:
        """One-sided, of samples no closer than chance or no closer than a fitted Gaussian; 1 where chance explains it.

        By the normal law, since repeated looks ask for smaller p-values than counting draws gives, with the spread of
        the bootstrap or that of chance, whichever is larger: samples that are all nearest to train do not vary.
        """
        if self.reference is None or self.excess_interval is None:
            return 1.0
        pairs = ((self.expected, self.closeness_interval), (self.reference, self.excess_interval))
        return max(self._p(self.closeness - other, high - low) for other, (low, high) in pairs)

    def _p(self, excess: float, width: float) -> float:
        spread = max(width / _Z_INTERVAL, self.chance_spread)
        if spread == 0:
            return 1.0
        return float(norm.sf(excess / spread))
