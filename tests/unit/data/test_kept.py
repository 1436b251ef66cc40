"""Large sources are decoded once: what is kept is what would be read, whatever was changed, damaged or laid there."""

import errno
import io
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mnemoscope.data import Dataset, decoding, kept, load, look
from mnemoscope.data.decoding import help_out
from mnemoscope.data.stored import StoredArray
from mnemoscope.errors import InputError, OutputError
from tests.unit.data.built import DIGITS, folder, item_folder, png, shard, shard_folder, shards, zipped

SOME = DIGITS[:20]
SOURCES: dict[str, tuple[Callable[[Path, np.ndarray], Path], str]] = {
    "images": (folder, ""),
    "images.zip": (zipped, ""),
    "images.tar": (shard, ""),
    "shards": (shards, ""),
    "items": (item_folder, ""),
    "parts": (shard_folder, ":images"),
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything of eight items or more is kept there."""
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "FEWEST_ITEMS", 8)
    monkeypatch.setattr(kept, "SETTLED", 0.02)
    return tmp_path / "cache" / "items"


def without(source: str | Path, monkeypatch: pytest.MonkeyPatch, **how: object) -> Dataset:
    """As it is read where nothing is kept."""
    with monkeypatch.context() as patch:
        patch.setenv("MNEMOSCOPE_CACHE", "off")
        return load(source, **how)  # type: ignore[arg-type]


def assert_same(found: Dataset, expected: Dataset) -> None:
    np.testing.assert_array_equal(np.asarray(found.array), np.asarray(expected.array))
    assert found.array.dtype == expected.array.dtype
    assert found.fingerprint == expected.fingerprint
    assert found.notes == (*expected.notes, kept.KEPT)
    assert (found.names, found.classes, found.source) == (expected.names, expected.classes, expected.source)


@pytest.mark.parametrize("name", SOURCES)
def test_the_second_time_nothing_is_decoded(
    name: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, key = SOURCES[name]
    source = f"{build(tmp_path / name, DIGITS[:60] if name == 'parts' else SOME)}{key}"
    expected = without(source, monkeypatch)
    assert not cache.exists()
    assert_same(load(source), expected)
    assert [len(path.name) for path in cache.iterdir()] == [64]
    monkeypatch.setattr(kept.Place, "write", lambda *_: pytest.fail("was decoded again"))
    again = load(source)
    assert_same(again, expected)
    assert isinstance(again.array, StoredArray)
    assert again.array.place is None, "workers on other machines do not see it"


def replaced(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(png(255 - SOME[0]))
    new.rename(path)


def written_over(path: Path) -> None:
    """With as many bytes, and its time as it was."""
    before = path.stat()
    content = next(made for shift in range(1, 64) if len(made := png(np.roll(SOME[0], shift))) <= before.st_size)
    path.write_bytes(content.ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def swapped(path: Path) -> None:
    other = path.with_name("002.png")
    path.rename(path.with_suffix(".x"))
    other.rename(path)
    path.with_suffix(".x").rename(other)


CHANGES: dict[str, Callable[[Path], object]] = {
    "replaced": replaced,
    "written over, with its old time": written_over,
    "swapped with another": swapped,
    "removed": lambda path: path.unlink(),
    "beside a new one": lambda path: path.with_name("z.png").write_bytes(png(SOME[1])),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_was_changed_in_whatever_way_is_decoded_anew(
    change: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path / "images", SOME)
    first = load(source)
    CHANGES[change](source / "class-0" / "000.png")
    assert_same(load(source), without(source, monkeypatch))
    assert load(source).fingerprint != first.fingerprint
    assert len(list(cache.iterdir())) == 2


def test_another_form_is_another_entry(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path / "images", SOME)
    for how in ({}, {"resize": 4}, {"channels": "colour"}):
        assert_same(load(source, **how), without(source, monkeypatch, **how))  # type: ignore[arg-type]
    assert len(list(cache.iterdir())) == 3


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit": lambda entry: flipped(entry / "items.npy"),
    "cut short": lambda entry: os.truncate(entry / "items.npy", 500),
    "no items": lambda entry: (entry / "items.npy").unlink(),
    "no record": lambda entry: (entry / "about.json").unlink(),
    "another record": lambda entry: (entry / "about.json").write_text('{"schema": 1, "checksum": "0", "notes": []}'),
    "empty": lambda entry: [path.unlink() for path in entry.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_decoded_again(
    damage: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path / "images", SOME)
    load(source)
    (entry,) = cache.iterdir()
    DAMAGES[damage](entry)
    assert_same(load(source), without(source, monkeypatch))
    assert sorted(path.name for path in entry.iterdir()) == ["about.json", "items.npy"]


def test_a_link_in_place_of_an_entry_is_not_followed(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path / "images", SOME)
    load(source)
    (entry,) = cache.iterdir()
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    found = load(source)
    np.testing.assert_array_equal(found.array, without(source, monkeypatch).array)
    assert not isinstance(found.array, StoredArray), "in memory"


def test_two_at_once_have_one_entry(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path / "images", SOME)
    expected, inner, decode = without(source, monkeypatch), list[Dataset](), decoding.decode_batch

    def meanwhile(*args: object) -> object:
        if not inner:
            inner.append(expected)  # only once
            inner[0] = load(source)
        return decode(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding, "decode_batch", meanwhile)
    outer = load(source)
    for found in (outer, inner[0]):
        assert_same(found, expected)
    assert len(list(cache.iterdir())) == 1


def test_an_error_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    source = folder(tmp_path / "images", SOME)
    (source / "class-1" / "019.png").write_bytes(b"\x89PNG\r\n\x1a\nxxxx")
    with pytest.raises(InputError, match=r"019\.png"):
        load(source)
    assert list(cache.iterdir()) == []


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("why", ["no room", "full", "in the future"])
def test_where_nothing_can_be_kept_it_is_in_memory(
    why: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path / "images", SOME)
    if why == "no room":
        monkeypatch.setattr(kept.shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * SOME.nbytes - 1))
    elif why == "full":
        monkeypatch.setattr(kept, "write_npy", full)
    else:
        os.utime(source / "class-0" / "000.png", (time.time() + 900, time.time() + 900))
    found, expected = load(source), without(source, monkeypatch)
    np.testing.assert_array_equal(found.array, expected.array)
    assert found.notes == expected.notes
    assert list(cache.iterdir()) == []
    seen = look(source)
    assert seen is not None
    assert seen.n_bytes == (SOME.nbytes if why == "no room" else 0)


def test_what_was_not_used_for_a_month_goes(cache: Path, tmp_path: Path) -> None:
    sources = [folder(tmp_path / name, SOME[start:]) for start, name in enumerate("abc")]
    for source in sources[:2]:
        load(source)
    for entry in cache.iterdir():
        os.utime(entry, (time.time() - 31 * 86_400,) * 2)
    load(sources[0])  # is used again
    load(sources[2])
    assert len(list(cache.iterdir())) == 2


def test_small_sources_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNEMOSCOPE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    source = folder(tmp_path / "images", SOME)
    load(source)
    assert not (tmp_path / "home").exists()
    monkeypatch.setattr(kept, "FEWEST_BYTES", SOME.nbytes)
    monkeypatch.setattr(kept, "SETTLED", 0.02)
    load(source)
    assert [path.name for path in (tmp_path / "home" / "mnemoscope").iterdir()] == ["items"]
    shutil.rmtree(tmp_path / "home")  # and that clears it
    assert load(source).n_samples == len(SOME)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("what", ["others may write", "a link", "a file"])
def test_a_folder_that_others_may_write_to_is_not_used(
    what: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "FEWEST_ITEMS", 8)
    monkeypatch.setattr(kept, "SETTLED", 0.02)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "mnemoscope") if named else "")
    place = tmp_path / "mnemoscope" / "items"
    place.parent.mkdir()
    if what == "others may write":
        place.mkdir()
        place.chmod(0o777)
    elif what == "a link":
        (tmp_path / "theirs").mkdir()
        place.symlink_to(tmp_path / "theirs")
    else:
        place.write_text("")
    source = folder(tmp_path / "images", SOME)
    if named:
        with pytest.raises(OutputError, match="mnemoscope"):
            load(source)
        return
    assert kept.KEPT not in load(source).notes
    assert not (tmp_path / "theirs").exists() or list((tmp_path / "theirs").iterdir()) == []


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Pictures with things to remark, in batches of three."""
    source = folder(tmp_path / "images", SOME)
    for number in (3, 11, 12):
        Image.fromarray(np.dstack([SOME[number], SOME[number] // 2]), "LA").save(source / f"see-through{number}.png")
    frames = [Image.fromarray(pixels) for pixels in SOME[:3]]
    frames[0].save(source / "frames.tiff", save_all=True, append_images=frames[1:])
    return source


@pytest.mark.parametrize("helper", ["", "raise SystemExit(1)"], ids=["helpers", "helpers that fail"])
def test_helpers_change_nothing(helper: str, mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_IMAGES", 3)
    monkeypatch.setattr(decoding, "_CODE", helper or decoding._CODE)
    alone, together = load(mixed, workers=1), load(mixed, workers=2)
    np.testing.assert_array_equal(together.array, alone.array)
    assert together.notes == alone.notes
    assert any("laid on white" in note for note in alone.notes)
    assert any("frames after the first" in note for note in alone.notes)


def test_what_a_helper_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(png(SOME[0]))
    bad.write_bytes(png(SOME[0][:5]))
    order = {"expected": ["good.png", [8, 8], "|u1"], "resize": None, "channels": None}
    asked = [[["a", str(good)], ["b", str(good)]], [["b", str(bad)]], [["c", str(tmp_path / "gone.png")]]]
    lines = "".join(json.dumps({**order, "images": images}) + "\n" for images in asked)
    back = io.BytesIO()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(lines.encode())))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=back))
    help_out()
    monkeypatch.undo()
    first, rest = back.getvalue().split(b"\n", 1)
    assert json.loads(first) == {"remarks": {}, "further": []}
    assert rest[:128] == 2 * SOME[0].tobytes()
    errors = [json.loads(line)["error"] for line in rest[128:].splitlines()]
    assert errors[0].startswith(f"{bad}: is 8×5 grey uint8, but good.png is 8×8")
    assert str(tmp_path / "gone.png") in errors[1]


def test_helpers_are_there_where_they_are_worth_it(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def shared(groups: list[object], expected: object, options: object, n: int) -> object:
        asked.append(n)
        return (decoding.decode_batch(group, expected, options) for group in groups)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding, "_shared", shared)
    monkeypatch.setattr(decoding, "_IMAGES", 3)
    monkeypatch.setattr(decoding.torch, "get_num_threads", lambda: 5)
    alone = load(mixed)
    assert asked == []
    monkeypatch.setattr(decoding, "WORTH", 1e-9)
    np.testing.assert_array_equal(load(mixed).array, alone.array)
    monkeypatch.setattr(decoding.torch, "get_num_threads", lambda: 1)
    load(mixed)
    assert asked == [5]
    with pytest.raises(InputError, match="workers"):
        load(mixed, workers=0)
