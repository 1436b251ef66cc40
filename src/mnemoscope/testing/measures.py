"""The contract of a copy measure."""

from dataclasses import replace
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mnemoscope.auditing.measures import Geometry, Measure, Search
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.testing.checks import assert_refuses

Items: TypeAlias = NDArray[np.float64]

_SPAN = 8.0
_EVENT = (4, 4)


class MeasureContract:
    """What an audit relies on in a copy score; subclass it and give ``measure``.

    It is tested on small pictures, ``items()``, drawn from a normal law.

    Attributes:
        unit_length: whether the measure is for features of unit length; then items have it, and it must refuse others.
    """

    unit_length: bool = False

    def measure(self) -> Measure:
        """The measure under test."""
        raise NotImplementedError

    def items(self, n: int, seed: int) -> Items:
        """Where it is tested: n independent items, shape ``(n, 4, 4)``."""
        return self._unit(np.random.default_rng(seed).standard_normal((n, *_EVENT)))

    def test_scores_are_one_number_for_each_item(self) -> None:
        """Shape ``(items,)``, no NaN and nothing negative, and one boolean flag each; one item alone as well."""
        train = np.concatenate([self.items(60, 0), self.items(3, 0)])
        for items in (self.items(20, 1), self.items(1, 1)):
            search = _search(train, items)
            scores, flags = np.asarray(self.measure().scores(search)), np.asarray(self.measure().flags(search))
            assert scores.shape == (len(items),), f"scores: shape {scores.shape} for {len(items)} items"
            assert scores.dtype.kind == "f", f"scores: {scores.dtype} instead of real numbers"
            assert (scores >= 0).all(), "scores must not be negative or NaN"
            assert flags.shape == scores.shape, f"flags: shape {flags.shape} for {len(items)} items"
            assert flags.dtype == np.dtype(bool), f"flags: {flags.dtype} instead of bool"

    def test_items_do_not_know_each_other(self) -> None:
        """An item is judged by the training set, not by the other samples."""
        train, items = self.items(60, 0), self.items(12, 1)
        alone = [self._scores(train, item[None])[0] for item in items]
        assert _same(self._scores(train, items), alone), "scores differ when items are judged one by one"

    def test_exact_copies_are_flagged_and_strangers_are_not(self) -> None:
        """Copies have score zero, also those of an item that occurs twice; what is far from all items has none."""
        train = np.abs(self.items(60, 0))
        train[7] = train[3]
        copies = _search(train, train[[3, 7, 20]])
        assert not np.any(self.measure().scores(copies)), "an exact copy must have score zero"
        assert self.measure().flags(copies).all(), "an exact copy must be flagged"
        strangers = _search(train, self._unit(-1e3 * train[:5]))
        assert not self.measure().flags(strangers).any(), "what is far from all items must not be flagged"

    def test_more_noise_is_never_more_of_a_copy(self) -> None:
        """Copies of an item with more and more of one noise have scores that do not fall."""
        train, noise = self.items(60, 0), np.random.default_rng(1).standard_normal(_EVENT)
        sizes = np.geomspace(1e-4, 0.3, 12)[:, None, None] * (np.linalg.norm(train[0]) / np.linalg.norm(noise))
        scores = self._scores(train, self._unit(train[0] + sizes * noise))
        assert (np.diff(scores) >= -1e-9).all(), f"scores fall when noise grows: {scores}"
        assert scores[0] < scores[-1], "scores must grow with the noise"

    def test_the_unit_of_the_data_does_not_matter(self) -> None:
        """Items in another unit, with the value range (or, where ``scale_free``, without it)."""
        measure, train, items = self.measure(), self.items(60, 0), self.items(12, 1)
        scores = measure.scores(_search(train, items))
        for scale in (2.0**-7, 2.0**8):  # powers of two are exact
            span = _SPAN * (1.0 if measure.scale_free else scale)
            other = _search(scale * train, scale * items, span=span)
            if self.unit_length:
                assert_refuses(lambda other=other: measure.scores(other), "items not of unit length")  # type: ignore[misc]
            else:
                assert _same(measure.scores(other), scores), f"scores change at a factor of {scale:g}"

    def test_an_item_left_out_does_not_meet_itself(self) -> None:
        """Training items left out one at a time are judged as if they were not in the training set."""
        train, rows = self.items(60, 0), np.array([3, 17, 41])
        index = _index(train)
        found = index.left_out(rows, with_unit=True)
        search = Search(found, _geometry(_SPAN), index, train[rows], rows)
        apart = [self._scores(np.delete(train, row, axis=0), train[row : row + 1])[0] for row in rows]
        assert _same(self.measure().scores(search), apart), "items left out score as if they were there"

    def test_a_copy_under_a_transformation_is_found(self) -> None:
        """Where a search over transformations found an exact copy, d1 = 0, the score is zero."""
        index, items = _index(self.items(60, 0)), self.items(5, 1)
        found = index.nearest(items)
        found = replace(found, distances=found.distances * [0.0, 1.0])
        scores = self.measure().scores(Search(found, _geometry(_SPAN), index, items))
        assert not np.any(scores), "d1 = 0 under a transformation: the score must be zero"

    def test_what_calibrates_is_not_fooled_by_a_narrow_generator(self) -> None:
        """Honest samples half as wide as the data are near to everything; only a scale of their own makes up for it."""
        measure = self.measure()
        assert measure.scale_free or not measure.calibrates, "only a score that is scale-free may be calibrated"
        if not measure.calibrates:
            return
        train = self.items(300, 0)
        narrow, held_out = (
            self._scores(train, items) for items in (self._unit(self.items(300, 1) / 2), self.items(300, 2))
        )
        for level in (0.1, 0.3, 0.5):
            share = float((narrow <= np.quantile(held_out, level)).mean())
            assert share < level + 0.15, (
                f"{100 * share:.0f} % of the samples of a narrow honest generator score below the lowest "
                f"{100 * level:.0f} % of held-out items: this score must not calibrate"
            )

    def test_name_rule_and_limits_can_be_shown(self) -> None:
        """One line each; the rule has its numbers, the limits say of whom they are."""
        measure = self.measure()
        rule = measure.rule(_geometry(_SPAN))
        for what, text in (("name", measure.name), ("rule", rule), ("limits", measure.limits)):
            assert text.strip(), f"{what} is empty"
            assert "\n" not in text, f"{what} must be one line"
        assert any(character.isdigit() for character in rule), f"the rule must state its numbers: {rule!r}"
        assert measure.limits.startswith(f"{measure.name}: "), "limits must start with the measure's name"

    def _scores(self, train: Items, items: Items) -> Float[np.ndarray, " items"]:
        return self.measure().scores(_search(train, items))

    def _unit(self, items: Items) -> Items:
        return items / np.linalg.norm(items, axis=(1, 2), keepdims=True) if self.unit_length else items


def _same(found: Float[np.ndarray, " items"], expected: Float[np.ndarray, " items"] | list[float]) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-9, atol=1e-12))


def _geometry(span: float) -> Geometry:
    return Geometry(int(np.prod(_EVENT)), span)


def _index(train: Items) -> TrainingIndex:
    _, first, place = np.unique(train.reshape(len(train), -1), axis=0, return_index=True, return_inverse=True)
    return TrainingIndex(train, first[place], np.random.default_rng(0))


def _search(train: Items, items: Items, span: float = _SPAN) -> Search:
    index = _index(train)
    return Search(index.nearest(items), _geometry(span), index, items)
