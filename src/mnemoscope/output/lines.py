"""The error of what cannot be written."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from mnemoscope.errors import MnemoscopeError, OutputError
from mnemoscope.text import one_line


def cannot(what: str, path: Path, error: Exception) -> OutputError:
    """The error that what was to be done with ``path`` cannot be."""
    return OutputError(f"{path}: cannot {what} ({getattr(error, 'strerror', None) or error})")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write ``path`` within this block: what the disk refuses becomes one line about it.

    Raises:
        OutputError: no space, read-only, no permission, too long a name.
    """
    try:
        yield
    except MnemoscopeError:  # names its culprit already
        raise
    except OSError as error:
        raise cannot("be written", path, error) from None
    except SafetensorError as error:  # which quotes what the system said, in words that vary with its version
        said = re.search(r'(?:message: "|error: )([^":(]+?)(?:"| \(os error)', str(error))
        raise cannot("be written", path, OSError(said[1] if said else one_line(str(error), 200))) from None
