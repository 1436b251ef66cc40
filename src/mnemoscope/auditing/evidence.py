"""What samples and a null show side by side, and the tests made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from mnemoscope.auditing.copies import DRAWS, Copies, calibrated
from mnemoscope.auditing.identical import Identical
from mnemoscope.auditing.intervals import Rate
from mnemoscope.auditing.measures import DistanceRatio, Measure, MeasureResult, Search
from mnemoscope.auditing.null import MATCHED, Null
from mnemoscope.neighbours import nearest_neighbours


@dataclass(frozen=True)
class Evidence:
    """The samples against one null.

    Attributes:
        null: the honest items.
        results: one for each measure that was asked for.
        copies: the calibrated distance ratio, which the verdict rests on.
        further: the other scale-free measures that were asked for, calibrated too.
        identical: samples that are identical to a training item.
        null_scores: distance ratios of the null.
        worth: how many independent items the samples are worth.
    """

    null: Null
    results: tuple[MeasureResult, ...]
    copies: Copies
    further: tuple[Copies, ...]
    identical: Identical
    null_scores: Float[np.ndarray, " null"]
    worth: float

    @property
    def p_values(self) -> dict[str, float]:
        """Of each test for copies."""
        scores = {f"copies by {each.score}": each.p for each in (self.copies, *self.further)}
        return {"identical samples": self.identical.p, **scores}

    @property
    def flagged(self) -> Bool[np.ndarray, " samples"]:
        """Samples that a threshold or a list calls copies."""
        flags = [result.flags for result in self.results]
        lists = [each.listed for each in (self.copies, *self.further)]
        return np.asarray(np.logical_or.reduce(flags + lists))


def gather(
    search: Search,
    null: Null,
    matched: Null,
    measures: Sequence[Measure],
    identical: Identical,
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> Evidence:
    """Score samples and null by every measure; calibrate those that may be, the distance ratio always.

    Args:
        search: of the samples.
        null: the honest items.
        matched: honest items with the spread of the samples, which copies must exceed as well.
        measures: to report.
        identical: samples that are identical to a training item.
        rng: for the simulations.
        draws: of them: no p-value of copies is below 1/(draws + 1).
    """
    standard = next((measure for measure in measures if isinstance(measure, DistanceRatio)), DistanceRatio())
    tested = [standard, *(measure for measure in measures if measure.calibrates and measure is not standard)]
    results = {measure: _result(measure, search, null) for measure in dict.fromkeys([*measures, *tested])}
    worth = independent_samples(search)
    copies, *further = (
        _calibrated(results[measure], measure.scores(matched.search), worth, rng, draws) for measure in tested
    )
    reported = tuple(results[measure] for measure in measures)
    return Evidence(null, reported, copies, tuple(further), identical, results[standard].null_scores, worth)


def _calibrated(
    result: MeasureResult, matched: Float[np.ndarray, " matched"], worth: float, rng: np.random.Generator, draws: int
) -> Copies:
    """By the null, and no more than by the matched one."""
    scores, null = result.scores, result.null_scores
    found = calibrated(
        result.name,
        result.null_source,
        scores,
        null,
        rng,
        samples_worth=worth,
        null_worth=result.effective,
        draws=draws,
    )
    other = calibrated(result.name, MATCHED, scores, matched, rng, samples_worth=worth, draws=draws)
    return replace(found, p=max(found.p, other.p), share_lower=min(found.share_lower, other.share_lower))


def independent_samples(search: Search) -> float:
    """How many independent samples these are worth: n²/Σ k², for clumps of k that are one sample again and again.

    A clump are those samples with the same two nearest training items that lie nearer to another sample than a third of
    the distance between neighbours. One sample a thousand times has one copy score a thousand times: it is one sample.
    """
    n = len(search.items)
    if n < 2:
        return float(n)
    apart = nearest_neighbours(search.items, search.items, 1, exclude=np.arange(n)).distances[:, 0]
    alone = apart >= search.index.clump
    cells = np.stack([search.nearest.indices, search.nearest.seconds, np.where(alone, np.arange(n), -1)], axis=1)
    sizes = np.unique(cells, axis=0, return_counts=True)[1]
    return float(n**2 / np.sum(sizes**2))


def _result(measure: Measure, search: Search, null: Null) -> MeasureResult:
    scores, null_scores = measure.scores(search), measure.scores(null.search)
    flags, null_flags = scores < measure.threshold, null_scores < measure.threshold
    return MeasureResult(
        name=measure.name,
        rule=measure.rule(search.geometry),
        limits=measure.limits,
        calibrates=measure.calibrates,
        scores=scores,
        null_scores=null_scores,
        flags=flags,
        rate=Rate(int(flags.sum()), len(flags)),
        null=Rate(int(null_flags.sum()), len(null_flags)),
        null_source=null.source,
        effective=null.effective(null_scores),
    )


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Adjusted p-values of Holm (1979): below a level, those tests are rejected together at that family-wise level."""
    adjusted, running = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = running
    return {name: adjusted[name] for name in p_values}
