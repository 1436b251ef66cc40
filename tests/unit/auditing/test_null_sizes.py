"""How many honest items a null has and is worth, and the scores of both, each against its definition."""

import math

import numpy as np
import pytest
from scipy import stats

from mnemoscope.auditing import Rate
from mnemoscope.auditing.dimension import intrinsic_dimension
from mnemoscope.auditing.evidence import independent_samples
from mnemoscope.auditing.identical import Identical, expected_coincidences, is_constant
from mnemoscope.auditing.intervals import difference_interval
from mnemoscope.auditing.measures import AbsoluteDistance, DistanceRatio
from mnemoscope.auditing.null import Null
from tests.unit.auditing import audited
from tests.unit.auditing.measures.searches import search_for


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestNulls:
    def test_independent_samples_by_clumps(self) -> None:
        """Ten samples alone and one item four times: 14²/(10 + 4²)."""
        train = 5 * rng(0).normal(size=(300, 6))
        samples = 5 * rng(1).normal(size=(11, 6))
        repeated = np.concatenate([samples, samples[[0, 0, 0]] + 1e-6 * rng(2).normal(size=(3, 6))])
        assert independent_samples(search_for(samples, train)) == pytest.approx(11)
        assert independent_samples(search_for(repeated, train)) == pytest.approx(14**2 / (10 + 4**2))
        assert independent_samples(search_for(samples[:1], train)) == 1

    def test_effective_by_its_formula(self) -> None:
        """n Σ z_i² / Σ z_i z_j over pairs that share an item, the worst of six levels; without pairs all count."""
        groups = np.repeat(np.arange(20), 3)
        search = search_for(rng(5).normal(size=(60, 2)), rng(6).normal(size=(99, 2)))
        null = Null("groups", search, np.zeros(60, bool), (groups,))
        scores = np.repeat(rng(3).normal(size=20), 3)
        assert null.effective(scores) == pytest.approx(20)
        mixed = scores + rng(4).normal(size=60)
        worst = 1.0
        for level in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
            z = (mixed <= np.quantile(mixed, level)).astype(float)
            z -= z.mean()
            pairs = sum(z[i] * z[j] for i in range(60) for j in range(60) if groups[i] == groups[j])
            worst = max(worst, pairs / (z**2).sum())
        assert null.effective(mixed) == pytest.approx(60 / worst)
        assert 20 < null.effective(mixed) < 60
        assert Null("none", search, np.zeros(60, bool)).effective(mixed) == 60
        assert null.effective(np.zeros(60)) == 60

    def test_size_of_every_null(self) -> None:
        """Held-out items all; of items left out as many as there are, up to a thousand; as many matched as asked."""
        report = audited.copying()
        assert len(report.null_nearest.distances) == len(audited.sets()[2])
        left_out = audited.copying(held_out=False)
        assert len(left_out.null_nearest.distances) == 1000 < len(audited.sets()[1])
        assert all(0 < result.effective <= len(result.null_scores) for result in left_out.results)

    def test_identical_samples_against_the_null(self) -> None:
        rows, null = np.array([4, -1, 4, 7, -1, -1, -1, -1, -1, -1]), np.array([True, *[False] * 19])
        found = Identical.find(rows, null, 0.01)
        assert (found.rate, found.distinct, found.null) == (Rate(3, 10), 2, Rate(1, 20))
        assert found.expected == pytest.approx(0.5)
        assert found.coincidences is None
        table = stats.fisher_exact([[3, 7], [1, 19]], alternative="greater").pvalue
        assert found.p == pytest.approx(table)
        assert found.interval == pytest.approx(difference_interval(Rate(3, 10), Rate(1, 20)))
        assert "3 of 10 samples are identical to a training item (2 distinct); 0.5 expected" in found.sentence
        unseen = Identical.find(rows, np.zeros(20, bool), 0.01)
        assert unseen.p == 0.01
        assert unseen.unexplained
        assert not found.unexplained
        worth_less = Identical.find(rows, null, None, effective=8.0)
        assert worth_less.p == pytest.approx(stats.fisher_exact([[3, 7], [1, 7]], alternative="greater").pvalue)
        assert Identical.find(np.full(5, -1), null, 0.5).p == 1

    def test_coincidences_by_their_formula(self) -> None:
        train = rng(0).integers(0, 9, (50, 3)) * 0.5
        assert expected_coincidences(100, train, 4.0, 2.0) == pytest.approx(100 * (0.5 / 4.0) ** 2)
        assert expected_coincidences(100, train, 0.1, 2.0) == 100
        for spacing, dimension in ((0.0, 2.0), (4.0, None)):
            assert expected_coincidences(100, train, spacing, dimension) == 100
        assert expected_coincidences(7, np.ones((4, 3)), 4.0, 2.0) == 7
        assert is_constant(np.array([[1, 1], [1, 2], [3, 3]]), np.array([0, 1, 2])).tolist() == [True, False, True]


class TestMeasures:
    def test_absolute_distance_and_its_rule(self) -> None:
        items, train = rng(1).normal(size=(9, 5)), rng(2).normal(size=(40, 5))
        nearest = np.linalg.norm(items[:, None] - train, axis=2).min(axis=1)
        measure, search = AbsoluteDistance(threshold=0.125), search_for(items, train, span=8.0)
        np.testing.assert_allclose(measure.scores(search), nearest / (8 * math.sqrt(5)))
        assert f"< 0.125 of the value range (distance < {0.125 * 8 * math.sqrt(5):.4g})" in measure.rule(
            search.geometry
        )
        np.testing.assert_array_equal(measure.flags(search), nearest < 0.125 * 8 * math.sqrt(5))
        assert AbsoluteDistance().scores(search_for(train[:1], train, span=0.0)).tolist() == [0]
        assert AbsoluteDistance().scores(search_for(items[:1], train, span=0.0)).tolist() == [math.inf]

    def test_distance_ratio_and_its_rule(self) -> None:
        items, train = rng(1).normal(size=(9, 5)), rng(2).normal(size=(40, 5))
        ordered = np.sort(np.linalg.norm(items[:, None] - train, axis=2), axis=1)
        measure, search = DistanceRatio(threshold=0.8), search_for(items, train)
        np.testing.assert_allclose(measure.scores(search), ordered[:, 0] / ordered[:, 1])
        np.testing.assert_array_equal(measure.flags(search), ordered[:, 0] < 0.8 * ordered[:, 1])
        assert "< 0.8 ×" in measure.rule(search.geometry)

    def test_intrinsic_dimension_point_by_point(self) -> None:
        distances = np.sort(rng(3).uniform(1, 3, (20, 4)), axis=1)
        distances[4, 0] = 0
        inverses = [np.mean([math.log(row[3] / row[j]) for j in range(3)]) for row in distances if row[0] > 0]
        assert intrinsic_dimension(distances) == pytest.approx(1 / np.mean(inverses))
        assert intrinsic_dimension(distances, average=np.median) == pytest.approx(1 / np.median(inverses))
        assert intrinsic_dimension(np.ones((5, 3))) is None
        assert intrinsic_dimension(np.ones((5, 1))) is None
        assert intrinsic_dimension(np.zeros((5, 3))) is None
