"""What a study is: a tuple of experiments, each with its trials, claims computed from their results, and figures.

A study reproduces one result of the literature. It states what it claims before it looks: each claim names its
source, the measured number and the range in which that number must lie. Whether it holds is computed from these.

    class Tosses(Experiment):
        bias: float = Field(gt=0, lt=1)
        seed: int = Field(ge=0)

        def run(self) -> Result: ...
        @classmethod
        def plan(cls, preset, seeds): return grid(cls, bias=[0.3, 0.5], seed=seeds(10))
        @classmethod
        def claims(cls, results): yield Claim("mean", "Heads are as frequent as the bias.", ...)
        @classmethod
        def plots(cls, results): yield Plot("heads", "Share of heads.", draw)

    class Coins(Study):
        name, title, experiments = "coins", "Coins fall as they are loaded", (Tosses,)
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.errors import InputError
from mnemoscope.sweeps import Trial

Preset: TypeAlias = Literal["quick", "paper"]
PRESETS: tuple[Preset, ...] = ("quick", "paper")

Seeds: TypeAlias = Callable[[int], range]
"""``seeds(n)``: n seeds, derived from the study's own."""


@dataclass(frozen=True)
class Claim:
    """One checked sentence of a study.

    Attributes:
        name: a short name, unique within the study.
        statement: the sentence.
        source: where it is published: paper, equation, figure.
        measured: what the trials gave; NaN never holds.
        tolerance: how far ``measured`` may be from ``published``; or the range ``(low, high)`` in which it must
            lie, either end None for unbounded.
        published: the number in the source, None where it gives none.

    Raises:
        InputError: a distance without a published number, a negative one, or an empty range.
    """

    name: str
    statement: str
    source: str
    measured: float
    tolerance: float | tuple[float | None, float | None]
    published: float | None = None

    def __post_init__(self) -> None:
        low, high = self.accepted
        if not low <= high:
            raise InputError(f"claim {self.name}: tolerance: nothing lies in [{low}, {high}]")

    @property
    def accepted(self) -> tuple[float, float]:
        """The closed range in which ``measured`` must lie."""
        if isinstance(self.tolerance, tuple):
            low, high = self.tolerance
            return -math.inf if low is None else low, math.inf if high is None else high
        if self.published is None:
            raise InputError(f"claim {self.name}: tolerance: a distance needs a published number, else give a range")
        return self.published - self.tolerance, self.published + self.tolerance

    @property
    def holds(self) -> bool:
        """Whether the measured number lies in the accepted range."""
        low, high = self.accepted
        return bool(low <= self.measured <= high)

    def to_json(self) -> dict[str, Any]:
        """The claim as summary.json has it; a number that JSON lacks becomes null."""
        return {
            "name": self.name,
            "statement": self.statement,
            "source": self.source,
            "published": self.published,
            "measured": _finite(self.measured),
            "tolerance": [*map(_finite, self.accepted)] if isinstance(self.tolerance, tuple) else self.tolerance,
            "holds": self.holds,
        }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True)
class Plot:
    """One figure of a study: ``draw`` is called on an empty figure, once for light and once for dark paper.

    Colours should come from the style (``C0``, ``C1``, … the Okabe-Ito palette) so that both can be read.
    """

    name: str
    caption: str
    draw: Callable[[Figure], None]


class Experiment(Trial, frozen=True):
    """One kind of trial of a study: what is run, planned, claimed and drawn, in one file.

    Its class name is unique in its study; ``--only`` and results call it as ``kind`` says.
    """

    @classmethod
    @abstractmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Experiment"]:
        """The trials: ``quick`` for minutes on two cores, ``paper`` for the scale of the source; maybe none."""

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterable[Claim]:  # noqa: ARG003
        """What the results say. Called only when every planned trial is finished."""
        return ()

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterable[Plot]:  # noqa: ARG003
        """The figures, most important first, of the trials that are finished: at least one, maybe not all."""
        return ()


class Study(ABC):
    """Base of every study. It holds no state: the same preset and seed give the same trials.

    Attributes:
        name: what the command line calls it.
        title: one line for lists and reports.
        experiments: in the order of its report.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    experiments: ClassVar[tuple[type[Experiment], ...]]

    def plan(self, preset: Preset, seed: int) -> dict[type[Experiment], list[Experiment]]:
        """The trials of every experiment that has any.

        Raises:
            InputError: an unknown preset.
        """
        if preset not in PRESETS:
            raise InputError(f"preset: needs one of {', '.join(PRESETS)}, got {preset!r}")

        def seeds(number: int) -> range:
            return range(1000 * seed, 1000 * seed + number)

        planned = {experiment: list(experiment.plan(preset, seeds)) for experiment in self.experiments}
        return {experiment: trials for experiment, trials in planned.items() if trials}
