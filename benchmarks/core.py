"""Neighbours and sampling beside their floors and beside what people would write first.

    python -m benchmarks core

The floor of the neighbour search is the matrix product X Yᵀ, that of a sampler its score evaluations.
"""

import faiss
import numpy as np
import torch
from scipy.spatial import cKDTree
from sklearn.neighbors import NearestNeighbors

from benchmarks.timing import images, row, seconds, seconds_in_turn
from mnemoscope.data import Gaussian
from mnemoscope.data.arrays import Array
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.processes import EDM
from mnemoscope.sampling import sample
from mnemoscope.scores import LawScore

N_NEIGHBOUR_QUERIES = 2000


def neighbour_rows() -> list[dict[str, object]]:
    train, test = images()
    test = test[:N_NEIGHBOUR_QUERIES]
    x, y = (torch.from_numpy(a.copy()).reshape(len(a), -1).float() for a in (test, train))
    ours, product, flat = seconds_in_turn(
        lambda: nearest_neighbours(test, train, 6), lambda: x @ y.mT, lambda: _faiss(x.numpy(), y.numpy())
    )
    brute = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(y.double().numpy())
    reference = seconds(lambda: brute.kneighbors(x.double().numpy()), repeats=1)
    return [
        row("6 neighbours of 2,000 in 60,000 × 784, exact (s)", ours),
        row("… over the bare product X Yᵀ in float32", ours / product, 1.2, ours <= 1.2 * product),
        row("… over faiss's IndexFlatL2 in float32, its index built in the call", ours / flat, 1.1, ours <= 1.1 * flat),
        row("… over scikit-learn's brute force in float64", ours / reference),
    ]


def _faiss(queries: Array, data: Array) -> None:
    index = faiss.IndexFlatL2(data.shape[1])
    index.add(data)
    index.search(queries, 6)


def tree_rows() -> list[dict[str, object]]:
    rng, found = np.random.default_rng(0), []
    for dim in (2, 8):
        data, queries = rng.normal(size=(300_000, dim)), rng.normal(size=(5000, dim))
        ours, scipy = seconds_in_turn(
            lambda data=data, queries=queries: nearest_neighbours(queries, data, 2),
            lambda data=data, queries=queries: cKDTree(data).query(queries, 2, workers=torch.get_num_threads()),
            repeats=3,
        )
        found.append(
            row(f"2 neighbours of 5,000 in 300,000, d = {dim}, over scipy's tree", ours / scipy, 2, ours <= 2 * scipy)
        )
    return found


def sampling_rows() -> list[dict[str, object]]:
    law = Gaussian(torch.zeros(64, dtype=torch.float64), torch.eye(64, dtype=torch.float64))
    score, process = LawScore(law, EDM()), EDM()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1000, 64, generator=generator, dtype=torch.float64)
    evaluations = seconds(lambda: [score(x, 1.0) for _ in range(129)])
    loop = seconds(lambda: sample(score, process, 1000, generator=generator, initial=80 * x))
    return [row("Heun's loop of 64 steps over its 129 bare score evaluations", loop / evaluations)]


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    return neighbour_rows() + tree_rows() + sampling_rows()
