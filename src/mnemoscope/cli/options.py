"""What several commands share: options, how they are read, and results on stdout."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope.errors import InputError
from mnemoscope.text import json_text, one_line, printable

if TYPE_CHECKING:
    from rich.table import Table

DATA = (
    "'digits', .npy, .npz, .pt, .safetensors, zarr, an IDX file, a zip or tar of images, a folder of images, arrays or "
    "tar shards, or hf:NAME[:SPLIT[:COLUMN]]."
)

LARGEST_SEED = 2**63 - 1
LARGEST_COUNT, LARGEST_WIDTH = 10**9, 2**20
SMALLEST, LARGEST = 1e-30, 1e30
"""Of the theory's numbers: beyond, double precision runs out in the products of several."""

Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=LARGEST_SEED)]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]


def noise_draws_of(text: str) -> float:
    """The number of noise draws m, or inf.

    Raises:
        InputError: neither a whole number nor ``inf``.
    """
    try:
        return math.inf if text == "inf" else int(text)
    except ValueError:
        raise InputError(f"noise_draws must be a whole number or inf, got {text!r}") from None


def print_json(value: Any) -> None:
    """Exactly one JSON object on stdout."""
    typer.echo(json_text(value))


def print_line(text: str, *, err: bool = False) -> None:
    """One line, as long as it is, on stdout or stderr."""
    typer.echo(one_line(text, None), err=err)


def print_rich(value: "Table | str") -> None:
    """A table, or a line that rich breaks; what looks like markup or an emoji's code is text like any other."""
    from rich.console import Console
    from rich.text import Text

    class Printable(Console):
        """Every text, cells as well, comes through here, whatever is printed."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable(text), **options)

    shown = one_line(value, None) if isinstance(value, str) else value
    Printable(markup=False, emoji=False).print(shown, highlight=False)
