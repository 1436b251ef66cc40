"""The checks of a release see what they are for."""

import re

import pytest

import mnemoscope
from tests.release.bounds import lowest
from tests.release.distributions import METADATA, ROOT, source_problems, tracked, wheel_problems

needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout: git does not know these files")
CHECKOUT = {"README.md": b"r", "src/mnemoscope/a.py": b"a", "src/mnemoscope/py.typed": b""}
WHEEL = {"mnemoscope/a.py": b"a", "mnemoscope/py.typed": b""} | {f"m-1.dist-info/{name}": b"" for name in METADATA}


def test_whole_distributions_have_no_problems() -> None:
    assert wheel_problems(WHEEL, CHECKOUT) == []
    assert source_problems(CHECKOUT | {"PKG-INFO": b""}, CHECKOUT) == []


@pytest.mark.parametrize("name", sorted(WHEEL))
def test_what_a_wheel_lacks_is_named(name: str) -> None:
    found = wheel_problems({other: content for other, content in WHEEL.items() if other != name}, CHECKOUT)
    assert len(found) == 1
    assert name.endswith(found[0].partition(":")[0])


@pytest.mark.parametrize("name", ["tests/test_a.py", "mnemoscope/left.py", "m-1.dist-info/more"])
def test_what_does_not_belong_is_named(name: str) -> None:
    assert len(wheel_problems(WHEEL | {name: b""}, CHECKOUT)) == 1


def test_changed_content_is_named() -> None:
    assert wheel_problems(WHEEL | {"mnemoscope/a.py": b"b"}, CHECKOUT) == ["mnemoscope/a.py: differs"]
    assert source_problems({**CHECKOUT, "README.md": b"s"}, CHECKOUT) == ["README.md: differs"]
    assert source_problems({"README.md": b"r"}, {"README.md": b"r", "a": b""}) == ["a: file is missing"]


@needs_git
def test_what_the_package_reads_at_run_time_is_in_the_checkout() -> None:
    files = tracked()
    for name in ("py.typed", "auditing/report.schema.json", "monitoring/halves.schema.json", "pages/sort.js"):
        assert f"src/mnemoscope/{name}" in files
    assert sum(name.endswith(".html.j2") for name in files) >= 5


def test_bounds_are_read_from_every_list() -> None:
    text = """[project]
name = "m"
dependencies = ["a>=1.2"]
[project.optional-dependencies]
x = ["b_c>=3"]
all = ["m[x]"]
docs = ["d>=4"]
"""
    assert lowest(text) == {"a": "1.2", "b_c": "3"}
    for wrong in ("a", "a==1", "a>=1,<2"):
        with pytest.raises(ValueError, match="lower bound"):
            lowest(text.replace("a>=1.2", wrong))


def test_every_requirement_has_a_lower_bound_that_the_pins_meet() -> None:
    bounds = lowest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {_canonical(name): version for name, _, version in (line.partition("==") for line in lines)}
    for name, bound in bounds.items():
        assert _numbers(pins[_canonical(name)]) >= _numbers(bound), name


def test_the_changelog_begins_with_this_version_or_the_next() -> None:
    heading = re.search(r"^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading is not None
    assert _numbers(heading[1]) >= _numbers(mnemoscope.__version__)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")
