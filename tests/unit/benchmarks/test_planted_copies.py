"""The benchmark of planted copies, on small images where everything can be computed by hand."""

import numpy as np
import pytest
from benchmarks import planted_copies
from benchmarks.planted_copies import found

from mnemoscope.auditing.repeats import Repeated
from mnemoscope.data import Dataset

LEVEL = 0.05


@pytest.fixture(autouse=True)
def level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted_copies, "LEVEL", LEVEL)


def images(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (n, 6, 6))


def slow_scores(items: np.ndarray, train: np.ndarray, flips: bool) -> np.ndarray:
    """d1/d2 in pixels, one item and one training item at a time."""
    scores = []
    for item in items:
        distances = []
        for other in train:
            versions = [other, other[:, ::-1], other[::-1]] if flips else [other]
            distances.append(min(np.sqrt(((item - version) ** 2).sum()) for version in versions))
        first, second = sorted(distances)[:2]
        scores.append(first / second)
    return np.array(scores)


@pytest.mark.parametrize("words", ["", "flips"])
def test_found_and_false_alarms_by_hand(words: str) -> None:
    train, held_out, copied = images(0, 60), images(1, 81), images(0, 60)[:20]
    noisy = copied + 0.2 * np.random.default_rng(2).standard_normal(copied.shape)
    copies = np.concatenate([noisy, noisy[:, :, ::-1]])
    flags, alarms = found(("pixels", words), Dataset(train, "train"), Repeated(train).first, held_out, copies)

    scores = slow_scores(np.concatenate([held_out, copies]), train, bool(words))
    calibration, honest, planted = scores[:40], scores[40:81], scores[81:]
    p_of = lambda score: (1 + sum(each <= score for each in calibration)) / 41  # noqa: E731
    assert flags.tolist() == [p_of(score) <= LEVEL for score in planted]
    assert (alarms.count, alarms.total) == (sum(p_of(score) <= LEVEL for score in honest), 41)
    assert flags[:20].mean() > 0.5
    assert flags[20:].any() == bool(words)


def test_honest_items_take_no_part_in_the_calibration() -> None:
    """Copies in place of the second half of the held-out items are all false alarms; nothing else changes."""
    train, held_out, copies = images(0, 60), images(1, 80), images(0, 60)[:10]
    arguments = Dataset(train, "train"), Repeated(train).first
    flags, _ = found(("pixels", ""), *arguments, np.concatenate([held_out[:40], train[:40]]), copies)
    again, alarms = found(("pixels", ""), *arguments, held_out, copies)
    assert flags.all()
    assert again.all()
    assert alarms.fraction < 0.3
    _, alarms = found(("pixels", ""), *arguments, np.concatenate([held_out[:40], train[:40]]), copies)
    assert alarms.fraction == 1
