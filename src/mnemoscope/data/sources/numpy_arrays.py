"""NumPy's files: ``.npy``, memory-mapped, and ``.npz`` with one array or a named one of several."""

import zipfile
from pathlib import Path

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import FOREIGN_MEMBER, Census
from mnemoscope.data.numpy_files import load_npy, look_at_npy, read_member_header, read_npy_member
from mnemoscope.data.sources.contract import ArrayFile, Look, pick
from mnemoscope.errors import InputError


class NpyFile(ArrayFile):
    """An array file, as a read-only memory map."""

    reads, suffixes = ".npy", (".npy",)

    def look(self, where: Path, key: str | None) -> Look:
        return Look(look_at_npy(where).shape, 0)

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        census = Census("arrays")
        census.read()
        return load_npy(path), census


class NpzFile(ArrayFile):
    """An archive of arrays."""

    reads, suffixes, keyed = ".npz", (".npz",), True

    def look(self, where: Path, key: str | None) -> Look:
        with where.open("rb") as file, zipfile.ZipFile(file) as archive:
            member, _ = _member(where, archive, key)
            header = read_member_header(where, archive, member)
            return Look(header.shape, header.n_bytes)

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            member, census = _member(path, archive, key)
            return read_npy_member(path, archive, member), census


def _member(path: Path, archive: zipfile.ZipFile, key: str | None) -> tuple[zipfile.ZipInfo, Census]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    if len(members) < len(infos):
        raise InputError(f"{path}: holds two arrays of one name")
    arrays = [name for name, info in members.items() if info.filename.endswith(".npy")]
    chosen, census = pick(path, arrays or list(members), key)
    for name in members.keys() - arrays if arrays else ():
        census.pass_over(name, FOREIGN_MEMBER)
    return members[chosen], census
