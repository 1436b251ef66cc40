"""Where results go: found out before any work, and never where they would destroy something."""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mnemoscope.errors import InputError, OutputError
from mnemoscope.output.lines import cannot
from mnemoscope.output.locks import held
from mnemoscope.output.temporaries import remove_temporaries


def output_folder(folder: str | Path) -> Path:
    """Make a folder for results, or find out now, before any work, that it cannot be written to.

    Raises:
        OutputError: it cannot be made or written to; the message names it.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise cannot("write there", path, error) from None
    check_writable(path)
    return path


def check_writable(folder: Path) -> None:
    """Find out whether files can be written to a folder that should be there; what killed writers left there goes.

    Raises:
        OutputError: it is missing, read-only or full; the message names it.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise cannot("write there", folder, error) from None
    remove_temporaries(folder)


def output_subfolder(folder: Path) -> Path:
    """``output_folder`` for a folder within a result: a link, which would lead out of the result, is refused.

    Raises:
        OutputError: it is a link or no folder, or cannot be made or written to; the message names it.
    """
    if folder.is_symlink():
        raise OutputError(f"{folder}: is a link, which mnemoscope does not follow out of {folder.parent}")
    return output_folder(folder)


def check_output_file(path: str | Path) -> None:
    """Find out before any work whether a file of this name can be written.

    Raises:
        OutputError: its folder is missing or cannot be written to, or the name is too long or a folder's.
    """
    target = Path(path)
    check_writable(target.parent)
    try:
        is_folder = stat.S_ISDIR(target.lstat().st_mode)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise cannot("be written", target, error) from None
    if is_folder:
        raise OutputError(f"{target}: is a folder")


def check_apart(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Refuse, before any work, to write over what is read.

    Args:
        outputs: the files that will be written.
        inputs: the files and folders that are read; what lies within such a folder is read, too.

    Raises:
        InputError: an output is an input or lies within one; the message names both.
    """
    read = [(Path(one), Path(os.path.realpath(one))) for one in inputs]
    for output in map(Path, outputs):
        places = {Path(os.path.realpath(output)), Path(os.path.realpath(output.parent), output.name)}
        for shown, place in read:
            within = _is_folder(place) and any(one.is_relative_to(place) for one in places)
            if within or place in places or _same_file(output, place):
                raise InputError(f"{output}: would be written over or into {shown}, which is read")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


@contextmanager
def held_folder(folder: str | Path) -> Iterator[tuple[Path, bool]]:
    """``output_folder`` for the length of a block, in which no other process writes a result there.

    What had to be made for it goes again if the block fails and it is empty.

    Yields:
        The folder, and whether it was made.

    Raises:
        InputError: another process is writing there.
        OutputError: as ``output_folder``.
    """
    path = Path(folder)
    made = _missing(path)
    with ExitStack() as holding:
        try:
            output_folder(path)
            try:
                holding.enter_context(held(path))
            except InputError:
                made = []  # another process has it, and may have made it since
                raise
            yield path, bool(made)
        except BaseException:
            _remove_empty(made)
            raise


def _missing(path: Path) -> list[Path]:
    """The folders that have to be made for ``path``, the innermost first."""
    with suppress(OSError, ValueError):
        return [one for one in (path, *path.parents) if not os.path.lexists(one)]
    return []


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def check_absent(folder: Path, names: Sequence[str], *, force: bool = False) -> None:
    """Find out before any work that results would be written over.

    Raises:
        OutputError: one of these files is in the folder, and ``force`` is not given.
    """
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise OutputError(f"{folder / there[0]}: exists; --force (force=True) writes over it")
