"""Damaged files of every source that ``load`` reads, for the tests here and for ``python -m benchmarks fuzz``.

A damage is plain data, so that hypothesis can draw, shrink and print it, and a fuzzer can draw millions from a seed.
"""

import gzip
import io
import re
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pandas
import torch
import zarr
from PIL import Image
from safetensors.numpy import save

from tests.unit.data.built import dicom_file, parquet

KINDS = ("flip", "byte", "cut", "drop", "repeat", "append", "number", "digits", "zeros", "swap")
"""What may happen to a file, see ``damaged``."""

NUMBERS = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
DIGITS = (b"-1", b"0", b"65536", b"4294967296", b"9223372036854775807", b"9" * 25, b"9" * 400, b"1e9", b"True", b"()")

RNG = np.random.default_rng(15)
PIXELS = RNG.integers(0, 256, (40, 6, 5), dtype=np.uint8)
COLOURS = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Damage:
    kind: str
    where: float
    value: int


def damaged(content: bytes, damages: Sequence[Damage]) -> bytes:
    """The content after every damage in turn."""
    for damage in damages:
        content = _damaged(content, damage)
    return content


def _damaged(content: bytes, damage: Damage) -> bytes:
    # Headers are where it hurts: half of the places are within the first 256 bytes.
    span = min(len(content), 256) if damage.value % 2 else len(content)
    at, length = int(damage.where * span), 1 + damage.value % 64
    match damage.kind:
        case "flip" if content:
            at = min(at, len(content) - 1)
            return content[:at] + bytes([content[at] ^ 1 << damage.value // 2 % 8]) + content[at + 1 :]
        case "byte":
            return content[:at] + bytes([damage.value // 2 % 256]) + content[at + 1 :]
        case "cut":
            return content[:at]
        case "drop":
            return content[:at] + content[at + length :]
        case "repeat":
            return content[: at + length] + content[at:]
        case "append":
            return content + content[at : at + length] + bytes(damage.value % 7)
        case "zeros":
            return content[:at] + bytes(length) + content[at + length :]
        case "swap":
            return content[at:] + content[:at]
        case "number":
            size, order = (1, 2, 4, 8)[damage.value // 2 % 4], "<>"[damage.value // 8 % 2]
            number = NUMBERS[damage.value // 16 % len(NUMBERS)] % 2 ** (8 * size)
            packed = struct.pack(f"{order}{'BHIQ'[size.bit_length() - 1]}", number)
            return content[:at] + packed + content[at + size :]
        case "digits":
            runs = list(re.finditer(rb"\d+", content[:512]))
            if not runs:
                return content
            run = runs[min(int(damage.where * len(runs)), len(runs) - 1)]
            return content[: run.start()] + DIGITS[damage.value % len(DIGITS)] + content[run.end() :]
    return content


def _npy(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def _zip(npy: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("images.npy", npy)
    return file.getvalue()


def _idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def _picture(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOURS).save(file, kind, **({"exif": exif} if kind in ("PNG", "JPEG", "TIFF", "WEBP") else {}))
    return file.getvalue()


def _zip_of_images() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", _picture("PNG"))
        archive.writestr("a/labels.csv", "1,2")
    return file.getvalue()


def _tar_of_images() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in (("1.png", _picture("PNG")), ("1.cls", b"3")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _parquet() -> bytes:
    file = io.BytesIO()
    table = {"size": np.arange(40) + 0.5, "colour": [f"c{row % 3}" for row in range(40)]}
    pandas.DataFrame(table).to_parquet(file)
    return file.getvalue()


def _parquet_of_images() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return parquet(Path(folder, "a.parquet"), PIXELS).read_bytes()


def _scan() -> bytes:
    image = nibabel.Nifti1Image(np.moveaxis(PIXELS, 0, 2), np.eye(4))
    return bytes(image.to_bytes())


def _dicom() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return dicom_file(Path(folder, "a.dcm"), PIXELS[0], "smith").read_bytes()


def _torch(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    torch.save({"images": torch.from_numpy(array)}, file)
    return file.getvalue()


def _zarr(array: np.ndarray) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.zip")
        with zarr.storage.ZipStore(path, mode="w") as store:
            zarr.create_array(store, data=array, chunks=(20, 6, 5))
        return path.read_bytes()


def _same(content: bytes) -> bytes:
    return content


FLOATS = PIXELS.astype(np.float32) / 255

SOURCES: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "a.npy": (_npy(PIXELS), _same),
    "second.npy": (_npy(np.asfortranarray(FLOATS), (2, 0)), _same),
    "a.npz": (_zip(_npy(PIXELS)), _same),
    "stored.npz": (_zip(_npy(FLOATS), zipfile.ZIP_STORED), _same),
    "lzma.npz": (_zip(_npy(PIXELS), zipfile.ZIP_LZMA), _same),
    "member.npz": (_npy(PIXELS), _zip),
    "a.safetensors": (save({"images": FLOATS}), _same),
    "a-idx3-ubyte": (_idx(PIXELS), _same),
    "a-idx3-ubyte.gz": (gzip.compress(_idx(PIXELS), mtime=0), _same),
    "inner-idx3-ubyte.gz": (_idx(PIXELS), lambda content: gzip.compress(content, mtime=0)),
    "a.zip": (_zip_of_images(), _same),
    "a.tar": (_tar_of_images(), _same),
    "a.pt": (_torch(PIXELS), _same),
    "a.zarr.zip": (_zarr(PIXELS), _same),
    "a.csv": (b"size,colour\n" + b"".join(b"%d.5,c%d\n" % (row, row % 3) for row in range(40)), _same),
    "a.parquet": (_parquet(), _same),
    "pictures.parquet": (_parquet_of_images(), _same),
    "a.nii": (_scan(), _same),
    "inner.nii.gz": (_scan(), lambda content: gzip.compress(content, mtime=0)),
    "a.dcm": (_dicom(), _same),
    "a.png": (_picture("PNG"), _same),
    "a.jpg": (_picture("JPEG"), _same),
    "a.gif": (_picture("GIF"), _same),
    "a.tif": (_picture("TIFF"), _same),
    "a.webp": (_picture("WEBP"), _same),
    "a.bmp": (_picture("BMP"), _same),
}
"""The name of a file of each source, what is damaged, and what is made of that to give the file."""

SUFFIXES = tuple(dict.fromkeys(name[name.index(".") :] if "." in name else "-idx3-ubyte" for name in SOURCES))


def write_damaged(folder: Path, name: str, damages: Sequence[Damage], suffix: str | None = None) -> str:
    """Write a damaged file, perhaps under a suffix that is not its own; what to hand to ``load``."""
    content, wrap = SOURCES[name]
    path = folder / (name if suffix is None else f"renamed{suffix}")
    picture = path.suffix in (".png", ".jpg", ".gif", ".tif", ".webp", ".bmp")
    if picture:
        path = folder / "pictures" / path.name
        path.parent.mkdir()
    path.write_bytes(wrap(damaged(content, damages)))
    return str(path.parent if picture else path)
