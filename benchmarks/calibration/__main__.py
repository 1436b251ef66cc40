"""The command line of the simulation; a run that was interrupted goes on where it stopped."""

import argparse
import json
import platform
import re
import time
from pathlib import Path

import numpy as np
import scipy
import torch

from benchmarks.calibration.laws import CASES, COPIES
from benchmarks.calibration.simulate import Store, run
from benchmarks.calibration.tables import KINDS, markdown, summary
from mnemoscope import __version__


def main() -> None:
    arguments = _arguments()
    store = Store(arguments.store)
    cases = {
        case: -(-arguments.repetitions // 5) if case in COPIES else arguments.repetitions
        for case in CASES
        if not arguments.laws or any(words in case for words in arguments.laws)
    }
    start = time.perf_counter()
    for case in run(store, cases, arguments.processes):
        print(f"{time.perf_counter() - start:7.0f} s  {case}", flush=True)
    found = summary(store, arguments.repetitions)
    versions = {
        "mnemoscope": __version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "torch": torch.__version__,
    }
    machine = {"processes": arguments.processes, "python": platform.python_version(), "gpu": "none"}
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps({"versions": versions, **machine, **found}, indent=1) + "\n", "utf-8")
    page = out / "README.md"
    text = page.read_text("utf-8") if page.exists() else "".join(f"<!-- {kind} -->\n<!-- end -->\n" for kind in KINDS)
    for kind in KINDS:
        table = "\n".join([f"<!-- {kind} -->", "", *markdown(found, kind), "", "<!-- end -->"])
        text = re.sub(f"<!-- {kind} -->.*?<!-- end -->", lambda _, table=table: table, text, flags=re.DOTALL)
    page.write_text(text, "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument(
        "--repetitions", type=int, default=1000, help="of each case; a fifth of them where power is measured"
    )
    parser.add_argument("--laws", nargs="*", default=[], help="words of the names of cases; all if left out")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--store", type=Path, default=Path("build/calibration"), help="where repetitions are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/results/calibration"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
