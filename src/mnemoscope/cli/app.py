"""The command ``mnemoscope`` and its entry point."""

import errno
import os
import signal
import sys
import tempfile
import traceback
import warnings
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.exceptions import TyperException

from mnemoscope._version import __version__
from mnemoscope.cli.advise import advise
from mnemoscope.cli.audit import audit
from mnemoscope.cli.card import card
from mnemoscope.cli.compare import compare
from mnemoscope.cli.demo import demo
from mnemoscope.cli.halves import halves
from mnemoscope.cli.model import train
from mnemoscope.cli.predict import predict
from mnemoscope.cli.sample import sample
from mnemoscope.cli.study import app as study_app
from mnemoscope.errors import MnemoscopeError
from mnemoscope.output import stopped_by
from mnemoscope.reading import out_of_memory
from mnemoscope.text import one_line

_INTERRUPTED = 128 + signal.SIGINT
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

app = typer.Typer(name="mnemoscope", no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"mnemoscope {__version__}")
        raise typer.Exit
    return asked  # the option's value is what its callback returns


@app.callback()
def mnemoscope(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Does a score-based diffusion model memorize its training data, why, and what would stop it?"""


for command in (demo, audit, compare, card, halves, advise, train, sample, predict):
    app.command()(command)
app.add_typer(study_app, name="study")


def main() -> None:
    """Entry point: what the user can mend becomes one line on stderr and exit code 2, and nothing a bare traceback.

    What is left, a defect, is one line too, with exit code 70: 1 says that what was checked does not hold, and a gate
    must not take a crash for that verdict.
    """
    with stopped_by() as stops:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a console that lacks a character still gets its verdict
                stream.reconfigure(errors="backslashreplace")
        try:
            code = _run()
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            # Who is stopped while a library is loaded may see its error in place of the signal.
            code = _said(KeyboardInterrupt() if stops else error)
        if code == _INTERRUPTED and stops:
            code = 128 + stops[0]
    sys.exit(code)


def _said(error: BaseException) -> int:
    """The exit code for what went wrong, which was said in one line."""
    if isinstance(error, TyperException | MnemoscopeError):
        text = error.format_message() if isinstance(error, TyperException) else str(error)
        if text:  # nothing where the help was printed for want of a command
            _complain(text)
        return 2
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        _complain("interrupted")
        return _INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Whoever read the results has read enough; as the system ends such a process.
        _discard_stdout()
        return 128 + signal.SIGPIPE
    if isinstance(error, OSError) and error.errno in _NO_SPACE and error.filename is None:  # files have their names
        _discard_stdout()
        _complain(f"stdout: cannot be written ({error.strerror})")
        return 2
    if out_of_memory(error):
        _complain("there is not enough memory for this: make its numbers or its data smaller")
        return 2
    _complain(f"internal error, {type(error).__name__}: {_keep_details(error)} (please report it)")
    return os.EX_SOFTWARE


def _run() -> int:
    """The command's exit code; what typer takes for its own business is raised here as what it was."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: _complain(f"warning: {message}")  # and no lines of code
            # What joblib finds on a full disk when scikit-learn loads it; nothing here is computed by it.
            warnings.filterwarnings("ignore", "(?s).*joblib will operate in serial mode")
            code = app(standalone_mode=False)
    except SystemExit as stopped:
        if isinstance(stopped.__context__, BrokenPipeError):  # where typer exits with 1, a verdict's code
            raise stopped.__context__ from None
        raise
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return code or 0


def _complain(text: str) -> None:
    with suppress(OSError):  # with stderr gone, the exit code is what can still be said
        typer.echo(one_line(f"mnemoscope: {text}"), err=True)


def _keep_details(error: BaseException) -> str:
    """Write the traceback to a file with a name that nobody can foretell; what to say of it."""
    try:
        handle, path = tempfile.mkstemp(prefix="mnemoscope-", suffix=".txt", text=True)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError as error:
        return f"its details cannot be written ({error.strerror})"
    return f"its details are in {path}"


def _discard_stdout() -> None:
    """What is left in stdout's buffer goes nowhere, in place of into the broken pipe when the process ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
