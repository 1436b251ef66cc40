"""``compare_halves``: two models trained on the halves of one split, compared, and what it comes to."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from mnemoscope._version import __version__
from mnemoscope.auditing.own_half import OwnHalf
from mnemoscope.choose import check_kind, check_name, check_whole
from mnemoscope.data import Halves
from mnemoscope.monitoring.halves.agreement import denoiser_agreement, sample_agreement
from mnemoscope.monitoring.halves.result import HalvesResult
from mnemoscope.monitoring.models import PREDICTIONS, Model, place_of
from mnemoscope.output import Saved
from mnemoscope.processes import Process
from mnemoscope.processes.base import standard_normal
from mnemoscope.sampling import SOLVERS, sample
from mnemoscope.scores import ScoreFunction


class HalvesReport(HalvesResult, Saved):
    """What ``compare_halves`` found: in numbers and words, as files and as a page."""

    def page(self) -> str:
        """The content of ``report.html``."""
        from mnemoscope.monitoring.halves.page import halves_page  # draws: only pages pay for matplotlib's import

        return halves_page(self)


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
