"""What every source is: how it is recognised, and how it becomes a data set."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import NOT_NAMED, Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.errors import InputError
from mnemoscope.text import listed, one_name


@dataclass(frozen=True)
class Look:
    """What headers say of a data set.

    Attributes:
        shape: shape ``(n_samples, *event)``.
        n_bytes: that it takes in memory; 0 for what stays in its file.
    """

    shape: tuple[int, ...]
    n_bytes: int


_PARAMETERS = (".weight", ".bias", ".running_mean", ".running_var", ".num_batches_tracked", "lora_A", "lora_B")


class Source(ABC):
    """One kind of place that data sets come from.

    A source reads all that it holds, or counts in a ``Census`` what it passes over and by which rule, or refuses.
    """

    reads: ClassVar[str]
    """In words, for errors and help."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Of its files' names, in lower case."""
    keyed: ClassVar[bool] = False
    """Whether ``PLACE:KEY`` names one of several arrays."""

    def recognises(self, where: Any) -> bool:
        """Whether this source reads what is there: a path that exists, a name that is none, or an object."""
        return isinstance(where, Path) and where.name.lower().endswith(self.suffixes) and where.is_file()

    def look(self, where: Any, key: str | None) -> Look | None:
        """What ``read`` would give, by headers alone; None where they do not tell.

        Raises:
            InputError: as ``read``, for what is wrong with the headers.
        """
        return None

    @abstractmethod
    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        """The data set.

        Args:
            where: what was recognised.
            key: the name after the colon, where one was given.
            options: the form in which pictures are asked for; arrays are brought to it by ``load``.

        Raises:
            InputError: what cannot be read, in one line that names the file.
        """


class ArrayFile(Source):
    """A file of one or several arrays of which one is read, chosen by its key."""

    @abstractmethod
    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        """The array, and the count of those that are there."""

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        values, census = self.array(where, key)
        return Dataset(values, str(where), notes=census.notes(), source=census.to_dict())


def pick(path: Path, keys: list[str], key: str | None) -> tuple[str, Census]:
    """The key of the array to read, and the count of those that are there.

    Raises:
        InputError: no such key, or several arrays and none named; the weights of a model are called that.
    """
    if key is None and len(keys) != 1:
        if is_model(keys):
            raise InputError(
                f"{path}: holds the weights of a model ({len(keys)} tensors such as {keys[0]}), not data: audit "
                f"samples that were drawn from it"
            )
        raise _unnamed(path, keys, f"holds {len(keys)} arrays")
    if key is not None and key not in keys:
        raise _unnamed(path, keys, f"has no array {one_name(repr(key))}")
    chosen = keys[0] if key is None else key
    census = Census("arrays")
    census.read()
    for other in keys:
        if other != chosen:
            census.pass_over(other, NOT_NAMED)
    return chosen, census


def is_model(keys: list[str]) -> bool:
    """Whether arrays of these names are the weights of a model."""
    return len(keys) > 1 and 2 * sum(key.endswith(_PARAMETERS) for key in keys) > len(keys)


def _unnamed(path: Path, keys: list[str], wrong: str) -> InputError:
    return InputError(f"{path}: {wrong}; name one as {path.name}:KEY among {listed(sorted(keys)) or '(none)'}")
