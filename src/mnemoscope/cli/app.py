"""The command ``mnemoscope`` and its entry point."""

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from mnemoscope._version import __version__
from mnemoscope.cli.audit import audit
from mnemoscope.cli.compare import compare
from mnemoscope.cli.demo import demo
from mnemoscope.cli.model import sample, train
from mnemoscope.cli.predict import predict
from mnemoscope.cli.study import app as study_app
from mnemoscope.errors import MnemoscopeError

app = typer.Typer(name="mnemoscope", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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


for command in (demo, audit, compare, train, sample, predict):
    app.command()(command)
app.add_typer(study_app, name="study")


def main() -> None:
    """Entry point: errors made by the user become one line on stderr and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except (TyperException, MnemoscopeError) as error:
        text = error.format_message() if isinstance(error, TyperException) else str(error)
        if text:  # nothing where the help was printed for want of a command
            typer.echo(f"mnemoscope: {' '.join(text.split())}", err=True)
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("mnemoscope: interrupted", err=True)
        code = 130
    sys.exit(code)
