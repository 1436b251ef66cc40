"""Signals of a model at chosen noise levels, from its outputs at a few training and held-out items.

At each level r = σ/α, for training items and as many held-out ones, with the same noise for the k-th of both and at
every look, x_t = α x_0 + σ ε:

- the denoising loss ‖D(x_t) − x_0‖²/d: its membership area and its paired gap (Carlini et al. 2023, arXiv 2301.09956);
- the norm of one output without noise, ‖D(α x_0) − x_0‖²/d: smaller at training items, since the denoiser points at a
  kernel-weighted mean of those nearby (SimA, arXiv 2509.25003);
- the distance to the exact denoiser of the training set, against that of an item that might have been in it
  (``perfect``).

Nothing is sampled, and all that does not depend on the model is computed once.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from mnemoscope.choose import check_number, check_whole
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array, as_tensor
from mnemoscope.errors import InputError
from mnemoscope.monitoring.levels import LevelSignals
from mnemoscope.monitoring.membership import membership, paired_gap, paired_share
from mnemoscope.monitoring.models import Model, check_time_scale, denoised
from mnemoscope.monitoring.perfect import Replaced, perfect_denoiser
from mnemoscope.processes import Process
from mnemoscope.scores.training_points import WeightedPoints

LEVELS = (0.1, 0.3, 1.0, 3.0)
"""Noise-to-signal ratios that are looked at, on data of about unit scale."""

FEWEST = 16
"""Held-out items, at least: with fewer an area of 1 is not beyond chance at repeated looks."""

_DRAWS = 2
_BLUR = 0.25
"""Share of the items' variance up to which the exact denoiser's error is small."""
_PERFECT_COST = 2**36
"""Products of queries, training items and values that the exact denoiser may cost, once: some tens of seconds."""

Call: TypeAlias = Callable[[Tensor, Tensor, float], Tensor]
Scale: TypeAlias = tuple[Tensor, float, float]


class Probe:
    """The items, noise and references at which models are looked at.

    Args:
        train: the training set, on the model's scale.
        holdout: held-out items.
        process: the forward process.
        levels: noise-to-signal ratios σ/α.
        n_items: training items, and held-out ones, at most.
        batch_size: items that a model is given at once.
        seed: of the choice of items and of the noise.

    Attributes:
        counts: how many training and held-out items are looked at.
        pairs: of how many of them the perfection is.

    Raises:
        InputError: fewer than 16 held-out or 2 training items, or a level that the process does not reach.
    """

    def __init__(
        self,
        train: Dataset,
        holdout: Dataset,
        process: Process,
        *,
        levels: Sequence[float] | None = None,
        n_items: int = 48,
        batch_size: int = 256,
        seed: int = 0,
    ) -> None:
        if holdout.n_samples < FEWEST:
            raise InputError(f"{holdout.name}: needs at least {FEWEST} held-out items, has {holdout.n_samples}")
        if train.n_samples < 2:
            raise InputError(f"{train.name}: needs at least 2 training items")
        n_items, self.batch_size = check_whole(n_items, "n_items", 2), check_whole(batch_size, "batch_size")
        self.process = process
        self.levels = checked_levels(process, levels)
        rng = np.random.default_rng(seed)
        rows, others = (torch.from_numpy(rng.permutation(data.n_samples)[:n_items]) for data in (train, holdout))
        self._train, self._holdout = _items(train, rows), _items(holdout, others)
        self.counts = len(rows), len(others)
        generator = torch.Generator().manual_seed(seed)
        shape = (_DRAWS, max(self.counts), *train.event_shape)
        self._noise = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
        self._checked = False
        times = [process.time_of(torch.tensor(level, dtype=torch.float64, device="cpu")) for level in self.levels]
        self._scales = [(t, float(process.alpha(t)), float(process.sigma(t))) for t in times]
        self._perfect = self._references(train, rows)
        self.pairs = self._perfect[0].shape[2]
        self._telling = [self._tells(answers[0]) for answers in self._perfect]

    def check(self, model: Model, where: str, device: torch.device | None, dtype: torch.dtype) -> None:
        """That the model's time is on the process's scale, until it is seen to work; arguments as for ``look``.

        Raises:
            InputError: it is not.
        """
        if self._checked:
            return
        few, noise = (each[:FEWEST].to(device, dtype) for each in (self._holdout, self._noise[0]))
        # An untrained model does not tell.
        self._checked = check_time_scale(model, few, [t for t, _, _ in self._scales], noise, where)

    def look(
        self, model: Model, where: str, device: torch.device | None, dtype: torch.dtype
    ) -> tuple[LevelSignals, ...]:
        """The signals of every level.

        Args:
            model: what is looked at.
            where: what errors call this look.
            device: where the model's x must live.
            dtype: of the model's x.

        Raises:
            InputError: the model returns another shape, NaN or Inf.
        """

        def call(x: Tensor, t: Tensor, level: float) -> Tensor:
            at = f"{where}, σ/α = {level:g}"
            return denoised(model, x.to(device, dtype), t, at, self.batch_size)

        looks = zip(self.levels, self._scales, self._perfect, strict=True)
        return tuple(self._level(call, level, scale, perfect) for level, scale, perfect in looks)

    def telling(self, levels: Sequence[LevelSignals]) -> list[LevelSignals]:
        """Those of a look's levels that tell training items apart; if there are none, that of the lowest noise."""
        return [level for level, tells in zip(levels, self._telling, strict=True) if tells] or [*levels[:1]]

    def _tells(self, answers: Tensor) -> bool:
        """Whether perfect answers, shape ``(draws, pairs, dim)``, are near the training items that they belong to."""
        items = self._train[: self.pairs].flatten(1)
        spread = (items - items.mean(dim=0)).square().mean()
        return bool((answers - items).square().mean() <= _BLUR * spread)

    def _level(self, call: Call, level: float, scale: Scale, perfect: Tensor) -> LevelSignals:
        (t, alpha, sigma), (n, m) = scale, self.counts
        clean = torch.cat([self._train, self._holdout])
        noisy = [call(alpha * clean + sigma * torch.cat([noise[:n], noise[:m]]), t, level) for noise in self._noise]
        loss = _mean_square(torch.stack(noisy) - clean, 2).mean(axis=0)
        norm = _mean_square(call(alpha * clean, t, level) - clean, 1)
        pairs, few = min(n, m), perfect.shape[2]
        answers = torch.stack([torch.stack([each[:few], each[n : n + few]]) for each in noisy], dim=1)
        apart = _mean_square(answers.flatten(3) - perfect, 3).mean(axis=1)
        return LevelSignals(
            ratio=level,
            train_loss=float(loss[:n].mean()),
            holdout_loss=float(loss[n:].mean()),
            membership=membership(loss[:n], loss[n:]),
            norm_membership=membership(norm[:n], norm[n:]),
            gap=paired_gap(loss[:pairs], loss[n : n + pairs]),
            perfection=paired_share(apart[0], apart[1]),
        )

    def _references(self, train: Dataset, rows: Tensor) -> list[Tensor]:
        """The perfect answers at training and at held-out items of each level, shape ``(2, draws, pairs, dim)``."""
        points = WeightedPoints(train.array)
        each = 2 * _DRAWS * len(self.levels) * points.n_samples * points.dim
        few = min(*self.counts, max(FEWEST, _PERFECT_COST // each))
        sides = [side[:few].flatten(1).double() for side in (self._train, self._holdout)]
        noise = self._noise[:, :few].flatten(2).double()
        found = []
        for _, alpha, sigma in self._scales:
            answers = [
                perfect_denoiser(points, alpha * side + sigma * eps, alpha, sigma, Replaced(rows[:few], side)).float()
                for side in sides
                for eps in noise
            ]
            found.append(torch.stack(answers).reshape(2, _DRAWS, few, points.dim))
        return found


def checked_levels(process: Process, levels: Sequence[float] | None) -> tuple[float, ...]:
    """The levels that were asked for, or those of ``LEVELS`` that the process reaches, low noise first.

    Raises:
        InputError: none, or one that the process does not reach.
    """
    low, high = (float(process.ratio(t)) for t in (process.t_min, process.t_max))
    if levels is None:
        within = tuple(level for level in LEVELS if low <= level <= high)
        return within or ((low * high) ** 0.5,)
    if not levels:
        raise InputError("levels: needs at least one noise level")
    for level in levels:
        check_number(level, "levels: each", "positive")
        if not low <= level <= high:
            raise InputError(
                f"levels: σ/α = {level:g} is none of the process, which has {low:.3g} to {high:.3g}; levels are "
                "noise-to-signal ratios, not times"
            )
    return tuple(sorted({float(level) for level in levels}))


def _items(data: Dataset, rows: Tensor) -> Tensor:
    return as_tensor(data.array[rows.numpy()], data.name).float()


def _mean_square(error: Tensor, lead: int) -> Array:
    """Over all axes but the first ``lead``."""
    return error.double().square().flatten(lead).mean(dim=-1).numpy()
