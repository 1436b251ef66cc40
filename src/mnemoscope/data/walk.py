"""All files of a folder, through links, each once.

What can be reached is reached: links to files and to folders are followed, wherever they lead. A folder is entered
once, and a file read once, however many links lead there; a link back to a folder in which it lies is a loop. Names
without links come first, so that a file is called by the name that it really has. What is hidden is counted and not
entered, and a link that leads nowhere is refused: it stands for data that were not fetched.
"""

import os
from collections import deque
from pathlib import Path

from mnemoscope.data.census import ELSEWHERE, HIDDEN, LOOP, ODD, Census, is_hidden
from mnemoscope.errors import InputError
from mnemoscope.reading import reading


def walk(root: Path, census: Census) -> list[Path]:
    """The regular files below a folder in the order of their paths; what is passed over goes into the census.

    Raises:
        InputError: a folder that may not be listed, or a link that leads nowhere.
    """
    walker = _Walker(root, census)
    while walker.folders or walker.links:
        if walker.folders:
            walker.enter(walker.folders.popleft())
        else:
            walker.follow(walker.links.popleft())
    # Links to files come last: a folder behind a link may hold the file itself.
    for link in sorted(walker.file_links):
        walker.add(link)
    for path in walker.hidden:
        _count_hidden(path, root, walker.files, census)
    return sorted(walker.files.values())


class _Walker:
    def __init__(self, root: Path, census: Census) -> None:
        self.root, self.census = root, census
        self.files: dict[str, Path] = {}
        self.folders, self.links = deque([root]), deque[Path]()
        self.file_links: list[Path] = []
        self.hidden: list[Path] = []
        self._entered: set[str] = set()

    def enter(self, folder: Path) -> None:
        """List a folder; its folders and links wait for their turn."""
        place = os.path.realpath(folder)
        if place in self._entered:
            self._pass_over(folder, ELSEWHERE)
            return
        self._entered.add(place)
        with reading(folder), os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            path = folder / entry.name
            if is_hidden(entry.name):
                self.hidden.append(path)
            elif entry.is_symlink():
                self.links.append(path)
            elif entry.is_dir():
                self.folders.append(path)
            elif entry.is_file():
                self.add(path)
            else:
                self._pass_over(path, ODD)

    def add(self, path: Path) -> None:
        """A file, unless it has been seen under another name."""
        place = os.path.realpath(path)
        if place in self.files:
            self._pass_over(path, ELSEWHERE)
        else:
            self.files[place] = path

    def follow(self, link: Path) -> None:
        place = Path(os.path.realpath(link))
        if place.is_dir():
            above = [link.parent, *link.parent.parents]
            chain = above[: above.index(self.root) + 1]
            if any(Path(os.path.realpath(folder)).is_relative_to(place) for folder in chain):
                self._pass_over(link, LOOP)
            else:
                self.folders.append(link)
        elif place.is_file():
            self.file_links.append(link)
        elif place.exists():
            self._pass_over(link, ODD)
        else:
            target = link.readlink()
            remedy = "git annex get" if "annex" in target.parts else "fetch what it stands for"
            raise InputError(f"{link}: is a link that leads nowhere ({target}): {remedy}, or delete it")

    def _pass_over(self, path: Path, rule: str) -> None:
        self.census.pass_over(readable(path.relative_to(self.root)), rule)


def _count_hidden(path: Path, root: Path, files: dict[str, Path], census: Census) -> None:
    """Count what lies in something hidden; links in there are counted and not followed."""
    if path.is_dir() and not path.is_symlink():
        found = [Path(folder, name) for folder, _, names in os.walk(path) for name in sorted(names)]
    else:
        found = [path]
    for each in found:
        if os.path.realpath(each) not in files or each.is_symlink():
            census.pass_over(readable(each.relative_to(root)), HIDDEN)


def readable(path: Path) -> str:
    """The path with slashes; bytes that are no text, which could not be written again, become U+FFFD."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="replace")
