"""Classes and groups: labels of the training items and of the held-out ones.

*Groups* are items that belong together: one patient, one video, one original with its augmentations. They are the units
of the closeness test, and honest items of one group do not count as independent ones. *Classes* are strata: where train
and held-out set were split class by class, labels are exchangeable within a class only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Int

from mnemoscope.data import Dataset
from mnemoscope.data.arrays import ArrayLike, as_array
from mnemoscope.errors import InputError
from mnemoscope.text import one_name

LabelKind: TypeAlias = Literal["classes", "groups"]

SOURCE = "source"
"""In place of labels: those that the sets have from where they were read."""

_NAMED = 3


@dataclass(frozen=True)
class Labels:
    """One label for each reference item.

    Attributes:
        names: of the labels, in order.
        train: for each training item the place of its label in ``names``.
        holdout: the same for the held-out items.
    """

    names: tuple[str, ...]
    train: Int[np.ndarray, " n_train"]
    holdout: Int[np.ndarray, " n_holdout"]

    @classmethod
    def of(
        cls, values: Sequence[Any] | ArrayLike | str, train: Dataset, holdout: Dataset | None, what: LabelKind
    ) -> "Labels":
        """Labels that are given, or by the word ``source`` those that the sets have from their sources.

        Raises:
            InputError: as ``read``; another word, or a set whose source has none.
        """
        sets = [train] if holdout is None else [train, holdout]
        if isinstance(values, str):
            if values != SOURCE:
                raise InputError(
                    f"{what}: is a label for each item, or {SOURCE!r}; mnemoscope.data.load_labels reads files"
                )
            found: list[str] = []
            for data in sets:
                labels = data.classes if what == "classes" else data.groups
                if labels is None:
                    raise InputError(f"{data.name}: its source has no {what}: give {what} of your own")
                found += labels
            values = found
        return cls.read(values, train.n_samples, 0 if holdout is None else holdout.n_samples, what)

    @classmethod
    def read(cls, values: Sequence[Any] | ArrayLike, n_train: int, n_holdout: int, what: str) -> "Labels":
        """Labels of the training items, followed by those of the held-out items.

        Args:
            values: shape ``(n_train + n_holdout,)``, numbers or strings.
            n_train: number of training items.
            n_holdout: number of held-out items.
            what: how errors call the labels, ``classes`` or ``groups``.

        Raises:
            InputError: another number of labels, or another shape.
        """
        labels = as_array(values, what)
        if labels.dtype.kind not in "biufUS":
            raise InputError(f"{what}: needs numbers or texts, got dtype {labels.dtype}")
        if labels.shape != (n_train + n_holdout,):
            raise InputError(
                f"{what}: needs one label for each of {n_train} training items and then of {n_holdout} held-out items, "
                f"shape ({n_train + n_holdout},), got {labels.shape}"
            )
        names, codes = np.unique(labels, return_inverse=True)
        return cls(tuple(str(name) for name in names.tolist()), codes[:n_train], codes[n_train:])

    def counts(self, rows: Int[np.ndarray, " rows"]) -> dict[str, int]:
        """How many of these training items have each label."""
        counts = np.bincount(self.train[rows], minlength=len(self.names))
        return dict(zip(self.names, counts.tolist(), strict=True))

    def check_apart(self, what: str) -> None:
        """That no label is on both sides.

        Raises:
            InputError: some are; the first are named.
        """
        both = np.intersect1d(self.train, self.holdout)
        if len(both):
            named = ", ".join(one_name(repr(self.names[code])) for code in both[:_NAMED])
            raise InputError(
                f"{what}: {len(both)} of them are in train and in the held-out set: {named}"
                f"{', …' if len(both) > _NAMED else ''}; hold out whole groups"
            )
