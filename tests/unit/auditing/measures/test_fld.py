"""FLD against expectation maximization and likelihoods in loops."""

import math

import numpy as np
import pytest
import torch

from mnemoscope.auditing.measures import FeatureLikelihood, fld
from mnemoscope.errors import InputError

ITERATIONS = 6


def draws(n, seed, dim=3):
    return np.random.default_rng(seed).standard_normal((n, dim))


def result(generated, train, holdout, seed=0, **settings):
    return FeatureLikelihood(**settings).result(generated, train, holdout, np.random.default_rng(seed))


def squared(x, y):
    return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def density(x, centre, variance):
    return math.exp(-squared(x, centre) / (2 * variance)) / (2 * math.pi * variance) ** (len(x) / 2)


def slow_nll(centres, data, test):
    """The mixture fitted to ``data``, and its mean negative log-likelihood of ``test`` for one feature."""
    dim, count = len(centres[0]), len(centres)
    around = [*centres, np.mean(data, axis=0)]
    weights = [1 / count] * count + [1.0]
    variances = [(min(squared(x, centre) for x in data) + 1e-3) / dim for centre in centres] + [1.0]
    for _ in range(ITERATIONS):
        shares = []
        for x in data:
            each = [w * density(x, c, v) for w, c, v in zip(weights, around, variances, strict=True)]
            shares.append([one / sum(each) for one in each])
        variances = [
            max(
                1e-6,
                sum(shares[i][j] * squared(x, centre) for i, x in enumerate(data))
                / sum(share[j] for share in shares)
                / dim,
            )
            for j, centre in enumerate(around)
        ]
    total = sum(
        math.log(sum(density(x, c, v) / count for c, v in zip(centres, variances[:-1], strict=True))) for x in test
    )
    return -total / len(test) / dim


@pytest.mark.parametrize("kept", [True, False])
def test_likelihoods_are_the_formula(kept, monkeypatch) -> None:
    """With distances kept and computed again, in one chunk and in many; a feature that does not vary is left out."""
    monkeypatch.setattr(fld, "_KEPT", 10**6 if kept else 0)
    monkeypatch.setattr(fld, "CHUNK_BYTES", 8 * 3 * 40)
    centres, data, test, holdout = draws(7, 0), draws(24, 1), draws(9, 2), 3 + 2 * draws(50, 3)
    wide = [np.insert(3 + 2 * items, 1, 5.0, axis=1) for items in (centres, data, test)]
    scale = fld._Scale(np.insert(holdout, 1, 5.0, axis=1))
    assert scale.constant == 1
    mean, deviation = holdout.mean(axis=0), holdout.std(axis=0, ddof=1)
    expected = slow_nll(*((3 + 2 * items - mean) / deviation for items in (centres, data, test)))
    found = fld._Mixture(scale(wide[0]), wide[1], scale, ITERATIONS).nll(wide[2])
    assert found == pytest.approx(expected, rel=1e-5)  # distances are kept in single precision


def test_every_iteration_makes_the_training_set_likelier() -> None:
    scale = fld._Scale(draws(60, 0))
    data, centres = draws(80, 1), scale(draws(20, 2))
    mixture = fld._Mixture(centres, data, scale, 1)
    mixture.log_variances = torch.full((21,), -1.2, dtype=torch.float64)
    around = torch.cat([centres, torch.zeros(1, 3, dtype=torch.float64)])
    # Of each feature: 20 Gaussians of weight 1/20 and a background of weight one, all of the same width.
    apart = torch.cdist(scale(data), around) ** 2
    density = (torch.exp(-apart / (2 * math.exp(-1.2))) * torch.tensor([1 / 20] * 20 + [1.0])).sum(dim=1)
    density /= (2 * math.pi * math.exp(-1.2)) ** 1.5
    expected = float(density.log().sum()) / 3
    assert mixture._improve(mixture._squared(data, around)) == pytest.approx(expected, rel=1e-5)
    likelihoods = [mixture._improve(mixture._squared(data, around)) for _ in range(12)]
    assert (np.diff(likelihoods) >= -1e-9).all()


def test_the_value_is_a_hundred_times_the_difference_to_training_items() -> None:
    """With as many components as there are samples, and training items split by the same draws."""
    train, holdout, generated = draws(40, 0), draws(24, 1), draws(12, 2)
    found = result(generated, train, holdout, fewest=2, iterations=ITERATIONS)
    order = np.random.default_rng(0).permutation(40)
    part, others = train[order[:12]], train[order[12:]]
    mean, deviation = holdout.mean(axis=0), holdout.std(axis=0, ddof=1)
    z = [(items - mean) / deviation for items in (generated, train, part, others, holdout)]
    assert found.value == pytest.approx(100 * (slow_nll(z[0], z[1], z[4]) - slow_nll(z[2], z[3], z[4])), abs=1e-2)


def test_copies_are_far_above_and_honest_samples_near_the_null() -> None:
    train, holdout = draws(300, 0, 8), draws(300, 1, 8)
    honest = result(draws(200, 2, 8), train, holdout)
    assert abs(honest.null) < 3
    assert abs(honest.value - honest.null) < 3
    copies = result(train[:200], train, holdout)
    assert copies.value > 1000, "copies of all that they are fitted to"
    assert np.isfinite(copies.value)
    assert result(train[:200] + 0.3 * draws(200, 3, 8), train, holdout).value > 20
    few = np.concatenate([train[:10], draws(190, 2, 8)])
    assert result(few, train, holdout).value < 5, "the blind spot that the limits name"


def test_pictures_and_the_same_seed() -> None:
    sets = [items.reshape(-1, 2, 4) for items in (draws(150, 2, 8), draws(300, 0, 8), draws(200, 1, 8))]
    assert result(*sets) == result(*sets)
    assert result(*sets).to_dict()["null"]["spread"] is None


def test_values_that_do_not_vary_are_noted() -> None:
    train, holdout, generated = draws(120, 0), draws(120, 1), draws(60, 2)
    for items in (train, holdout, generated):
        items[:, 2] = 1
    assert result(generated, train, holdout).notes == ("1 values that do not vary in held-out data left out",)
    with pytest.raises(InputError, match="all held-out items are the same"):
        result(generated, train, np.ones_like(holdout))


@pytest.mark.parametrize(("n", "n_train", "m"), [(49, 200, 200), (200, 99, 200), (200, 200, 99)])
def test_too_little_is_refused(n, n_train, m) -> None:
    with pytest.raises(InputError, match=f"has {n}, {n_train} and {m}$"):
        result(draws(n, 0), draws(n_train, 1), draws(m, 2))


def test_no_held_out_set_is_refused() -> None:
    with pytest.raises(InputError, match="fld: needs a held-out set"):
        result(draws(100, 0), draws(200, 1), None)


def test_the_usual_numbers() -> None:
    usual = FeatureLikelihood()
    assert (usual.components, usual.fewest) == (500, 50)


@pytest.mark.parametrize("wrong", [{"fewest": 1}, {"components": 10}, {"iterations": 0}])
def test_impossible_settings_are_refused(wrong) -> None:
    with pytest.raises(InputError, match="fld: "):
        FeatureLikelihood(**wrong)
