"""Several files that appear together, or not at all."""

from pathlib import Path

import pytest

from mnemoscope.errors import OutputError
from mnemoscope.output import atomic_files

NAMES = ("a.txt", "b.txt")


def write(folder: Path, text: str, *, force: bool = False, fail: bool = False) -> None:
    with atomic_files(folder, NAMES, force=force) as temporary:
        for name in NAMES:
            (temporary / name).write_text(text)
            if fail:
                raise RuntimeError("cut short")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_both_appear_in_a_folder_made_for_them(tmp_path: Path) -> None:
    write(tmp_path / "new", "1")
    assert contents(tmp_path / "new") == {"a.txt": "1", "b.txt": "1"}


def test_neither_appears_if_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        write(tmp_path / "new", "1", fail=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", NAMES)
def test_what_is_there_stays_without_force(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("old")
    with pytest.raises(OutputError, match=rf"{there}: exists; --force"):
        write(tmp_path, "new")
    assert contents(tmp_path) == {there: "old"}


def test_force_replaces_both_and_leaves_the_rest(tmp_path: Path) -> None:
    for name in (*NAMES, "c.txt"):
        (tmp_path / name).write_text("old")
    write(tmp_path, "new", force=True)
    assert contents(tmp_path) == {"a.txt": "new", "b.txt": "new", "c.txt": "old"}


def test_force_brings_back_the_old_ones_if_the_work_fails(tmp_path: Path) -> None:
    write(tmp_path, "old")
    with pytest.raises(RuntimeError):
        write(tmp_path, "new", force=True, fail=True)
    assert contents(tmp_path) == {"a.txt": "old", "b.txt": "old"}
