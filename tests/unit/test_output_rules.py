"""Which files may be written, how they appear, and what is left of the dead: each rule at both of its ends."""

import json
import os
from pathlib import Path

import pytest

from mnemoscope.errors import InputError, OutputError
from mnemoscope.output import (
    atomic_file,
    atomic_folder,
    check_absent,
    check_apart,
    check_output_file,
    check_writable,
    held_folder,
    output_folder,
    remove_temporaries,
    temporary_path,
    write_json,
    write_text,
)
from mnemoscope.output.lines import cannot


def _write_and(path: Path, failure: type[BaseException]) -> None:
    path.write_text("half")
    raise failure


def test_cannot_names_what_the_system_says() -> None:
    assert str(cannot("be read", Path("x"), OSError(28, "No space"))) == "x: cannot be read (No space)"
    assert str(cannot("be read", Path("x"), OSError("odd"))) == "x: cannot be read (odd)"
    assert str(cannot("be read", Path("x"), ValueError("null"))) == "x: cannot be read (null)"


class TestFolders:
    def test_made_with_their_parents_and_found_again(self, tmp_path: Path) -> None:
        for _ in range(2):
            assert output_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
        assert list((tmp_path / "a" / "b").iterdir()) == []

    @pytest.mark.parametrize("bad", ["file", "file/below", "nul\0l", "n" * 300])
    def test_what_cannot_be_one_is_named(self, tmp_path: Path, bad: str) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="cannot write there"):
            output_folder(tmp_path / bad)
        with pytest.raises(OutputError, match="cannot write there"):
            check_writable(tmp_path / bad)

    @pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
    def test_one_made_for_a_block_that_fails_goes_again(self, tmp_path: Path, failure: type[BaseException]) -> None:
        for there in (False, True):
            if there:
                (tmp_path / "new").mkdir()
            with pytest.raises(failure), held_folder(tmp_path / "new"):
                raise failure
            assert (tmp_path / "new").exists() is there
        (tmp_path / "new").rmdir()
        with pytest.raises(failure), held_folder(tmp_path / "new") as (folder, _):
            _write_and(folder / "mine", failure)
        assert (tmp_path / "new" / "mine").exists()

    def test_of_files_a_folder_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_text("old")
        check_output_file(tmp_path / "new")
        check_output_file(tmp_path / "file")
        for name, complaint in (("folder", "is a folder"), ("n" * 300, "cannot be written"), ("no/new", "write there")):
            with pytest.raises(OutputError, match=complaint):
                check_output_file(tmp_path / name)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]

    def test_what_is_there_is_named_unless_forced(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_text("")
        check_absent(tmp_path, ["a", "c"])
        check_absent(tmp_path, ["a", "b"], force=True)
        with pytest.raises(OutputError, match="b: exists; --force"):
            check_absent(tmp_path, ["a", "b"])


class TestApart:
    @pytest.fixture
    def made(self, tmp_path: Path) -> Path:
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "x.npy").write_text("")
        (tmp_path / "link").symlink_to(tmp_path / "set" / "x.npy")
        os.link(tmp_path / "set" / "x.npy", tmp_path / "hard")
        return tmp_path

    @pytest.mark.parametrize(
        ("output", "read"),
        [
            ("set/x.npy", "set/x.npy"),
            ("set/new", "set"),
            ("set", "set"),
            ("set/deep/new", "set"),
            ("link", "set/x.npy"),
            ("set/x.npy", "link"),
            ("link", "link"),
            ("hard", "set/x.npy"),
            ("set/../set/x.npy", "set/x.npy"),
        ],
    )
    def test_what_is_read_is_not_written(self, made: Path, output: str, read: str) -> None:
        with pytest.raises(InputError, match="written over or into"):
            check_apart([made / "free", made / output], [made / "other", made / read])

    @pytest.mark.parametrize(
        ("output", "read"),
        [("set.npy", "set"), ("new", "set/x.npy"), ("set2/x.npy", "set"), ("n" * 300, "set"), ("new", "n" * 300)],
    )
    def test_what_lies_beside_it_is(self, made: Path, output: str, read: str) -> None:
        check_apart([made / output], [made / read])


class TestAtomic:
    def test_a_temporary_name_is_beside_hidden_and_new_each_time(self, tmp_path: Path) -> None:
        names = {temporary_path(tmp_path) for _ in range(50)}
        assert len(names) == 50
        for name in names:
            assert name.parent == tmp_path
            assert name.name.startswith(".mnemoscope-")
            assert name.suffix == ".tmp"
            assert len(name.name) >= len(".mnemoscope-.tmp") + 16

    @pytest.mark.parametrize("make", [atomic_file, atomic_folder])
    def test_a_block_that_fails_leaves_nothing(self, tmp_path: Path, make: object) -> None:
        with pytest.raises(RuntimeError), make(tmp_path / "x") as temporary:  # type: ignore[operator]
            _write_and(temporary / "inside" if temporary.is_dir() else temporary, RuntimeError)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("make", [atomic_file, atomic_folder])
    def test_nothing_has_the_name_before_the_end(self, tmp_path: Path, make: object) -> None:
        with make(tmp_path / "x") as temporary:  # type: ignore[operator]
            assert not (tmp_path / "x").exists()
            assert temporary.parent == tmp_path
            (temporary / "y" if temporary.is_dir() else temporary).write_text("whole")
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    def test_a_folder_that_is_there_stays(self, tmp_path: Path) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "mine").write_text("")
        with pytest.raises(OutputError, match="x: cannot be written"), atomic_folder(tmp_path / "x") as temporary:
            (temporary / "y").write_text("")
        assert [path.name for path in tmp_path.iterdir()] == ["x"]
        assert (tmp_path / "x" / "mine").exists()

    @pytest.mark.parametrize("sync", [True, False])
    def test_sync_is_asked_for(self, tmp_path: Path, sync: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[int] = []
        monkeypatch.setattr(os, "fsync", calls.append)
        with atomic_file(tmp_path / "x", sync=sync) as temporary:
            temporary.write_text("y")
        assert bool(calls) is sync

    def test_json_is_strict_readable_and_in_utf8(self, tmp_path: Path) -> None:
        write_json(tmp_path / "x.json", {"ä": [1, 2.5, None]})
        text = (tmp_path / "x.json").read_bytes().decode("utf-8")
        assert text == '{\n  "ä": [\n    1,\n    2.5,\n    null\n  ]\n}\n'
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "x.json", [float("nan")])
        assert json.loads(text) == json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
        write_text(tmp_path / "x.json", "α")
        assert (tmp_path / "x.json").read_bytes() == "α".encode()

    def test_leftovers_of_both_kinds_go_and_links_are_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "mine").write_text("")
        temporary_path(tmp_path).write_text("")
        folder = temporary_path(tmp_path)
        folder.mkdir()
        (folder / "half").write_text("")
        temporary_path(tmp_path).symlink_to(tmp_path / "kept")
        (tmp_path / ".mnemoscope-mine").write_text("")
        (tmp_path / "other.tmp").write_text("")
        remove_temporaries(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".mnemoscope-mine", "kept", "other.tmp"]
        assert (tmp_path / "kept" / "mine").exists()
