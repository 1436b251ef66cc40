"""A pipeline from the folder in which ``save_pretrained`` left it: nothing is run from it, nothing is downloaded.

All is looked at before diffusers opens it. ``model_index.json`` may name classes of diffusers and of transformers, and
no others: what brings code of its own is refused. Weights are read from safetensors alone, a pickle is never loaded;
every network is compared with what its files hold, since diffusers fills what is missing with random numbers.
"""

import inspect
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.reading import check_memory, reading
from mnemoscope.text import listed, one_line

INDEX = "model_index.json"
"""What tells the folder of a pipeline from other folders."""

_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_WEIGHTS = ".safetensors"
_TABLE = ".index.json"


def is_pipeline(path: object) -> bool:
    """Whether this is the folder of a pipeline, by what lies in it."""
    try:
        return isinstance(path, str | Path) and (Path(path) / INDEX).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def open_pipeline(folder: str | Path) -> Any:
    """The pipeline of a folder, on the CPU, with the sampler that it was saved with.

    Args:
        folder: with ``model_index.json``, as ``save_pretrained`` of a pipeline writes it.

    Raises:
        InputError: no such folder, an index or weights that are missing, damaged or a pickle, classes that diffusers
            lacks, code that would have to be run. One line that names the file and, where there is one, the remedy.
        MissingExtraError: diffusers is not installed.
    """
    path = Path(folder)
    with reading(path):
        if not path.is_dir():
            raise InputError(f"{path}: no such folder")
        if not (path / INDEX).is_file():
            raise InputError(f"{path}: has no {INDEX}: a pipeline's folder is what its save_pretrained writes")
        index = _read_index(path / INDEX)
        diffusers = optional("diffusers", "train")
        components = _check_index(path / INDEX, index, diffusers)
        needed = sum(_check_component(path, name, *what, diffusers) for name, what in components.items())
        check_memory(path, needed)
    with reading(path, f"a {index['_class_name']}"), _quietly(diffusers):
        pipeline = diffusers.DiffusionPipeline.from_pretrained(
            str(path), local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
    for name in components:
        network = getattr(pipeline, name, None)
        if isinstance(network, diffusers.ModelMixin):
            _check_whole(path / name, network)
    return pipeline


def _read_index(file: Path) -> Mapping[str, Any]:
    with reading(file, "the index of a pipeline"):
        index = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(index, dict) or "_class_name" not in index:
        raise InputError(f"{file}: is no index of a pipeline: it has no _class_name")
    return index


def _check_index(file: Path, index: Mapping[str, Any], diffusers: Any) -> dict[str, tuple[str, str]]:
    """The components by name, with their library and class; all of them known."""
    name = index["_class_name"]
    if not isinstance(name, str):
        raise InputError(f"{file}: names code of its own as its pipeline, {name}: no code from a folder is run")
    kind = getattr(diffusers, name, None) if name.isidentifier() else None
    if not (inspect.isclass(kind) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise InputError(
            f"{file}: names the pipeline {name}, which diffusers {diffusers.__version__} does not have: newer, or "
            f"code of its own, which is not run"
        )
    found = {}
    for part, what in index.items():
        if part.startswith("_") or not isinstance(what, list) or len(what) != 2 or what == [None, None]:
            continue
        library, cls = what
        if not (isinstance(library, str) and isinstance(cls, str) and part.isidentifier()):
            raise InputError(f"{file}: its component {part} is {one_line(str(what), 80)}, not a library and a class")
        if library not in ("diffusers", "transformers") and not hasattr(diffusers.pipelines, library):
            raise InputError(
                f"{file}: its component {part} is {library}.{cls}, a class outside diffusers and transformers: no code "
                f"from a folder is run (trust_remote_code)"
            )
        if library == "transformers" and find_spec("transformers") is None:
            raise InputError(
                f"{file}: its component {part} is a {cls} of transformers, which is missing: pip install transformers"
            )
        if library == "diffusers" and not (cls.isidentifier() and hasattr(diffusers, cls)):
            raise InputError(f"{file}: its component {part} is a {cls}, which diffusers {diffusers.__version__} lacks")
        found[part] = (library, cls)
    return found


def _check_component(path: Path, name: str, library: str, cls: str, diffusers: Any) -> int:
    """The bytes of its weights, which are there as safetensors; 0 for what has none.

    Raises:
        InputError: it is not there, brings code, or has no whole weights of that kind.
    """
    folder = path / name
    if not folder.is_dir():
        raise InputError(f"{path}: its component {name} ({library}.{cls}) is missing: there is no folder {name}")
    code = sorted(file.name for file in folder.glob("*.py"))
    if code:
        raise InputError(f"{folder / code[0]}: is code, which is not run: a component of diffusers has none")
    kind = getattr(diffusers, cls, None)
    weights = sorted(file for file in folder.iterdir() if file.name.endswith(_WEIGHTS))
    for file in weights:
        _keys(file)
    if inspect.isclass(kind) and issubclass(kind, nn.Module):
        config = folder / "config.json"
        if not config.is_file():
            raise InputError(f"{folder}: has no config.json, by which a {cls} is made")
        if not weights:
            pickles = sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLES)
            if pickles:
                raise InputError(
                    f"{folder / pickles[0]}: is a pickle, which can run code and is not read: where you trust it, "
                    f"load the pipeline in Python and save it again, save_pretrained(FOLDER, safe_serialization=True)"
                )
            raise InputError(f"{folder}: has no weights: a file diffusion_pytorch_model{_WEIGHTS} was expected")
    return sum(file.stat().st_size for file in weights)


def _keys(file: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a safetensors file, by its header."""
    from safetensors import safe_open

    with reading(file, "safetensors"), safe_open(file, "pt") as content:
        return {key: tuple(content.get_slice(key).get_shape()) for key in content.keys()}  # noqa: SIM118


def _check_whole(folder: Path, network: nn.Module) -> None:
    """That the files hold every weight of the network: what is missing would be random.

    Raises:
        InputError: they do not.
    """
    held = set().union(*(_keys(file) for file in folder.glob(f"*{_WEIGHTS}")))
    missing = [key for key in network.state_dict() if key not in held]
    if missing:
        raise InputError(
            f"{folder}: lacks {len(missing)} weights of its {type(network).__name__} ({listed(missing[:3])}): it was "
            f"saved for another configuration or is not whole"
        )


@contextmanager
def _quietly(diffusers: Any) -> Iterator[None]:
    """Without the bars, warnings and logs of diffusers: what it would say of a folder was asked before."""
    logs = diffusers.utils.logging
    level, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity(logging.CRITICAL)
    logs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logs.set_verbosity(level)
        if bars:
            logs.enable_progress_bar()
