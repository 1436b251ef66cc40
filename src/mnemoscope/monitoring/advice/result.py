"""What a probe says of the training that is planned."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from mnemoscope.monitoring.advice.changes import Change, best
from mnemoscope.monitoring.advice.power_law import Onset, PowerLaw, Prediction
from mnemoscope.monitoring.decision import ONSET

SCHEMA = "mnemoscope.advice/1"

Answer: TypeAlias = Literal["expected", "not expected", "cannot tell"]


@dataclass(frozen=True, eq=False, repr=False)
class AdviceResult:
    """What ``advise`` found, in numbers and words.

    Attributes:
        n: items of the training that is planned.
        steps: its steps.
        onsets: of the trainings of the probe.
        law: fitted to them; None where too few came to their onset.
        changes: what would delay the onset, those that were tried first.
        provenance: version, data and settings.
    """

    n: int
    steps: int
    onsets: tuple[Onset, ...]
    law: PowerLaw | None
    changes: tuple[Change, ...]
    provenance: dict[str, Any]

    @property
    def prediction(self) -> Prediction | None:
        """When the training that is planned will come to memorize; None without a law."""
        return None if self.law is None else self.law.predict(self.n)

    @property
    def not_before(self) -> int:
        """Steps after which no training of the probe on at most ``n`` items had come to memorize; 0 where some had."""
        sizes = sorted({each.n for each in self.onsets if each.n <= self.n}, reverse=True)
        never = [size for size in sizes if all(each.step is None for each in self.onsets if each.n == size)]
        return max((min(each.last for each in self.onsets if each.n == size) for size in never), default=0)

    @property
    def answer(self) -> Answer:
        """Whether the training that is planned comes to memorize: by the interval, or as far as the probe went."""
        if self.prediction is None:
            return "not expected" if self.steps <= self.not_before else "cannot tell"
        low, high = self.prediction.interval
        return "not expected" if self.steps < low else "expected" if self.steps >= high else "cannot tell"

    @property
    def best(self) -> Change | None:
        """The change that would help most; None where none is needed, or nothing is known."""
        if self.prediction is None or self.answer == "not expected":
            return None
        return best(self.changes, self.steps / self.prediction.interval[0])

    @property
    def verdict(self) -> str:
        """What was found, in one or two sentences."""
        about = f"{self.n:,} items and {self.steps:,} steps"
        if self.prediction is None or self.law is None:
            if self.answer == "not expected":
                return (
                    f"With {about} copies are not expected: no training of the probe on as few items or fewer came to "
                    f"memorize by step {self.not_before:,}."
                )
            came = sum(each.step is not None for each in self.onsets)
            bound = f"; none is expected before step {self.not_before:,}" if self.not_before else ""
            return (
                f"The probe cannot tell for {about}: {came} of its {len(self.onsets)} trainings came to memorize, too "
                f"few for a law{bound}. Probe longer, or fewer items."
            )
        low, high = (_step(end) for end in self.prediction.interval)
        when = f"step {_step(self.prediction.step)} (95 % interval {low} to {high})"
        probability = self.law.probability(self.n, self.steps)
        if self.answer == "not expected":
            return f"With {about} copies are not expected: memorization would set in at {when}."
        if self.answer == "expected":
            said = f"With {about} copies are to be expected from {when} on."
        else:
            said = (
                f"The probe cannot tell for {about}: memorization sets in at {when}, by the end with probability "
                f"{probability:.0%}."
            )
        return said if self.best is None else f"{said} What would help most: {self.best.name}, {self.best.what}."

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``; its schema is ``advice.schema.json`` in this package."""
        law = None if self.law is None else asdict(self.law)
        prediction = None if self.prediction is None else asdict(self.prediction)
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "answer": self.answer,
            "n": self.n,
            "steps": self.steps,
            "onset": ONSET,
            "prediction": prediction and _plain(prediction),
            "probability": None if self.law is None else self.law.probability(self.n, self.steps),
            "not_before": self.not_before,
            "law": law and _plain({name: law[name] for name in ("exponent", "exponent_interval", "spread", "ends")}),
            "probe": [asdict(each) for each in self.onsets],
            "changes": [_plain(asdict(each)) for each in self.changes],
            "best": self.best and self.best.name,
            "provenance": self.provenance,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.verdict})"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """For JSON, which has no infinity: such an end is None."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(each) for each in value]
        return None if isinstance(value, float) and math.isinf(value) else value

    return {name: plain(value) for name, value in values.items()}


def _step(value: float) -> str:
    return f"{round(value):,}" if value < 1e9 else f"{value:.0e}"
