"""Damaged files through ``load`` and through the command line: ``python -m benchmarks fuzz``.

MNEMOSCOPE_FUZZ says how many inputs (20,000), MNEMOSCOPE_FUZZ_SEED with which seed (0); MNEMOSCOPE_FUZZ_LOG names a
file for what went wrong. Every fortieth input goes through a command. Memory is limited to what the process has at the
start and 2 GB more; an input that takes more than 20 seconds of the processor, or two minutes in all, is a hang.
"""

import os
import resource
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tests.robustness.command import run
from tests.robustness.damage import KINDS, SOURCES, SUFFIXES, Damage, write_damaged

from benchmarks.timing import row
from mnemoscope.data import load
from mnemoscope.errors import InputError

MEMORY = 2 * 10**9
PROCESSOR_SECONDS, SECONDS = 20, 120
COMMANDS = (
    ("sample", "empirical:{data}", "--n", "2", "--n-steps", "1", "--out", "{folder}/new.npy"),
    ("predict", "--data", "{data}", "--psi-p", "2", "--time", "0.1", "--ridge", "0.1"),
    ("audit", "{data}", "digits", "--out", "{folder}/new"),
    ("audit", "digits", "{data}", "--out", "{folder}/new"),
    ("audit", "{data}", "{data}", "--out", "{folder}/new"),
)


class HangError(BaseException):
    """An input that takes too long; nothing in between takes it for an error of the file."""


def rows() -> Iterator[dict[str, object]]:
    n, seed = int(os.environ.get("MNEMOSCOPE_FUZZ", "20000")), int(os.environ.get("MNEMOSCOPE_FUZZ_SEED", "0"))
    log = os.environ.get("MNEMOSCOPE_FUZZ_LOG")
    load("digits")  # what every input needs is there before memory is limited
    run(["predict", "--data", "digits", "--psi-p", "1", "--time", "1", "--ridge", "1"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts: Counter[str] = Counter()
    rng = np.random.default_rng(seed)
    signal.signal(signal.SIGALRM, _hang)
    signal.signal(signal.SIGPROF, _hang)
    warnings.simplefilter("always")  # a command says one line, warnings included
    with _limited():
        for index in range(n):
            outcome = _one(rng, through_command=index % 40 == 0)
            counts[outcome.partition(":")[0]] += 1
            if log and outcome not in ("read", "refused"):
                with Path(log).open("a", encoding="utf-8") as file:
                    file.write(f"{index} {outcome}\n")
    for outcome in ("read", "refused"):
        yield row(f"fuzz: {outcome} of {n} inputs, seed {seed}", counts[outcome], None, True)
    for outcome in ("traceback", "long or wrong line", "half-written", "hang"):
        yield row(f"fuzz: {outcome}", counts[outcome], 0, counts[outcome] == 0)
    peak = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    yield row("fuzz: peak memory beside the libraries, GB", peak / 1e9, 2, peak <= MEMORY)


def _one(rng: np.random.Generator, *, through_command: bool) -> str:
    name = str(rng.choice(list(SOURCES)))
    suffix = str(rng.choice(SUFFIXES)) if rng.random() < 0.1 else None
    damages = [
        Damage(str(rng.choice(KINDS)), float(rng.random()), int(rng.integers(10**6))) for _ in range(rng.geometric(0.6))
    ]
    said = f"{name} {suffix} {damages}"
    with tempfile.TemporaryDirectory() as folder:
        source = write_damaged(Path(folder), name, damages, suffix)
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
        signal.alarm(SECONDS)
        try:
            if through_command:
                return _command(folder, source, COMMANDS[rng.integers(len(COMMANDS))], said)
            load(source)
        except InputError as error:
            text = str(error)
            fine = text.startswith(source) and "\n" not in text and len(text) <= len(source) + 400
            return "refused" if fine else f"long or wrong line: {said} {text}"
        except HangError:
            return f"hang: {said}"
        except BaseException:
            return f"traceback: {said} {traceback.format_exc()}"
        finally:
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        return "read"


def _command(folder: str, source: str, words: tuple[str, ...], said: str) -> str:
    before = set(Path(folder).iterdir())
    ran = run([word.format(data=source, folder=folder) for word in words])
    if ran.code not in (0, 1, 2):
        return f"traceback: {words} {said} {ran.err}"
    new = {path.name for path in set(Path(folder).iterdir()) - before}
    if ran.code == 2:
        if new:
            return f"half-written: {words} {said} {new}"
        if len(ran.complaints) != 1 or len(ran.complaints[0]) > 500 or ran.out:
            return f"long or wrong line: {words} {said} {ran}"
        return "refused"
    return "read"


def _hang(*_: object) -> None:
    raise HangError


@contextmanager
def _limited() -> Iterator[None]:
    """Limit this process's memory, and give it back: other benchmarks may follow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
