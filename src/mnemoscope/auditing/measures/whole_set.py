"""Statistics of a whole set of samples, which say nothing of a single one and need held-out items."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class WholeSetResult:
    """One number for the generated set.

    Attributes:
        name: of the statistic.
        value: of the generated set.
        rule: what it is and how it reads, with its numbers.
        null: what honest samples give.
        spread: standard deviation of what they give, None where it is not known.
        limits: what it does not see, beginning with its name.
        notes: what was passed over in these data.
    """

    name: str
    value: float
    rule: str
    null: float
    spread: float | None
    limits: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        return {
            "rule": self.rule,
            "value": self.value,
            "null": {"value": self.null, "spread": self.spread},
            "notes": list(self.notes),
        }


class WholeSetStatistic(ABC):
    """A statistic of generated against held-out items, given the training set.

    Attributes:
        name: as users and reports call it.
        limits: what it does not see, beginning with its name.
    """

    name: ClassVar[str]
    limits: ClassVar[str]

    def result(self, generated: Array, train: Array, holdout: Array | None, rng: np.random.Generator) -> WholeSetResult:
        """The statistic with what honest samples give.

        Args:
            generated: shape ``(n, *event)``.
            train: shape ``(n_train, *event)``, possibly a memory map.
            holdout: shape ``(m, *event)``, real items that were not trained on.
            rng: makes the random choices.

        Raises:
            InputError: no held-out set, or sets too small to say anything.
        """
        if holdout is None:
            raise InputError(f"{self.name}: needs a held-out set")
        return self._result(generated, train, holdout, rng)

    @abstractmethod
    def _result(self, generated: Array, train: Array, holdout: Array, rng: np.random.Generator) -> WholeSetResult: ...
