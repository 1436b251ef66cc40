"""Every function, test and claim that docs/theorems.md names exists."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "theorems.md"
DASH = "–"


def rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """The study of each section, and the four cells of each row of its table."""
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        (study,) = re.findall(r"[Ss]tudy\s+`([a-z-]+)`", section)
        for line in section.splitlines():
            if line.startswith("|") and not line.startswith(("|---", "| result ")):
                yield study, [cell.strip() for cell in line.strip("|").split("|")]


ROWS = list(rows(PAGE.read_text(encoding="utf-8")))
FUNCTIONS = [(row[0], name) for _, row in ROWS for name in re.findall(r"`~?(mnemoscope\.[\w.]+)`", row[1])]
TESTS = [(row[0], *name.split("::")) for _, row in ROWS for name in re.findall(r"`([^`]+)`", row[2])]
CLAIMS = [(study, name) for study, row in ROWS for name in re.findall(r"`([^`]+)`", row[3])]


def exists(name: str) -> bool:
    room, _, member = name.rpartition(".")
    return callable(getattr(importlib.import_module(room), member, None))


def has_test(file: str, name: str) -> bool:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob(file)]
    return any(getattr(node, "name", None) == name for tree in trees for node in ast.walk(tree))


def claims(study: str) -> set[str]:
    summaries = (ROOT / "docs" / "results" / study).glob("summary*.json")
    return {claim["name"] for file in summaries for claim in json.loads(file.read_text(encoding="utf-8"))["claims"]}


def test_every_row_has_four_cells_that_say_something() -> None:
    assert len(ROWS) > 40
    for _, row in ROWS:
        assert len(row) == 4, row
        assert all(cell == DASH or "`" in cell for cell in row[1:3]), row
        assert row[3] == DASH or "`" in row[3], row
        assert any(cell != DASH for cell in row[1:]), row


@pytest.mark.parametrize(("result", "name"), FUNCTIONS)
def test_functions_exist(result: str, name: str) -> None:
    assert exists(name), result


@pytest.mark.parametrize(("result", "file", "name"), TESTS)
def test_tests_exist(result: str, file: str, name: str) -> None:
    assert has_test(file, name), result


@pytest.mark.parametrize("study", sorted({study for study, _ in ROWS}))
def test_claims_exist(study: str) -> None:
    named = [name for of, name in CLAIMS if of == study]
    assert named
    assert set(named) <= claims(study)
    assert len(set(named)) == len(named), "one claim, one result"


def test_what_does_not_exist_is_noticed() -> None:
    assert not exists("mnemoscope.theory.no_such_bound")
    assert not has_test("test_depth.py", "test_no_such_thing")
    assert "no-such-claim" not in claims("deep-limits")
