"""Searches as an audit makes them, without the audit."""

import numpy as np

from mnemoscope.auditing.measures import Geometry, Search
from mnemoscope.auditing.nearest import TrainingIndex


def index_of(train, distinct=False):
    """With the first row of every group of identical items, found by comparing all pairs."""
    rows = range(len(train))
    flat = train.reshape(len(train), -1)
    first = rows if distinct else [int((flat == flat[i]).all(axis=1).argmax()) for i in rows]
    return TrainingIndex(train, np.array(first), np.random.default_rng(0))


def search_for(items, train, *, span=1.0, distinct=False):
    index = index_of(train, distinct)
    return Search(index.nearest(items), Geometry(int(train[0].size), span), index, items)


def left_out_search(rows, train, *, with_unit, span=1.0):
    index = index_of(train)
    found = index.left_out(rows, with_unit=with_unit)
    return Search(found, Geometry(int(train[0].size), span), index, train[rows], rows)


def distance(x, y):
    """Euclidean, term by term."""
    return sum((float(a) - float(b)) ** 2 for a, b in zip(x.ravel(), y.ravel(), strict=True)) ** 0.5


def distinct(train):
    flat = train.reshape(len(train), -1)
    return [x for i, x in enumerate(train) if not (flat[:i] == flat[i]).all(axis=1).any()]
