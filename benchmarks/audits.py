"""What the second axis and the transformations of an audit cost, beside the searches that they are made of.

    python -m benchmarks audits

The floor of closeness is the search against the held-out items, that of a transformation as many searches as it has
variants.
"""

import numpy as np

from benchmarks.timing import images, row, seconds_in_turn
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.features import Pixels
from mnemoscope.auditing.pool import Pool
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.transformations import make_transformations
from mnemoscope.data import Dataset

N_SAMPLES, N_HELD_OUT = 2000, 3000
N_TRAIN_TRANSFORMED = 20_000


def closeness_rows() -> list[dict[str, object]]:
    train, test = (Dataset(array, "images") for array in images())
    samples, holdout = test.take(np.arange(N_SAMPLES)), test.take(np.arange(N_SAMPLES, N_SAMPLES + N_HELD_OUT))
    comparison = _comparison(train, [])
    pool = Pool(train, holdout, Repeated(train.array), Repeated(holdout.array), classes=None, groups=None)
    search, held_out = comparison.search(samples), comparison.search(holdout)
    pool.closeness(comparison, search, held_out, np.random.default_rng(0))  # what is measured once is measured
    other = comparison.other_index(held_out.items, pool.held_out.first)
    closeness, among_held_out, samples_search = seconds_in_turn(
        lambda: pool.closeness(comparison, search, held_out, np.random.default_rng(0)),
        lambda: comparison.nearest(search.items, other, holdout),
        lambda: comparison.search(samples),
        repeats=2,
    )
    return [
        row("closeness of 2,000 samples, 60,000 + 3,000 × 784, references included (s)", closeness),
        row("… its search against the held-out items (s)", among_held_out),
        row("… over one search of the samples in train", closeness / samples_search),
    ]


def transformation_rows() -> list[dict[str, object]]:
    train, test = images()
    train, samples = Dataset(train[:N_TRAIN_TRANSFORMED], "train"), Dataset(test[:N_SAMPLES], "samples")
    plain = _comparison(train, [])
    found = []
    for words in (["flips"], ["shifts:1"], ["affine"]):
        comparison = _comparison(train, words)
        variants = 1 + make_transformations(words).n_variants(train.event_shape)
        one, all_of_them = seconds_in_turn(
            lambda: plain.search(samples),
            lambda comparison=comparison: comparison.search(samples),
            repeats=2,
        )
        ratio = all_of_them / one / variants
        found.append(row(f"{words[0]} ({variants} searches) over so many plain searches", ratio, 1.25, ratio <= 1.25))
    return found


def _comparison(train: Dataset, words: list[str]) -> Comparison:
    first = Repeated(train.array).first
    transformation = make_transformations(words)
    return Comparison(train, first, np.random.default_rng(0), space=Pixels(), transformation=transformation)


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    return closeness_rows() + transformation_rows()
