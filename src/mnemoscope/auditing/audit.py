"""The audit: are these samples copies of the training set, more often than honest data would be?

A rate of copies says nothing alone. Real images that no model has seen are sometimes closer to a training image than a
rule allows, so everything stands beside what honest items show that entered in the same way, the null: a held-out set,
or training items left out one at a time. Two questions are asked: are samples training items (``copies``), and are they
drawn to the training items rather than to the law they came from (``closeness``)?
"""

from collections.abc import Sequence

import numpy as np

from mnemoscope._version import __version__
from mnemoscope.auditing.checks import comparable, unlike
from mnemoscope.auditing.closeness import Closeness, cast_votes, closeness
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.dimension import intrinsic_dimension
from mnemoscope.auditing.evidence import gather
from mnemoscope.auditing.identical import Identical, expected_coincidences, is_constant
from mnemoscope.auditing.intervals import samples_needed
from mnemoscope.auditing.measures import STANDARD, Measure, Search, make_measure
from mnemoscope.auditing.null import HELD_OUT, READINGS, Null, Repeats
from mnemoscope.auditing.overlap import check_identical, check_near
from mnemoscope.auditing.private import new_key
from mnemoscope.auditing.references import blurred_shares, gaussian_samples
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.reports.report import Report
from mnemoscope.choose import check_name
from mnemoscope.data import Dataset, as_dataset
from mnemoscope.data.arrays import Array, ArrayLike
from mnemoscope.errors import InputError

_LEFT_OUT_ITEMS = 1000
_DIMENSION_NEIGHBOURS = 20
_REFERENCE_SAMPLES = 1000
_BLURRED = 500


def audit(
    generated: Dataset | ArrayLike,
    train: Dataset | ArrayLike,
    *,
    holdout: Dataset | ArrayLike | None = None,
    measures: Sequence[str | Measure] = STANDARD,
    repeats: Repeats | None = None,
    resolution: float = 0.1,
    private: bool = False,
    seed: int = 0,
    progress: bool = False,
) -> Report:
    """Audit generated samples for copies of training items, and for closeness to them.

    Args:
        generated: shape ``(n, *event)``, on the scale of ``train``.
        train: shape ``(n_train, *event)``; a memory map is fine. All of it is searched, exactly.
        holdout: real items that were not trained on, for the null; leave-one-out on ``train`` if left out.
        measures: names or ``Measure`` objects to report; the scale-free ones are tested, the distance ratio always.
        repeats: without a held-out set, what repeats and near-duplicates in train are: of the ``law`` or ``made`` by
            hand. Left out, both readings are tried, and where they disagree there is no verdict.
        resolution: the smallest rate that the audit must be able to tell from zero.
        private: whether what the report writes holds aggregates only: no pictures, rows, names or distances of single
            items, which stand as hashes under a key that only ``Report.key`` has.
        seed: of the choice of items left out, of the simulations and of the references.
        progress: show bars.

    Raises:
        InputError: empty sets, NaN or Inf, event shapes or value ranges that differ, an unknown measure, fewer than
            two distinct training items, too few samples for ``resolution`` (the message says how many are needed),
            ``repeats`` beside a held-out set, or a held-out set that shares items with ``train``, exactly or nearly,
            which repeats in the data do not explain.
    """
    generated, train = as_dataset(generated, "generated"), as_dataset(train, "train")
    held_out = None if holdout is None else as_dataset(holdout, "holdout")
    chosen = _choose(measures)
    if not 0 < resolution < 1:
        raise InputError(f"resolution must lie in (0, 1), got {resolution}")
    if repeats is not None:
        check_name(repeats, READINGS, "repeats")
        if held_out is not None:
            raise InputError("repeats says how to read a training set alone; with a held-out set leave it out")
    samples = comparable(generated, train, "the generated set")
    repeated, rng = Repeated(train.array), np.random.default_rng(seed)
    n_distinct = train.n_samples - repeated.redundant
    if n_distinct < (needed := 2 if held_out is not None else 3):
        raise InputError(f"{train.name}: needs at least {needed} distinct training items, has {n_distinct}")
    _need(generated.n_samples, resolution, generated.name, "generated samples")

    comparison = Comparison(train, repeated.first, rng, progress=progress)
    n_left_out = _LEFT_OUT_ITEMS if held_out is not None else max(generated.n_samples, _LEFT_OUT_ITEMS)
    left_out = Null.left_out(comparison, n_left_out, repeats or "law", rng)
    search = comparison.search(samples)
    if held_out is None:
        _need(len(left_out.nearest.indices), resolution, train.name, "training items for a null without held-out data")
        nulls, near = _readings(comparison, left_out, repeated, repeats, rng), None
    else:
        items = comparable(held_out, train, "the held-out set")
        _need(held_out.n_samples, resolution, held_out.name, "held-out items")
        also = Repeated(items)
        check_identical(held_out, train, repeated, also)
        nulls = (Null(HELD_OUT, comparison.search(items), repeated.rows_of(also) >= 0),)
        check_near(held_out, train, comparison.index, nulls[0].nearest, left_out.nearest)
        near = _closeness(comparison, search, samples, repeated, also, rng)

    same = repeated.rows_of(Repeated(samples))
    in_order = len(same) == train.n_samples and bool((same == repeated.first).all())
    coincidences = _coincidences(comparison, same, repeated)
    evidence = []
    for null in nulls:
        identical = Identical.find(same, null.identical, coincidences)
        strange = unlike(generated, train, in_order, search.nearest, null)
        evidence.append(gather(search, null, chosen, identical, strange, rng))
    return Report(
        generated=generated,
        train=train,
        holdout=held_out,
        nearest=search.nearest,
        evidence=tuple(evidence),
        closeness=near,
        repeated=repeated,
        intrinsic_dimension=intrinsic_dimension(comparison.index.lists[:, :_DIMENSION_NEIGHBOURS]),
        resolution=resolution,
        provenance={"version": __version__, "seed": seed, "resolution": resolution, "repeats": repeats},
        key=new_key() if private else None,
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


def _readings(
    comparison: Comparison, first: Null, repeated: Repeated, repeats: Repeats | None, rng: np.random.Generator
) -> tuple[Null, ...]:
    """The null as it was asked for; both readings where there are repeats, and none was."""
    if repeats is not None or not (repeated.redundant or comparison.index.has_near_duplicates):
        return (first,)
    return first, Null.left_out(comparison, len(first.nearest.indices), "made", rng)


def _coincidences(comparison: Comparison, same: Array, repeated: Repeated) -> float | None:
    """How many identical samples chance explains where no training item repeats another."""
    train, index = comparison.train.array, comparison.index
    rows = np.unique(same[same >= 0])
    if repeated.redundant or not len(rows) or is_constant(train, rows).all():
        return None
    return expected_coincidences(len(same), train, index.spacing, index.dimension)


def _closeness(
    comparison: Comparison,
    search: Search,
    samples: Array,
    repeated: Repeated,
    held_out: Repeated,
    rng: np.random.Generator,
) -> Closeness:
    train, index = comparison.train.array, comparison.index
    other = comparison.other_index(held_out.array, held_out.first)
    multiplicities = repeated.multiplicity, held_out.multiplicity
    to_holdout = other.nearest(comparison.look(samples))
    votes = cast_votes(search.nearest, to_holdout, *multiplicities)
    fitted = gaussian_samples(train, min(len(samples), _REFERENCE_SAMPLES), rng)
    reference = cast_votes(
        index.nearest(comparison.look(fitted)), other.nearest(comparison.look(fitted)), *multiplicities
    )
    n_units = index.n_units, other.n_units
    nearest = np.minimum(search.nearest.distances[:, 0], to_holdout.distances[:, 0])
    blurred = blurred_shares(train, held_out.array, index.neighbour_distance, _BLURRED, rng)
    return closeness(votes, reference, n_units, blurred, nearest, rng)
