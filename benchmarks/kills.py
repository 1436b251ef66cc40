"""Commands killed at random moments: ``python -m benchmarks kills [--kills N] [--seed S]``.

Every command that writes is started in a process of its own (a fork of this one, which has its libraries loaded
already; one in ten a new Python) and stopped by SIGKILL, SIGTERM, SIGINT, or by a limit on the size of files, which is
what a full disk looks like to it. Half of the signals come at any moment of its usual duration, half soon after it has
written something. Then its folder is inspected, the command runs again undisturbed, and the folder is inspected again:

    torn        some files of a result without the others, or beside those of another result, or changed ones
    lost        a result, checkpoint or trial that was there before is there no more
    leftovers   anything but results: after SIGTERM, SIGINT or a full disk at once, after SIGKILL when it ran again
    wrong end   another exit code than 0, 1 (not for a signal that came in time), 2 on a full disk, 130 and 143, or
                another number of lines on stderr than one
"""

import argparse
import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.crashing import CASES, Case
from benchmarks.timing import row
from mnemoscope.cli import main

FAULTS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, "disk")
LIBRARIES = (
    *(
        "accelerate",
        "matplotlib.backends.backend_svg",
        "pandas",
        "sklearn.neighbors",
        "torch._dynamo",
        "xarray",
        "zarr",
    ),
    *(f"mnemoscope.{room}" for room in ("auditing.reports.page", "demo.page", "studies.findings", "training")),
)
"""What commands load when they need it, loaded here once."""

MEMORY = Path("/dev/shm")
"""Where nothing waits for a disk."""

SECONDS = 120
LARGEST_FILE = 200_000
"""Bytes; the largest files of these commands are a little smaller."""


def rows() -> Iterator[dict[str, object]]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kills")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(sys.argv[2:])
    counts: Counter[str] = Counter()
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        place = Path(folder)
        for case in CASES:
            case.rehearse(place, _run)
        for index in range(given.kills):
            rng = np.random.default_rng([given.seed, index])
            case, fault = CASES[index % len(CASES)], FAULTS[index // len(CASES) % len(FAULTS)]
            found = _strike(case, fault, place / f"{index}", rng)
            counts[f"{case.name} {fault}"] += 1
            for complaint in found:
                counts[complaint.partition(":")[0]] += 1
                print(f"\n{index} {case.name} {getattr(fault, 'name', fault)}: {complaint}", file=sys.stderr)
            shutil.rmtree(place / f"{index}", ignore_errors=True)
            print(f"\r{index + 1} of {given.kills}", end="", file=sys.stderr, flush=True)
    yield row(f"kills over {len(CASES)} commands, seed {given.seed}", given.kills, None, True)
    for complaint in ("torn", "lost", "leftovers", "wrong end"):
        yield row(f"kills: {complaint}", counts[complaint], 0, counts[complaint] == 0)


def _strike(case: Case, fault: "signal.Signals | str", place: Path, rng: np.random.Generator) -> list[str]:
    case.prepare(place)
    child = _start(case, place, rng)
    soon = rng.random() < 0.5
    if fault == "disk":
        size = int(LARGEST_FILE ** rng.random())
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (size, size))
    else:
        if soon:
            before = case.entries(place)
            while child.running() and case.entries(place) == before:
                time.sleep(0.0005)
            time.sleep(rng.random() ** 3 * 0.2)
        else:
            child.wait(rng.random() * 1.1 * case.seconds)
        child.signal(fault)
    code = child.wait(SECONDS)
    if code is None:
        child.signal(signal.SIGKILL)
        child.wait(SECONDS)
        return ["wrong end: hangs"]
    found = case.inspect(place, dead=fault == signal.SIGKILL)
    found += _wrong_end(fault, code, child.complaints(), fresh=child.fresh)
    there = case.is_whole(place)
    again = _start(case, place, np.random.default_rng(2), again=True)  # never a new Python
    code = again.wait(SECONDS)
    said = again.complaints()
    # What appeared before the signal came is whole, and nothing writes over it unasked.
    refused = there and code == 2 and all("exists" in line for line in said)
    if code not in (0, 1) and not refused:
        found.append(f"lost: it does not run again: {code} {said}")
    return found + case.inspect(place, dead=False, done=True)


def _wrong_end(fault: "signal.Signals | str", code: int, complaints: list[str], *, fresh: bool) -> list[str]:
    if fault == signal.SIGKILL or code in (0, 1) or (fresh and code in (-signal.SIGTERM, -signal.SIGINT)):
        return []
    expected = 2 if fault == "disk" else 128 + int(fault)
    if code == expected and len(complaints) == 1 and len(complaints[0]) <= 500:
        return []
    return [f"wrong end: {code} {complaints[-3:]}"]


class _Child:
    """A process that runs a command."""

    def __init__(self, pid: int, said: int, *, fresh: bool) -> None:
        self.pid, self.said, self.fresh = pid, said, fresh
        self.code: int | None = None

    def running(self) -> bool:
        return self.wait(0) is None

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None if it runs on."""
        give_up = time.monotonic() + seconds
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= give_up:
                break
            else:
                time.sleep(0.0005)
        return self.code

    def signal(self, number: int) -> None:
        if self.running():
            os.kill(self.pid, number)

    def complaints(self) -> list[str]:
        with os.fdopen(self.said, encoding="utf-8", errors="replace") as file:
            text = file.read().replace("\r", "\n")
        return [line for line in text.splitlines() if line.startswith(("mnemoscope:", "Traceback", "Exception"))]


def _start(case: Case, place: Path, rng: np.random.Generator, *, again: bool = False) -> _Child:
    said, says = os.pipe()  # no file: its size would be limited, too
    words = case.words(place, again=again)
    if case.plain and rng.random() < 0.1:
        pid = subprocess.Popen([sys.executable, "-m", "mnemoscope", *words], stdout=says, stderr=says).pid
        os.close(says)
        return _Child(pid, said, fresh=True)
    pid = os.fork()
    if not pid:
        os.close(said)
        _become(case, words, says)
    os.close(says)
    return _Child(pid, said, fresh=False)


def _run(case: Case, place: Path, *, again: bool = False) -> tuple[float, int, list[str]]:
    """Undisturbed: seconds, exit code and complaints."""
    start = time.monotonic()
    child = _start(case, place, np.random.default_rng(2), again=again)
    code = child.wait(10 * SECONDS)
    assert code is not None
    return time.monotonic() - start, code, child.complaints()


def _become(case: Case, words: list[str], says: int) -> None:
    code: object = 70
    try:
        os.dup2(says, 1)
        os.dup2(says, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False, encoding="utf-8") for number in (1, 2))
        sys.argv = ["mnemoscope", *words]
        with case.patched():
            main()
    except SystemExit as stopped:
        code = stopped.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = code or 70
        os._exit(int(code or 0))  # type: ignore[call-overload]
