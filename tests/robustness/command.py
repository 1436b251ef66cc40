"""The real ``main()`` in this process, for the tests here and for ``python -m benchmarks fuzz``."""

import contextlib
import io
import sys
import warnings
from collections.abc import Sequence
from typing import NamedTuple
from unittest import mock

from mnemoscope.cli import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """Lines on stderr that are not a progress bar's."""
        bars = ("━", "----", "-:--:--")  # the last of one that has not begun
        return [line for line in self.err.splitlines() if line.strip() and not any(bar in line for bar in bars)]


def run(arguments: Sequence[str], encoding: str = "utf-8") -> Ran:
    """Run a command with consoles of an encoding; whatever ``main`` lets pass but ``SystemExit`` passes here, too."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    with (
        mock.patch.object(sys, "argv", ["mnemoscope", *arguments]),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
        warnings.catch_warnings(),
    ):
        # A grid of a step or two is a user's own business here, and a warning no complaint.
        warnings.filterwarnings("ignore", r"[\w-]+: (a grid of \d+ steps does not|the samples differ by)", UserWarning)
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    texts = []
    for stream in streams:
        stream.flush()
        # To a stream of ASCII typer writes UTF-8, rich keeps to ASCII, which is UTF-8, too.
        texts.append(stream.buffer.getvalue().decode("utf-8" if encoding == "ascii" else encoding))
    return Ran(code, *texts)
