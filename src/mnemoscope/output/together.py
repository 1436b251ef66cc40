"""A result of several files is one result: its files appear together, and never beside those of another one.

They are written into a temporary folder, and one rename decides. Into a folder that was made for them it is the rename
of the temporary folder itself. Where there are other files, the temporary folder gets a name (``.mnemoscope-….whole``)
that says that all of it is there; then the files of before are moved away, and only then the new ones to their places.
Who is killed in between leaves a folder of that name, and the next run in the same place ends what was begun; who meets
an error takes everything back.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mnemoscope.errors import OutputError
from mnemoscope.output.atomic import sync_file
from mnemoscope.output.folders import check_absent, held_folder, output_subfolder
from mnemoscope.output.lines import writing
from mnemoscope.output.locks import held
from mnemoscope.output.signals import uninterrupted
from mnemoscope.output.temporaries import PREFIX, of_the_dead, remove_temporaries, temporary_folder

_WHOLE, _BEFORE = ".whole", ".before"


@contextmanager
def atomic_files(folder: str | Path, names: Sequence[str] = (), *, force: bool = False) -> Iterator[Path]:
    """A temporary folder whose files take their places in ``folder`` when the block ends well, all or none.

    Meanwhile no other process may write a result into ``folder``.

    Args:
        folder: made if it is not there; other files in it stay.
        names: of the result's files, which must not be there yet.
        force: whether files of these names that are there already may be replaced.

    Raises:
        InputError: another process is writing there.
        OutputError: one is there and ``force`` is not given, or the folder cannot be written to; the message names it.
    """
    with held_folder(folder) as (target, fresh):
        finish(target)
        check_absent(target, names, force=force)
        remove_temporaries(target.parent)  # where one that made the folder, and was killed, had its own
        within = target.parent if fresh else target
        with temporary_folder(target, within) as temporary:
            yield temporary
            with writing(target):
                _publish(temporary, target, fresh)


@contextmanager
def atomic_companions(path: str | Path) -> Iterator[Path]:
    """The same for a file and those beside it that tell of it, such as ``samples.npy`` and ``samples.npy.json``.

    Others may write other files into the same folder meanwhile; what was there of the same names is replaced.

    Raises:
        InputError: another process is writing the file.
        OutputError: the folder is missing or cannot be written to; the message names it.
    """
    target = Path(path)
    with held(target):
        finish(target.parent)
        with temporary_folder(target.parent, target.parent) as temporary:
            yield temporary
            with writing(target):
                _publish(temporary, target.parent, fresh=False)


def finish(folder: Path) -> None:
    """Put in place what a killed process had ready for ``folder``.

    Raises:
        OutputError: it cannot be; the message names the folder.
    """
    for whole in folder.glob(f"{PREFIX}*{_WHOLE}"):
        with writing(folder), suppress(FileNotFoundError), of_the_dead(whole) as dead, uninterrupted():
            if dead and whole.is_dir():
                _place(whole, folder)
                shutil.rmtree(whole)


def _publish(temporary: Path, target: Path, fresh: bool) -> None:
    """The one rename that decides, and what follows from it."""
    for path in sorted(temporary.rglob("*"), reverse=True):
        sync_file(path)
    sync_file(temporary)
    with uninterrupted():
        if fresh and _take_place(temporary, target):
            return
        whole = (target / temporary.name).with_suffix(_WHOLE)
        temporary.rename(whole)
        try:
            sync_file(target)
            _place(whole, target)
        except OSError:
            whole.rename(temporary)  # as if nothing had been, and its maker removes it
            raise
        shutil.rmtree(whole, ignore_errors=True)


def _take_place(temporary: Path, target: Path) -> bool:
    """Whether the folder could take the place of the empty one; somebody may have put something there."""
    try:
        temporary.rename(target)
    except OSError:
        return False
    sync_file(target.parent)
    return True


def _place(whole: Path, target: Path) -> None:
    """Move files to their places: first those of before out of the way, so that no two results are ever mixed.

    Raises:
        OSError: one cannot be moved; everything is as it was.
    """
    before = whole / _BEFORE
    names = sorted(
        path.relative_to(whole) for path in whole.rglob("*") if not path.is_dir() and before not in path.parents
    )
    for folder in {name.parent for name in names} - {Path()}:
        if os.path.lexists(target / folder):
            output_subfolder(target / folder)
    for name in names:
        if (target / name).is_dir() and not (target / name).is_symlink():
            raise OutputError(f"{target / name}: is a folder")
    undo: list[Callable[[], object]] = []
    try:
        for name in names:
            if os.path.lexists(target / name):
                _move(target / name, before / name, undo)
        for name in names:
            _move(whole / name, target / name, undo)
    except OSError:
        for step in reversed(undo):
            step()
        raise
    sync_file(target)


def _move(source: Path, place: Path, undo: list[Callable[[], object]]) -> None:
    for folder in (place.parent.parent, place.parent):
        if not folder.exists():
            folder.mkdir()
            undo.append(folder.rmdir)
    source.rename(place)
    undo.append(lambda: place.rename(source))
