"""The audit: are these samples copies of the training set, more often than honest data would be?

A rate of copies says nothing alone. Real images that no model has seen are sometimes closer to a training image than a
rule allows, so every rate stands beside the rate of the same rule on held-out data, the null, and the verdict rests on
the excess: the interval of their difference. Without a held-out set the null is leave-one-out: training items, each
against all the others.
"""

from collections.abc import Sequence

import numpy as np

from mnemoscope._version import __version__
from mnemoscope.auditing.checks import comparable, unlike
from mnemoscope.auditing.dimension import intrinsic_dimension
from mnemoscope.auditing.identical import Duplicates, Identical, check_disjoint, exact_duplicates
from mnemoscope.auditing.intervals import Rate, samples_needed
from mnemoscope.auditing.measures import MEASURES, Geometry, Measure, MeasureResult, make_measure
from mnemoscope.auditing.nearest import Nearest, TrainingIndex
from mnemoscope.auditing.report import Report
from mnemoscope.data import Dataset, as_dataset
from mnemoscope.data.arrays import Array, ArrayLike
from mnemoscope.errors import InputError

_DIMENSION_POINTS = 1000
_DIMENSION_NEIGHBOURS = 20


def audit(
    generated: Dataset | ArrayLike,
    train: Dataset | ArrayLike,
    *,
    holdout: Dataset | ArrayLike | None = None,
    measures: Sequence[str | Measure] = tuple(MEASURES),
    resolution: float = 0.1,
    seed: int = 0,
    progress: bool = False,
) -> Report:
    """Audit generated samples for copies of training items.

    Identical and nearly identical training items count as one: d2 is taken across clusters of near-duplicates.

    Args:
        generated: shape ``(n, *event)``, on the scale of ``train``.
        train: shape ``(n_train, *event)``; a memory map is fine. All of it is searched, exactly.
        holdout: real items that were not trained on, for the null; leave-one-out on ``train`` if left out.
        measures: names or ``Measure`` objects; the first decides the verdict, with the identical samples.
        resolution: the smallest rate that the audit must be able to tell from zero.
        seed: chooses the training items of the leave-one-out null and of the dimension estimate.
        progress: show bars.

    Raises:
        InputError: empty sets, NaN or Inf, event shapes or value ranges that differ, an unknown measure, fewer than
            two distinct training items, too few samples for ``resolution`` (the message says how many are needed), or
            a held-out set that shares items with ``train`` which repeats in the data do not explain.
    """
    generated, train = as_dataset(generated, "generated"), as_dataset(train, "train")
    chosen = _choose(measures)
    if not 0 < resolution < 1:
        raise InputError(f"resolution must lie in (0, 1), got {resolution}")
    samples = comparable(generated, train, "the generated set")
    duplicates = Duplicates(exact_duplicates(train.array))
    n_distinct = train.n_samples - duplicates.redundant
    if n_distinct < 2:
        raise InputError(f"{train.name}: needs at least 2 distinct training items, has {n_distinct}")
    _need(generated.n_samples, resolution, generated.name, "generated samples")

    rng = np.random.default_rng(seed)
    index = TrainingIndex(train.array, duplicates.mask, progress)
    if holdout is None:
        if n_distinct < 3:
            raise InputError(f"{train.name}: a null without held-out data needs at least 3 distinct training items")
        rows = _some(index.distinct, max(generated.n_samples, _DIMENSION_POINTS), rng)
        _need(len(rows), resolution, train.name, "training items for a null without held-out data")
        null, null_source = index.nearest_other(rows), "leave-one-out on the training set"
    else:
        holdout = as_dataset(holdout, "holdout")
        held_out = comparable(holdout, train, "the held-out set")
        _need(holdout.n_samples, resolution, holdout.name, "held-out items")
        null, null_source = index.nearest(held_out), "held-out set"
        check_disjoint(holdout, train, null, duplicates)

    found = index.nearest(samples)
    same = found.distances[:, 0] == 0
    in_order = samples.shape == train.array.shape and bool((same & (found.indices == duplicates.first)).all())
    geometry = Geometry(train.dim, train.value_range[1] - train.value_range[0])
    results = [_apply(measure, geometry, found, null, null_source) for measure in chosen]
    return Report(
        generated=generated,
        train=train,
        holdout=holdout,
        nearest=found,
        null_nearest=null,
        results=tuple(results),
        duplicates=duplicates,
        identical=Identical.find(found, null, held_out=holdout is not None, repeats=duplicates.items > 0),
        unlike=unlike(generated, train, in_order),
        intrinsic_dimension=_dimension(index, rng),
        provenance={"version": __version__, "seed": seed, "resolution": resolution},
    )


def _choose(measures: Sequence[str | Measure]) -> list[Measure]:
    if not measures:
        raise InputError("measures: name at least one")
    return [make_measure(measure) if isinstance(measure, str) else measure for measure in measures]


def _need(n: int, resolution: float, name: str, what: str) -> None:
    needed = samples_needed(resolution)
    if n < needed:
        raise InputError(
            f"{name}: {n} {what} are too few to tell a rate of {100 * resolution:g} % from zero: {needed} are needed"
        )


def _apply(measure: Measure, geometry: Geometry, found: Nearest, null: Nearest, null_source: str) -> MeasureResult:
    flags = measure.flags(found.distances, geometry)
    null_flags = measure.flags(null.distances, geometry)
    return MeasureResult(
        name=measure.name,
        rule=measure.rule(geometry),
        limits=measure.limits,
        flags=flags,
        rate=Rate(int(flags.sum()), len(flags)),
        null=Rate(int(null_flags.sum()), len(null_flags)),
        null_source=null_source,
    )


def _dimension(index: TrainingIndex, rng: np.random.Generator) -> float | None:
    k = min(_DIMENSION_NEIGHBOURS, len(index.distinct) - 1)
    return intrinsic_dimension(index.distances_within(_some(index.distinct, _DIMENSION_POINTS, rng), k))


def _some(rows: Array, n: int, rng: np.random.Generator) -> Array:
    """At most n of the rows, in order."""
    return np.sort(rng.permutation(rows)[:n])
