"""The audit: are these samples copies of the training set, more often than honest data would be?

A rate of copies says nothing alone. Real images that no model has seen are sometimes closer to a training image than a
rule allows, so everything stands beside what honest items show that entered in the same way, the null: a held-out set,
or training items left out one at a time. Two questions are asked: are samples training items (``copies``), and are they
drawn to the training items rather than to the law they came from (``closeness``)?
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mnemoscope._version import __version__
from mnemoscope.auditing.checks import comparable, unlike
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.dimension import intrinsic_dimension
from mnemoscope.auditing.evidence import gather
from mnemoscope.auditing.features import FeatureSpace, make_features
from mnemoscope.auditing.features.z_scores import scale_note
from mnemoscope.auditing.identical import expected_coincidences, is_constant
from mnemoscope.auditing.intervals import samples_needed
from mnemoscope.auditing.labels import SOURCE, Labels
from mnemoscope.auditing.measures import STANDARD, Measure, WholeSetStatistic, make_measures
from mnemoscope.auditing.null import LEFT_OUT_ITEMS, READINGS, Null, Repeats
from mnemoscope.auditing.overlap import made_by_hand
from mnemoscope.auditing.pool import Pool
from mnemoscope.auditing.private import new_key
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.reports.report import Report
from mnemoscope.auditing.searching import recall_of, searching
from mnemoscope.auditing.sight import look
from mnemoscope.auditing.transformations import make_transformations
from mnemoscope.choose import check_number, check_whole, choose
from mnemoscope.data import DataLike, Dataset, Declaration, as_compared
from mnemoscope.data.arrays import CHUNK_BYTES, Array, ArrayLike
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory, limits_memory
from mnemoscope.torch_state import usable_device

_DIMENSION_NEIGHBOURS = 20
_BLOCKS = 6
"""As many chunks of rows in double precision are in memory at a time: the chunk, what is made of it, and queries."""


@limits_memory
def audit(
    generated: DataLike,
    train: DataLike,
    *,
    holdout: DataLike | None = None,
    measures: Sequence[str | Measure | WholeSetStatistic] = STANDARD,
    features: str | FeatureSpace | Callable[[Tensor], Any] = "pixels",
    cache: str | Path | None = None,
    transformations: Sequence[str] = (),
    classes: Sequence[Any] | ArrayLike | str | None = None,
    groups: Sequence[Any] | ArrayLike | str | None = None,
    repeats: str | None = None,
    schema: Declaration | None = None,
    resolution: float = 0.1,
    private: bool = False,
    device: torch.device | str = "cpu",
    shards: str | Path | None = None,
    scheduler: str | None = None,
    certificates: tuple[str | Path, str | Path, str | Path] | None = None,
    approximate: str | None = None,
    max_memory: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Report:
    """Audit generated samples for copies of training items, and for closeness to them.

    Args:
        generated: shape ``(n, *event)``, on the scale of ``train``. Every set is a ``Dataset``, an array, a tensor, or
            an object that ``load`` reads: torch's ``Dataset`` and ``DataLoader``, ``datasets.Dataset``, a list of
            Pillow's images. Data frames are tables: their rows are compared by the schema of ``train``, and columns
            matched by their names.
        train: shape ``(n_train, *event)``; a memory map is fine. All of it is searched, exactly.
        holdout: real items that were not trained on, for the null; leave-one-out on ``train`` if left out.
        measures: names, ``Measure`` or ``WholeSetStatistic`` objects to report; the measures that calibrate are tested,
            the distance ratio always.
        features: where distances are taken, as ``make_features`` takes it: a name (``pixels``, ``pca:64``,
            ``torchscript:PATH``), a module or another callable, or a ``FeatureSpace``. Identical items are those of the
            data.
        cache: folder in which features are kept.
        transformations: under which copies are searched, as ``make_transformations`` takes them: ``flips``,
            ``shifts:2``, ...; samples and honest items alike.
        classes: labels of the training items, followed by those of the held-out items: strata within which the two are
            exchangeable. Or ``source``, for those that the sources have (``Dataset.classes``).
        groups: labels in the same order: items that belong together, and are on one side only; or ``source``, for
            ``Dataset.groups``. Of tables with a column that is declared ``class`` or ``group`` they are taken from it.
        repeats: without a held-out set, what repeats and near-duplicates in train are: of the ``law`` or ``made`` by
            hand. Left out, both readings are tried, and where they disagree there is no verdict.
        schema: what columns of ``train``, a data frame, are, as ``load`` takes it; those not named are inferred.
        resolution: the smallest rate that the audit must be able to tell from zero.
        private: whether what the report writes holds aggregates only: no pictures, rows, names or distances of single
            items, which stand as hashes under a key that only ``Report.key`` has.
        device: where neighbours are searched: ``cpu``, ``cuda``, ``mps``. Answers and certificate are the same
            everywhere; networks of ``features`` run where they are.
        shards: folder in which finished parts of the searches are kept, so that an audit that is killed goes on where
            it was; at its end they are removed. Left out, none are kept.
        scheduler: where these parts are computed: None for this process, ``local:N`` for N processes here, or a Dask
            scheduler's address, whose workers see the folder at the same path. Needs ``shards``, and no ``device``.
        certificates: for a scheduler at ``tls://HOST:PORT``, as ``sweeps.Certificates``.
        approximate: ``faiss-ivf`` to search large sets with the extra ``faiss`` in place of exactly; some neighbours,
            and so copies, may be missed. The recall on items that are also searched exactly stands in the verdict.
        max_memory: bytes that this process may take in all; what cannot fit is refused. Left out, what the machine and
            the limits set on the process leave.
        seed: of the choice of items left out, of the simulations and of the references.
        progress: show bars.

    Raises:
        InputError: empty sets, NaN or Inf, event shapes or value ranges that differ, an unknown name, fewer than two
            distinct training items, too few samples for ``resolution`` (the message says how many are needed),
            ``repeats`` beside a held-out set or ``groups`` without one, labels that do not fit, a held-out set that
            shares items with ``train``, exactly or nearly, which repeats in the data do not explain, or a scheduler
            that cannot be had.
    """
    del max_memory  # it is in force already
    device = usable_device(device)
    train = as_compared(train, "train", schema)
    samples = as_compared(generated, "generated", train.schema)
    held_out = None if holdout is None else as_compared(holdout, "holdout", train.schema)
    if train.schema is not None:
        classes = SOURCE if classes is None and train.classes is not None else classes
        groups = SOURCE if groups is None and train.groups is not None else groups
    chosen, statistics = make_measures(measures)
    space, transformation = make_features(features, cache=cache), make_transformations(transformations)
    reading = None if repeats is None else choose(repeats, READINGS, "repeats")
    resolution = check_number(resolution, "resolution", "in (0, 1)", 0, 1)
    seed = check_whole(seed, "seed", 0)
    if reading is not None and held_out is not None:
        raise InputError("repeats says how to read a training set alone; with a held-out set leave it out")
    if groups is not None and held_out is None:
        raise InputError("groups need a held-out set: train alone does not tell what an item of another group is like")
    strata = None if classes is None else Labels.of(classes, train, held_out, "classes")
    units = None if groups is None else Labels.of(groups, train, held_out, "groups")
    _check_memory(train, samples, held_out)
    samples = comparable(samples, train, "the generated set")
    repeated, rng = Repeated(train.array), np.random.default_rng(seed)
    n_distinct = train.n_samples - repeated.redundant
    if n_distinct < (needed := 2 if held_out is not None else 3):
        raise InputError(f"{train.name}: needs at least {needed} distinct training items, has {n_distinct}")
    _need(samples.n_samples, resolution, samples.name, "generated samples")

    with searching(shards, scheduler, certificates, device, approximate) as find:
        comparison = Comparison(
            train, repeated.first, rng, space=space, transformation=transformation, progress=progress, search=find
        )
        search, near, pool = comparison.search(samples), None, None
        if held_out is None:
            nulls = _left_out(comparison, repeated, reading, samples.n_samples, rng)
            _need(len(nulls[0].identical), resolution, train.name, "training items for a null without held-out data")
        else:
            held_out = comparable(held_out, train, "the held-out set")
            _need(held_out.n_samples, resolution, held_out.name, "held-out items")
            pool = Pool(train, held_out, repeated, Repeated(held_out.array), strata, units)
            found, other = pool.find_held_out(comparison)
            nulls = (pool.null(comparison, found, other, rng),)
            near = pool.closeness(comparison, search, other, rng)

        same = repeated.rows_of(Repeated(samples.array))
        in_order = len(same) == train.n_samples and bool((same == repeated.first).all())
        made = reading == "made" or (pool is not None and made_by_hand(repeated, pool.held_out))
        # Of a table the steps of one column say nothing of those of another.
        coincide = (made or not repeated.redundant) and train.schema is None
        coincidences = _coincidences(comparison, same) if coincide else None
        matched = Null.matched(comparison, samples, search, Null.n_matched(train.dim), rng)
        evidence = tuple(
            gather(search, null, matched, chosen, null.find_identical(same, coincidences), rng) for null in nulls
        )
        sets = (comparison.features.array, None if held_out is None else nulls[0].search.items)
        unscaled = scale_note(train) if train.schema is None and space.name == "pixels" else ()
        settings = {
            "seed": seed,
            "resolution": resolution,
            "repeats": reading,
            "features": space.name,
            "transformations": list(transformations),
        }
        return Report(
            generated=samples,
            train=replace(train, notes=(*comparison.features.notes, *unscaled)),
            holdout=held_out,
            nearest=search.nearest,
            evidence=evidence,
            closeness=near,
            statistics=tuple(each.result(search.items, *sets, rng) for each in statistics),
            sight=look(comparison, evidence[0].null_scores, rng),
            unlike=unlike(samples, train, in_order, search.nearest, evidence[0]),
            repeated=repeated,
            classes=strata,
            groups=None if pool is None else pool.groups,
            intrinsic_dimension=intrinsic_dimension(comparison.index.lists[:, :_DIMENSION_NEIGHBOURS]),
            resolution=resolution,
            provenance={"version": __version__, **settings, **recall_of(find)},
            key=new_key() if private else None,
        )


def _check_memory(*sets: Dataset | None) -> None:
    """Refuse an audit whose blocks would not fit; what is kept of whole sets is refused where it is made."""
    values = max(each.array.size for each in sets if each is not None)
    check_memory("an audit of these sets", _BLOCKS * min(CHUNK_BYTES, 8 * values))


def _need(n: int, resolution: float, name: str, what: str) -> None:
    needed = samples_needed(resolution)
    if n < needed:
        raise InputError(
            f"{name}: {n} {what} are too few to tell a rate of {100 * resolution:g} % from zero: {needed} are needed"
        )


def _coincidences(comparison: Comparison, same: Array) -> float | None:
    """How many identical samples chance explains where no training item repeats another, but by somebody's hand."""
    train, index = comparison.train.array, comparison.index
    rows = np.unique(same[same >= 0])
    if not len(rows) or is_constant(train, rows).all():
        return None
    return expected_coincidences(len(same), train, index.spacing, index.dimension)


def _left_out(
    comparison: Comparison, repeated: Repeated, reading: Repeats | None, n: int, rng: np.random.Generator
) -> tuple[Null, ...]:
    """The null as it was asked for; in both readings where there are repeats, and none was."""
    n = max(n, LEFT_OUT_ITEMS)
    alone = reading is not None or not (repeated.redundant or comparison.index.has_near_duplicates)
    readings: tuple[Repeats, ...] = (reading or "law",) if alone else ("law", "made")
    return tuple(Null.left_out(comparison, n, each, rng) for each in readings)
