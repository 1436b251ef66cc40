"""What ``python -m benchmarks kills`` starts, and how it tells whole results from torn ones."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from unittest import mock

import numpy as np
from tests.unit.studies import toy_study

from mnemoscope.demo import DemoResult, DemoSpec
from mnemoscope.demo import run as demo_run
from mnemoscope.studies import STUDIES
from mnemoscope.sweeps.stored import parse_trial

Run = Callable[..., tuple[float, int, list[str]]]
HIDDEN_TABLE = ".results.zarr-"


@dataclass
class Case:
    """A command that writes.

    Attributes:
        name: what to call it.
        command: its words; ``{sets}`` is the folder of the data sets, ``{out}`` where the result goes.
        parts: patterns, within the output's folder, of the files that make up the one result.
        over: the words that made the result that is there before; None where there is none.
        again: further words for the run after the kill.
        plain: whether a new Python can run it.
        grows: whether its files are results one by one, such as checkpoints and trials.
    """

    name: str
    command: str
    parts: tuple[str, ...]
    over: str | None = None
    again: str = ""
    plain: bool = True
    grows: bool = False
    patched: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
    seconds: float = 0.0
    _home: Path = field(default_factory=Path)
    _before: dict[str, str] = field(default_factory=dict)
    _whole: list[dict[str, str]] = field(default_factory=list)

    def rehearse(self, home: Path, run: Run) -> None:
        """Run undisturbed, to know how long it takes and what whole results are."""
        self._home = home
        _make_sets(home / "sets")
        with self.patched():
            pass  # what it prepares is there before processes are made
        template = home / f"template of {self.name}"
        template.mkdir()
        if self.over is not None:
            old, self.command = self.command, self.over
            assert run(self, template)[1] in (0, 1)
            self.command = old
            self._whole.append(self._marks(template))
        whole = home / f"whole {self.name}"
        self.prepare(whole)
        self.seconds, code, complaints = run(self, whole)
        assert code in (0, 1), (self.name, complaints)
        self._whole.append(self._marks(whole))
        shutil.rmtree(whole)

    def words(self, place: Path, *, again: bool = False) -> list[str]:
        words = f"{self.command} {self.again if again else ''}".split()
        return [word.format(sets=self._home / "sets", out=place / "out") for word in words]

    def prepare(self, place: Path) -> None:
        """Make the folder as it is before the command."""
        shutil.copytree(self._home / f"template of {self.name}", place, symlinks=True)
        self._before = self._marks(place)

    def entries(self, place: Path) -> set[tuple[str, int]]:
        """What lies there now, with its sizes."""
        found = set()
        for path in place.rglob("*"):
            with contextlib.suppress(OSError):
                found.add((str(path), path.lstat().st_size))
        return found

    def inspect(self, place: Path, *, dead: bool, done: bool = False) -> list[str]:
        """What is wrong: ``dead`` after SIGKILL, ``done`` after the command ran again."""
        marks, found = self._marks(place), []
        if self.grows:
            lost = [name for name in self._before if name not in marks]
            changed = [name for name in self._before.keys() & marks.keys() if marks[name] != self._before[name]]
            wrong = [n for n in marks if marks[n] != self._whole[-1].get(n, marks[n]) and n not in self._before]
            found += [f"lost: {name}" for name in lost] + [f"torn: {name}" for name in changed + wrong]
            self._before = marks
        elif marks not in self._whole and (marks or self.over is not None):
            found.append(f"{'torn' if marks else 'lost'}: {marks} is none of {self._whole}")
        # A training that is stopped leaves a checkpoint more, of the step that it had come to.
        missing = self._whole[-1].items() - marks.items() if self.grows else marks.items() ^ self._whole[-1].items()
        if done and missing:
            found.append(f"lost: ends with {sorted(missing)}")
        return found if dead else found + self._leftovers(place)

    def is_whole(self, place: Path) -> bool:
        """Whether the result is there."""
        return self._marks(place) == self._whole[-1]

    def _marks(self, place: Path) -> dict[str, str]:
        """For each file of the result what tells it from the same file of another result."""
        paths = sorted({path for part in self.parts for path in place.glob(part)})
        return {path.relative_to(place).as_posix(): _mark(path) for path in paths}

    def _leftovers(self, place: Path) -> list[str]:
        known = {path for part in self.parts for path in place.glob(part)}
        out = place / "out"
        if self.grows and (known or (out / "sweep.json").exists()):
            names = (
                "run.json",
                "sweep.json",
                "lock",
                "results.zarr",
                "trials",
                "failed",
                "summary.json",
                "report.html",
            )
            known |= {out / name for name in names} | {out / "figures", *out.glob("figures/*.[sp][vn]g")}
            tables = list(out.glob(f"{HIDDEN_TABLE}*"))
            known |= set(tables) if len(tables) == 1 else set()
        known |= {parent for path in known for parent in path.parents}
        inside = [path for path in known if path.name.startswith(("step-", HIDDEN_TABLE))]
        left = [
            path.relative_to(place).as_posix()
            for path in place.rglob("*")
            if path not in known and not any(path.is_relative_to(folder) for folder in inside)
        ]
        return [f"leftovers: {' '.join(sorted(left)[:6])}"] if left else []


def _mark(path: Path) -> str:
    """What the report is of, since no two pages have the same bytes; of anything else its content."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return sha256("".join(_mark(file) for file in files).encode()).hexdigest()[:8]
    content = path.read_bytes()
    if path.suffix == ".html":
        text = content.decode()
        if not text.rstrip().endswith("</html>"):
            return "half"
        return "new" if "new.npy" in text or "61 samples" in text else "old"
    if path.name == "report.json":
        about = json.loads(content)
        return "new" if "new.npy" in json.dumps(about) or about.get("spec", {}).get("n_samples") == 61 else "old"
    if path.parent.name == "trials":  # whose seconds differ
        variables = parse_trial(path, path.stem, content).variables
        return sha256(repr(sorted(variables.items())).encode()).hexdigest()[:8]
    return sha256(content).hexdigest()[:8]


def _make_sets(folder: Path) -> None:
    if folder.exists():
        return
    folder.mkdir()
    for name, n in (("train", 400), ("old", 150), ("new", 150)):
        np.save(folder / f"{name}.npy", np.random.default_rng(n + len(name)).normal(size=(n, 24)).astype(np.float32))


@contextlib.contextmanager
def _toy() -> Iterator[None]:
    with mock.patch.dict(STUDIES, {"toy": f"{toy_study.__name__}:Toy"}):
        yield


@contextlib.contextmanager
def _demo() -> Iterator[None]:
    """The demo with its models trained already, as small as they may be: what is left is pages and writing."""
    with mock.patch.object(demo_run, "_compute", return_value=_demo_result()):
        yield


@cache
def _demo_result() -> DemoResult:
    return demo_run._compute(DemoSpec(n_few=12, steps=4, looks=2, n_samples=61, width=8), False)


PAIR = ("out/report.*",)
AUDIT, SAMPLE = (
    "audit {sets}/new.npy {sets}/train.npy --out {out}",
    "sample empirical:{sets}/train.npy --n 150 --n-steps 16 --out",
)
TRAIN = "train {sets}/train.npy --network mlp --width 16 --batch-size 16 --out {out} --checkpoint-every 3 --steps"
FEATURES = "train {sets}/train.npy --network random-features --width 50 --noise-draws 5 --out {out}"
CASES = (
    Case("audit", AUDIT, PAIR),
    Case("audit --force", f"{AUDIT} --force", PAIR, AUDIT.replace("new.npy", "old.npy")),
    Case("sample", f"{SAMPLE} {{out}}.npy", ("out.npy*",)),
    Case("sample over another", f"{SAMPLE} {{out}}.npy", ("out.npy*",), f"{SAMPLE} {{out}}.npy --seed 1"),
    Case("train", f"{TRAIN} 15", ("out/checkpoints/step-*",), None, "--resume", grows=True),
    Case("train --resume", f"{TRAIN} 24 --resume", ("out/checkpoints/step-*",), f"{TRAIN} 9", grows=True),
    Case("train random-features", FEATURES, ("out/*.safetensors", "out/run.json"), None, "--resume"),
    Case("demo", "demo --out {out}", PAIR, plain=False, patched=_demo),
    Case("study", "study run toy --out {out}", ("out/trials/[0-9a-f]*",), plain=False, patched=_toy, grows=True),
)
