"""Where trials are computed: in this process, or by Dask (``cluster``), which only then must be installed."""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.sweeps.attempt import Outcome, TrialBatch, attempt
from mnemoscope.sweeps.certificates import Certificates

Execute: TypeAlias = Callable[[Sequence[TrialBatch], Path, int], Generator[Outcome]]
"""Computes batches in the store of that directory, with so many retries; outcomes come as they are ready."""


def execute(
    batches: Sequence[TrialBatch],
    root: Path,
    retries: int,
    scheduler: str | None,
    certificates: Certificates | None = None,
) -> Generator[Outcome]:
    """Compute batches wherever ``scheduler`` says; outcomes come as they are ready, in any order.

    Args:
        batches: what to compute.
        root: the store's directory, the same path on every machine.
        retries: how often a trial that fails is tried again.
        scheduler: as ``check_scheduler`` passed it.
        certificates: for a scheduler at an address.

    Raises:
        InputError: the scheduler cannot be had, or has no GPU for trials that need one.
        OutputError: a result cannot be written.
        MissingExtraError: a trial needs what is not installed.
    """
    gpu_share = max(trial.gpu_share for batch in batches for trial in batch)
    with executor(scheduler, certificates, gpu_share) as run:
        yield from run(batches, root, retries)


@contextmanager
def executor(
    scheduler: str | None, certificates: Certificates | None = None, gpu_share: float = 0.0
) -> Iterator[Execute]:
    """What computes batches there, for as long as the block lasts: a cluster is started or connected to once.

    Raises:
        InputError: the scheduler cannot be had, or has no GPU for trials that need such a share of one.
    """
    if scheduler is None:
        yield _execute_here
        return
    from mnemoscope.sweeps.cluster import connect, hand_out  # only here is Dask needed

    with connect(scheduler, gpu_share, certificates) as client:
        yield partial(hand_out, client)


def _execute_here(batches: Sequence[TrialBatch], root: Path, retries: int) -> Generator[Outcome]:
    for batch in batches:
        yield from attempt(batch, root, retries)


def check_scheduler(scheduler: str | None, certificates: Certificates | None = None) -> None:
    """Refuse what cannot name a scheduler, before anything is done.

    Raises:
        InputError: neither None, ``local:N`` with N >= 1, nor an address; or certificates that cannot be read, or where
            nothing is encrypted with them.
        MissingExtraError: Dask is needed and not installed, or what makes the certificates of ``local:N``.
    """
    if certificates is not None:
        certificates.check(scheduler)
    if scheduler is None:
        return
    if not re.fullmatch(r"local:0*[1-9]\d*|\w+://.+", scheduler):
        raise InputError(f"scheduler: needs local:N with N >= 1, or an address like tls://HOST:PORT, got {scheduler!r}")
    optional("distributed", "sweeps")
    if scheduler.startswith("local:"):
        optional("cryptography", "sweeps")
