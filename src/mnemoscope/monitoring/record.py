"""What one look found: signals of every noise level, what samples showed, and the decision."""

from dataclasses import asdict, dataclass, field
from typing import Any

from mnemoscope.auditing import MeasureResult
from mnemoscope.errors import InputError
from mnemoscope.monitoring.decision import STATES, Decision
from mnemoscope.monitoring.levels import LevelSignals
from mnemoscope.monitoring.membership import Signal
from mnemoscope.monitoring.samples import SampleSignals

PREFIX = "mnemoscope"


@dataclass(frozen=True)
class MonitorRecord:
    """One look at the model.

    Attributes:
        step: of the training.
        levels: the signals of every noise level, low noise first.
        samples: what samples showed; None where none were taken or handed in.
        decision: what it comes to, given all looks so far.
    """

    step: int
    levels: tuple[LevelSignals, ...]
    samples: SampleSignals | None
    decision: Decision
    _result: MeasureResult | None = field(default=None, repr=False, compare=False)

    @property
    def result(self) -> MeasureResult:
        """The distance ratio of the samples and of the held-out items, item by item.

        Raises:
            InputError: no samples were looked at, or the record was read back from a file.
        """
        if self._result is None:
            raise InputError(f"step {self.step}: no samples were looked at here; n_samples= or samples= takes some")
        return self._result

    def metrics(self) -> dict[str, float]:
        """Numbers by name, for loggers: ``mnemoscope/state`` (0, 1, 2), ``mnemoscope/membership/0.1`` and so on.

        ``mnemoscope/perfection`` is that which the decision rests on, ``mnemoscope/membership`` the largest.
        """
        found = {"state": float(STATES.index(self.decision.state))}
        if self.levels:
            found["membership"] = max(level.membership.value for level in self.levels)
        if "perfection" in self.decision.evidence:
            found["perfection"] = self.decision.evidence["perfection"]
        for level in self.levels:
            for name in ("train_loss", "holdout_loss"):
                found[f"{name}/{level.ratio:g}"] = getattr(level, name)
            for name in ("membership", "norm_membership", "gap", "perfection"):
                found[f"{name}/{level.ratio:g}"] = getattr(level, name).value
        if self.samples is not None:
            names = ("copied", "copied_null", "copies", "closeness", "reference")
            values = {name: getattr(self.samples, name) for name in names}
            found |= {name: float(value) for name, value in values.items() if value is not None}
        return {f"{PREFIX}/{name}": value for name, value in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """As a line of the file of records; ``from_dict`` reads it."""
        found = asdict(self)
        del found["_result"]
        return found

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "MonitorRecord":
        """A record read back, without ``result``."""
        samples = values["samples"]
        return cls(
            values["step"],
            tuple(_level(level) for level in values["levels"]),
            samples and SampleSignals(**_tuples(samples)),
            Decision(**values["decision"]),
        )


def _level(values: dict[str, Any]) -> LevelSignals:
    signals = {name: Signal(**_tuples(value)) for name, value in values.items() if isinstance(value, dict)}
    return LevelSignals(**(values | signals))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in values.items()}


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
