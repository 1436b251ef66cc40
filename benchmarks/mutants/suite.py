"""Which tests reach a line, and whether one of them notices a change there.

Every run is a fork of this process, which has the heavy libraries already (but never mnemoscope itself), so that a
mutant costs its tests and little more.
"""

import contextlib
import functools
import gc
import hashlib
import importlib
import json
import math
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import coverage
import jaxtyping
import pytest

from benchmarks.mutants.changes import Change

LIBRARIES = (
    *("accelerate", "beartype", "diffusers", "hypothesis", "jinja2", "matplotlib.pyplot", "numcodecs", "pandas"),
    *("PIL.Image", "pydantic", "rich.console", "scipy.stats", "sklearn.neighbors", "sklearn.mixture", "torch"),
    *("torchdiffeq", "typer.testing", "xarray", "zarr"),
)
_CACHED = type(functools.cache(len))
_INSTALL = jaxtyping.install_import_hook
SECONDS, PATIENCE, MEMORY = 90.0, 20.0, 8 * 2**30
"""Recorded seconds of tests that one mutant meets at most, further ones for each, and bytes that it may take."""


@dataclass
class Suite:
    """The tests of one room.

    Attributes:
        seconds: how long each test takes, in the order in which they run.
        reached: the tests that reach a line of a module (``path:line``).
    """

    seconds: dict[str, float] = field(default_factory=dict)
    reached: dict[str, list[str]] = field(default_factory=dict)

    def of(self, change: Change) -> list[str]:
        """The tests that reach a change; where it is made once, when the module is loaded, those that reach its use."""
        tests = self._through(change.path, range(change.lines[0], change.lines[1] + 1))
        if "" in tests:
            every = {t for where, some in self.reached.items() if where.startswith(f"{change.path}:") for t in some}
            tests = self._through(change.path, _uses(change)) - {""} or every
        return [test for test in self.seconds if test in tests]

    def _through(self, path: str, lines: Iterable[int]) -> set[str]:
        return {test for line in lines for test in self.reached.get(f"{path}:{line}", ())}

    def order(self, tests: Iterable[str], change: Change, killer: str) -> list[str]:
        """What is likely to notice first, then the cheap, file by file; what passes ``SECONDS`` is left out."""
        cost: dict[str, float] = {}
        for test in tests:
            cost[_file(test)] = cost.get(_file(test), 0.0) + self.seconds[test]
        stem = Path(change.path).stem
        files = sorted(cost, key=lambda f: (f != _file(killer), stem not in f, cost[f]))
        chosen, total = [], 0.0
        for test in sorted(tests, key=lambda t: (t != killer, files.index(_file(t)))):
            total += self.seconds[test]
            if total <= SECONDS or not chosen:
                chosen.append(test)
        return chosen


def _uses(change: Change) -> list[int]:
    """The lines of a module that name what a statement sets; none if it sets nothing that has names."""
    text, (first, last) = Path(change.path).read_text(encoding="utf-8").splitlines(), change.lines
    if not (found := re.match(r"\s*(\w+(?:, \w+)*)(?::[^=]*)? = ", text[first - 1])):
        return []
    used = re.compile(rf"\b({found[1].replace(', ', '|')})\b")
    return [n for n, line in enumerate(text, 1) if not first <= n <= last and used.search(line)]


def load_libraries() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # the forks need not look through the libraries


def check_only(module: str) -> None:
    """Let the tests check shapes in this module or package alone: in all of them that is most of a run's time."""
    jaxtyping.install_import_hook = lambda _, checker: _INSTALL(module, checker)


def digest(*folders: Path) -> str:
    """Of all Python files there."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def survey(copy: Path, room: Path, files: list[str], cache: Path, log: Path) -> Suite:
    """Which lines each test of a room reaches, over the unchanged package; of files that are as they were, once."""
    states = {file: digest(room, Path(file)) for file in files}
    known = json.loads(cache.read_text()) if cache.exists() else {}
    if changed := [file for file in files if known.get(file, {}).get("state") != states[file]]:
        found = _reached(copy, room, changed, cache, log)
        for file in changed:
            seconds = {test: each for test, each in found.seconds.items() if _file(test) == file}
            own = {"", *seconds}  # "": when the module is loaded
            reached = {where: sorted(own.intersection(tests)) for where, tests in found.reached.items()}
            known[file] = {"state": states[file], "seconds": seconds, "reached": reached}
        cache.write_text(json.dumps(known))
    suite = Suite({})
    for file in files:
        suite.seconds |= known[file]["seconds"]
        for where, some in known[file]["reached"].items():
            suite.reached.setdefault(where, []).extend(some)
    return suite


def _reached(copy: Path, room: Path, files: list[str], cache: Path, log: Path) -> Suite:
    data, seconds = cache.with_suffix(".coverage"), cache.with_suffix(".seconds")
    options = ["--cov=mnemoscope", "--cov-context=test", "--cov-report="]
    os.environ["COVERAGE_FILE"] = str(data)
    child = start(copy, log, lambda: pytest.main([*files, *_QUIET, *options], plugins=[_Recorder(seconds)]))
    try:
        _, status = os.waitpid(child, 0)
    finally:
        end(child)
    if status:
        raise SystemExit(f"the tests do not pass without any change: {log}")
    suite = Suite(json.loads(seconds.read_text()))
    found = coverage.CoverageData(str(data))
    found.read()
    for path in found.measured_files():
        name = str(Path(path).relative_to(copy))
        if not name.startswith(str(room)):
            continue
        for line, contexts in found.contexts_by_lineno(path).items():
            suite.reached[f"{name}:{line}"] = sorted({test for c in contexts for test in _served(c, suite)})
    return suite


def _served(context: str, suite: Suite) -> list[str]:
    """The tests that see what was computed in a context: of a fixture that a file's tests have in common, all."""
    test, _, phase = context.rpartition("|")
    if phase == "setup" and 'scope="' in Path(_file(test)).read_text(encoding="utf-8"):
        return [other for other in suite.seconds if _file(other) == _file(test)]
    return [test]


def meet(copy: Path, suite: Suite, tests: list[str]) -> int:
    """Run these tests, in this order, over the package in ``copy``; the process's id."""
    files = list(dict.fromkeys(map(_file, tests)))
    killed_by = copy / "killed-by"
    killed_by.unlink(missing_ok=True)
    chosen = _Chosen({test: suite.seconds[test] for test in tests}, killed_by)
    return start(copy, copy / "log", lambda: pytest.main([*files, *_QUIET, "-x"], plugins=[chosen]), limited=True)


def outcome(copy: Path, child: int, status: int) -> tuple[str, str]:
    """Whether a run ended with a failure, and in which test or how."""
    end(child)  # what it may have started
    if status == 0:
        return "survived", ""
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise SystemExit(f"none of the chosen tests was there: {copy / 'log'}")
    by = copy / "killed-by"
    return "killed", by.read_text() if by.exists() else f"status {status}: " + (copy / "log").read_text()[-200:]


def start(copy: Path, log: Path, work: Callable[[], int], *, limited: bool = False) -> int:
    """A fork of this process, in a group of its own, whose mnemoscope is that of ``copy``."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 3
    try:
        os.setsid()
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        if limited:
            _limit(PATIENCE)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.path.insert(0, str(copy / "src"))
        os.environ["PYTHONPATH"] = str(copy / "src")
        code = int(work())
        sys.stdout.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _limit(seconds: float) -> None:
    """End this process after so many seconds more of the processor, or ten times as many of waiting."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds), resource.RLIM_INFINITY))
    signal.alarm(math.ceil(10 * seconds))


def end(child: int) -> None:
    """End a run and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def write_module(copy: Path, path: str, text: str) -> None:
    """Write one module of a copy, with a time that no compiled version of it has."""
    (copy / path).write_text(text, encoding="utf-8")
    now = time.time_ns()
    os.utime(copy / path, ns=(now, now - 10**9 * (now // 1000 % 10**8)))


def make_copy(target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree("src", target / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return target


# That an assertion fails is enough, without its values.
_QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=line", "--assert=plain")


def _file(test: str) -> str:
    return test.partition("::")[0]


class _Recorder:
    """Writes how long each test took, alone: what an earlier one left in a cache is computed, and reached, anew."""

    def __init__(self, path: Path) -> None:
        self.path, self.seconds = path, {}

    def pytest_runtest_setup(self) -> None:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in ("tests", "mnemoscope"):
                for value in list(vars(module).values()):
                    if isinstance(value, _CACHED):
                        value.cache_clear()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.seconds))


class _Chosen:
    """Runs some tests in a given order, each for no longer than it may take, and writes which failed."""

    def __init__(self, seconds: dict[str, float], killed_by: Path) -> None:
        self.seconds, self.killed_by = seconds, killed_by
        self.place = {test: n for n, test in enumerate(seconds)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.place), key=lambda i: self.place[i.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        _limit(PATIENCE + 4 * self.seconds[nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.killed_by.write_text(report.nodeid)
