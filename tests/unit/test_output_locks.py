"""Locks and temporaries: descriptors that are closed again, and what another process does between two steps."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from mnemoscope.errors import MnemoscopeError
from mnemoscope.output import (
    atomic_companions,
    atomic_file,
    atomic_files,
    atomic_folder,
    held_folder,
    is_still,
    locks,
    open_lock,
    remove_temporaries,
    temporaries,
    try_lock,
)

HELD: dict[str, Callable[[Path], object]] = {
    "a file": lambda place: atomic_file(place / "x"),
    "a folder": lambda place: atomic_folder(place / "f"),
    "files": lambda place: atomic_files(place / "out", force=True),
    "companions": lambda place: atomic_companions(place / "s"),
    "a held folder": lambda place: held_folder(place),
}


def n_open() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@contextmanager
def closing() -> Iterator[None]:
    """What the block opens it closes."""
    before = n_open()
    yield
    assert n_open() == before


class TestDescriptors:
    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locks, "PATIENCE", 0.0)

    @pytest.mark.parametrize("name", HELD)
    @pytest.mark.parametrize("failure", [None, RuntimeError])
    def test_none_stays_open(self, name: str, failure: type[Exception] | None, tmp_path: Path) -> None:
        with closing(), suppress(RuntimeError), HELD[name](tmp_path):  # type: ignore[attr-defined]
            if failure:
                raise failure

    def test_nor_of_who_is_refused_and_of_who_clears_up(self, tmp_path: Path) -> None:
        with ExitStack() as stack:
            for hold in HELD.values():
                stack.enter_context(hold(tmp_path))  # type: ignore[arg-type]
            with closing():
                for name in ("files", "companions", "a held folder"):
                    with pytest.raises(MnemoscopeError, match="another process"), HELD[name](tmp_path):  # type: ignore[attr-defined]
                        pass
                remove_temporaries(tmp_path)

    def test_nor_of_a_lock_that_is_no_file_of_its_own(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        os.link(tmp_path / "file", tmp_path / "hard")
        os.mkfifo(tmp_path / "pipe")
        with closing():
            for name in ("hard", "pipe"):
                with pytest.raises(MnemoscopeError, match="no file of its own"):
                    open_lock(tmp_path / name)


class TestBetweenMakingAndLocking:
    """Another process that clears up may take what is made for a dead one's: it locks it, or has removed it already."""

    @pytest.mark.parametrize("name", ["a file", "a folder"])
    @pytest.mark.parametrize("removed", [False, True])
    def test_another_one_is_made(
        self, name: str, removed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        met: list[Path] = []

        def disturbed(descriptor: int) -> bool:
            if met:
                return try_lock(descriptor)
            (path,) = tmp_path.iterdir()
            met.append(path)
            if removed:
                path.rmdir() if path.is_dir() else path.unlink()
            return removed

        monkeypatch.setattr(temporaries, "try_lock", disturbed)
        with closing(), HELD[name](tmp_path) as temporary:  # type: ignore[attr-defined]
            assert temporary not in met
            assert temporary.exists()

    @pytest.mark.parametrize("again", [False, True])
    def test_a_lock_file_that_is_gone_or_anothers_is_made_anew(
        self, again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its holder removed it while this process waited; meanwhile there may be another of the same name."""
        met: list[Path] = []

        def disturbed(descriptor: int) -> bool:
            free = try_lock(descriptor)
            if not met:
                (path,) = tmp_path.iterdir()
                met.append(path)
                path.unlink()
                if again:
                    path.touch()
            return free

        monkeypatch.setattr(locks, "try_lock", disturbed)
        with closing(), locks.held(tmp_path / "s.npy"):
            descriptor = open_lock(met[0])
            assert not try_lock(descriptor), "the file that is there is the one that is held"
            os.close(descriptor)
        assert not list(tmp_path.iterdir())

    def test_a_path_is_still_what_was_opened(self, tmp_path: Path) -> None:
        path, other = tmp_path / "x", tmp_path / "y"
        descriptor = open_lock(path)
        assert is_still(path, descriptor)
        open_other = open_lock(other)
        other.replace(path)
        assert not is_still(path, descriptor)
        assert is_still(path, open_other)
        path.unlink()
        assert not is_still(path, open_other)
        os.close(descriptor)
        os.close(open_other)
