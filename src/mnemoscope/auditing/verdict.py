"""The verdict of an audit in one sentence, and whether it accuses, acquits or neither."""

from typing import Literal, NamedTuple, TypeAlias

from mnemoscope.auditing.identical import Identical
from mnemoscope.auditing.measures import MeasureResult
from mnemoscope.pages.render import interval, percent

Tone: TypeAlias = Literal["memorizes", "unclear", "clear"]


class Verdict(NamedTuple):
    """``clear`` only where the rule and the identical samples are both silent and the samples can be data at all."""

    sentence: str
    tone: Tone


def judge(first: MeasureResult, identical: Identical, unlike: tuple[str, ...]) -> Verdict:
    """The verdict from the first measure, the identical samples, and in what way the samples are unlike the data."""
    rates = (
        f"{percent(first.rate.fraction)} of the samples are called copies of training items "
        f"(95 % interval {interval(first.rate.interval)}), against {percent(first.null.fraction)} of the null"
    )
    highest = percent(max(0.0, first.excess_interval[1]))
    seen = f"an excess above {highest} is excluded for the copies that {first.name} sees, and for no others"
    counted = f"{identical.sentence}; " if identical.rate.count else ""
    reasons = f"these samples are not like the data ({'; '.join(unlike)}); " if unlike else ""
    if first.memorizes:
        return Verdict(f"This model memorizes: {reasons}{rates}.", "memorizes")
    rest = f"{first.name} finds no excess beyond that of chance: {rates}"
    if identical.beyond:
        return Verdict(f"This model memorizes: {reasons}{counted}{rest}.", "memorizes")
    if unlike or identical.beyond is None:
        return Verdict(f"No verdict: {reasons}{counted}{rest}.", "unclear")
    return Verdict(f"No memorization beyond the null was found: {rates}; {counted}{seen}.", "clear")
