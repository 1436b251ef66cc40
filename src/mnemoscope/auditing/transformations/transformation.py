"""What a copier may have done to a training item, searched on request.

A copy is T(x) for a training item x and some T of a family: its flips, its shifts, and so on. The distance of a sample
to x is then the smallest over the family, and d1 and d2 are the two smallest of these over the training items. Two ways
lead there:

- **Variants.** A finite family is searched one map at a time: T(x) for every training item, the identity first. Each
  map costs one search, and T is applied to the training items, not undone on the samples: a crop or a blur cannot be
  undone, and a shift has lost pixels. Samples and held-out items go through the same search, so that a null says how
  often honest data meet some variant by chance.
- **Embedding.** Where one function e, applied to samples and training items alike, makes a copy and its original
  coincide, one search among e(x) replaces all members of the family, however many.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeAlias

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.data.stored import read_stored
from mnemoscope.reading import check_memory

Map: TypeAlias = Callable[[Array], Array]
"""From items, shape ``(n, *event)``, to as many; each depends on its own item only."""

Event: TypeAlias = tuple[int, ...]


def no_maps(event_shape: Event) -> tuple[Map, ...]:  # noqa: ARG001
    """The family of a transformation that works by its embedding alone."""
    return ()


def unchanged(items: Array) -> Array:
    """The embedding of a transformation that works by its variants alone."""
    return items


@dataclass(frozen=True)
class Transformation:
    """A family of maps, an embedding, or both.

    Both act on blocks of items as well as on all of them, so that a memory map is read in blocks. The search for
    ``queries`` in a block of training items is

        for variant in (block, *t.variants(block)): search(t.embed(queries), t.embed(variant))

    Attributes:
        name: as a person asked for it, ``shifts:2``.
        maps: for an event shape the maps of the family without the identity; raises ``InputError`` for shapes that the
            transformation makes no sense for.
        embedding: applied to queries, training items and their variants alike; items may come out in another shape.
    """

    name: str
    maps: Callable[[Event], tuple[Map, ...]] = field(default=no_maps, repr=False, compare=False)
    embedding: Map = field(default=unchanged, repr=False, compare=False)

    def n_variants(self, event_shape: Event) -> int:
        """Number of variants of an item, the identity not among them: the cost, in searches beyond the first.

        Raises:
            InputError: the transformation makes no sense for items of this shape.
        """
        return len(self.maps(event_shape))

    def variants(self, items: Array) -> Iterator[Array]:
        """The items under each map of the family in turn, one array in memory at a time; without the identity.

        Args:
            items: shape ``(n, *event)``, any real dtype. Maps that only move values keep it; those that interpolate
                give float64 for float64 and wide integers, float32 for all else.

        Returns:
            Arrays of the shape of ``items``.

        Raises:
            InputError: the transformation makes no sense for items of this shape, or its variants do not fit into
                memory.
        """
        maps = self.maps(items.shape[1:])
        check_memory(f"transformations {self.name}", len(maps) and 2 * items.nbytes)
        stored = read_stored(items) if maps else items
        return (transform(stored) for transform in maps)

    def embed(self, items: Array) -> Array:
        """The items, shape ``(n, *event)``, where copies and originals coincide; themselves if there is no embedding.

        Raises:
            InputError: the transformation makes no sense for items of this shape.
        """
        return self.embedding(items if self.embedding is unchanged else read_stored(items))


def union(transformations: Sequence[Transformation]) -> Transformation:
    """All of their variants, one after the other (not their products), under all of their embeddings in turn."""

    def maps(event_shape: Event) -> tuple[Map, ...]:
        return tuple(one for transformation in transformations for one in transformation.maps(event_shape))

    def embedding(items: Array) -> Array:
        return reduce(lambda found, transformation: transformation.embed(found), transformations, items)

    return Transformation(" ".join(one.name for one in transformations), maps, embedding)


def floating(items: Array) -> Array:
    """The items in the floating type that interpolation needs, without a copy where they have it."""
    return items.astype(np.result_type(items.dtype, np.float32).newbyteorder("="), copy=False)
