"""Look before you read: what the headers of several sources say, compared with each other and with memory.

``load`` compares the header of one source with its bytes and with memory. Sources that are to be used together must
also have items of one shape, and fit into memory together: both are known before the first value is decoded.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnemoscope.data.dataset import Dataset
from mnemoscope.data.files import load, split_key
from mnemoscope.data.first_bytes import told_apart
from mnemoscope.data.options import shape_remedy
from mnemoscope.data.sources import Look, source_of
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory, limits_memory, reading


def look(source: Any) -> Look | None:
    """What ``load`` would give for a source, by its headers alone; None where they do not tell.

    Raises:
        InputError: as ``load``, for what is wrong with the headers.
    """
    if not isinstance(source, str | Path):
        return None
    with reading(source):
        where, key = split_key(str(source))
        if isinstance(where, str) or not where.exists():
            return None
        with reading(where):
            found = source_of(where, str(where))
            if where.is_dir():
                return found.look(where, key)
            with told_apart(where), reading(where):
                return found.look(where, key)


@limits_memory
def load_together(
    sources: Mapping[str, Any], *, max_memory: int | None = None, progress: bool = False, **how: Any
) -> dict[str, Dataset]:
    """Load data sets that are to be compared, after a look at all of them.

    Args:
        sources: as ``load`` takes them, by what they are called in errors; None for a set that there is not. The others
            are compared with the first. They come back by the same names.
        max_memory: as of ``load``, for all of them together.
        progress: show bars.
        how: the form in which ``load`` is to bring pictures, and what columns of tables are declared to be: where the
            first is a table, the others are read by its schema. With ``value_range``, which sets of floating point
            have, all are brought to the value range of the first.

    Raises:
        InputError: event shapes that differ (axes of size one do not matter), sets that do not fit into memory
            together, a value range where no set is of floating point, or whatever ``load`` raises.
    """
    del max_memory  # it is in force already
    given = {what: source for what, source in sources.items() if source is not None}
    # Headers do not tell of another form.
    formed = how.get("resize") is not None or how.get("channels") is not None
    looks = {} if formed else {what: seen for what, each in given.items() if (seen := look(each)) is not None}
    first, *others = looks or [""]
    for what in others:
        shape, expected = looks[what].shape[1:], looks[first].shape[1:]
        if [size for size in shape if size != 1] != [size for size in expected if size != 1]:
            remedy = shape_remedy(shape, expected)
            raise InputError(
                f"{given[what]}: {what} has event shape {shape}, but {given[first]} has {expected}{remedy}"
            )
    check_memory(", ".join(str(given[what]) for what in looks), sum(seen.n_bytes for seen in looks.values()))
    sets: dict[str, Dataset] = {}
    for what, source in given.items():
        sets[what] = load(source, progress=progress, **how)
        if len(sets) == 1 and sets[what].schema is not None:
            how["schema"] = sets[what].schema  # rows of the others become vectors as those of the first
    if how.get("value_range") is None or not sets:
        return sets
    if not any(data.array.dtype.kind == "f" for data in sets.values()):
        raise InputError("value_range: no set is of floating point, whose numbers do not tell their range")
    target = next(iter(sets.values())).value_range
    return {what: data.rescaled(target) for what, data in sets.items()}
