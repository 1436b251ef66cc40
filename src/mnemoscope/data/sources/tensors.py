"""Files of tensors: safetensors, and what torch saves (``.pt``, ``.pth``), read without running anything in them.

torch knows, with ``weights_only``, tensors and plain containers, and refuses every other object. A tensor may
claim more values than its storage holds (strides of zero repeat them); such claims are refused.
"""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from mnemoscope.data.arrays import Array, as_array, is_plain
from mnemoscope.data.census import NO_ARRAY, Census
from mnemoscope.data.sources.contract import ArrayFile, Look, pick
from mnemoscope.errors import InputError
from mnemoscope.reading import DEFLATE_RATIO, check_memory, check_stored


class SafetensorsFile(ArrayFile):
    """A safetensors file, in every number format that torch reads."""

    reads, suffixes, keyed = ".safetensors", (".safetensors",), True

    def look(self, where: Path, key: str | None) -> Look:
        with safe_open(where, framework="pt") as tensors:
            chosen, _ = pick(where, list(tensors.keys()), key)
            return Look(tuple(tensors.get_slice(chosen).get_shape()), where.stat().st_size)

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        with safe_open(path, framework="pt") as tensors:  # compares every claim with the file's size
            chosen, census = pick(path, list(tensors.keys()), key)
            check_memory(path, path.stat().st_size)
            return as_array(tensors.get_tensor(chosen), str(path)), census


class TorchFile(ArrayFile):
    """A tensor saved by torch, alone or named in a dictionary, a list or a tuple (by its place)."""

    reads, suffixes, keyed = ".pt or .pth (tensors only)", (".pt", ".pth"), True

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        _check_claims(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            if "weights_only" in str(error) or "Unsupported" in str(error):
                raise InputError(
                    f"{path}: holds pickled Python objects beside tensors, which are never loaded: save only tensors"
                ) from error
            raise
        if isinstance(content, Tensor):
            content = {"tensor": content}
        tensors, others = dict[str, Tensor](), list[str]()
        _flatten(content, "", tensors, others)
        chosen, census = pick(path, list(tensors), key)
        for name in others:
            census.pass_over(name, NO_ARRAY)
        return _plain(path, tensors[chosen]), census


def _flatten(content: Any, prefix: str, tensors: dict[str, Tensor], others: list[str]) -> None:
    if isinstance(content, Mapping):
        parts = [(str(key), value) for key, value in content.items()]
    elif isinstance(content, list | tuple):
        parts = [(str(place), value) for place, value in enumerate(content)]
    else:
        parts = []
        others.append(prefix)
    for name, value in parts:
        where = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Tensor):
            tensors[where] = value
        else:
            _flatten(value, where, tensors, others)


def _plain(path: Path, tensor: Tensor) -> Array:
    if is_plain(tensor):
        check_stored(path, tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
    return as_array(tensor, str(path))


def _check_claims(path: Path) -> None:
    """Of an archive: torch stores tensors uncompressed, so that one that unpacks to more is not torch's."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        claimed = sum(info.file_size for info in archive.infolist())
    check_stored(path, claimed, path.stat().st_size, DEFLATE_RATIO)
    check_memory(path, claimed)
