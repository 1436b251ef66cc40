"""Images in archives: zip files, and tar files such as the shards of webdataset, plain or compressed.

Entries are read where they lie; nothing is unpacked to disk. Names order the images of a zip file as they do those of a
folder; a shard is read in its own order. As webdataset has it, the members of one sample share their name up to its
first dot, and ``NAME.cls`` is the class of ``NAME.png``.
"""

import io
import posixpath
import tarfile
import zipfile
from contextlib import ExitStack
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from mnemoscope.data.census import ELSEWHERE, NOT_NAMED, ODD, Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.decoding import Encoded
from mnemoscope.data.first_bytes import N_BYTES
from mnemoscope.data.kept import State
from mnemoscope.data.options import Options
from mnemoscope.data.sources.contract import Source
from mnemoscope.data.sources.image_files import folder_classes, of_images, sort_out
from mnemoscope.errors import InputError
from mnemoscope.reading import DEFLATE_RATIO, check_memory, check_stored
from mnemoscope.text import listed

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class ZipOfImages(Source):
    """A zip archive of images."""

    reads, suffixes = "zip of images", (".zip",)

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        with zipfile.ZipFile(where) as archive:
            infos = {info.filename: info for info in archive.infolist() if not info.is_dir()}
            if len(infos) < sum(not info.is_dir() for info in archive.infolist()):
                raise InputError(f"{where}: holds two files of one name")

            def content(info: zipfile.ZipInfo) -> BufferedIOBase:
                if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    check_stored(where, info.file_size, info.compress_size, DEFLATE_RATIO)
                check_memory(where, info.file_size)
                return io.BytesIO(archive.read(info))

            def first(name: str) -> bytes:
                with archive.open(infos[name]) as file:
                    return file.read(N_BYTES)

            census = Census()
            state = State.of(where)
            entries = [
                Encoded(name, f"{where}/{name}", partial(content, info), state._replace(part=info.header_offset))
                for name, info in sorted(infos.items())
            ]
            return of_images(where, sort_out(entries, first, census), census, options)


class TarOfImages(Source):
    """A tar file of images, as webdataset shards are; ``shard.tar:jpg`` reads one of several images of each sample."""

    reads, suffixes, keyed = "tar of images (webdataset)", TAR_SUFFIXES, True

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        return read_shards(where, [where], key, options)


def read_shards(where: Path, shards: list[Path], key: str | None, options: Options) -> Dataset:
    """The images of tar files in the order of the shards and within each.

    Args:
        where: the source, for messages.
        shards: the files.
        key: what follows the first dot in the names of the images to read, where samples have several.
        options: how pictures are asked for.

    Raises:
        InputError: as ``of_images``; a member that is a link to nothing, or two of one name in one shard.
    """
    census, images, classes = Census(), list[Encoded](), dict[str, str]()
    with ExitStack() as stack:
        for shard in shards:
            tar = stack.enter_context(tarfile.open(shard))
            before = "" if len(shards) == 1 else f"{shard.name}/"
            entries, first, state = list[Encoded](), dict[str, bytes](), State.of(shard)
            for name, info in _members(shard, tar, before, census).items():
                if name.endswith(".cls"):
                    classes[before + _sample(name)] = _bytes(tar, info, N_BYTES).decode("utf-8", "replace").strip()
                    census.read()
                elif key is not None and _part(name) != key:
                    census.pass_over(before + name, NOT_NAMED)
                else:
                    opened, lies = partial(_content, shard, tar, info), state._replace(part=info.offset_data)
                    entries.append(Encoded(before + name, f"{shard}/{name}", opened, lies))
                    first[before + name] = _bytes(tar, info, N_BYTES)
            images += sort_out(entries, first.__getitem__, census)
        samples = [_sample(image.name) for image in images]
        if len(set(samples)) < len(samples):
            parts = listed(sorted({_part(image.name) for image in images}))
            raise InputError(f"{where}: has several images for a sample; name one as {where.name}:KEY among {parts}")
        data = of_images(where, images, census, options)
    if classes and all(sample in classes for sample in samples):
        return data.described(classes=tuple(classes[sample] for sample in samples))
    within = (image.name if len(shards) == 1 else image.name.partition("/")[2] for image in images)
    return data.described(classes=folder_classes(tuple(within)))


def _sample(name: str) -> str:
    """The name up to the first dot of its last part."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _part(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[2]


def _members(shard: Path, tar: tarfile.TarFile, before: str, census: Census) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    infos = tar.getmembers()
    _check_end(shard, tar, len(infos))
    names = {posixpath.normpath(info.name) for info in infos}
    for info in infos:
        if info.isdir():
            continue
        if info.islnk() or info.issym():
            target = info.linkname if info.islnk() else posixpath.join(posixpath.dirname(info.name), info.linkname)
            if posixpath.normpath(target) not in names:
                raise InputError(f"{shard}: its member {info.name} is a link to {info.linkname}, which is not there")
            census.pass_over(before + info.name, ELSEWHERE)
        elif not info.isfile():
            census.pass_over(before + info.name, ODD)
        elif info.name in members:
            raise InputError(f"{shard}: holds two files called {info.name}")
        else:
            members[info.name] = info
    return members


def _check_end(shard: Path, tar: tarfile.TarFile, n_members: int) -> None:
    """Python takes the first header that it cannot read for the end, which is a block of zeros with nothing behind."""
    file = cast("BufferedIOBase", tar.fileobj)
    file.seek(tar.offset)
    rest = file.read(tarfile.BLOCKSIZE)
    if len(rest) < tarfile.BLOCKSIZE or rest.strip(b"\0"):
        raise InputError(f"{shard}: is cut short or damaged after {n_members} members")
    while rest := file.read(2**20):
        if rest.strip(b"\0"):
            raise InputError(f"{shard}: goes on after its end, as archives that were joined do: give each by itself")


def _content(shard: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> BufferedIOBase:
    check_memory(shard, info.size)
    return io.BytesIO(_bytes(tar, info, info.size))


def _bytes(tar: tarfile.TarFile, info: tarfile.TarInfo, n_bytes: int) -> bytes:
    file = tar.extractfile(info)
    if file is None:
        raise ValueError(f"{info.name} has no content")
    with file:
        return file.read(n_bytes)
