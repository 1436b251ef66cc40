"""NumPy's files: ``.npy``, memory-mapped, and ``.npz`` with one array or a named one of several."""

import zipfile
from pathlib import Path

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import FOREIGN_MEMBER, Census
from mnemoscope.data.numpy_files import load_npy, read_npy_member
from mnemoscope.data.sources.contract import ArrayFile, pick
from mnemoscope.errors import InputError


class NpyFile(ArrayFile):
    """An array file, as a read-only memory map."""

    reads, suffixes = ".npy", (".npy",)

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        census = Census("arrays")
        census.read()
        return load_npy(path), census


class NpzFile(ArrayFile):
    """An archive of arrays."""

    reads, suffixes, keyed = ".npz", (".npz",), True

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            members = {info.filename.removesuffix(".npy"): info for info in infos}
            if len(members) < len(infos):
                raise InputError(f"{path}: holds two arrays of one name")
            arrays = [name for name, info in members.items() if info.filename.endswith(".npy")]
            chosen, census = pick(path, arrays or list(members), key)
            for name in members.keys() - arrays if arrays else ():
                census.pass_over(name, FOREIGN_MEMBER)
            return read_npy_member(path, archive, members[chosen]), census
