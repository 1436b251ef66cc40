"""Training and held-out sets: arrays from files, bundled real images, and laws with a known density.

A data set is an array of shape ``(n_samples, *event)`` with its value range and a fingerprint of its content.
It may lie on disk as a memory map; whoever reads it does so in chunks of rows.
"""

from mnemoscope.data.arrays import as_array, row_chunks
from mnemoscope.data.dataset import Dataset, Half, from_model
from mnemoscope.data.files import check_savable, load, save_array, source_paths
from mnemoscope.data.halves import Halves, halves
from mnemoscope.data.images import ImageLayout, image_layout
from mnemoscope.data.labels import load_labels
from mnemoscope.data.laws import Gaussian, GaussianMixture, Law, LinearManifold
from mnemoscope.data.look import load_together, look
from mnemoscope.data.objects import DataLike, as_compared, as_dataset
from mnemoscope.data.sources import SOURCES, ArrayFile, Look, Source, load_digits
from mnemoscope.data.tables import Declaration, TableSchema

__all__ = [
    "SOURCES",
    "ArrayFile",
    "DataLike",
    "Dataset",
    "Declaration",
    "Gaussian",
    "GaussianMixture",
    "Half",
    "Halves",
    "ImageLayout",
    "Law",
    "LinearManifold",
    "Look",
    "Source",
    "TableSchema",
    "as_array",
    "as_compared",
    "as_dataset",
    "check_savable",
    "from_model",
    "halves",
    "image_layout",
    "load",
    "load_digits",
    "load_labels",
    "load_together",
    "look",
    "row_chunks",
    "save_array",
    "source_paths",
]
