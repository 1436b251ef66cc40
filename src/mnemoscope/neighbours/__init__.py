"""Exact nearest neighbours, streamed over data that may be larger than memory."""

from mnemoscope.neighbours.exact import rank
from mnemoscope.neighbours.knn import Neighbours, nearest_neighbours

__all__ = ["Neighbours", "nearest_neighbours", "rank"]
