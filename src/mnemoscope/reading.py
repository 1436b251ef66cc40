"""The one boundary of every reader: whatever is raised while FILE is read becomes one line about FILE.

What the libraries behind a format raise on damaged or hostile content is open-ended (``struct.error``, ``zlib.error``,
``RecursionError``, ``MemoryError``, a Rust panic's text …), so no reader lists what it expects. Readers check what a
header claims before memory is taken: the claim against the bytes that are there, and what remains against memory.

It stands on the ground floor, since data sets, training runs and sweeps all read files.
"""

import resource
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mnemoscope.errors import InputError, MnemoscopeError
from mnemoscope.text import one_line

DEFLATE_RATIO = 1032
"""The most bytes that one byte of deflated data (gzip, zip) can stand for: 258 by a symbol of two bits."""

_MEMINFO, _STATM = Path("/proc/meminfo"), Path("/proc/self/statm")
_REASON_LENGTH = 200


@contextmanager
def reading(path: str | Path, what: str | None = None) -> Iterator[None]:
    """Read ``path`` within this block; ``what`` it should be ("an image") is said where it is not.

    Warnings of the libraries are silenced: what they find odd is either read or refused. ``KeyboardInterrupt`` and
    ``SystemExit`` pass, and so do errors that name their culprit already.

    Raises:
        InputError: anything else that was raised, in one line that begins with ``path``; its cause is kept.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MnemoscopeError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {_reason(error, what)}") from error


def check_stored(path: str | Path, claimed: int, stored: int, ratio: int = 1) -> None:
    """Refuse a header that claims more bytes of values than the bytes that follow it can hold.

    Args:
        path: the file, for the message.
        claimed: bytes of values by the header.
        stored: bytes that are there.
        ratio: the most bytes of values that a stored byte can stand for; 1 where nothing is compressed.

    Raises:
        InputError: the claim cannot be true.
    """
    if claimed > stored * ratio:
        raise InputError(f"{path}: is damaged or truncated: its header claims {claimed} bytes, {stored} are there")


def check_memory(path: str | Path, needed: int) -> None:
    """Refuse, before anything is decoded, what does not fit into the memory that is free.

    Raises:
        InputError: it does not; the message says what it needs.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise InputError(f"{path}: needs {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free")


def free_memory() -> int | None:
    """Bytes that this process may still take, by the system and by its own limit; None where neither is known."""
    known = []
    with suppress(OSError, ValueError, StopIteration):
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        known.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        with suppress(OSError, ValueError):
            taken = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
            known.append(max(0, limit - taken))
    return min(known, default=None)


def out_of_memory(error: BaseException) -> bool:
    """Whether Python or torch, which has no exception of its own for it, could not get memory."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)


def _reason(error: Exception, what: str | None) -> str:
    text = one_line(str(error).strip().partition("\n")[0], _REASON_LENGTH)
    if out_of_memory(error):
        text = "it needs more memory than is free"
    elif isinstance(error, OSError) and error.strerror:
        text = one_line(error.strerror[0].lower() + error.strerror[1:], _REASON_LENGTH)
        if what is None:
            return text
    return f"{f'cannot be read as {what}' if what else 'is damaged or cannot be read'} ({text or type(error).__name__})"
