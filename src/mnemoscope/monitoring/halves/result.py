"""What two models of two halves showed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.intervals import FAMILY_WISE
from mnemoscope.data import Halves
from mnemoscope.monitoring.halves.agreement import LevelAgreement, SampleAgreement
from mnemoscope.pages import percent

SCHEMA = "mnemoscope.halves/1"


@dataclass(frozen=True, eq=False, repr=False)
class HalvesResult:
    """What ``compare_halves`` found, in numbers and words.

    Attributes:
        halves: the split.
        levels: agreement of the denoisers, low noise first.
        samples: agreement of samples from the same noise.
        closeness: of all samples to the half that their model was trained on; the reference is that of Gaussians fitted
            to each half.
        drawn_samples: of A and of B, shape ``(n_samples, *event)``.
        notes: what a reader must know beside the numbers.
        provenance: version and settings.
    """

    halves: Halves
    levels: tuple[LevelAgreement, ...]
    samples: SampleAgreement
    closeness: Closeness
    drawn_samples: tuple[Tensor, Tensor]
    notes: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def drawn(self) -> bool:
        """Whether samples are nearer to the own half than chance and than those of fitted Gaussians are."""
        return self.closeness.p_drawn <= FAMILY_WISE

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        near, pairs = self.closeness, self.samples
        if self.drawn:
            word = "Each model is drawn to its own half"
        elif near.p <= FAMILY_WISE:
            word = "The models know their halves no better than fitted Gaussians would"
        else:
            word = "Nothing tells which half a model was trained on"
        reference = "" if near.grade is None else f", of fitted Gaussians {percent(near.grade.reference)}"
        return (
            f"{word}: {percent(near.share)} of the samples are nearer to the own half ({percent(near.expected)} by "
            f"chance, p = {near.p:.2g}{reference}); from the same noise the two models' samples have a cosine of "
            f"{pairs.agreement.value:.2f}, with the nearest item of the own half of {pairs.own.value:.2f}."
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``; its schema is ``halves.schema.json`` in this package."""
        half = self.halves.a.half
        assert half is not None
        split = {"seed": half.seed, "of": half.of_name, "n": half.of_samples, "fingerprint": half.of}
        rows = {
            name: asdict(each.half)["rows"] for name, each in (("A", self.halves.a), ("B", self.halves.b)) if each.half
        }
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "drawn": self.drawn,
            "split": {**split, "rows": rows},
            "levels": [_as_lists(asdict(level)) for level in self.levels],
            "samples": {
                "n": len(self.samples.cosines),
                "agreement": _as_lists(asdict(self.samples.agreement)),
                "own": _as_lists(asdict(self.samples.own)),
                "nearer_each_other": self.samples.nearer_each_other,
            },
            "closeness": self.closeness.to_dict(),
            "notes": list(self.notes),
            "provenance": self.provenance,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.verdict})"


def _as_lists(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _as_lists(value) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }
