"""The two axes of a verdict for people: their numbers, what these mean, and what would settle what is open."""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from mnemoscope.auditing.copies import numbers_needed
from mnemoscope.auditing.intervals import FAMILY_WISE
from mnemoscope.auditing.references import BLURS
from mnemoscope.auditing.result import AuditResult
from mnemoscope.auditing.verdict import Tone, judge
from mnemoscope.pages import interval, percent

State: TypeAlias = Literal["found", "none found", "cannot tell", "not tested"]

HEADLINES: dict[Tone, str] = {
    "memorizes": "It memorizes",
    "drawn": "Drawn to training items, no copy proved",
    "unclear": "No verdict",
    "clear": "No memorization found",
}


class Axis(NamedTuple):
    """One of the two questions.

    Attributes:
        name: copies, or closeness.
        question: in words.
        state: the answer.
        rows: its numbers, each with what it is.
        meaning: the answer in plain words.
        settle: what would answer what is open, in numbers; empty where nothing is open.
    """

    name: str
    question: str
    state: State
    rows: tuple[tuple[str, str], ...]
    meaning: str
    settle: tuple[str, ...]


def axes(result: AuditResult) -> tuple[Axis, Axis]:
    """Copies, then closeness."""
    return _copies(result), _closeness(result)


def _copies(result: AuditResult) -> Axis:
    copies, identical, first = result.copies, result.identical, result.results[0]
    listed, distinct = int(copies.listed.sum()), len(result.extracted)
    rows = (
        ("share of copies, at least (95 % bound)", percent(copies.share_lower)),
        ("samples listed as copies, at most 5 % falsely", f"{listed:,} of {result.generated.n_samples:,}"),
        ("identical to a training item", f"{identical.rate.count:,}; {identical.expected:.3g} expected"),
        ("distinct training items copied", f"{distinct:,}"),
        (f"fixed rule {first.name}, excess", f"{percent(first.excess)} ({interval(first.excess_interval)})"),
        ("smallest share sure to be found", percent(min(1.0, copies.detectable))),
    )
    open_questions = _open(result)
    if result.memorizes:
        state: State = "found"
        # What the bound cannot show (few identical samples) the count does.
        share = (
            f"at least {percent(copies.share_lower)} of them show" if copies.share_lower > 0 else "some of them show"
        )
        meaning = (
            f"Who publishes these samples publishes training items: {share} single training items, more often than "
            f"honest samples of the same kind would."
        )
    elif open_questions:
        state = "cannot tell"
        meaning = "No copies are proved, and these data cannot acquit the model either."
    else:
        state = "none found"
        meaning = (
            f"These samples resemble single training items no more than {_honest(result)} do. Had more than "
            f"{percent(copies.detectable)} of them been exact copies, the test would have shown it."
        )
    return Axis("copies", "Are samples training items?", state, rows, meaning, open_questions)


def _honest(result: AuditResult) -> str:
    return "training items left out one at a time" if result.holdout is None else "held-out items"


def _open(result: AuditResult) -> tuple[str, ...]:
    """What would settle whether there are copies, where that is open."""
    if result.memorizes:
        return ()
    copies, identical, wanted = result.copies, result.identical, result.resolution
    found = []
    if len({judge((one,), result.closeness, result.unlike, wanted).memorizes for one in result.evidence}) > 1:
        found.append(
            "a held-out set (--holdout), or your word on the repeats in the training set: --repeats law if they belong "
            "to the data, as blank frames do; --repeats made if somebody made them, as augmentations are"
        )
    if copies.detectable > wanted:
        n, m = result.generated.n_samples, _worth(result)
        needed = numbers_needed(wanted, n, m, np.random.default_rng(0))
        what = "held-out items" if result.holdout is not None else "training items to leave out"
        found.append(
            f"more data: to find {percent(wanted)} of copies surely it takes about "
            f"{_rounded(needed[0])} samples and {_rounded(needed[1])} {what}; here are {n:,} and {m:,.0f}"
            if needed is not None
            else f"a larger resolution: no number of samples finds {percent(wanted)} of copies surely"
        )
    if identical.unexplained:
        count, n = identical.rate.count, identical.rate.total
        level = FAMILY_WISE / len(result.judgement.tests)
        items = n * (level ** (-1 / count) - 1)
        found.append(
            f"about {_rounded(items)} honest items: if none of them is identical to a training item, the {count:,} "
            f"identical {'sample is' if count == 1 else 'samples are'} proof"
        )
    if result.unlike:
        found.append(
            "samples that were prepared as the data were (scale, crop, preprocessing), or a model that draws from the "
            "law of the data: copies are told from honest samples by what honest samples do"
        )
    return tuple(found)


def _worth(result: AuditResult) -> float:
    """How many independent honest items the null of the first axis is worth."""
    same = [each.effective for each in result.results if each.name == result.copies.score]
    return same[0] if same else float(len(result.null_nearest.indices))


def _rounded(number: float) -> str:
    """Up to two leading digits."""
    unit = 10 ** max(0, int(np.floor(np.log10(max(number, 1)))) - 1)
    return f"{int(np.ceil(number / unit)) * unit:,}"


def _closeness(result: AuditResult) -> Axis:
    name, question = "closeness", "Are samples drawn to the training items?"
    near, drawn = result.closeness, result.drawn
    if near is None:
        return Axis(
            name,
            question,
            "not tested",
            (),
            "Whether the samples are nearer to what was trained on than to other items of the same kind takes such "
            "other items to see.",
            ("a held-out set (--holdout), best as large as the training set",),
        )
    rows = [
        ("nearer to train than to held-out items (95 %)", f"{percent(near.share)} ({interval(near.share_interval)})"),
        ("by chance", percent(near.expected)),
        ("from the nearest fifth to the furthest", ", ".join(percent(share) for share in near.attraction)),
    ]
    if (grade := near.grade) is None:
        half = (near.share_interval[1] - near.share_interval[0]) / 2
        meaning = (
            "These samples lean to the training items no more than chance explains. An excess above about "
            f"{percent(half)} would have been seen."
        )
        return Axis(name, question, "none found", tuple(rows), meaning, ())
    (low, high), half = grade.excess_interval, (grade.excess_interval[1] - grade.excess_interval[0]) / 2
    rows[2:2] = [
        ("a Gaussian fitted to train", percent(grade.reference)),
        ("excess over the Gaussian (95 %)", f"{percent(near.excess)} ({percent(low)} to {percent(high)})"),
        ("equivalent blur h (95 %)", f"{_blur(grade.blur)} ({' to '.join(map(_blur, grade.blur_interval))})"),
    ]
    if drawn:
        size = (
            "closer than the slightest blur that was tried"
            if grade.blur == 0
            else f"as close as training items blurred by {_blur(grade.blur)} times the distance between neighbours"
        )
        meaning = (
            f"This model knows which items it was trained on, better than their mean and covariance tell: its samples "
            f"are {size}. Below 1 a sample still shows its training item; far above, a leaning is left."
        )
        return Axis(name, question, "found", tuple(rows), meaning, ())
    meaning = (
        "These samples lean to the training items no more than those of a fitted Gaussian may, which knows only mean "
        f"and covariance. An excess above about {percent(half)} would have been seen."
    )
    settle: tuple[str, ...] = ()
    if near.excess > 0:
        factor = (half / near.excess) ** 2
        settle = (
            f"about {_rounded(max(2.0, factor))} times as many samples and items, should the excess of "
            f"{percent(near.excess)} over the Gaussian be real",
        )
    return Axis(name, question, "none found", tuple(rows), meaning, settle)


def _blur(blur: float | None) -> str:
    if blur is None:
        return f"over {BLURS[-1]:g}"
    return f"under {BLURS[0]:.2g}" if blur == 0 else f"{blur:.2g}"
