"""Progress bars for long work: on stderr, and only where a caller asked for them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from mnemoscope.text import one_line

Item = TypeVar("Item")

_LONGEST = 60


@contextmanager
def progress_bar(description: str, total: int, *, enabled: bool = True) -> Iterator[Callable[[], None]]:
    """A bar with a count and an estimate of the time left; what it yields advances it by one."""
    if not enabled:
        yield lambda: None
        return
    # A fifth of a second to import: only those who show a bar pay for it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(one_line(description, _LONGEST), total=total)
        yield lambda: bar.advance(task)


def track(items: Sequence[Item], description: str, *, enabled: bool = True) -> Iterator[Item]:
    """Iterate over ``items`` under a progress bar."""
    with progress_bar(description, len(items), enabled=enabled) as advance:
        for item in items:
            yield item
            advance()
