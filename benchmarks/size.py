"""Sets larger than memory: what the search costs as they grow, what it takes resident, and large folders read again.

    python -m benchmarks size                           a million rows
    MNEMOSCOPE_SIZE=10000000 python -m benchmarks size  ten million more, of which 7.8 GB are written

Rows are of 784 values of 8 bits in a file of their own, searched for the neighbours of 1,000 samples (200 in ten
million), on one thread. Each search is a process of its own, whose resident memory is read at its end; rows in the file
are read by copies, so that no page of it counts. The bare product is X Yᵀ in single precision of the same sizes, of
blocks of a thousand rows that stay in memory. The file is written in ``MNEMOSCOPE_SIZE_FOLDER``, else where temporary
files are, and removed. Growth is fitted to 125,000 rows up to a million, the shortest of three processor times of each.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.timing import images, row

DIM, SAMPLES, K = 784, 1000, 6
SIZES = (125_000, 250_000, 500_000, 1_000_000)
RESIDENT = 2.0
EXPONENT = 0.1
PICTURES = 20_000

SEARCH = """
import json, resource, sys, time
import numpy as np, torch
from mnemoscope.data import load
from mnemoscope.neighbours import nearest_neighbours
torch.set_num_threads(1)
path, n, samples, k, repeats = sys.argv[1], *map(int, sys.argv[2:6])
data = load(path).array[:n]
queries = np.random.default_rng(1).integers(0, 256, (samples, data.shape[1]), dtype=np.uint8)
found = []
for _ in range(repeats):
    start = time.process_time(); nearest_neighbours(queries, data, k); found.append(time.process_time() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
x, y = torch.rand(samples, data.shape[1]), torch.rand(1000, data.shape[1])
bare = []
for _ in range(repeats):
    start = time.process_time()
    for _ in range(n // 1000): x @ y.mT
    bare.append(time.process_time() - start)
print(json.dumps({"seconds": min(found), "peak": peak, "product": min(bare)}))
"""

AUDIT = """
import resource, sys, time
import numpy as np
import mnemoscope as mn
start = time.process_time()
report = mn.audit(np.load(sys.argv[2]), mn.load(sys.argv[1]), holdout=np.load(sys.argv[3]))
print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""

READ = """
import resource, sys, time
import mnemoscope as mn
import mnemoscope.data
start = time.process_time()
mn.load(sys.argv[1])
print(time.process_time() - start)
"""


def write(path: Path, n: int) -> None:
    """So many rows, a chunk at a time: no two are equal."""
    rng = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, DIM))
    with path.open("r+b") as file:
        file.seek(rows.offset)
        del rows
        for start in range(0, n, 50_000):
            file.write(rng.bytes(DIM * min(50_000, n - start)))


def alone(code: str, *arguments: object, **environment: str) -> str:
    """What a process of its own prints."""
    order = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        order, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout


def growth_rows(path: Path) -> list[dict[str, object]]:
    """Cost by the number of rows."""
    found = [json.loads(alone(SEARCH, path, n, SAMPLES, K, 3)) for n in SIZES]
    exponent = float(np.polyfit(np.log(SIZES), np.log([each["seconds"] for each in found]), 1)[0])
    last = found[-1]
    return [
        row(f"{K} neighbours of {SAMPLES:,} in 1,000,000 × {DIM} of 8 bits, mapped, s", last["seconds"]),
        row("… over the bare product", last["seconds"] / last["product"]),
        row("… peak resident, GiB", last["peak"], RESIDENT, last["peak"] < RESIDENT),
        row("exponent of its growth, 1 ± 0.1", exponent, 1, abs(exponent - 1) <= EXPONENT),
    ]


def audit_rows(path: Path) -> list[dict[str, object]]:
    """The whole audit of 1,000 samples against a million rows."""
    rng, folder = np.random.default_rng(2), path.parent
    for name in ("generated", "holdout"):
        np.save(folder / f"{name}.npy", rng.integers(0, 256, (SAMPLES, DIM), dtype=np.uint8))
    seconds, peak = map(float, alone(AUDIT, path, folder / "generated.npy", folder / "holdout.npy").split())
    return [
        row(f"audit of {SAMPLES:,} against 1,000,000 × {DIM} of 8 bits, mapped, s", seconds),
        row("… peak resident, GiB", peak, RESIDENT, peak < RESIDENT),
    ]


def picture_rows(folder: Path) -> list[dict[str, object]]:
    """The whole audit of 200 large pictures of floats against 200, of which 10 are among them, and 100 held out."""
    rng, names = np.random.default_rng(3), ("train", "generated", "holdout")
    sets = {
        name: rng.random((n, 3, 512, 512), dtype=np.float32) for name, n in zip(names, (200, 200, 100), strict=True)
    }
    sets["generated"][:10] = sets["train"][:10]
    for name, pictures in sets.items():
        np.save(folder / f"{name}-pictures.npy", pictures)
    seconds, peak = map(float, alone(AUDIT, *(folder / f"{name}-pictures.npy" for name in names)).split())
    return [
        row("audit of 200 of 3 × 512 × 512 floats against 200, 100 held out, s", seconds),
        row("… peak resident, GiB", peak),
    ]


def large_rows(folder: Path, n: int) -> list[dict[str, object]]:
    """As many rows as are asked for, and 200 samples."""
    path = folder / "large.npy"
    try:
        write(path, n)
        found = json.loads(alone(SEARCH, path, n, 200, K, 1))
    finally:
        path.unlink(missing_ok=True)
    return [
        row(f"{K} neighbours of 200 in {n:,} × {DIM} of 8 bits, mapped, s", found["seconds"]),
        row("… over the bare product", found["seconds"] / found["product"]),
        row("… peak resident, GiB", found["peak"], RESIDENT, found["peak"] < RESIDENT),
    ]


def worker_rows(path: Path) -> list[dict[str, object]]:
    """Two Dask workers beside one, a core each: seconds by the clock, which another load of the machine falsifies."""
    from mnemoscope.auditing.shards import sharded_search
    from mnemoscope.data import load

    data = load(path).array
    queries = np.random.default_rng(1).integers(0, 256, (SAMPLES, DIM), dtype=np.uint8)
    seconds, answers = [], []
    cores = sorted(os.sched_getaffinity(0))
    for n in (1, 2):
        os.sched_setaffinity(0, cores[:n])  # one worker alone would compute in as many threads as there are cores
        with tempfile.TemporaryDirectory() as made, sharded_search(made, scheduler=f"local:{n}") as search:
            search(queries[:100], data[:100_000], K)  # workers start
            start = time.perf_counter()
            answers.append(search(queries, data, K))
            seconds.append(time.perf_counter() - start)
    os.sched_setaffinity(0, cores)
    same = np.array_equal(answers[0].distances, answers[1].distances)
    same = same and np.array_equal(answers[0].indices, answers[1].indices)
    gain = seconds[0] / seconds[1]
    return [
        row("two Dask workers, a core each: as fast as so many of one", gain, 1.7, gain >= 1.7),
        row("… the same answer, bit by bit", float(same), 1, same),
    ]


def folder_rows(folder: Path) -> list[dict[str, object]]:
    """A folder of small PNGs that is read, read again, and read without being kept: processor seconds."""
    place = folder / "pictures"
    train, _ = images()
    for start in range(0, PICTURES, 1000):
        (place / f"{start:05d}").mkdir(parents=True)
        for number in range(start, start + 1000):
            Image.fromarray(np.asarray(train[number])).save(place / f"{start:05d}" / f"{number}.png")
    kept = {"MNEMOSCOPE_CACHE": str(folder / "cache")}
    first, again = float(alone(READ, place, **kept)), float(alone(READ, place, **kept))
    without = float(alone(READ, place, MNEMOSCOPE_CACHE="off"))
    return [
        row(f"{PICTURES:,} small PNGs, read for the first time and kept, s", first),
        row("… read again, s", again, first / 2, again < first / 2),
        row("… read and not kept, s", without),
    ]


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    more = int(os.environ.get("MNEMOSCOPE_SIZE", "0"))
    with tempfile.TemporaryDirectory(dir=os.environ.get("MNEMOSCOPE_SIZE_FOLDER")) as made:
        path = Path(made, "rows.npy")
        write(path, SIZES[-1])
        lines = (
            growth_rows(path)
            + audit_rows(path)
            + worker_rows(path)
            + folder_rows(Path(made))
            + picture_rows(Path(made))
        )
        return lines + (large_rows(Path(made), more) if more else [])
