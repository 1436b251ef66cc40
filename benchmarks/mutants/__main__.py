"""``python -m benchmarks.mutants``, with ROOMS, N (mutants of each room), SEED and JOBS from the environment.

Results are kept in build/mutants: a run that was stopped goes on where it was, and one after a change of tests asks the
test first that noticed before. ``known.json`` says how the names of changes begin that no test can see, and the reason.
"""

import difflib
import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from scipy.stats import beta

from benchmarks.mutants import suite
from benchmarks.mutants.changes import Change, apply, changes

_STREAMS = "tests/unit/test_streaming.py"
ROOMS: dict[str, tuple[str, list[str]]] = {
    "scores": ("scores", ["tests/unit/scores", "tests/contracts", _STREAMS]),
    "neighbours": ("neighbours", ["tests/unit/neighbours", _STREAMS]),
    "output": (
        "output",
        ["tests/unit/test_output*.py", "tests/robustness/test_paths.py", "tests/robustness/test_crashes.py"],
    ),
    "records": ("records.py", ["tests/unit/test_records*.py", "tests/robustness/test_records.py"]),
    "auditing": (
        "auditing",
        [
            "tests/unit/auditing",
            "tests/contracts/test_measures.py",
            "tests/unit/neighbours/test_approximate.py",
            _STREAMS,
        ],
    ),
    "training": ("training", ["tests/unit/training", "tests/robustness/test_records.py"]),
}
"""For each room its place in the package and its tests."""

BUILD = Path("build/mutants")


def main() -> None:
    rooms = os.environ.get("ROOMS", "").split() or list(ROOMS)
    usual = {"N": "50", "SEED": "0", "JOBS": "2"}
    n, seed, jobs = (int(os.environ.get(name, default)) for name, default in usual.items())
    if unknown := [room for room in rooms if room not in ROOMS]:
        raise SystemExit(f"ROOMS: unknown name {unknown[0]!r}, choose from {' '.join(ROOMS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what it started ends with it
    BUILD.mkdir(parents=True, exist_ok=True)
    suite.load_libraries()
    lines = []
    for room in rooms:
        lines += report(room, *examine(room, n, seed, jobs))
        (BUILD / f"report-{seed}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def sample(room: str, n: int, seed: int) -> list[Change]:
    """N changes of a room, the first of a shuffled list: a larger n goes on with the same."""
    place = Path("src/mnemoscope", ROOMS[room][0])
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    every = [change for path in paths for change in changes(str(path), path.read_text())]
    random.Random(f"{seed} {room}").shuffle(every)
    return every[:n]


def examine(room: str, n: int, seed: int, jobs: int) -> tuple[list[Change], dict[str, dict[str, str]]]:
    """What became of each change, by its name."""
    places = [path for pattern in ROOMS[room][1] for path in sorted(Path().glob(pattern))]
    files = [str(file) for path in places for file in _tests(path)]
    suite.check_only("mnemoscope." + ROOMS[room][0].removesuffix(".py"))
    state = suite.digest(Path("src"), *places)
    free = [suite.make_copy(BUILD / f"copy-{job}").absolute() for job in range(jobs)]
    place = Path("src/mnemoscope", ROOMS[room][0])
    tests = suite.survey(free[0], place, files, (BUILD / f"{room}-survey.json").absolute(), BUILD / f"{room}.log")
    stored = BUILD / f"{room}.jsonl"
    past = [json.loads(line) for line in stored.read_text().splitlines()] if stored.exists() else []
    found = {one["name"]: one for one in past if one["state"] == state}
    killers = {one["name"]: one["by"] for one in past}
    sampled = sample(room, n, seed)
    waiting = [change for change in sampled if name(change) not in found]
    running: dict[int, tuple[Change, Path]] = {}

    def keep(change: Change, outcome: str, by: str) -> None:
        one = {"name": name(change), "outcome": outcome, "by": by, "state": state, "kind": change.kind}
        found[one["name"]] = one
        with stored.open("a") as file:
            file.write(json.dumps(one) + "\n")
        print(f"{room} {len(sampled) - len(waiting) - len(running)}/{len(sampled)} {outcome} {one['name']}", flush=True)

    try:
        while waiting or running:
            while waiting and free:
                change = waiting.pop(0)
                if not (reach := tests.of(change)):
                    keep(change, "survived", "no test reaches it")
                    continue
                copy = free.pop()
                suite.write_module(copy, change.path, apply(Path(change.path).read_text(), change))
                running[suite.meet(copy, tests, tests.order(reach, change, killers.get(name(change), "")))] = (
                    change,
                    copy,
                )
            ended, status = os.wait()
            change, copy = running.pop(ended)
            free.append(copy)
            suite.write_module(copy, change.path, Path(change.path).read_text())
            keep(change, *suite.outcome(copy, ended, status))
    finally:
        for child in running:
            suite.end(child)
    return sampled, found


def _tests(path: Path) -> list[Path]:
    return sorted(path.rglob("test_*.py")) if path.is_dir() else [path]


def name(change: Change) -> str:
    """A name that stays when lines above move: the module, the changed lines before and after, and which of them."""
    old, new = (text.splitlines() for text in _texts(change))
    words = [line[0] + line[2:].strip() for line in difflib.ndiff(old, new) if line[0] in "-+"]
    earlier = "\n".join(old[: change.lines[0] - 1])
    nth = earlier.count(old[change.lines[0] - 1])
    return f"{change.path.removeprefix('src/mnemoscope/')}: {' '.join(words)}" + (f" #{nth}" if nth else "")


def _texts(change: Change) -> tuple[str, str]:
    source = Path(change.path).read_text()
    return source, apply(source, change)


def report(room: str, sampled: list[Change], found: dict[str, dict[str, str]]) -> Iterator[str]:
    """The share killed of those that can be seen, with its 95 % interval (Clopper-Pearson), and the survivors."""
    known = json.loads(Path(__file__).with_name("known.json").read_text(encoding="utf-8"))
    survivors = [change for change in sampled if found[name(change)]["outcome"] == "survived"]
    reasons = {name(c): why for c in survivors for start, why in known.items() if name(c).startswith(start)}
    alike = [change for change in survivors if name(change) in reasons]
    killed, of = len(sampled) - len(survivors), len(sampled) - len(alike)
    low = beta.ppf(0.025, killed, of - killed + 1) if killed else 0.0
    high = beta.ppf(0.975, killed + 1, of - killed) if killed < of else 1.0
    share = f"{killed / max(of, 1):.0%} ({low:.0%} to {high:.0%})"
    yield f"## {room}: {killed} of {of} killed, {share}; {len(alike)} more that no test can see\n"
    for change in survivors:
        if name(change) not in reasons:
            old, new = (text.splitlines() for text in _texts(change))
            path, line = change.path, change.lines[0]
            shown = "\n".join(list(difflib.unified_diff(old, new, lineterm="", n=1))[3:])
            yield f"{path}:{line} ({change.kind}) {found[name(change)]['by']}\n\n```diff\n{shown}\n```\n"
    for change in alike:
        yield f"{name(change)}\n    {reasons[name(change)]}\n"


if __name__ == "__main__":
    main()
