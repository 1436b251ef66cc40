"""Without any extra: what a plain install must do, and the one line that says what the rest needs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from mnemoscope.data import load_digits
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import VariancePreserving
from mnemoscope.training import TrainingSpec, train_run

EXTRAS = {
    "diffusers": "train",
    "accelerate": "train",
    "torchdiffeq": "train",
    "dask": "sweeps",
    "distributed": "sweeps",
}
"""Module → the extra that installs it."""

WORKS = {
    "audit": "audit digits digits --out audited",
    "predict": "predict --psi-n 4 --psi-p 2 --time 0.1 --ridge 1e-3 --json",
    "closed form": "sample empirical:digits --n 4 --n-steps 4 --out a.npy --regularizer tikhonov:0.1",
    "sde": "sample empirical:digits --n 4 --n-steps 4 --out b.npy --solver sde",
    "adaptive": "sample empirical:digits --n 4 --out d.npy --solver adaptive",
    "trained": "sample run --n 4 --n-steps 4 --out c.npy",
    "list": "study list",
}
LACKS = {
    "diffusers": "train digits --out new --network unet --steps 1",
    "accelerate": "train digits --out new --network mlp --steps 1",
    "torchdiffeq": "study run regularization --only symmetric --out swept",
    "distributed": "study run deep-limits --out new --scheduler local:2",
}
"""Module → a command that needs it; only that module is absent then. A sweep may keep the folder that it goes on in."""

SCRIPT = """
import contextlib, io, json, sys
from mnemoscope.cli import main

def call(blocked, line):
    sys.modules.update(dict.fromkeys(blocked))  # importing a module that is None there fails as if it were absent
    sys.argv = ["mnemoscope", *line.split()]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
    for name in blocked:
        del sys.modules[name]
    return int(code or 0), out.getvalue(), err.getvalue()

json.dump([call(*case) for case in json.load(sys.stdin)], sys.stdout)
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("plain")
    data = load_digits().take(np.arange(40), "digits")
    spec = NetworkSpec("mlp", data.event_shape, {"width": 8})
    train_run(data, VariancePreserving(), spec, TrainingSpec(steps=2, batch_size=4), made / "run")
    return made


@pytest.fixture(scope="module")
def ran(folder: Path) -> dict[str, Ran]:
    cases = {line: (list(EXTRAS), line) for line in WORKS.values()} | {
        line: ([name], line) for name, line in LACKS.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(list(cases.values())),
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return {line: Ran(*result) for line, result in zip(cases, json.loads(done.stdout), strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("case", WORKS)
def test_a_plain_install_does(case: str, ran: dict[str, Ran]) -> None:
    assert ran[WORKS[case]].code == 0, ran[WORKS[case]].err


@pytest.mark.slow
@pytest.mark.parametrize("module", LACKS)
def test_a_missing_extra_is_one_line(module: str, ran: dict[str, Ran], folder: Path) -> None:
    told = ran[LACKS[module]]
    assert (told.code, told.out) == (2, "")
    *bars, line = told.err.strip().splitlines()  # a study has begun to show its bars
    assert line.strip() == f"mnemoscope: {module} is not installed: pip install 'mnemoscope[{EXTRAS[module]}]'"
    assert not bars or LACKS[module].startswith("study run regularization")
    assert not list(folder.glob("*new*")), "nothing half-written"
