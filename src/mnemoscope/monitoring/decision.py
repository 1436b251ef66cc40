"""The decision: generalizing, starting to memorize, or memorizing, since when, and why.

Every model that learns anything differs from chance in membership and closeness at its first look, while everything
still improves (measured: ``SOURCE``). So a level is reached by a *size* against a reference, and significance is asked
for only on top of it:

- ``starting to memorize``: the membership area of the denoising loss reaches ``ONSET`` at some noise level and is
  beyond chance; or samples are closer to the training items than those of a Gaussian fitted to them;
- ``memorizing``: samples hold calibrated copies.

Without samples the second is never said: the loss may be over-fitted threefold without one copy.

**Repeated looks.** Each look has its share of one probability α, ``false_alarms``, of being wrong ever. With L planned
looks

    α_k = α/2L  for k ≤ L,        α_k = (α/2) L/(k (k − 1))  for k > L,

which sum to α however many looks there are (alpha spending; Bonferroni's bound, whatever the dependence of looks on one
held-out set). Copies, closeness and membership have a third each, and membership's is shared among noise levels.
Honest models, that know nothing of which items were trained on, raise an alarm with at most that probability over the
whole training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mnemoscope.choose import check_number, check_whole
from mnemoscope.monitoring.levels import LevelSignals
from mnemoscope.monitoring.membership import CHANCE, area_bound
from mnemoscope.monitoring.samples import SampleSignals

State: TypeAlias = Literal["generalizing", "starting to memorize", "memorizing"]

GENERALIZING: State = "generalizing"
STARTING: State = "starting to memorize"
MEMORIZING: State = "memorizing"
STATES: tuple[State, ...] = (GENERALIZING, STARTING, MEMORIZING)

ONSET = 0.9
"""The membership area from which copies are to be expected if training goes on.

Calibrated on 8×8 digits (MLP of width 256, Adam 1e-3, variance preserving, one seed for each n = 32, 64, 256): the area
at σ/α = 0.1 reaches .9 within a factor 2 of the minimum of the held-out loss (800, 800 and 4,000 steps; the minimum at
≤ 400, 800 and 3,600–4,000), and no calibrated copy was seen by then.
"""

SOURCE = "8×8 digits, MLP, n = 32, 64, 256"
"""Where ``ONSET`` was calibrated."""

_FAMILIES = 3


@dataclass(frozen=True)
class Decision:
    """What a look comes to.

    Attributes:
        state: ``generalizing``, ``starting to memorize`` or ``memorizing``.
        since: the step from which the model has been memorizing or starting to, at every look; None if it is not.
        reason: in one sentence.
        evidence: the numbers that it rests on.
    """

    state: State
    since: int | None
    reason: str
    evidence: dict[str, float]


@dataclass(frozen=True)
class Rule:
    """When a level is reached.

    Attributes:
        false_alarms: probability, at most, of a false alarm over a whole training.
        looks: as many looks are planned; more are allowed, and are less powerful.
        onset: the membership area at which a model is starting to memorize.

    Raises:
        InputError: a probability outside (0, 1), no look, or an onset outside (½, 1).
    """

    false_alarms: float = 0.05
    looks: int = 50
    onset: float = ONSET

    def __post_init__(self) -> None:
        check_number(self.false_alarms, "false_alarms", "in (0, 1)", 0, 1)
        check_whole(self.looks, "looks")
        check_number(self.onset, "onset", "in (0.5, 1)", CHANCE, 1)

    def allowance(self, look: int) -> float:
        """α_k of look k = 1, 2, …: the probability of a false alarm that it may add."""
        half = self.false_alarms / 2
        return half / self.looks if look <= self.looks else half * self.looks / (look * (look - 1))

    def decide(
        self,
        look: int,
        step: int,
        levels: Sequence[LevelSignals],
        counts: tuple[int, int],
        samples: SampleSignals | None,
        before: Decision | None,
    ) -> Decision:
        """The decision at look k.

        Args:
            look: k.
            step: of the training.
            levels: the signals of every noise level.
            counts: how many training and held-out items they are of.
            samples: what samples showed.
            before: the decision of the look before.
        """
        error = self.allowance(look) / _FAMILIES
        state, reason, evidence = self._state(error, levels, counts, samples)
        if state == GENERALIZING:
            return Decision(state, None, reason, evidence)
        since = step if before is None or before.since is None else before.since
        return Decision(state, since, reason, evidence)

    def _state(
        self,
        error: float,
        levels: Sequence[LevelSignals],
        counts: tuple[int, int],
        samples: SampleSignals | None,
    ) -> tuple[State, str, dict[str, float]]:
        top = max(levels, key=lambda level: level.membership.value)
        found = top.membership.value
        bound = area_bound(found, *counts, error / len(levels))
        evidence = {"membership": found, "membership_bound": bound, "ratio": top.ratio, "onset": self.onset}
        told = f"training items are told from held-out ones with area {found:.2f} at σ/α = {top.ratio:g}"
        if samples is not None:
            evidence |= {"copies": samples.copies, "copies_p": samples.copies_p, "closeness": samples.closeness}
            if samples.copies_p <= error:
                return MEMORIZING, f"at least {100 * samples.copies:.1f} % of the samples are copies", evidence
            closer = samples.closeness_p
            evidence["closeness_p"] = closer
            if samples.reference is not None:
                evidence["reference"] = samples.reference
            if closer <= error:
                return (
                    STARTING,
                    f"{100 * samples.closeness:.0f} % of the samples are nearer to train than to held-out items, of "
                    f"those of a fitted Gaussian {100 * (samples.reference or 0):.0f} %",
                    evidence,
                )
        if found >= self.onset and bound > CHANCE:
            return STARTING, f"{told}, {self.onset:g} or more", evidence
        if found >= self.onset:
            return GENERALIZING, f"{told}, which may be chance: there are {min(counts)} items to tell by", evidence
        return GENERALIZING, f"{told}, below {self.onset:g}", evidence
