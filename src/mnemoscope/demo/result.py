"""The demo's settings, and what it found."""

from dataclasses import asdict, dataclass
from typing import Any

from mnemoscope._version import __version__
from mnemoscope.auditing import Report
from mnemoscope.monitoring import MonitorRecord


@dataclass(frozen=True)
class DemoSpec:
    """The demo's settings; the defaults take about three minutes on two cores.

    Attributes:
        n_few: training digits of the model that should memorize.
        n_holdout: digits that no model sees, for the null; all others train the second model.
        steps: optimizer steps of both models.
        looks: how often memorization is measured during training.
        n_samples: samples in each final audit.
        width: of the U-Net.
        seed: of the split, the weights, the training and the samples.
    """

    n_few: int = 24
    n_holdout: int = 500
    steps: int = 1000
    looks: int = 8
    n_samples: int = 500
    width: int = 24
    seed: int = 0


@dataclass(frozen=True)
class ModelResult:
    """One model of the demo: what theory expects of it, and what the audit found."""

    name: str
    description: str
    expected: str
    holds: bool
    report: Report
    history: tuple[MonitorRecord, ...]


@dataclass(frozen=True)
class DemoResult:
    """All models of the demo."""

    spec: DemoSpec
    models: tuple[ModelResult, ...]

    @property
    def holds(self) -> bool:
        """Whether every model came out as theory says."""
        return all(model.holds for model in self.models)

    def to_dict(self) -> dict[str, Any]:
        """The content of the demo's ``report.json``."""
        return {
            "version": __version__,
            "spec": asdict(self.spec),
            "holds": self.holds,
            "models": {
                model.name: {
                    "description": model.description,
                    "expected": model.expected,
                    "holds": model.holds,
                    "history": [{"step": record.step, **record.result.to_dict()} for record in model.history],
                    "audit": model.report.to_dict(),
                }
                for model in self.models
            },
        }
