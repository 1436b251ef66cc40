"""Every kind of page and report, of fixed data: prints the SHA-256 of each. Run by ``test_same_bytes.py``."""

import contextlib
import hashlib
import io
import sys
from pathlib import Path

import numpy as np

from mnemoscope.auditing import audit
from mnemoscope.cli import main
from mnemoscope.data import Dataset, load_digits
from mnemoscope.demo import DemoSpec, run_demo
from mnemoscope.studies.findings import run_study
from tests.unit.studies.toy_study import Toy


def write_all(folder: Path) -> None:
    train, rest = load_digits().split(300, seed=0)
    rows = np.arange(300)
    made = np.concatenate([train.array[:20], rest.array[:100]])
    samples = Dataset(made, "made", train.value_range, tuple(f"{i}.png" for i in range(len(made))))
    holdout, classes = rest.take(rows[100:]), [f"class {i % 7}" for i in range(train.n_samples + 200)]
    statistics = ["distance-ratio", "ct"]
    audit(samples, train, holdout=holdout, measures=statistics, classes=classes).save(folder / "audit")
    audit(rest.take(rows[:100], "honest"), train).save(folder / "honest")
    run_demo(folder / "demo", DemoSpec(n_few=12, steps=2, looks=2, n_samples=60, width=8))
    run_study(Toy(), folder / "study")
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        sys.argv = ["mnemoscope", "compare", str(folder / "audit"), str(folder / "honest"), "--json"]
        main()
    (folder / "compare.json").write_text(out.getvalue().replace(str(folder), ""), encoding="utf-8")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_all(folder)
    written = [path for path in sorted(folder.rglob("*")) if path.suffix in (".html", ".svg", ".png")]
    written += [folder / name for name in ("audit/report.json", "demo/report.json", "compare.json")]
    for path in written:
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(folder).as_posix())  # noqa: T201
