"""The decision: generalizing, starting to memorize, or memorizing, since when, and why.

Every model that learns anything differs from chance in membership and closeness at its first look, while everything
still improves (measured on digits). So a level is reached by a *size* against a reference, and significance is asked
for only on top of it:

- ``starting to memorize``: the model has gone a share ``ONSET`` of the way to the exact denoiser of its training set
  (its ``perfection``) at some noise level that tells items apart, and beyond chance; or samples are closer to the
  training items than those of a Gaussian fitted to them;
- ``memorizing``: samples hold calibrated copies.

That way is what memorizing means, and the same share of it precedes copies on laws as different as digits and a
mixture in eight dimensions, where the membership area at which copies follow is anything from .6 to .99.

Without samples the second is never said: the loss may be over-fitted threefold without one copy.

**Repeated looks.** Each look has its share of one probability α, ``false_alarms``, of being wrong ever. With L planned
looks

    α_k = α/2L  for k ≤ L,        α_k = (α/2) L/(k (k − 1))  for k > L,

which sum to α however many looks there are (alpha spending; Bonferroni's bound, whatever the dependence of looks on one
held-out set). Copies, closeness and perfection have a third each, and perfection's is shared among noise levels.
Honest models, that know nothing of which items were trained on, raise an alarm with at most that probability over the
whole training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mnemoscope.choose import check_number, check_whole
from mnemoscope.monitoring.levels import LevelSignals
from mnemoscope.monitoring.membership import share_bound
from mnemoscope.monitoring.samples import SampleSignals

State: TypeAlias = Literal["generalizing", "starting to memorize", "memorizing"]

GENERALIZING: State = "generalizing"
STARTING: State = "starting to memorize"
MEMORIZING: State = "memorizing"
STATES: tuple[State, ...] = (GENERALIZING, STARTING, MEMORIZING)

ONSET = 0.25
"""The perfection from which copies are to be expected if training goes on.

Calibrated on trainings of their own (Adam 1e-3, variance preserving): 8×8 digits, U-Net, n = 16 and 32, and a mixture
in eight dimensions, MLP, n = 32 and 64, two seeds each. 5 % of the samples were copies after 1.3 to 2 times as many
steps on the mixture and 2.7 and 3.1 times on the digits; a membership area of 0.9 came too late on the former. The
study ``training-time`` holds it against other seeds.
"""

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
        onset: the perfection at which a model is starting to memorize.

    Raises:
        InputError: a probability or an onset outside (0, 1), or no look.
    """

    false_alarms: float = 0.05
    looks: int = 50
    onset: float = ONSET

    def __post_init__(self) -> None:
        check_number(self.false_alarms, "false_alarms", "in (0, 1)", 0, 1)
        check_whole(self.looks, "looks")
        check_number(self.onset, "onset", "in (0, 1)", 0, 1)

    def allowance(self, look: int) -> float:
        """α_k of look k = 1, 2, …: the probability of a false alarm that it may add."""
        half = self.false_alarms / 2
        return half / self.looks if look <= self.looks else half * self.looks / (look * (look - 1))

    def decide(
        self,
        look: int,
        step: int,
        levels: Sequence[LevelSignals],
        pairs: int,
        samples: SampleSignals | None,
        before: Decision | None,
    ) -> Decision:
        """The decision at look k.

        Args:
            look: k.
            step: of the training.
            levels: the signals of the noise levels that tell items apart.
            pairs: of how many pairs of items their perfection is.
            samples: what samples showed.
            before: the decision of the look before.
        """
        error = self.allowance(look) / _FAMILIES
        state, reason, evidence = self._state(error, levels, pairs, samples)
        if state == GENERALIZING:
            return Decision(state, None, reason, evidence)
        since = step if before is None or before.since is None else before.since
        return Decision(state, since, reason, evidence)

    def _state(
        self,
        error: float,
        levels: Sequence[LevelSignals],
        pairs: int,
        samples: SampleSignals | None,
    ) -> tuple[State, str, dict[str, float]]:
        top = max(levels, key=lambda level: level.perfection.value)
        found, area = top.perfection.value, top.membership.value
        bound = share_bound(top.perfection, pairs, error / len(levels))
        evidence = {"perfection": found, "perfection_bound": bound, "ratio": top.ratio, "onset": self.onset}
        evidence["membership"] = area
        told = (
            f"{max(0.0, 100 * found):.0f} % of the way to the exact denoiser of the training items are gone at"
            f" σ/α = {top.ratio:g} (which tells them from held-out ones with area {area:.2f})"
        )
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
        if found >= self.onset and bound > 0:
            return STARTING, f"{told}: {100 * self.onset:.0f} % or more", evidence
        if found >= self.onset:
            return GENERALIZING, f"{told}, which may be chance: there are {pairs} pairs to tell by", evidence
        return GENERALIZING, f"{told}: less than {100 * self.onset:.0f} %", evidence
