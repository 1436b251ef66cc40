"""What a file is by its first bytes, whatever its name says.

Downloads leave things under the names of arrays and images that are neither: the pointer of Git LFS that stands for
a file not fetched, a web page with an error, a pickle. A reader that fails says which of them it met.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from mnemoscope.errors import InputError

N_BYTES = 512
"""How much of a file tells what it is."""

PICKLED = "holds pickled Python objects, which are never loaded; save a plain numeric array instead"

_PICKLE_CODES = b"(]})cX\x8a\x8c\x94\x95KMGINTUV"
"""Opcodes that a pickle of protocol 2 or later begins with, after its protocol."""

_WEB_PAGE = "is a web page (HTML), as a failed download leaves it"

_NEVER = {
    b"version https://git-lfs": "is a Git LFS pointer, not the file it stands for: fetch that with git lfs pull",
    b"/annex/objects/": "is a git-annex pointer, not the file it stands for: fetch that with git annex get",
    b"<!doctype html": _WEB_PAGE,
    b"<html": _WEB_PAGE,
    b"<?xml": "is an XML document, as a failed download leaves it",
}
"""Beginnings that nothing has which is read here, in lower case."""

_FORMATS: dict[bytes, tuple[str, tuple[str, ...]]] = {
    b"\x89HDF": ("is an HDF5 file: save the array in it as .npy", ()),
    b"\x93NUMPY": ("is a NumPy array file (.npy)", (".npy",)),
    b"PK\x03\x04": ("is a zip archive (.zip, .npz or .pt)", (".zip", ".npz", ".pt", ".pth")),
    b"\x1f\x8b": ("is compressed with gzip", (".gz", ".tgz")),
    b"PAR1": ("is a Parquet table", (".parquet", ".pq")),
    b"%PDF": ("is a PDF document", ()),
    b"\x89PNG": ("is a PNG image", (".png", ".apng")),
    b"\xff\xd8\xff": ("is a JPEG image", (".jpg", ".jpeg", ".jpe", ".jfif")),
}
"""What other beginnings mean, and the suffixes of files that have them by right."""

_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")


def described(first: bytes, name: str = "") -> str | None:
    """What a file with these first bytes is, as the end of a sentence; None where that is what its name says."""
    suffix = PurePosixPath(name).suffix.lower()
    if not first:
        return "is empty"
    if not first.strip(b"\0"):
        return "begins with nothing but zeros, as a download that was cut short leaves it"
    start = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, what in _NEVER.items():
        if start.startswith(beginning):
            return what
    for beginning, (what, suffixes) in _FORMATS.items():
        if first.startswith(beginning) and suffix not in suffixes:
            return what
    if len(first) > 2 and first[0] == 0x80 and 2 <= first[1] <= 5 and first[2] in _PICKLE_CODES:
        return PICKLED
    return None


def is_image(first: bytes) -> bool:
    """Whether a file with these first bytes is an image of a common format."""
    return first.startswith(_IMAGES) or (first[:4] == b"RIFF" and first[8:12] == b"WEBP") or first[4:12] == b"ftypavif"


def first_bytes(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(N_BYTES)


@contextmanager
def told_apart(path: str | Path, first: bytes | None = None) -> Iterator[None]:
    """Read ``path`` within this block; where that fails, its first bytes may say what it is instead.

    Args:
        path: a file, for the message and for what its suffix promises.
        first: its first bytes; read from the file if left out.

    Raises:
        InputError: as within the block, or one line with what the file is.
    """
    try:
        yield
    except InputError as error:
        try:
            what = described(first_bytes(Path(path)) if first is None else first, str(path))
        except OSError:
            what = None
        if what is None or what in str(error):
            raise
        raise InputError(f"{path}: {what}") from error
