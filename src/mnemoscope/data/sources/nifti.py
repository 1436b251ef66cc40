"""NIfTI volumes (extra ``medical``): a folder of volumes, each an item, or the slices of a single one.

A fourth axis, of time, has items along it. Volumes are turned to the nearest canonical orientation (right, anterior,
superior), as images are by EXIF; voxels are taken as the header scales them. The patient is the ``sub-NAME`` of BIDS in
a file's path.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.contract import Source
from mnemoscope.data.sources.patients import patient_groups, said_of_patients
from mnemoscope.data.walk import readable
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.progress import track
from mnemoscope.reading import DEFLATE_RATIO, check_memory, check_stored, reading

NIFTI_SUFFIXES = (".nii", ".nii.gz")

_SUBJECT = re.compile(r"(?:^|/)(sub-[A-Za-z0-9]+)")


class NiftiFile(Source):
    """A NIfTI file."""

    reads, suffixes = ".nii or .nii.gz (NIfTI)", NIFTI_SUFFIXES

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        return read_volumes(where, [where], Census(), options)


def read_volumes(where: Path, files: list[Path], census: Census, options: Options) -> Dataset:
    """The volumes of all files in their order; of a single one its slices along the third axis.

    Args:
        where: a file or folder, for messages.
        files: at least one.
        census: of what lay there.
        options: of progress.

    Raises:
        InputError: a file that cannot be read, or a volume whose shape or numbers are not those of the first.
        MissingExtraError: nibabel is not installed.
    """
    nibabel = optional("nibabel", "medical")
    parts, names, remarks = list[Array](), list[str](), Counter[str]()
    for path in track(files, "reading volumes", enabled=options.progress):
        with reading(path):
            volumes, remark = _read(nibabel, path)
        parts.append(volumes)
        first = parts[0]
        if len(parts) == 1:
            check_memory(where, 2 * len(files) * volumes.nbytes)  # in parts, and then in one
        if (volumes.shape[1:], volumes.dtype) != (first.shape[1:], first.dtype):
            raise InputError(
                f"{path}: holds volumes of {volumes.shape[1:]} of {volumes.dtype}, but {files[0].name} of "
                f"{first.shape[1:]} of {first.dtype}: resample them to one grid"
            )
        remarks.update(remark)
        name = path.name if path == where else readable(path.relative_to(where))
        names += [name] if len(volumes) == 1 else [f"{name} at time {time}" for time in range(len(volumes))]
        census.read()
    array = parts[0] if len(parts) == 1 else np.concatenate(parts)
    notes = [*census.notes(), *(f"{count} of {len(files)} files were {done}" for done, count in remarks.items())]
    if len(array) == 1:
        array = np.moveaxis(array[0], 2, 0)
        names = [f"{names[0]} slice {index}" for index in range(len(array))]
        notes.append("of a single volume the slices along the third axis are the items")
    patients = [found[1] if (found := _SUBJECT.search(name)) else None for name in names]
    groups = patient_groups(patients)
    return Dataset(
        array,
        str(where),
        names=tuple(names),
        notes=(*notes, said_of_patients(patients)),
        groups=groups,
        source=census.to_dict(),
    )


def _read(nibabel: Any, path: Path) -> tuple[Array, list[str]]:
    """The volumes of a file, shape ``(n, x, y, z)``, and what was done to them."""
    image = nibabel.load(path)
    n_bytes = int(np.prod(image.shape)) * image.get_data_dtype().itemsize
    packed = path.name.lower().endswith(".gz")
    check_stored(path, n_bytes, path.stat().st_size, DEFLATE_RATIO if packed else 1)
    check_memory(path, n_bytes)
    if len(image.shape) not in (3, 4):
        raise InputError(f"{path}: has {len(image.shape)} axes, {tuple(image.shape)}: volumes have 3, or 4 with time")
    upright = nibabel.as_closest_canonical(image)
    remarks = [] if upright is image else ["turned to the nearest canonical orientation"]
    values = np.array(upright.dataobj)
    if values.dtype == np.float64 and image.get_data_dtype() != np.float64:
        values = values.astype(np.float32)
        remarks.append("scaled as their headers say")
    return (values[None] if values.ndim == 3 else np.moveaxis(values, 3, 0)), remarks
