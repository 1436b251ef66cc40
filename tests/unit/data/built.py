"""Real digits as each kind of source, for the tests of sources and of the page that lists them."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import zarr
from PIL import Image
from safetensors.torch import save_file
from torch.utils.data import DataLoader, TensorDataset

from mnemoscope.data import load_digits

DIGITS = (load_digits().array[:200] * 15).astype(np.uint8)
"""Eight by eight pixels."""


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def folder(path: Path, images: np.ndarray) -> Path:
    """Images in folders of classes, beside what such folders hold besides."""
    for index, pixels in enumerate(images):
        file = path / f"class-{index % 2}" / f"{index:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(pixels))
    (path / "metadata.jsonl").write_text("{}\n")
    (path / "labels.csv").write_text("file,label\n")
    (path / ".DS_Store").write_bytes(b"x")
    return path


def zipped(path: Path, images: np.ndarray) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for index, pixels in enumerate(images):
            archive.writestr(f"images/{index:03d}.png", png(pixels))
        archive.writestr("__MACOSX/images/._000.png", b"x")
        archive.writestr("readme.txt", b"x")
    return path


def shard(path: Path, images: np.ndarray, first: int = 0) -> Path:
    """As webdataset writes them: an image, its class and its metadata."""
    with tarfile.open(path, "w") as tar:
        for index, pixels in enumerate(images, first):
            for suffix, content in (("png", png(pixels)), ("cls", str(index % 10).encode()), ("json", b"{}")):
                info = tarfile.TarInfo(f"{index:06d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def shards(path: Path, images: np.ndarray) -> Path:
    path.mkdir()
    half = len(images) // 2
    shard(path / "train-000.tar", images[:half])
    shard(path / "train-001.tar", images[half:], half)
    return path


def npy(path: Path, images: np.ndarray) -> Path:
    np.save(path, images)
    return path


def npz(path: Path, images: np.ndarray) -> Path:
    np.savez(path, images=images, labels=np.arange(len(images)))
    return path


def safetensors(path: Path, images: np.ndarray) -> Path:
    save_file({"x": torch.from_numpy(images).to(torch.bfloat16)}, path)
    return path


def pt(path: Path, images: np.ndarray) -> Path:
    torch.save({"images": torch.from_numpy(images), "targets": torch.arange(len(images)), "note": "digits"}, path)
    return path


def zarr_group(path: Path, images: np.ndarray) -> Path:
    group = zarr.open_group(path, mode="w")
    group.create_array("images", data=images, chunks=(50, 8, 8))
    group.create_array("labels", data=np.arange(len(images)))
    return path


def item_folder(path: Path, images: np.ndarray) -> Path:
    path.mkdir()
    for index, pixels in enumerate(images):
        np.save(path / f"{index:03d}.npy", pixels)
    return path


def shard_folder(path: Path, images: np.ndarray) -> Path:
    path.mkdir()
    for index, start in enumerate(range(0, len(images), 30)):
        np.savez(path / f"{index}.npz", images=images[start : start + 30], labels=np.arange(30))
    return path


def mnist(path: Path, images: np.ndarray) -> Path:
    """torchvision's folder: each file beside its own .gz."""
    raw = path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, array in (("train", images), ("t10k", images[:5])):
        for name, content in (("images-idx3", idx(array)), ("labels-idx1", idx(array[:, 0, 0].copy()))):
            (raw / f"{part}-{name}-ubyte").write_bytes(content)
            (raw / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    return path


def idx_gz(path: Path, images: np.ndarray) -> Path:
    path.write_bytes(gzip.compress(idx(images)))
    return path


def nifti(path: Path, images: np.ndarray) -> Path:
    """One volume, whose slices are the images."""
    nibabel = pytest.importorskip("nibabel", reason="needs the extra 'medical'")
    nibabel.save(nibabel.Nifti1Image(np.moveaxis(images, 0, 2), np.eye(4)), path)
    return path


def dicom_file(path: Path, pixels: np.ndarray, patient: str, kind: str = "MONOCHROME2", **more: object) -> Path:
    pydicom = pytest.importorskip("pydicom", reason="needs the extra 'medical'")
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file.SOPClassUID, file.SOPInstanceUID = pydicom.uid.SecondaryCaptureImageStorage, pydicom.uid.generate_uid()
    file.PatientID = patient
    if pixels.size:
        file.set_pixel_data(pixels, kind, 8 * pixels.dtype.itemsize)
    for name, value in more.items():
        setattr(file, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


def dicom(path: Path, images: np.ndarray) -> Path:
    """Two images a patient, one file without suffix, a report, and an index."""
    for index, pixels in enumerate(images):
        dicom_file(path / f"{index:03d}{'.dcm' if index != 7 else ''}", pixels, f"smith-{index // 2}")
    dicom_file(path / "report.dcm", images[:0], "smith-0")
    (path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    return path


def torch_dataset(images: np.ndarray) -> TensorDataset:
    return TensorDataset(torch.from_numpy(images), torch.arange(len(images)) % 10)


def loader(images: np.ndarray) -> DataLoader:
    return DataLoader(torch_dataset(images), batch_size=60, drop_last=True)


def parquet(path: Path, images: np.ndarray) -> Path:
    """As ``datasets`` writes them: structs of bytes and path, a ClassLabel by its notes, and another column."""
    features = {"label": {"names": list("abcdefghij"), "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    table = pa.table(
        {
            "image": [{"bytes": png(pixels), "path": f"{index}.png"} for index, pixels in enumerate(images)],
            "label": [index % 10 for index in range(len(images))],
            "caption": ["a digit"] * len(images),
        },
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    pq.write_table(table, path)
    return path


BUILT: dict[str, tuple[Callable[[Path, np.ndarray], Path], str, tuple[str, ...]]] = {
    "train": (folder, "", ("3 files", "no images (1 .csv, 1 .jsonl)", "hidden files")),
    "train.zip": (zipped, "", ("2 files", "no images (1 .txt)", "hidden files")),
    "train.tar": (shard, "", ("200 files", "no images (200 .json)")),
    "shards": (shards, "", ("200 files", "no images (200 .json)")),
    "train.parquet": (parquet, "", ("1 columns", "neither the items nor their classes")),
    "train.npy": (npy, "", ()),
    "train.npz": (npz, ":images", ("1 arrays", "not named")),
    "train.safetensors": (safetensors, "", ()),
    "train.pt": (pt, ":images", ("2 arrays", "not named", "values that are no tensors")),
    "train.zarr": (zarr_group, ":images", ("1 arrays", "not named")),
    "items": (item_folder, "", ("each of 200 files was taken for one item",)),
    "parts": (shard_folder, ":images", ("7 arrays", "each of 7 files was taken for a shard of items")),
    "data": (mnist, "", ("6 files", "compressed twins", "not the training images")),
    "train-images-idx3-ubyte.gz": (idx_gz, "", ()),
    "train.nii.gz": (nifti, "", ("0 files", "slices along the third axis", "no item tells its patient")),
    "scans": (dicom, "", ("2 files", "without pixels (1 .dcm)", "items are of 100 patients")),
}
"""Of each kind of source: how it is written, what names the array in it, how much is passed over and what notes say."""


def passed_over(source: dict) -> int:
    return sum(n for kinds in source["passed_over"].values() for n in kinds.values())
