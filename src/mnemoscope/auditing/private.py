"""Items that a report may point at without naming them.

A private report holds aggregates only. Where an item must be told from another it stands as HMAC-SHA256 of its digest,
under a key that is drawn anew for each report and is not in it: who has the key and the item finds the item, who has
the report alone finds nothing, not even by guessing the item. The order of what is listed so is that of the hashes.

A count of one to nine may point at a person: for a class it is left out, and bins of a histogram are merged until each
holds none or at least ten of either set; the outermost have no end, since an end would be one item's distance. The
numbers of copies and of identical samples, which the verdict rests on, stay.
"""

import hmac
import secrets
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from mnemoscope.auditing.repeats import Repeated
from mnemoscope.data.arrays import Array
from mnemoscope.data.dataset import Dataset

FEWEST = 10
"""Items, at least, in a bin of a histogram that is not empty."""

Bins: TypeAlias = tuple[Float[np.ndarray, " kept"], Int[np.ndarray, "2 bins"]]


def new_key() -> bytes:
    """A random key of 256 bits."""
    return secrets.token_bytes(32)


def item_hashes(items: Dataset | Array, key: bytes) -> list[str]:
    """How a private report with this key writes each of these items, shape ``(items, *event)``."""
    array = items.array if isinstance(items, Dataset) else items
    return [hmac.digest(key, digest.tobytes(), "sha256").hex() for digest in Repeated(array).digests]


def keyed(text: str, key: bytes) -> str:
    """The same for a text, as a fingerprint, which would confirm a guess of the whole set."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def merged_bins(
    first: Float[np.ndarray, " items"], second: Float[np.ndarray, " others"], edges: Float[np.ndarray, " edges"]
) -> Bins:
    """Counts of both between the edges, merged until each bin holds none or at least ten of either.

    What lies beyond the outermost edges counts in the outermost bins. The edges that stay come with the counts.
    """
    clipped = [np.clip(values, edges[0], edges[-1]) for values in (first, second)]
    counts = np.stack([np.histogram(values, edges)[0] for values in clipped])
    kept: list[float] = [float(edges[0])]
    columns: list[Int[np.ndarray, " 2"]] = []
    running = np.zeros(2, dtype=np.int64)
    for edge, column in zip(edges[1:], counts.T, strict=True):
        running = running + column
        if _told(running):
            kept.append(float(edge))
            columns.append(running)
            running = np.zeros(2, dtype=np.int64)
    while not _told(running) and columns:
        running = running + columns.pop()
        kept.pop()
    if running.any():
        columns.append(running)
        kept.append(float(edges[-1]))
    return np.array(kept), np.stack(columns, axis=1)


def _told(counts: Int[np.ndarray, " 2"]) -> bool:
    return bool(np.all((counts == 0) | (counts >= FEWEST)))
