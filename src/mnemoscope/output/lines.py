"""The error of what cannot be written."""

from pathlib import Path

from mnemoscope.errors import OutputError


def cannot(what: str, path: Path, error: OSError | ValueError) -> OutputError:
    """The error that what was to be done with ``path`` cannot be."""
    return OutputError(f"{path}: cannot {what} ({getattr(error, 'strerror', None) or error})")
