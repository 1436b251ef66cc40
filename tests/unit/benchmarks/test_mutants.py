"""The wrong changes of ``make mutants``: each is one, each still parses, and the kinds that matter are there."""

import ast
import json
import re
from pathlib import Path

import pytest
from benchmarks.mutants.__main__ import ROOMS, sample
from benchmarks.mutants.changes import apply, changes

SOURCE = '''
"""Text."""

SIZE = 3

def f(x, seed=0, *, weights=None):
    """More < text."""
    if x < 0:
        raise InputError(f"x is {x + 1}")
    total = g(x, seed=seed) + max(x, 2.5) ** 2
    total = total.clamp(min=0)
    for each in x:
        total += 1 if each and not weights else -1
    return total
'''


def texts() -> list[str]:
    return [apply(SOURCE, change) for change in changes("f.py", SOURCE)]


@pytest.mark.parametrize(
    "line",
    [
        "SIZE = 4",
        "if x <= 0:",
        "        pass\n    total",
        "total = g(x) + max(x, 2.5) ** 2",
        "total = g(x, seed=seed) - max(x, 2.5) ** 2",
        "total = g(x, seed=seed) + min(x, 2.5) ** 2",
        "max(x, 2.5) * 2",
        "max(x, 5.0) ** 2",
        "total = total.clamp()",
        "    total = total\n",
        "    pass\n    for",
        "        pass\n    return",
        "each or not weights",
        "each and weights",
        "total += (-1)\n",
        "else 1\n",
        "    seed = 0\n    if x",
        "    weights = None\n    if x",
    ],
)
def test_the_kinds(line: str) -> None:
    assert sum(line in text for text in texts()) >= 1


def test_each_is_one_that_parses_and_messages_stay() -> None:
    assert len(set(texts())) == len(texts())
    for text in texts():
        assert text != SOURCE
        ast.parse(text)
        assert '"""More < text."""' in text
    assert all('"x is {x + 1}"' in text or "pass\n    total" in text for text in texts())


@pytest.mark.parametrize("room", ["neighbours", "records"])
def test_a_larger_sample_goes_on_with_a_smaller_one(room: str) -> None:
    assert sample(room, 5, 1) == sample(room, 8, 1)[:5]
    assert sample(room, 5, 1) != sample(room, 5, 2)
    for change in sample(room, 40, 1):
        ast.parse(apply(Path(change.path).read_text(), change))


def test_every_room_has_its_tests() -> None:
    assert all(list(Path().glob(pattern)) for _, patterns in ROOMS.values() for pattern in patterns)


def test_known_changes_are_of_lines_that_are_there() -> None:
    known = json.loads(Path("benchmarks/mutants/known.json").read_text(encoding="utf-8"))
    for begin, reason in known.items():
        path, _, names = begin.partition(": -")
        line = re.split(r" \+(?=\S)", names)[0]  # what it becomes, where that is said, too
        assert line in Path("src/mnemoscope", path).read_text(encoding="utf-8")
        assert reason
