"""What goes into one line."""

from pathlib import Path

from mnemoscope.errors import OutputError


def one_line(text: str, limit: int = 500) -> str:
    """Text as a terminal may show it: one line, nothing that steers a terminal, the middle left out if it is long."""
    words = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)
    if len(shown) <= limit:
        return shown
    return f"{shown[: limit // 2 - 2]} … {shown[-(limit - limit // 2 - 1) :]}"


def cannot(what: str, path: Path, error: OSError | ValueError) -> OutputError:
    """The error that what was to be done with ``path`` cannot be."""
    return OutputError(f"{path}: cannot {what} ({getattr(error, 'strerror', None) or error})")
