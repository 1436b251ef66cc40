"""Labels of classes and groups, and the strata of the permutation test."""

import numpy as np
import pytest

from mnemoscope.auditing.closeness import expected_share, permutation_p
from mnemoscope.auditing.labels import Labels
from mnemoscope.auditing.votes import Votes
from mnemoscope.errors import InputError


def test_labels_are_read_in_order() -> None:
    labels = Labels.read(["b", "a", "b", "c"], 3, 1, "classes")
    assert labels.names == ("a", "b", "c")
    assert (labels.train.tolist(), labels.holdout.tolist()) == ([1, 0, 1], [2])
    labels.check_apart("groups")


@pytest.mark.parametrize("values", [["a"] * 3, np.zeros((4, 1)), []])
def test_labels_that_do_not_fit(values: object) -> None:
    with pytest.raises(
        InputError, match=r"^groups: needs one label for each of 3 training items and then of 1 held-out"
    ):
        Labels.read(values, 3, 1, "groups")


def test_groups_on_both_sides_are_named() -> None:
    with pytest.raises(
        InputError, match=r"^groups: 2 of them are in train and in the held-out set: '7', '9'; hold out"
    ):
        Labels.read([7, 9, 8, 7, 9, 6], 3, 3, "groups").check_apart("groups")


def votes(stratum: list[int], is_train: list[bool]) -> Votes:
    n = len(stratum)
    return Votes(np.arange(n), np.array(is_train), np.ones(n), np.array(stratum), np.ones(n))


def test_permutation_stays_within_classes() -> None:
    """Class 0 was split 9 : 1, class 1 as 1 : 9; all votes go to class 0: nine of ten in train are to be expected."""
    honest = votes([0] * 40, [True] * 36 + [False] * 4)
    n_units = np.array([[900, 100], [100, 900]])
    rng = np.random.default_rng(0)
    assert expected_share(honest, n_units) == pytest.approx(0.9)
    assert permutation_p(honest, n_units, rng) > 0.3
    pooled = votes([0] * 40, [True] * 36 + [False] * 4)
    assert permutation_p(pooled, np.array([[1000, 1000]]), rng) < 0.01
