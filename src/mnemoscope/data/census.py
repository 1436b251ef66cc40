"""What was seen in a source, what of it was read, and what was passed over by which rule: nothing stays out in silence.

Whatever lies in a folder, an archive or a file of several arrays is read, or passed over by one of the rules below, or
refused. The counts always satisfy ``seen = read + passed over``; what was passed over stands in the notes of a data
set, which every report repeats.
"""

from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from mnemoscope.text import one_name

HIDDEN = "hidden files and files of a system"
FOREIGN = "no images"
LOOP = "links that lead back to a folder they lie in"
ELSEWHERE = "links to what is read under another name"
ODD = "neither files nor folders"
TWIN = "compressed twins of a file that is read"
OTHER_KIND = "of another kind than nearly all"
OTHER_PART = "not the training images"
NOT_NAMED = "which were not named"
FOREIGN_MEMBER = "no arrays"
NO_ARRAY = "values that are no tensors"
NOT_STORED = "chunks that are not stored"
FRAMES = "frames after the first of their image"

_SUCH_AS = ", such as "
_SYSTEM = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found", "__pycache__"}


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over with all that lies in it: hidden, or a system's own."""
    return name.startswith(".") or name.lower() in _SYSTEM


class Census:
    """Counts of what a source holds.

    Args:
        what: what is counted, in the plural, as notes call it.
    """

    def __init__(self, what: str = "files") -> None:
        self.what = what
        self.n_read = 0
        self._passed: dict[str, Counter[str]] = {}
        self._first: dict[str, str] = {}

    @property
    def n_passed(self) -> int:
        """How many were passed over."""
        return sum(counts.total() for counts in self._passed.values())

    @property
    def n_seen(self) -> int:
        """How many there are."""
        return self.n_read + self.n_passed

    def read(self, n: int = 1) -> None:
        """Count some that are read."""
        self.n_read += n

    def pass_over(self, name: str, rule: str, n: int = 1) -> None:
        """Count one, or ``n`` like it, that a rule passes over."""
        self._passed.setdefault(rule, Counter())[kind_of(name)] += n
        self._first.setdefault(rule, name)

    def add(self, other: "Census") -> None:
        """Count what another has counted of the same kind of things."""
        self.n_read += other.n_read
        for rule, kinds in other._passed.items():
            self._passed.setdefault(rule, Counter()).update(kinds)
            self._first.setdefault(rule, other._first[rule])

    def notes(self) -> tuple[str, ...]:
        """What was passed over: a line for each rule, with its kinds of file and the first of them."""
        found = []
        for rule, kinds in self._passed.items():
            named = f" ({', '.join(f'{n} {kind}' for kind, n in kinds.most_common(8))})" if self.what == "files" else ""
            found.append(
                f"{kinds.total()} of {self.n_seen} {self.what} were passed over, {rule}{named}"
                f"{_SUCH_AS}{one_name(self._first[rule])}"
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """The counts, without any name."""
        passed = {rule: dict(sorted(kinds.items())) for rule, kinds in self._passed.items()}
        return {"what": self.what, "seen": self.n_seen, "read": self.n_read, "passed_over": passed}


def kind_of(name: str) -> str:
    """The suffix of a file's name, as counts list it."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if 1 < len(suffix) <= 12 and suffix[1:].isalnum() else "without suffix"


def without_name(note: str) -> str:
    """A note without the name that it gives as an example, for reports that may show none."""
    return note.partition(_SUCH_AS)[0]
