"""What several commands share: options, how they are read, and results on stdout."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope.errors import InputError
from mnemoscope.reading import memory_limit
from mnemoscope.text import json_text, one_line, printable

if TYPE_CHECKING:
    from rich.table import Table

DATA = (
    "'digits', .npy, .npz, .pt, .safetensors, zarr, an IDX file, a zip or tar of images, a folder of images, arrays or "
    "tar shards, a table (.csv, .tsv, .parquet), or hf:NAME[:SPLIT[:COLUMN]]."
)

PIPELINE = "the folder of a diffusers pipeline (model_index.json)"

LARGEST_SEED = 2**63 - 1
LARGEST_COUNT, LARGEST_WIDTH = 10**9, 2**20
SMALLEST, LARGEST = 1e-30, 1e30
"""Of the theory's numbers: beyond, double precision runs out in the products of several."""

Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=LARGEST_SEED)]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]


Scheduler = Annotated[
    str | None, typer.Option(help="local:N for N processes, or a Dask scheduler such as tls://HOST:8786.")
]
TlsCa = Annotated[
    Path | None, typer.Option(help="For tls://: certificate (PEM) of the authority that signed all others.")
]
TlsCert = Annotated[Path | None, typer.Option(help="For tls://: certificate of this process.")]
TlsKey = Annotated[Path | None, typer.Option(help="For tls://: its private key.")]


def certificates_of(ca: Path | None, cert: Path | None, key: Path | None) -> tuple[Path, Path, Path] | None:
    """All three files, or none.

    Raises:
        InputError: one is missing; it is named.
    """
    given = {"--tls-ca": ca, "--tls-cert": cert, "--tls-key": key}
    if ca is not None and cert is not None and key is not None:
        return ca, cert, key
    if any(file is not None for file in given.values()):
        missing = next(option for option, file in given.items() if file is None)
        raise InputError(f"{missing}: is missing: certificates take {', '.join(given)}")
    return None


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def _limit_memory(context: Any, text: str | None) -> str | None:
    """The limit holds for as long as the command runs."""
    context.with_resource(memory_limit(None if text is None else bytes_of(text)))
    return text


MaxMemory = Annotated[
    str | None,
    typer.Option(
        help="Memory that this may take in all, as 8GB or 500MiB (from 1 byte); what the machine and its limits leave "
        "if left out. What cannot fit is refused before it starts.",
        callback=_limit_memory,
    ),
]


NSteps = Annotated[
    int | None,
    typer.Option(help="Steps of the sampler; 64, of a pipeline its own, if left out.", min=1, max=LARGEST_COUNT),
]
BatchSize = Annotated[
    int | None,
    typer.Option(help="Samples computed at once; 1024, of a pipeline 64, if left out.", min=1, max=LARGEST_COUNT),
]
ClassLabel = Annotated[
    list[str] | None,
    typer.Option(
        help="Of a conditional run: the class to sample, all of them if left out. Of a class-conditional pipeline: a "
        "number from 0; of several, samples take turns."
    ),
]
Prompt = Annotated[
    list[str] | None, typer.Option(help="Of a text-conditional pipeline; of several, samples take turns.")
]


def conditions_of(class_label: list[str] | None, prompt: list[str] | None) -> dict[str, list[Any]] | None:
    """The conditions that were given for a pipeline, as it calls them.

    Raises:
        InputError: a class that is no number.
    """
    if wrong := [label for label in class_label or [] if not re.fullmatch(r"[0-9]{1,9}", label)]:
        raise InputError(f"--class-label of a pipeline must be a whole number from 0 to 999999999, got {wrong[0]!r}")
    given: dict[str, list[Any]] = {"class_labels": [int(label) for label in class_label or []], "prompt": prompt or []}
    return {name: values for name, values in given.items() if values} or None


def bytes_of(text: str) -> int:
    """A number of bytes: ``500MB``, ``8GiB``, ``1e9``.

    Raises:
        InputError: it is none, or less than one byte.
    """
    found = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?) ?([kmgt]?i?)b?", text.strip().lower(), re.ASCII)
    try:
        size = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    except (ValueError, KeyError, OverflowError):
        size = 0
    if size < 1:
        raise InputError(f"--max-memory must be a number of bytes from 1, as 8GB or 500MiB, got {text!r}")
    return size


def noise_draws_of(text: str, most: float) -> float:
    """The number of noise draws m, or inf.

    Raises:
        InputError: neither a whole number from 1 to ``most`` nor ``inf``.
    """
    try:
        draws = math.inf if text == "inf" else int(text)
    except ValueError:
        draws = 0
    if draws != math.inf and not 1 <= draws <= most:
        raise InputError(f"--noise-draws must be a whole number from 1 to {most:g} or inf, got {text!r}")
    return draws


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
