"""One verdict from all tests: copies, closeness, and whether silence may be trusted.

The tests (identical samples, calibrated copies by each scale-free score, closeness) are taken together by Holm's
procedure at a family-wise 5 %. An audit is green only where all are silent, the samples look like data, copies would
have been found, and the two readings of a null without held-out data agree.
"""

from typing import Literal, NamedTuple, TypeAlias

from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.evidence import Evidence, holm
from mnemoscope.auditing.intervals import FAMILY_WISE
from mnemoscope.auditing.null import LEFT_OUT, Repeats
from mnemoscope.pages.render import interval, percent

Tone: TypeAlias = Literal["memorizes", "drawn", "unclear", "clear"]

CLOSENESS = "closeness"

_READINGS: dict[Repeats, str] = {
    "law": "if repeats in the training set belong to the law, as blank frames do",
    "made": "if they were made by hand, as augmentations are",
}


class Verdict(NamedTuple):
    """What the tests say together.

    Attributes:
        sentence: on copies, and on closeness.
        tone: ``clear`` is green.
        tests: of each its p-value, adjusted by Holm's procedure.
        memorizes: copies beyond the null.
        drawn: drawn to training items beyond what a fitted Gaussian is; None where it was not tested.
    """

    sentence: str
    tone: Tone
    tests: dict[str, float]
    memorizes: bool
    drawn: bool | None


def judge(
    readings: tuple[Evidence, ...], closeness: Closeness | None, unlike: tuple[str, ...], resolution: float
) -> Verdict:
    """The verdict from one null, or from both readings of a null without held-out data."""
    verdicts = [_judge(evidence, closeness, unlike, resolution) for evidence in readings]
    first = verdicts[0]
    if len({verdict.memorizes for verdict in verdicts}) == 1:
        return next((verdict for verdict in verdicts if verdict.tone != "clear"), first)
    both = "; ".join(
        f"{_READINGS[evidence.null.repeats]}, {_rates(evidence)}" for evidence in readings if evidence.null.repeats
    )
    sentence = (
        f"No verdict: the training set repeats itself, and train alone cannot tell what that means: {both}. Give a "
        f"held-out set, or say which it is (repeats='law' or 'made')."
    )
    return Verdict(sentence, "unclear", first.tests, memorizes=False, drawn=first.drawn)


def _judge(evidence: Evidence, closeness: Closeness | None, reasons: tuple[str, ...], resolution: float) -> Verdict:
    p_values = dict(evidence.p_values)
    if closeness is not None:
        p_values[CLOSENESS] = closeness.p_drawn
    tests = holm(p_values)
    rejected = {name for name, p in tests.items() if p <= FAMILY_WISE}
    memorizes, drawn = bool(rejected - {CLOSENESS}), None if closeness is None else CLOSENESS in rejected
    near = closeness_sentence(closeness, drawn)
    unlike = f"these samples are not like the data ({'; '.join(reasons)}); " if reasons else ""
    if memorizes:
        return Verdict(
            f"This model memorizes: {unlike}{_found(evidence, rejected)}. {near}", "memorizes", tests, True, drawn
        )
    silent = f"no test for copies rejects the null: {_rates(evidence)}"
    same = f"{evidence.identical.sentence}; " if evidence.identical.rate.count else ""
    if drawn:
        sentence = (
            f"These samples are drawn to training items, though none is proved a copy: {unlike}{same}{silent}. {near}"
        )
        return Verdict(sentence, "drawn", tests, memorizes, drawn)
    copies = evidence.copies
    power = (
        ""
        if copies.detectable <= resolution
        else (
            f"too little data: copies up to {percent(min(1.0, copies.detectable))} of the samples might go unnoticed, "
            f"take more samples and honest items; "
        )
    )
    if unlike or power or evidence.identical.unexplained:
        return Verdict(f"No verdict: {unlike}{power}{same}{silent}. {near}", "unclear", tests, memorizes, drawn)
    sentence = (
        f"No memorization beyond the null was found: {_rates(evidence)}; {same}a share of exact copies above "
        f"{percent(copies.detectable)} would have been found, and of the copies that {copies.score} sees, but of no "
        f"others. {near}"
    )
    return Verdict(sentence, "clear", tests, memorizes, drawn)


def _rates(evidence: Evidence) -> str:
    """The fixed rule of the first measure, for comparison with published figures, beside the null."""
    first = evidence.results[0]
    return (
        f"{first.name} calls {percent(first.rate.fraction)} of the samples copies "
        f"(95 % interval {interval(first.rate.interval)}), and {percent(first.null.fraction)} of the null"
    )


def _found(evidence: Evidence, rejected: set[str]) -> str:
    parts = []
    if "identical samples" in rejected:
        parts.append(evidence.identical.sentence)
    parts += [
        f"at least {percent(copies.share_lower)} of the samples are copies of training items by {copies.score} "
        f"(95 % lower bound; {int(copies.listed.sum()):,} listed, at most 5 % of them falsely)"
        for copies in (evidence.copies, *evidence.further)
        if f"copies by {copies.score}" in rejected
    ]
    return f"{'; '.join(parts)}; {_rates(evidence)}"


def closeness_sentence(closeness: Closeness | None, drawn: bool | None) -> str:
    """The second axis in words."""
    if closeness is None:
        return f"Closeness to training items cannot be tested with {LEFT_OUT}: it needs held-out items."
    share = (
        f"{percent(closeness.share)} are nearer to train than to the held-out set, {percent(closeness.expected)} by "
        f"chance"
    )
    if (grade := closeness.grade) is None:
        return f"They are no nearer to the training items than chance explains: {share}."
    share += f", {percent(grade.reference)} for a Gaussian fitted to the training items"
    if drawn:
        blur = ""
        if grade.blur is not None:
            by = f"blurred by {grade.blur:.2g} distances between neighbours" if grade.blur else "themselves"
            blur = f", as near as training items {by}"
        return f"They are drawn to the training items: {share}{blur}."
    return f"They are no nearer to the training items than a fitted Gaussian may be: {share}."
