"""What the second axis and the transformations of an audit cost, beside the searches that they are made of.

    python -m benchmarks audits

The floor of closeness is the search against the held-out items, that of a transformation as many searches as it has
variants.
"""

import numpy as np

from benchmarks.timing import images, row, seconds_in_turn
from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.features import Pixels
from mnemoscope.auditing.measures import Search
from mnemoscope.auditing.pool import Pool
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.transformations import make_transformations
from mnemoscope.data import Dataset

N_SAMPLES, N_HELD_OUT = 2000, 3000
N_TRAIN_TRANSFORMED = 20_000


def closeness_rows() -> list[dict[str, object]]:
    """Of test images, which chance explains, and of images that half trained on, which must be graded."""
    train, test = (Dataset(array, "images") for array in images())
    honest, holdout = test.take(np.arange(N_SAMPLES)), test.take(np.arange(N_SAMPLES, N_SAMPLES + N_HELD_OUT))
    trained = train.take(np.arange(N_SAMPLES))
    comparison = _comparison(train, [])
    pool = Pool(train, holdout, Repeated(train.array), Repeated(holdout.array), classes=None, groups=None)
    # The audit has both of them already, for the null.
    _, other = pool.find_held_out(comparison)
    searches = [comparison.search(samples) for samples in (honest, trained)]

    def closeness(search: Search) -> Closeness:
        return pool.closeness(comparison, search, other, np.random.default_rng(0))

    # What is measured once is measured; and each of the two is what it should be.
    if [closeness(search).grade is None for search in searches] != [True, False]:
        raise AssertionError("chance explains the test images, and no training images")
    tested, graded, among_held_out, in_train = seconds_in_turn(
        lambda: closeness(searches[0]),
        lambda: closeness(searches[1]),
        lambda: comparison.nearest(searches[0].items, other, holdout),
        lambda: comparison.search(honest),
        repeats=3,
    )
    added = tested / among_held_out
    return [
        row(
            "closeness of 2,000 samples, 60,000 + 3,000 × 784, over the search in the held-out set",
            added,
            1.25,
            added <= 1.25,
        ),
        row("… of samples that must be graded, over their search in train", graded / in_train),
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
