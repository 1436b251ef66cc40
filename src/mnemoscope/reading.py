"""The one boundary of every reader: whatever is raised while FILE is read becomes one line about FILE.

What the libraries behind a format raise on damaged or hostile content is open-ended (``struct.error``, ``zlib.error``,
``RecursionError``, ``MemoryError``, a Rust panic's text …), so no reader lists what it expects. Readers check what a
header claims before memory is taken: the claim against the bytes that are there, and what remains against memory.

It stands on the ground floor, since data sets, training runs and sweeps all read files.
"""

import resource
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mnemoscope.choose import check_whole
from mnemoscope.errors import InputError, MnemoscopeError
from mnemoscope.text import one_line

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

DEFLATE_RATIO = 1032
"""The most bytes that one byte of deflated data (gzip, zip) can stand for: 258 by a symbol of two bits."""

_MEMINFO, _STATM = Path("/proc/meminfo"), Path("/proc/self/statm")
_GROUPS, _GROUP_ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_GROUP_FILES = {
    "memory": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    "": ("", "memory.max", "memory.current", "inactive_file"),
}
"""Of a control group with limits on memory, of the first version and of the second: folder, limit, use, and the part of
the use that the system gives back when it is asked to."""

_NO_LIMIT = 2**60
"""What the first version says where there is no limit: about as many bytes as there are numbers."""

_max_memory: ContextVar[int | None] = ContextVar("max_memory", default=None)
_REASON_LENGTH = 200


@contextmanager
def reading(path: str | Path, what: str | None = None) -> Iterator[None]:
    """Read ``path`` within this block; ``what`` it should be ("an image") is said where it is not.

    Warnings of the libraries are silenced: what they find odd is either read or refused. ``KeyboardInterrupt`` and
    ``SystemExit`` pass, and so do errors that name their culprit already.

    Raises:
        InputError: a pipe, a socket or a device, which may have no end, before it is opened; anything else that was
            raised, in one line that begins with ``path``; its cause is kept.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_ends(path)
            yield
    except MnemoscopeError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {_reason(error, what)}") from error


def _check_ends(path: str | Path) -> None:
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):  # what is not there, or cannot be asked, is the reader's business
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise InputError(f"{path}: is neither a file nor a folder, but {kind}")


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


def check_memory(path: str | Path, needed: float) -> None:
    """Refuse, before anything is decoded or computed, what does not fit into the memory that is free.

    Args:
        path: the file, or what is to be done, for the message.
        needed: bytes.

    Raises:
        InputError: it does not; the message says what it needs, and what is free.
    """
    free = free_memory()
    if free is not None and needed > free:
        limit = _max_memory.get()
        of = "" if limit is None else f" of the {_size(limit)} that it may take in all"
        raise InputError(f"{path}: needs {_size(needed)} of memory, {_size(free)} are free{of}")


def _size(n_bytes: float) -> str:
    """In the unit in which it shows."""
    unit, name = next((one for one in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if n_bytes >= one[0] / 10), (1, "bytes"))
    return f"{n_bytes / unit:{'.0f' if unit == 1 else '.1f'}} {name}"


@contextmanager
def memory_limit(max_memory: int | None) -> Iterator[None]:
    """Within this block the process may take no more than ``max_memory`` bytes in all, by what ``check_memory`` sees.

    None leaves the limit that there is. No reader has to hand it on to the next.

    Raises:
        InputError: it is no whole number of bytes from 1.
    """
    if max_memory is not None:
        check_whole(max_memory, "max_memory")
    token = _max_memory.set(_max_memory.get() if max_memory is None else max_memory)
    try:
        yield
    finally:
        _max_memory.reset(token)


def limits_memory(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let the keyword ``max_memory`` of a function be its ``memory_limit``."""

    @wraps(function)
    def limited(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        most: Any = kwargs.get("max_memory")
        with memory_limit(most):
            return function(*args, **kwargs)

    return limited


def free_memory() -> int | None:
    """Bytes that this process may still take; None where that is not known.

    The least of what the system, the control groups that the process is in (as a container sets them), its own limit
    on addresses and ``memory_limit`` leave.
    """
    known = []
    with suppress(OSError, ValueError, StopIteration):
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        known.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        with suppress(OSError, ValueError):
            taken = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
            known.append(max(0, limit - taken))
    known += _free_in_groups()
    if (most := _max_memory.get()) is not None:
        with suppress(OSError, ValueError):
            _, resident, shared, *_ = map(int, _STATM.read_text(encoding="ascii").split())
            known.append(max(0, most - (resident - shared) * resource.getpagesize()))
    return min(known, default=None)


def _free_in_groups() -> Iterator[int]:
    """What the control groups leave: the process's own and those around it, of which a container sees its own alone."""
    with suppress(OSError, ValueError):
        for line in _GROUPS.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in {"memory", ""} & set(controllers.split(",")):
                folder, *names = _GROUP_FILES[controller]
                root = _GROUP_ROOT / folder
                own = root / path.lstrip("/")
                for group in (own, *own.parents):
                    if group.is_relative_to(root):
                        yield from _free_in(group, *names)


def _free_in(group: Path, limit: str, use: str, kept: str) -> Iterator[int]:
    with suppress(OSError, ValueError):  # "max", or no limits there
        most, used = (int((group / name).read_text(encoding="ascii")) for name in (limit, use))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        if most >= _NO_LIMIT:
            return
        back = next((int(line.split()[1]) for line in lines if line.startswith(f"{kept} ")), 0)
        yield max(0, most - used + back)


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
