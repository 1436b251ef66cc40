"""The examples that people copy first do what they say: every Python block of the README and of the documentation runs.

The blocks of a page run from top to bottom in one namespace and in an empty folder. A block that cannot run here, since
it needs a cluster, say, has a comment ``<!-- not run: REASON -->`` on the line above it.
"""

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if not {"_build", "reference"} & set(path.relative_to(ROOT).parts)
)
BLOCK = re.compile(
    r"(?P<excuse>^[ ]*<!-- not run: [^\n]+ -->\n)?"
    r"^(?P<indent>[ ]*)```(?:python|py|\{code-block\} python)\n(?P<code>.*?)^(?P=indent)```[ ]*$",
    flags=re.DOTALL | re.MULTILINE,
)
NOT_RUN = {"docs/sweeps.md": 1, "docs/monitoring.md": 1}  # a SLURM cluster; Lightning


def blocks(text: str) -> list[tuple[int, str]]:
    """The line and the code of every block that is to run."""
    return [
        (text.count("\n", 0, found.start("code")), textwrap.dedent(found["code"]))
        for found in BLOCK.finditer(text)
        if not found["excuse"]
    ]


def run(text: str, page: str, namespace: dict[str, object]) -> None:
    for line, code in blocks(text):
        exec(compile("\n" * line + code, page, "exec"), namespace)  # errors name the page's own line


WITH_CODE = [page for page in PAGES if BLOCK.search((ROOT / page).read_text(encoding="utf-8"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE)
def test_every_block_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    run((ROOT / page).read_text(encoding="utf-8"), page, namespace)
    if page == "README.md":
        assert "This model memorizes: at least 98" in capsys.readouterr().out


def test_the_pages_are_found() -> None:
    assert {"README.md", "docs/quickstart.md", "docs/studies.md", "docs/sweeps.md", "docs/theory/depth.md"} <= set(
        WITH_CODE
    )
    skipped = {page: (ROOT / page).read_text(encoding="utf-8").count("<!-- not run: ") for page in WITH_CODE}
    assert {page: count for page, count in skipped.items() if count} == NOT_RUN


def test_a_block_that_fails_is_noticed_at_its_line() -> None:
    page = "# Page\n\n<!-- not run: it fails -->\n```python\n1 / 0\n```\n\n- item\n\n  ```python\n  x = 1\n  ```\n"
    assert blocks(page) == [(10, "x = 1\n")]
    namespace: dict[str, object] = {}
    run(page, "page.md", namespace)
    assert namespace["x"] == 1
    with pytest.raises(ZeroDivisionError) as caught:
        run(page.replace("x = 1", "1 / 0"), "page.md", {})
    assert caught.traceback[-1].lineno == 10


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("demo", "test", "lint", "docs", "bench"):
        assert f"make {command}" in text
        assert f"\n{command}:" in targets
