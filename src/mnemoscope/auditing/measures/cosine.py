"""Cosine similarity to the nearest training item, for features of unit length."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from mnemoscope.auditing.measures.base import Geometry, Measure, Search
from mnemoscope.errors import InputError

_UNIT = 1e-3


@dataclass(frozen=True)
class CosineDistance(Measure):
    """1 − cos to the nearest training item, which is d1²/2 between items of unit length.

    Somepalli et al. (2023) call a similarity above 0.5 of SSCD features a copy, that is a distance below 0.5; Pizzi et
    al. (2022), who trained SSCD, and others use up to 0.75, a distance below 0.25.

    Raises:
        InputError: a threshold outside (0, 2).
    """

    threshold: float = 0.5

    name: ClassVar[str] = "cosine"
    scale_free: ClassVar[bool] = False
    limits: ClassVar[str] = (
        "cosine: means something only for the features of a network trained for copy detection, scaled to unit length, "
        "and sees what that network sees: resizing, antialiasing and JPEG of its inputs change it"
    )

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 2:
            raise InputError(f"cosine: the threshold must lie in (0, 2), got {self.threshold}")

    def scores(self, search: Search) -> Float[np.ndarray, " items"]:
        """d1²/2.

        Raises:
            InputError: items that are not of unit length.
        """
        lengths = np.linalg.norm(search.items.reshape(len(search.items), -1).astype(np.float64), axis=1)
        wrong = np.flatnonzero(np.abs(lengths - 1) > _UNIT)
        if len(wrong):
            raise InputError(
                f"cosine: needs features of unit length, but item {wrong[0]} has length {lengths[wrong[0]]:.3g}"
            )
        return np.asarray(search.nearest.distances[:, 0] ** 2 / 2)

    def rule(self, geometry: Geometry) -> str:  # noqa: ARG002
        """The rule in words."""
        return f"cosine similarity to the nearest training item > {1 - self.threshold:.3g}"
