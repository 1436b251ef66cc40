"""What several commands share: options, how they are read, and results on stdout."""

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

DATA = "'digits', .npy, .npz, .safetensors, an image folder, an IDX file or a folder of them."

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
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_rich(value: "RenderableType") -> None:
    """A table, or text whose colours and line breaks are rich's business."""
    from rich.console import Console

    Console().print(value, highlight=False)
