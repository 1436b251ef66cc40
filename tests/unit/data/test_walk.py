"""Nothing in a folder stays out in silence: links, loops, what is hidden, and what is no image."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnemoscope.data import load
from mnemoscope.data.census import Census, is_hidden
from mnemoscope.data.walk import walk
from mnemoscope.errors import InputError

NAMES = ("a", "b", "c", ".git", ".ipynb_checkpoints", ".cache", "__MACOSX")
FILES = ("1.png", "2.png", "3.PNG", "labels.csv", "metadata.jsonl", "Thumbs.db", ".DS_Store", "._1.png", "picture")
PNG = {".png", ""}

tree = st.recursive(
    st.sampled_from(("file", "link", "folder link")),
    lambda inner: st.dictionaries(st.sampled_from((*NAMES, *FILES)), inner, max_size=5),
    max_leaves=25,
)


def picture(path: Path, value: int) -> None:
    Image.fromarray(np.array([[value // 256, value % 256]], dtype=np.uint8)).save(path, format="PNG")


class Builder:
    """A tree on disk from a drawn one; links lead to folders and files made before, inside the source or outside."""

    def __init__(self, root: Path, draw: st.DataObject) -> None:
        self.draw, self.count = draw, 0
        outside = root.parent / "outside"
        outside.mkdir()
        self.folders, self.files = [root, outside, root.parent], []
        for name in ("1.png", "notes.txt"):
            self.file(outside / name)
        (outside / "back").symlink_to(root)

    def file(self, path: Path) -> None:
        self.count += 1
        if path.suffix.lower() in PNG:
            picture(path, self.count)
        else:
            path.write_text("no image")
        self.files.append(path)

    def build(self, folder: Path, content: dict) -> None:
        for name, inner in content.items():
            path = folder / name
            if isinstance(inner, dict):
                path.mkdir()
                self.folders.append(path)
                self.build(path, inner)
            elif inner == "folder link":
                path.symlink_to(self.draw.draw(st.sampled_from(self.folders)))
            elif inner == "link" and path.suffix.lower() in PNG:
                images = [one for one in self.files if one.suffix.lower() in PNG]
                path.symlink_to(self.draw.draw(st.sampled_from(images)))
            else:
                self.file(path)


def reachable(root: Path) -> set[str]:
    """Slow and obvious: real paths of the images that names without a dot lead to, but not by way of a loop."""
    found, todo, done = set(), [(root, (os.path.realpath(root),))], set()
    while todo:
        folder, chain = todo.pop()
        for path in folder.iterdir():
            place = os.path.realpath(path)
            if is_hidden(path.name):
                continue
            if path.is_file() and Path(place).suffix.lower() in PNG:
                found.add(place)
            loop = path.is_symlink() and any(f"{one}/".startswith(f"{place}/") for one in chain)
            if path.is_dir() and not loop and place not in done:
                done.add(place)
                todo.append((path, (*chain, place)))
    return found


@settings(max_examples=60)
@given(data=st.data(), content=st.dictionaries(st.sampled_from((*NAMES, *FILES)), tree, max_size=6))
def test_every_image_that_can_be_reached_is_read_once(data: st.DataObject, content: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "source")
        root.mkdir()
        builder = Builder(root, data)
        builder.build(root, content)
        census = Census()
        paths = walk(root, census)
        census.read(len(paths))
        assert census.n_seen == census.n_read + census.n_passed
        places = [os.path.realpath(path) for path in paths]
        assert len(set(places)) == len(places)
        expected = reachable(root)
        assert {place for place in places if Path(place).suffix.lower() in PNG} == expected
        if not expected:
            with pytest.raises(InputError, match="holds no images"):
                load(root)
            return
        loaded = load(root)
        assert loaded.n_samples == len(expected)
        assert len(np.unique(loaded.array.reshape(len(loaded), -1), axis=0)) == len(expected)
        assert loaded.source is not None
        passed = sum(n for kinds in loaded.source["passed_over"].values() for n in kinds.values())
        assert loaded.source["seen"] == loaded.source["read"] + passed
        assert loaded.source["read"] == len(expected)
        assert loaded.source["seen"] == census.n_seen
        assert len(loaded.notes) == len(loaded.source["passed_over"])


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes, of which one lies behind a link."""
    for index, folder in enumerate((tmp_path / "set" / "cats", tmp_path / "elsewhere")):
        folder.mkdir(parents=True)
        picture(folder / "1.png", index)
    (tmp_path / "set" / "dogs").symlink_to("../elsewhere")
    return tmp_path / "set"


def test_a_class_behind_a_link_is_read(classes: Path) -> None:
    loaded = load(classes)
    assert loaded.names == ("cats/1.png", "dogs/1.png")
    assert loaded.notes == ()
    assert loaded.source == {"what": "files", "seen": 2, "read": 2, "passed_over": {}}


def test_hidden_copies_of_a_notebook_are_no_data(classes: Path) -> None:
    for name in (".ipynb_checkpoints", ".cache/huggingface", "__MACOSX"):
        (classes / name).mkdir(parents=True)
        picture(classes / name / "1-checkpoint.png", 0)
    (classes / "Thumbs.db").write_bytes(b"x")
    loaded = load(classes)
    assert loaded.n_samples == 2
    assert loaded.notes == (
        "4 of 6 files were passed over, hidden files and files of a system (3 .png, 1 .db), "
        "such as .cache/huggingface/1-checkpoint.png",
    )


def test_loops_are_named(classes: Path) -> None:
    (classes / "cats" / "all").symlink_to(classes)
    (classes.parent / "elsewhere" / "up").symlink_to(classes.parent)
    loaded = load(classes)
    assert loaded.n_samples == 2
    assert loaded.notes == (
        "2 of 4 files were passed over, links that lead back to a folder they lie in (2 without suffix), "
        "such as cats/all",
    )


def test_one_file_under_several_names(classes: Path) -> None:
    (classes / "cats" / "again.png").symlink_to("1.png")
    (classes / "pets").symlink_to("cats")
    loaded = load(classes)
    assert loaded.names == ("cats/1.png", "dogs/1.png")
    assert loaded.notes[0].startswith("2 of 4 files were passed over, links to what is read under another name")


@pytest.mark.parametrize("target", ["nowhere.png", ".git/annex/objects/x.png"])
def test_a_link_to_what_was_not_fetched_is_refused(classes: Path, target: str) -> None:
    (classes / "cats" / "2.png").symlink_to(target)
    with pytest.raises(InputError, match=r"2\.png: is a link that leads nowhere") as raised:
        load(classes)
    assert ("git annex get" in str(raised.value)) == ("annex" in target)


def test_what_is_no_file_is_counted(classes: Path) -> None:
    os.mkfifo(classes / "pipe")
    assert load(classes).notes == (
        "1 of 3 files were passed over, neither files nor folders (1 without suffix), such as pipe",
    )


def test_an_image_is_told_by_its_content_where_its_name_says_nothing(classes: Path) -> None:
    (classes / "cats" / "1.png").rename(classes / "cats" / "0123abcd")
    assert load(classes).names == ("cats/0123abcd", "dogs/1.png")
