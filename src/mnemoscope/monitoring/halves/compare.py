"""``compare_halves``: two models trained on the halves of one split, compared, and what it comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mnemoscope._version import __version__
from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.intervals import FAMILY_WISE
from mnemoscope.auditing.own_half import OwnHalf
from mnemoscope.choose import check_kind, check_name, check_whole
from mnemoscope.data import Halves
from mnemoscope.monitoring.halves.agreement import (
    LevelAgreement,
    SampleAgreement,
    denoiser_agreement,
    sample_agreement,
)
from mnemoscope.monitoring.models import PREDICTIONS, Model, place_of
from mnemoscope.output import atomic_files, write_json, write_text
from mnemoscope.pages import percent
from mnemoscope.processes import Process
from mnemoscope.processes.base import standard_normal
from mnemoscope.sampling import SOLVERS, sample
from mnemoscope.scores import ScoreFunction

SCHEMA = "mnemoscope.halves/1"
JSON, PAGE = "report.json", "report.html"


@dataclass(frozen=True, eq=False, repr=False)
class HalvesReport:
    """What ``compare_halves`` found.

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

    def to_json(self, path: str | Path) -> None:
        """Write ``report.json``, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        write_json(path, self.to_dict())

    def to_html(self, path: str | Path) -> None:
        """Write a self-contained page, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        from mnemoscope.monitoring.halves.page import halves_page  # draws: only pages pay for matplotlib's import

        write_text(path, halves_page(self))

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Write ``report.json`` and ``report.html`` into a folder, both or none.

        Args:
            folder: made if it is not there.
            force: whether a report that is there already may be replaced.

        Raises:
            OutputError: a report is there and ``force`` is not given, or the folder cannot be written to.
        """
        with atomic_files(folder, (JSON, PAGE), force=force) as temporary:
            self.to_json(temporary / JSON)
            self.to_html(temporary / PAGE)

    def __repr__(self) -> str:
        return f"HalvesReport({self.verdict})"


def _as_lists(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _as_lists(value) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def compare_halves(
    halves: Halves,
    first: ScoreFunction | nn.Module,
    second: ScoreFunction | nn.Module,
    process: Process,
    *,
    predicts: str = "score",
    levels: Sequence[float] | None = None,
    n_items: int = 128,
    n_samples: int = 500,
    solver: str = "ode",
    n_steps: int = 32,
    seed: int = 0,
    notes: Sequence[str] = (),
    progress: bool = False,
) -> HalvesReport:
    """Compare two models, each trained on one half: are they one function, or does each know its own half?

    Args:
        halves: the split, of data on the models' scale.
        first: the model trained on half A: a ``Score``, or a function or network of (x, t).
        second: the model trained on half B.
        process: the forward process of both.
        predicts: what a model that is no ``Score`` returns: ``score``, ``noise``, ``denoiser`` or ``velocity``.
        levels: noise-to-signal ratios σ/α at which denoisers are compared; (0.1, 0.3, 1, 3), as far as the process
            reaches them.
        n_items: items of each half, at most, at which they are.
        n_samples: of each model, from the same noise.
        solver: of the sampler.
        n_steps: of the sampler.
        seed: of everything random.
        notes: what the report is to repeat.
        progress: show bars.

    Raises:
        InputError: a model that returns another shape, NaN or Inf; a level that the process does not reach; a half
            without two distinct items.
    """
    check_kind(halves, Halves, "halves")
    check_kind(process, Process, "process")
    check_name(predicts, PREDICTIONS, "predicts")
    check_name(solver, SOLVERS, "solver")
    n_samples, seed = check_whole(n_samples, "n_samples", 2), check_whole(seed, "seed", 0)
    test = OwnHalf(halves, np.random.default_rng(seed), progress=progress)
    models = tuple(Model(model, process, halves.data.event_shape, predicts) for model in (first, second))
    assert len(models) == 2
    compared = denoiser_agreement(halves, models, process, levels=levels, n_items=n_items, seed=seed)
    drawn = []
    for model in models:
        device, dtype = place_of(model.score)
        generator = torch.Generator().manual_seed(seed)
        unit = standard_normal((n_samples, *halves.data.event_shape), generator)
        initial = (process.sigma(process.t_max) * unit).to(dtype)
        samples = sample(
            model.score, process, n_samples, generator=generator, solver=solver, n_steps=n_steps, initial=initial,
            device=device, progress=progress,
        )  # fmt: skip
        drawn.append(samples.cpu().float())
    shared = test.shared
    remarks = (
        [f"{shared} distinct items are in both halves: neither model can be drawn to them alone"] if shared else []
    )
    return HalvesReport(
        halves,
        compared,
        sample_agreement(halves, drawn[0], drawn[1]),
        test.test(drawn[0].numpy(), drawn[1].numpy()),
        (drawn[0], drawn[1]),
        (*notes, *remarks),
        {
            "version": __version__,
            "process": process.spec(),
            "n_items": n_items,
            "n_samples": n_samples,
            "solver": solver,
            "n_steps": n_steps,
            "seed": seed,
        },
    )
