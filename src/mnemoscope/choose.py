"""Things that are chosen by name: processes, networks, measures, activations, studies."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from mnemoscope.errors import InputError

Value = TypeVar("Value")


def choose(name: str, table: Mapping[str, Value], what: str) -> Value:
    """The entry of ``table`` called ``name``.

    Args:
        name: as a person wrote it.
        table: every known name.
        what: what such a name is of, as the error calls it: ``process``, ``--network``.

    Raises:
        InputError: there is none; the message lists the names that there are.
    """
    check_name(name, table, what)
    return table[name]


def check_name(name: str, names: Collection[str], what: str) -> None:
    """The same where a name stands for itself.

    Raises:
        InputError: ``name`` is not one of ``names``; the message lists them.
    """
    if name not in names:
        raise InputError(f"{what}: unknown name {name!r}, choose one of {', '.join(names) or '(none)'}")
