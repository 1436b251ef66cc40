"""How an audit searches neighbours: at once, in shards, or approximately."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mnemoscope.auditing.nearest import NeighbourSearch
from mnemoscope.choose import check_name
from mnemoscope.errors import InputError
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.neighbours.approximate import FAISS_IVF, ApproximateSearch
from mnemoscope.pages import percent


@contextmanager
def searching(
    shards: str | Path | None,
    scheduler: str | None,
    certificates: tuple[str | Path, ...] | None,
    device: torch.device,
    approximate: str | None,
) -> Iterator[NeighbourSearch]:
    """What is called as ``nearest_neighbours``, as ``audit`` was asked to.

    Raises:
        InputError: what was asked for does not go together, or as ``sharded_search``.
        MissingExtraError: an approximate search without faiss.
    """
    if approximate is not None:
        check_name(approximate, (FAISS_IVF,), "approximate")
        if shards is not None or scheduler is not None or device.type != "cpu":
            raise InputError(
                "approximate searches run in this process, on the CPU: leave out shards, scheduler, device"
            )
        yield ApproximateSearch()
        return
    if shards is None:
        if scheduler is not None or certificates is not None:
            raise InputError("scheduler needs shards: a folder that its workers see, for what they have found")
        yield partial(nearest_neighbours, device=device)
        return
    if device.type != "cpu":
        raise InputError(f"device: {device} is for a search in this process; workers take the device that they have")
    from mnemoscope.auditing.shards import sharded_search  # tables of sweeps take half a second

    with sharded_search(shards, scheduler=scheduler, certificates=certificates) as search:
        yield search


def recall_of(search: NeighbourSearch) -> dict[str, Any]:
    """How much an approximate search has found, for the settings that reports repeat; nothing of an exact one."""
    return {"approximate": search.recall.to_dict()} if isinstance(search, ApproximateSearch) else {}


def recall_sentence(provenance: dict[str, Any]) -> str:
    """The same in words, to follow the verdict."""
    found = provenance.get("approximate")
    if found is None:
        return ""
    if not found["queries"]:
        return " All neighbours were searched exactly: there are too few training items to approximate."
    return (
        f" Neighbours were searched approximately ({found['method']}): of {found['queries']:,} items that were also "
        f"searched exactly the nearest was found for {percent(found['recall_nearest'])}, and "
        f"{percent(found['recall'])} of all neighbours; copies may be missed."
    )
