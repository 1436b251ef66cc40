"""What a header claims is checked before memory is taken, and whatever a library raises names the file."""

import gzip
import io
import os
import resource
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from mnemoscope import reading
from mnemoscope.data import Dataset, load
from mnemoscope.errors import InputError
from tests.robustness.damage import _npy, _zip

PIXELS = np.zeros((3, 4, 5), np.uint8)


def npy(header: str) -> bytes:
    content = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(content)) + content


def claim(shape: str, descr: str = "|u1") -> bytes:
    return npy(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}") + bytes(60)


def encrypted() -> bytes:
    content = bytearray(_zip(_npy(PIXELS)))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


def over_claiming_directory() -> bytes:
    """The archive's directory and the member's header agree on two terabytes."""
    content = bytearray(_zip(claim("(3000000000,)")))
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", 3 * 10**9 + len(claim("(3000000000,)")) - 60)
    return bytes(content)


def png(width: int, height: int) -> bytes:
    """A header that claims that many pixels, and no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


BAD = {
    "deep.npy": (npy("(" * 5000), "is damaged or cannot be read"),
    "words.npy": (npy("{'descr': 'float', 'fortran_order': maybe"), "is damaged or cannot be read"),
    "keys.npy": (npy("{}"), "is damaged or cannot be read"),
    "terabytes.npy": (claim("(1000000000000, 8)"), "its header claims 8000000000000 bytes, 60 are there"),
    "overflow.npy": (claim("(9223372036854775807, 9223372036854775807)", "<f8"), "its header claims"),
    "negative.npy": (claim("(-3, -20)"), "its header claims the shape (-3, -20)"),
    "second.npy": (_npy(PIXELS) * 2, "bytes more than the array of its header"),
    "long.npy": (_npy(np.zeros((3, 4), np.longdouble)), "at most 64 bits"),
    "archive.npy": (_zip(_npy(PIXELS)), "is a zip archive (.zip, .npz or .pt)"),
    "array.npz": (_npy(PIXELS), "is a NumPy array file (.npy)"),
    "encrypted.npz": (encrypted(), "encrypted"),
    "directory.npz": (over_claiming_directory(), "its header claims 3000000"),
    "member.npz": (_zip(claim("(1000000000000,)")), "its header claims 1000000000000 bytes"),
    "text.npz": (_zip(b"hello"), "is not a NumPy array"),
    "lzma.npz": (_zip(_npy(PIXELS), zipfile.ZIP_LZMA)[:-200] + bytes(200), "is damaged or cannot be read"),
    "axes-idx65-ubyte": (b"\0\0\x08\x41" + struct.pack(">65I", *[1] * 65) + b"\0", "65 axes"),
    "axes-idx65-ubyte.gz": (gzip.compress(b"\0\0\x08\x41" + struct.pack(">65I", *[1] * 65) + b"\0"), "65 axes"),
    "huge-idx3-ubyte": (b"\0\0\x0e\x03" + b"\xff" * 12, "its header says"),
    "huge-idx3-ubyte.gz": (gzip.compress(b"\0\0\x0e\x03" + b"\xff" * 12), "its header claims"),
    "more-idx1-ubyte.gz": (gzip.compress(b"\0\0\x08\x01\0\0\0\x05" + bytes(10**7)), "or more bytes of values"),
    "a.safetensors": (save({"x": PIXELS}).replace(b"[3,4,5]", b"[9,9,9]"), "is damaged or cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_false_claims_are_one_line_and_cost_nothing(tmp_path: Path, name: str) -> None:
    content, culprit = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as raised:
        load(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert culprit in message
    assert "\n" not in message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


def test_a_compressed_claim_is_compared_with_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are true, but do not fit."""
    array = np.zeros((1000, 100), np.uint8)
    np.savez_compressed(tmp_path / "x.npz", x=array)
    (tmp_path / "x-idx2-ubyte.gz").write_bytes(gzip.compress(struct.pack(">HBB2I", 0, 8, 2, 1000, 100) + bytes(10**5)))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(3):
        Image.new("L", (200, 200)).save(pictures / f"{index}.png")
    sources = [tmp_path / "x.npz", tmp_path / "x-idx2-ubyte.gz", pictures]
    assert [load(source).array.nbytes for source in sources] == [10**5, 10**5, 120_000]
    monkeypatch.setattr(reading, "free_memory", lambda: 10**5 - 1)
    for source in sources:
        with pytest.raises(InputError, match=r"needs 0\.[12] MB of memory, 100\.0 kB are free"):
            load(source)


@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 60_000)], ids=["warned", "refused"])
def test_a_picture_above_the_guard(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png(*size))
    with pytest.raises(InputError, match=rf"a\.png: is a picture of more than {Image.MAX_IMAGE_PIXELS} pixels"):
        load(tmp_path)


def test_names_that_no_file_can_have() -> None:
    for name in ("a" * 300 + ".npy", "a/" * 3000, "a\0b.npy"):
        with pytest.raises(InputError):
            load(name)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        load(tmp_path / "a.npy")


def test_free_memory_knows_the_process_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    system = reading.free_memory()
    assert system is not None
    assert system > 0
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10**3, 10**3))
    assert reading.free_memory() == 0
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(reading, "_MEMINFO", Path("/nowhere"))
    assert reading.free_memory() is None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RecursionError("maximum recursion depth exceeded"),
        struct.error("unpack"),
        zlib.error("Error -3"),
        OverflowError("int too large"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        OSError(36, "File name too long"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried\nto"),
        KeyError("x"),
        Exception("\x1b[31mred\nsecond line"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_anything_raised_is_one_line(error: Exception) -> None:
    with pytest.raises(InputError, match=r"^FILE: ") as raised, reading.reading("FILE"):
        raise error
    assert str(raised.value).isprintable()
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_who_wants_to_stop_may(stop: type[BaseException]) -> None:
    with pytest.raises(stop), reading.reading("FILE"):
        raise stop


def test_an_error_that_names_its_culprit_passes() -> None:
    with pytest.raises(InputError, match=r"^index 3$"), reading.reading("FILE"):
        raise InputError("index 3")


def test_long_doubles_are_refused_in_python_too() -> None:
    with pytest.raises(InputError, match="at most 64 bits"):
        Dataset(np.zeros((3, 4), np.longdouble))


def test_an_archive_is_read_to_its_checksum(tmp_path: Path) -> None:
    """A flipped bit of the values, in an archive that stores them as they are."""
    file = io.BytesIO()
    np.savez(file, x=np.arange(60, dtype=np.uint8).reshape(3, 20))
    content = bytearray(file.getvalue())
    content[content.index(bytes(range(60))) + 59] ^= 1
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match="CRC"):
        load(tmp_path / "x.npz")
