"""What each measure finds among planted copies on scikit-learn's digits: the tables of docs/measures.md.

    python -m benchmarks.hit_rates

Five random splits of the 1,797 digits into 900 training, 450 held-out and 447 honest items. Of each kind 200 copies of
training items are planted, with noise in shares of the value range. A rate is at the field's threshold; in brackets it
is at the threshold that flags 1 % of held-out items. A blurred generator is honest: each of its samples is the mean of
three honest digits of one class.

Last, honest generators that are narrower than the data, a normal law in 20 dimensions: the share of samples below the
score that 10 % of held-out items are below. Above .10, a calibration by held-out items calls honest samples copies.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from mnemoscope.auditing.measures import MEASURES, WHOLE_SET_STATISTICS, Geometry, Search
from mnemoscope.auditing.nearest import TrainingIndex

Items = NDArray[np.float64]

SEEDS = 5
PLANTED = 200
SPAN = 16.0


def split(seed: int) -> tuple[np.random.Generator, Items, Items, Items, Items]:
    """A generator, and training, held-out, honest and blurred honest items."""
    rng = np.random.default_rng(seed)
    digits = load_digits()
    order = rng.permutation(len(digits.images))
    images, classes = digits.images[order], digits.target[order]
    honest, of_honest = images[1350:], classes[1350:]
    triples = [rng.choice(np.flatnonzero(of_honest == rng.integers(10)), 3, replace=False) for _ in range(PLANTED)]
    return rng, images[:900], images[900:1350], honest, np.array([honest[triple].mean(axis=0) for triple in triples])


def noisy(items: Items, share: float, rng: np.random.Generator) -> Items:
    """With Gaussian noise of a share of the range, clipped to it."""
    return np.clip(items + share * SPAN * rng.standard_normal(items.shape), 0, SPAN)


def planted(train: Items, honest: Items, blurred: Items, rng: np.random.Generator) -> dict[str, Items]:
    """The columns."""
    copied = train[rng.permutation(len(train))[:PLANTED]]
    shifted = np.roll(copied, 1, axis=2)
    return {
        "exact": copied,
        **{f"noise {100 * share:g} %": noisy(copied, share, rng) for share in (0.01, 0.05, 0.1)},
        "shifted": shifted,
        "honest": honest,
        "blurred, honest": blurred,
    }


def scorer(train: Items) -> Callable[[str, Items], NDArray[np.float64]]:
    """The scores of items by a measure's name; for cosine, pixels of unit length stand for features."""

    def unit(items: Items) -> Items:
        return items / np.linalg.norm(items, axis=(1, 2), keepdims=True)

    def index_of(items: Items) -> TrainingIndex:
        _, first, place = np.unique(items.reshape(len(items), -1), axis=0, return_index=True, return_inverse=True)
        return TrainingIndex(items, first[place], np.random.default_rng(0))

    plain, directions = index_of(train), index_of(unit(train))

    def scores(name: str, items: Items) -> NDArray[np.float64]:
        index, items = (directions, unit(items)) if name == "cosine" else (plain, items)
        search = Search(index.nearest(items), Geometry(64, SPAN), index, items)
        return MEASURES[name]().scores(search)

    return scores


def hit_rates() -> None:
    """Print the table of the measures."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in MEASURES}
    for seed in range(SEEDS):
        rng, train, held_out, honest, blurred = split(seed)
        scores = scorer(train)
        for kind, items in planted(train, honest, blurred, rng).items():
            for name, rates in found.items():
                values, threshold = scores(name, items), MEASURES[name]().threshold
                strict = np.quantile(scores(name, held_out), 0.01, method="lower")
                rates.setdefault(kind, []).append(
                    (float((values < threshold).mean()), float((values <= strict).mean()))
                )
    kinds = list(next(iter(found.values())))
    print(f"| measure | {' | '.join(kinds)} |\n|{'---|' * (1 + len(kinds))}")
    for name, rates in found.items():
        means = {kind: np.mean(rates[kind], axis=0) for kind in kinds}
        print(f"| `{name}` | {' | '.join(f'{field:.2f} ({strict:.2f})' for field, strict in means.values())} |")


def whole_sets() -> None:
    """Print the table of the statistics: mean and range over the splits."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in WHOLE_SET_STATISTICS}
    for seed in range(SEEDS):
        rng, train, held_out, honest, blurred = split(seed)
        part = {share: train[rng.permutation(len(train))[: int(share * len(honest))]] for share in (0.05, 0.2, 1.0)}
        sets = {"honest": honest, "blurred, honest": blurred}
        sets |= {f"{100 * share:g} % exact": np.concatenate([x, honest[len(x) :]]) for share, x in part.items()}
        sets["all, noise 10 %"] = noisy(part[1.0], 0.1, rng)
        for kind, items in sets.items():
            for name, values in found.items():
                result = WHOLE_SET_STATISTICS[name]().result(items, train, held_out, np.random.default_rng(seed))
                values.setdefault(kind, []).append(result.value)
    kinds = list(next(iter(found.values())))
    print(f"\n| statistic | {' | '.join(kinds)} |\n|{'---|' * (1 + len(kinds))}")
    for name, values in found.items():
        cells = (f"{np.mean(values[kind]):.3g} ({min(values[kind]):.3g} to {max(values[kind]):.3g})" for kind in kinds)
        print(f"| `{name}` | {' | '.join(cells)} |")


def narrow() -> None:
    """Print the table of honest but narrow generators."""
    widths = (1.0, 0.8, 0.5)
    print(f"\n| measure | {' | '.join(f'{width:g} × as wide' for width in widths)} |\n|{'---|' * (1 + len(widths))}")
    names = [name for name, measure in MEASURES.items() if measure.scale_free] + ["absolute-distance"]
    rng = np.random.default_rng(0)
    train, held_out, samples = rng.standard_normal((3, 1000, 20))
    index = TrainingIndex(train, np.arange(1000), rng)

    def scores(name: str, items: Items) -> NDArray[np.float64]:
        return MEASURES[name]().scores(Search(index.nearest(items), Geometry(20, 1.0), index, items))

    for name in names:
        level = np.quantile(scores(name, held_out), 0.1)
        shares = [float((scores(name, width * samples) <= level).mean()) for width in widths]
        print(f"| `{name}` | {' | '.join(f'{share:.2f}' for share in shares)} |")


if __name__ == "__main__":
    hit_rates()
    whole_sets()
    narrow()
