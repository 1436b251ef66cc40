"""DICOM images (extra ``medical``): every image of a folder, or the frames of a file, with patients as groups.

Pixels are taken in the units of their modality (rescale slope and intercept, as Hounsfield's of CT), and as bright as
they are shown: MONOCHROME1, whose lowest value is white, is turned around within the stored bits. Files that hold no
image (structured reports, plans) are counted and passed over.
"""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.resizing import fit
from mnemoscope.data.sources.contract import Source
from mnemoscope.data.sources.patients import patient_groups, said_of_patients
from mnemoscope.data.walk import readable
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.progress import track
from mnemoscope.reading import check_memory, reading

DICOM_SUFFIXES = (".dcm", ".dicom")
NO_PIXELS = "without pixels"

_KINDS = ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422")


class DicomFile(Source):
    """A DICOM file."""

    reads, suffixes = ".dcm (DICOM)", DICOM_SUFFIXES

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        return read_dicom(where, [where], Census(), options)


def is_dicom(first: bytes) -> bool:
    """Whether a file with these first bytes is of DICOM, whatever its name."""
    return first[128:132] == b"DICM"


class _Head(NamedTuple):
    """What a header says."""

    path: Path
    patient: str | None
    n_frames: int
    rescaled: bool
    n_bytes: int


def read_dicom(where: Path, files: list[Path], census: Census, options: Options) -> Dataset:
    """The images of all files in their order, shape ``(n, height, width)``, with three channels if they have colour.

    Args:
        where: a file or folder, for messages.
        files: at least one.
        census: of what lay there.
        options: a size to fit images into, and progress.

    Raises:
        InputError: a file that cannot be read, no image in any, or one of another shape or dtype than the first.
        MissingExtraError: pydicom is not installed.
    """
    dicom, decoders = optional("pydicom", "medical"), optional("pydicom.pixels", "medical")
    heads = list[_Head]()
    for path in track(files, "reading headers", enabled=options.progress):
        with reading(path):
            head = _look(dicom, path)
        if head is None:
            census.pass_over(path.name if path == where else readable(path.relative_to(where)), NO_PIXELS)
        else:
            heads.append(head)
            census.read()
    if not heads:
        raise InputError(f"{where}: holds no images: {'; '.join(census.notes())}")
    check_memory(where, sum(head.n_bytes for head in heads))
    rescaled = any(head.rescaled for head in heads)
    made, names, patients, remarks = list[Array](), list[str](), list[str | None](), Counter[str]()
    for head in track(heads, "reading images", enabled=options.progress):
        with reading(head.path):
            frames, remark = _read(dicom, decoders, head.path, rescaled)
        for frame in frames:
            pixels, done = (frame, []) if options.resize is None else fit(frame, options.resize)
            if made and (pixels.shape, pixels.dtype) != (made[0].shape, made[0].dtype):
                raise InputError(
                    f"{head.path}: is {pixels.shape} of {pixels.dtype}, but {heads[0].path.name} is {made[0].shape} of "
                    f"{made[0].dtype}; --resize SIZE, or load(..., resize=SIZE), brings all to one size"
                )
            made.append(pixels)
            remarks.update([*remark, *done])
        name = head.path.name if head.path == where else readable(head.path.relative_to(where))
        names += [name] if len(frames) == 1 else [f"{name} frame {index}" for index in range(len(frames))]
        patients += [head.patient] * len(frames)
    return Dataset(
        np.stack(made),
        str(where),
        names=tuple(names),
        notes=(
            *census.notes(),
            *(f"{count} of {len(made)} images were {done}" for done, count in remarks.items()),
            said_of_patients(patients),
        ),
        groups=patient_groups(patients),
        source=census.to_dict(),
    )


def _look(dicom: Any, path: Path) -> _Head | None:
    head = dicom.dcmread(path, stop_before_pixels=True)
    if "Rows" not in head or "Columns" not in head:
        return None
    n_frames = max(1, int(head.get("NumberOfFrames") or 1))
    n_values = n_frames * int(head.Rows) * int(head.Columns) * int(head.get("SamplesPerPixel") or 1)
    n_bytes = n_values * max(1, int(head.get("BitsAllocated") or 8) // 8)
    check_memory(path, n_bytes)
    slope, intercept = float(head.get("RescaleSlope") or 1), float(head.get("RescaleIntercept") or 0)
    rescaled = (slope, intercept) != (1, 0) or "ModalityLUTSequence" in head
    return _Head(path, str(head.get("PatientID") or "") or None, n_frames, rescaled, n_bytes * (2 if rescaled else 1))


def _read(dicom: Any, decoders: Any, path: Path, rescaled: bool) -> tuple[Array, list[str]]:
    """The frames of a file and what was done to them."""
    file, remarks = dicom.dcmread(path), []
    kind = str(file.get("PhotometricInterpretation"))
    if kind not in _KINDS:
        raise InputError(f"{path}: its pixels are {kind}, of which {', '.join(_KINDS)} are read")
    pixels = np.asarray(decoders.pixel_array(file))
    if kind == "MONOCHROME1":
        bits, signed = int(file.BitsStored), bool(file.PixelRepresentation)
        pixels = ((-1 if signed else 2**bits - 1) - pixels.astype(np.int64)).astype(pixels.dtype)
        remarks.append("turned around, as their white is their lowest value")
    if rescaled:
        pixels = np.asarray(decoders.apply_modality_lut(pixels, file)).astype(np.float32)
        remarks.append("rescaled to the units of their modality")
    n_axes = 2 if int(file.get("SamplesPerPixel") or 1) == 1 else 3
    return (pixels[None] if pixels.ndim == n_axes else pixels), remarks
