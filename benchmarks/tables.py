"""Tables: copies with a little noise that are found in them, and what an audit of 30,000 rows of 40 columns costs.

    python -m benchmarks tables

Tables are scikit-learn's bundled ones, with columns in their own units, and a wide mixed one made of them: the digits'
64 numbers, 30 numbers of breast cancer's rows and 13 of wine's (rows drawn with replacement), classes, dates, an order,
missing cells and an identifier. Of each split half are training rows; of the samples, fresh rows, one in twenty is a
training row with noise of 5 % of each column's standard deviation (categories stay). A copy is found where the
conformal p-value of its distance ratio is at most 1 % (of wine, with 45 held-out rows, 1/46); false positives are fresh
rows of which it is. Means over splits.

Another auditor is timed on the same rows if ``MNEMOSCOPE_SDMETRICS`` names an interpreter that has sdmetrics: processor
seconds, reading the files included, with no more than eight gigabytes of memory.
"""

import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

import mnemoscope as mn
from benchmarks.timing import row
from mnemoscope.auditing.copies import conformal_p_values

SPLITS, SHARE, NOISE = 15, 0.05, 0.05
FOUND, FALSE = 0.95, 0.01
ROWS, COLUMNS, OTHERS = 30_000, 40, 10_000

SDMETRICS = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
import pandas as pd
from sdmetrics.single_table import DCROverfittingProtection
train, generated, holdout = (pd.read_csv(path) for path in sys.argv[1:4])
kinds = {c: {"sdtype": "numerical" if pd.api.types.is_numeric_dtype(train[c]) else "categorical"} for c in train}
found = DCROverfittingProtection.compute_breakdown(train, generated, holdout, {"columns": kinds}, None)
print(time.process_time())
"""


def bundled() -> dict[str, pd.DataFrame]:
    """The tables."""
    sets = {name: getattr(datasets, f"load_{name}")(as_frame=True) for name in ("wine", "breast_cancer", "diabetes")}
    found = {name.replace("_", " "): each.frame for name, each in sets.items()}
    digits = datasets.load_digits(as_frame=True).frame
    return {**found, "digits": digits, "wide and mixed": wide(digits, found)}


def wide(digits: pd.DataFrame, others: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A table of numbers in many units, categories, dates, an order, missing cells and an identifier."""
    rng, n = np.random.default_rng(0), len(digits)
    parts = [digits.drop(columns="target")]
    for name in ("breast cancer", "wine"):
        rows = others[name].iloc[rng.integers(0, len(others[name]), n)].reset_index(drop=True)
        parts.append(rows.drop(columns="target").add_prefix(f"{name} "))
    made = pd.concat(parts, axis=1)
    made["digit"] = digits.target.map(str)
    made["day"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 2000, n), "D")
    made["order"] = pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True)
    made["shop"] = rng.choice([f"shop {place}" for place in range(40)], n)
    made["paid"] = np.exp(rng.normal(8, 1.5, n)).round(2)
    made.loc[rng.random(n) < 0.2, "paid"] = np.nan
    made["id"] = np.arange(n)
    return made


def noisy(rows: pd.DataFrame, train: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Copies of rows with noise in every column of more than two numbers."""
    copies = rows.copy()
    for name in rows.select_dtypes("number").columns:
        if name not in ("id", "target") and train[name].nunique() > 2:
            copies[name] = copies[name] + NOISE * train[name].std() * rng.standard_normal(len(rows))
    return copies


def split(table: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Training, held-out and sample rows, and which of the last are copies."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table))
    half, rest = len(table) // 2, (len(table) - len(table) // 2) // 2
    train, holdout, fresh = (table.iloc[part].reset_index(drop=True) for part in np.split(order, [half, half + rest]))
    n = max(1, round(SHARE * len(fresh)))
    copies = noisy(train.iloc[rng.permutation(len(train))[:n]], train, rng)
    samples = pd.concat([copies, fresh.iloc[n:]], ignore_index=True)
    return train, holdout, samples, np.arange(len(samples)) < n


def rates(table: pd.DataFrame, *, scaled: bool = True) -> tuple[float, float, float]:
    """Copies found and fresh rows called copies at the threshold of 1 %, and copies that the audit's list names."""
    found = []
    for seed in range(SPLITS):
        train, holdout, samples, copies = split(table, seed)
        sets = [train, holdout, samples]
        if not scaled:  # as an array of numbers in their own units
            sets = [each.drop(columns="target").to_numpy(float) for each in sets]
        report = mn.audit(sets[2], sets[0], holdout=sets[1], resolution=0.5, seed=seed)
        ratio, null = (each.distances[:, 0] / each.distances[:, 1] for each in (report.nearest, report.null_nearest))
        level = max(FALSE, 1 / (1 + len(null)))  # the smallest that so few held-out rows can tell
        flagged = conformal_p_values(ratio, null) <= level
        found.append((flagged[copies].mean(), flagged[~copies].mean(), report.copies.listed[copies].mean()))
    return tuple(float(value) for value in np.mean(found, axis=0))


def large(seed: int) -> pd.DataFrame:
    """Thirty columns of numbers in units of their own, and ten of categories."""
    rng = np.random.default_rng(seed)
    n, hidden = ROWS if seed == 0 else OTHERS, np.random.default_rng(99).normal(size=(12, 30))
    numbers = (rng.normal(size=(n, 12)) @ hidden + rng.normal(size=(n, 30))) * np.geomspace(1e-3, 1e6, 30)
    columns = {f"x{place}": numbers[:, place] for place in range(30)}
    columns |= {f"c{place}": rng.choice([f"v{value}" for value in range(2 + place)], n) for place in range(10)}
    return pd.DataFrame(columns)


def cost_rows() -> list[dict[str, object]]:
    """Processor seconds and memory of the command, and of sdmetrics on the same files."""
    with tempfile.TemporaryDirectory() as made:
        files = [Path(made, f"{name}.csv") for name in ("train", "generated", "holdout")]
        for seed, file in enumerate(files):
            large(seed).to_csv(file, index=False)
        start = time.process_time()
        sets = mn.data.load_together({"train": files[0], "generated": files[1], "holdout": files[2]})
        read = time.process_time() - start
        mn.audit(sets["generated"], sets["train"], holdout=sets["holdout"])
        spent, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        what = f"{ROWS:,} × {COLUMNS} rows, {OTHERS:,} samples and held out"
        found = [
            row(f"reading {what}, s", read),
            row(f"reading and auditing {what}, s", spent),
            row("peak memory of all that, GiB", peak),
        ]
        python = os.environ.get("MNEMOSCOPE_SDMETRICS")
        if python is not None:
            order = [str(files[0]), str(files[1]), str(files[2])]
            done = subprocess.run([python, "-c", SDMETRICS, *order], capture_output=True, text=True, timeout=1800)
            seconds = float(done.stdout or "nan") if done.returncode == 0 else float("nan")
            print(done.stderr.strip().splitlines()[-1:] if done.returncode else "sdmetrics: done")
            found.append(row("sdmetrics, DCROverfittingProtection, the same rows, s (nan: it failed)", seconds))
    return found


def rows() -> list[dict[str, object]]:
    tables, lines = bundled(), []
    for name, table in tables.items():
        hits, false, listed = rates(table)
        must = name == "wide and mixed"
        lines += [
            row(f"{name}: noisy copies found", hits, FOUND if must else None, hits >= FOUND or not must),
            row(f"{name}: fresh rows called copies", false),
            row(f"{name}: noisy copies in the audit's list", listed),
        ]
    hits, false, _ = rates(tables["breast cancer"], scaled=False)
    lines += [row("breast cancer in its own units: noisy copies found", hits), row("… fresh rows", false)]
    return lines + cost_rows()
