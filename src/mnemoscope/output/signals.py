"""Signals that ask a process to stop: as Ctrl-C does, and never between two steps that belong together."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_by() -> Iterator[list[int]]:
    """Let every signal that asks to stop raise ``KeyboardInterrupt``; those that came are listed, the first one first.

    Signals that are ignored (``nohup``, jobs in the background) stay so, and so do handlers that somebody else set.
    """
    came: list[int] = []

    def stop(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in STOPS} if _handles_signals() else {}
    ours = {number: handler for number, handler in before.items() if handler in usual}
    try:
        for number in ours:
            signal.signal(number, stop)
        yield came
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off signals that ask to stop until the block has ended: for steps that belong together, and take no time."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in STOPS} if _handles_signals() else {}
    ours = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in ours:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _handles_signals() -> bool:
    """Whether this is the thread in which Python runs handlers, the only one that may set any."""
    return threading.current_thread() is threading.main_thread()
