"""Sources of data sets, one file each, and the table of them: a new source is a class that stands in ``SOURCES``."""

from pathlib import Path
from typing import Any

from mnemoscope.data.sources.archives import TarOfImages, ZipOfImages
from mnemoscope.data.sources.array_folder import ARRAY_FILES
from mnemoscope.data.sources.bundled import Digits, load_digits
from mnemoscope.data.sources.contract import ArrayFile, Look, Source
from mnemoscope.data.sources.dicom import DicomFile
from mnemoscope.data.sources.folders import Folder
from mnemoscope.data.sources.hugging_face import HuggingFaceDataset, HuggingFaceHub
from mnemoscope.data.sources.idx import IdxFile
from mnemoscope.data.sources.nifti import NiftiFile
from mnemoscope.data.sources.picture_tables import ParquetOfImages
from mnemoscope.data.sources.pictures import ListOfPictures
from mnemoscope.data.sources.tables import CsvFile, DataFrameSource, ParquetFile
from mnemoscope.data.sources.torch_datasets import DataLoaderSource, TorchDatasetSource
from mnemoscope.data.sources.zarr_arrays import ZarrArray
from mnemoscope.errors import InputError

_OBJECTS: tuple[Source, ...] = (HuggingFaceDataset(), DataLoaderSource(), TorchDatasetSource(), ListOfPictures())

_STORED: tuple[Source, ...] = (
    Digits(),
    HuggingFaceHub(),
    *ARRAY_FILES,
    ZarrArray(),
    ZipOfImages(),
    TarOfImages(),
    IdxFile(),
    CsvFile(),
    ParquetOfImages(),
    ParquetFile(),
    NiftiFile(),
    DicomFile(),
    Folder(),
)

SOURCES = (*_STORED, DataFrameSource(), *_OBJECTS)
"""In the order in which they are asked: the first that recognises a source reads it."""


def source_of(where: Any, name: str) -> Source:
    """The source that reads what is there.

    Raises:
        InputError: none does.
    """
    for source in SOURCES:
        if source.recognises(where):
            return source
    raise InputError(f"{name}: unknown format; mnemoscope reads {_formats(where)}")


def is_object_source(where: Any) -> bool:
    """Whether an object in Python, not a path or a name, is one that a source reads."""
    return any(source.recognises(where) for source in _OBJECTS)


def _formats(where: Any) -> str:
    """What is read of the kind, in words: objects are no answer to who has a file."""
    return ", ".join(source.reads for source in (_STORED if isinstance(where, str | Path) else SOURCES))


__all__ = ["SOURCES", "ArrayFile", "Look", "Source", "is_object_source", "load_digits", "source_of"]
