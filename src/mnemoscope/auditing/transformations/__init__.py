"""Transformations under which copies are searched on request: variants, one search each, and embeddings."""

from mnemoscope.auditing.transformations.registry import TRANSFORMATIONS, make_transformation, make_transformations
from mnemoscope.auditing.transformations.transformation import Transformation

__all__ = ["TRANSFORMATIONS", "Transformation", "make_transformation", "make_transformations"]
