"""The probe: short trainings on a few items each, watched by the monitor's signals until they begin to memorize.

The onset of a training is the step at which the model's perfection, the largest over noise levels that tell items
apart, reaches ``ONSET`` beyond chance: where the monitor says ``starting to memorize``, and from where on copies are to
be expected. Items that a training leaves out are its held-out items. It is looked at on a geometric grid of steps, and
interpolated in their logarithm.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mnemoscope.choose import check_whole
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import as_tensor
from mnemoscope.errors import InputError
from mnemoscope.monitoring.advice.power_law import Onset
from mnemoscope.monitoring.decision import ONSET
from mnemoscope.monitoring.models import Model, place_of
from mnemoscope.monitoring.signals import FEWEST, Probe
from mnemoscope.monitoring.untouched import untouched
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.processes import Process
from mnemoscope.training import TrainingSpec, fit

HELD_OUT = 128
"""Held-out items, at most."""

_FIRST, _PER_OCTAVE = 8, 4


class _Found(Exception):  # noqa: N818  no error: it ends a training that has shown what it was for
    """The onset."""


def probe_sizes(n_items: int, largest: int) -> tuple[int, ...]:
    """Sizes of a probe, each twice the one before: three up to ``largest``, as far as enough items are left held out.

    Raises:
        InputError: there are too few items.
    """
    top = min(largest, n_items - FEWEST)
    if top < FEWEST:
        raise InputError(
            f"a probe needs at least {2 * FEWEST} items, {FEWEST} to train on and as many held out, there are {n_items}"
        )
    return tuple(dict.fromkeys(max(4, top // part) for part in (4, 2, 1)))


def check_sizes(sizes: Any, n_items: int) -> tuple[int, ...]:
    """Sizes that were asked for, in ascending order.

    Raises:
        InputError: no whole numbers, fewer than two, or one that leaves too few items held out.
    """
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise InputError(f"sizes must be whole numbers of items, as (16, 32), got {type(sizes).__name__}")
    found = tuple(sorted({check_whole(size, "sizes: each", 2) for size in sizes}))
    if len(found) < 2:
        raise InputError(f"sizes: a probe needs at least two sizes, got {', '.join(map(str, found)) or 'none'}")
    if found[-1] > n_items - FEWEST:
        raise InputError(
            f"sizes: {found[-1]} of {n_items} items leave fewer than {FEWEST} held out; the largest may be "
            f"{n_items - FEWEST}"
        )
    return found


def measure_onset(
    data: Dataset, process: Process, network: NetworkSpec, training: TrainingSpec, n: int, seed: int, steps: int
) -> Onset:
    """Train on n of the items until the onset, for ``steps`` steps at most.

    Args:
        data: on the model's scale.
        process: the forward process.
        network: what is trained.
        training: how; its steps and seed are those given here.
        n: training items.
        seed: of the choice of items, the weights and the draws.
        steps: at most.

    Raises:
        InputError: the loss is not finite.
    """
    order = np.random.default_rng([seed, n]).permutation(data.n_samples)
    train, holdout = (data.take(rows, data.name) for rows in (order[:n], order[n : n + HELD_OUT]))
    watching = Probe(train, holdout, process, n_items=HELD_OUT, seed=seed)
    octaves = max(0.0, math.log2(steps / _FIRST))
    grid = np.geomspace(min(_FIRST, steps), steps, 1 + math.ceil(_PER_OCTAVE * octaves))
    looks = set(grid.round().astype(int).tolist())
    found: list[tuple[int, float]] = []

    def watch(score: NetworkScore, step: int) -> None:
        if step not in looks:
            return
        model = Model(score, process, data.event_shape, "score")
        with untouched(score, seed):
            levels = watching.look(model, f"step {step}", *place_of(score))
        top = max((level.perfection for level in watching.telling(levels)), key=lambda each: each.value)
        found.append((step, top.value))
        if top.value >= ONSET and top.interval[0] > 0:
            raise _Found

    spec = replace(training, steps=steps, seed=seed)
    built = build_network(network, seed)
    try:
        fit(built, as_tensor(train.array, train.name), process, spec, watch=watch, watch_every=1)
    except _Found:
        return Onset(n, seed, _crossing(found), found[-1][0])
    return Onset(n, seed, None, steps)


def _crossing(found: list[tuple[int, float]]) -> float:
    """The step at which the onset was reached between the last two looks."""
    (before, low), (after, high) = found[-2:] if len(found) > 1 else found * 2
    share = (ONSET - low) / (high - low) if low < ONSET else 1.0  # was reached before, which may have been chance
    return float(before * (after / before) ** share)
