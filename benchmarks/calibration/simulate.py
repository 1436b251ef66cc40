"""Audits of every repetition of a case, with and without its held-out set, kept as lines of a file."""

import json
import time
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest, false_discovery_control

from benchmarks.calibration.laws import CASES, Draw
from mnemoscope import audit
from mnemoscope.auditing.copies import conformal_p_values
from mnemoscope.errors import InputError

Line = dict[str, Any]

HELD_OUT, LEFT_OUT = "held-out set", "left out"
NULLS = (HELD_OUT, LEFT_OUT)

_CHUNK = 5


def repetition(case: str, seed: int) -> list[Line]:
    """Both audits of one draw."""
    draw = CASES[case](np.random.default_rng([seed, zlib.crc32(case.encode())]))
    return [_audited(draw, null, seed) for null in NULLS]


def _audited(draw: Draw, null: str, seed: int) -> Line:
    line: Line = {"seed": seed, "null": null, "truth": float(draw.copies.mean()), "copies": int(draw.copies.sum())}
    start = time.process_time()
    try:
        report = audit(draw.samples, draw.train, holdout=draw.holdout if null == HELD_OUT else None, seed=seed)
        judgement, copies = report.judgement, report.copies
    except InputError as error:
        return line | {"refused": str(error)}
    listed = copies.listed
    line |= {
        "tone": judgement.tone,
        "memorizes": judgement.memorizes,
        "drawn": judgement.drawn,
        "p_copies": copies.p,
        "p_identical": report.identical.p,
        "share_lower": copies.share_lower,
        "listed": int(listed.sum()),
        "listed_falsely": int((listed & ~draw.copies).sum()),
        "unlike": list(report.unlike),
        # A control that must fail: a score that is not free of scale, calibrated in the same way.
        "listed_by_distance": _listed_by_distance(report.nearest.distances, report.evidence[0].null.nearest.distances),
    }
    if (closeness := report.closeness) is not None:
        votes = round(closeness.share * len(draw.samples))
        line |= {
            "share": closeness.share,
            "p_closeness": closeness.p,
            "p_drawn": closeness.p_drawn,
            # Another: samples taken for independent votes.
            "p_binomial": binomtest(votes, len(draw.samples), closeness.expected, alternative="greater").pvalue,
        }
    return line | {"seconds": time.process_time() - start}


def _listed_by_distance(distances: np.ndarray, null: np.ndarray) -> float:
    p_values = conformal_p_values(distances[:, 0], null[:, 0])
    return float(np.mean(false_discovery_control(p_values) <= 0.05))


class Store:
    """Lines in one file for each case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def lines(self, case: str, repetitions: int | None = None) -> list[Line]:
        """Those of the first repetitions, in their order."""
        path = self._path(case)
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
        kept = {(line["seed"], line["null"]): line for line in lines if line["seed"] < (repetitions or np.inf)}
        return [kept[key] for key in sorted(kept)]

    def add(self, case: str, lines: Iterable[Line]) -> None:
        with self._path(case).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def _path(self, case: str) -> Path:
        return self.folder / f"{''.join(c if c.isalnum() else '-' for c in case)}.jsonl"


def run(store: Store, cases: dict[str, int], processes: int) -> Iterator[str]:
    """Whatever is missing of so many repetitions of each case; names each case when it is whole."""
    # Processes are spawned: forked ones would share the parent's threads.
    with ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for case, repetitions in cases.items():
            done = {line["seed"] for line in store.lines(case)}
            missing = [seed for seed in range(repetitions) if seed not in done]
            for lines in pool.map(repetition, [case] * len(missing), missing, chunksize=_CHUNK):
                store.add(case, lines)
            yield case
