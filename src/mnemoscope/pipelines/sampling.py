"""Samples of a pipeline by its own sampler: its scheduler, its guidance, its decoder, as its users get them.

Pipelines give 8-bit pictures (``output_type="pil"``), and so does this: grey ones of shape ``(n, height, width)``,
others ``(n, height, width, channels)``.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mnemoscope.choose import check_kind, check_whole
from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError, MnemoscopeError
from mnemoscope.pipelines.folder import open_pipeline
from mnemoscope.progress import progress_bar
from mnemoscope.reading import check_memory
from mnemoscope.text import listed, one_line
from mnemoscope.torch_state import evaluation_mode

BATCH_SIZE = 64
"""Samples computed at once, if nothing else is asked for."""

_N_STEPS, _BATCH = "num_inference_steps", "batch_size"
_LISTS = ("class_labels", "prompt")
"""Conditions that pipelines take one an image, whose number is that of the images."""


def sample_pipeline(
    pipeline: Any,
    n: int,
    *,
    seed: int = 0,
    n_steps: int | None = None,
    batch_size: int = BATCH_SIZE,
    conditions: Mapping[str, Sequence[Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> Array:
    """Draw pictures from a pipeline of diffusers as it is.

    Args:
        pipeline: it, or the folder that its ``save_pretrained`` wrote (see ``open_pipeline``).
        n: number of samples.
        seed: of all that is drawn: what the pipeline draws from its ``generator`` and what it draws from torch's own.
        n_steps: sampling steps; those that the pipeline takes by itself if left out.
        batch_size: samples computed at once.
        conditions: of a conditional pipeline: ``{"class_labels": [0, 1]}`` or ``{"prompt": ["…"]}``, which the samples
            take in turn.
        options: further arguments of the pipeline's call, such as ``{"guidance_scale": 1.0}``.
        progress: show a bar.

    Returns:
        uint8, shape ``(n, height, width)`` or ``(n, height, width, channels)``.

    Raises:
        InputError: an argument out of range, a folder that is no whole pipeline, a conditional pipeline without
            conditions, an option that it does not take, or whatever it raises; pictures that are none, NaN or Inf.
    """
    n, batch_size, seed = check_whole(n, "n"), check_whole(batch_size, "batch_size"), check_whole(seed, "seed", 0)
    opened = as_pipeline(pipeline)
    name = type(opened).__name__
    given = _arguments(opened, name, n_steps, conditions, options)
    shape = picture_shape(opened)
    if shape is not None:
        check_memory(f"{n} samples of shape {shape}", 2 * n * float(np.prod(shape)))
    generator = torch.Generator().manual_seed(seed)
    starts = range(0, n, batch_size)
    made = list[Array]()
    total = len(starts) * (n_steps or _usual_steps(opened))
    with progress_bar(f"sampling ({name})", total, enabled=progress) as advance, _sampling(opened, seed, advance):
        for start in starts:
            size = min(batch_size, n - start)
            made.append(_pictures(_called(opened, name, size, start, generator, given, conditions or {}), name, size))
    return np.concatenate(made)


def as_pipeline(pipeline: Any) -> Any:
    """The pipeline itself, opened where it is a folder.

    Raises:
        InputError: it is neither.
    """
    if isinstance(pipeline, str | Path):
        return open_pipeline(pipeline)
    if not (callable(pipeline) and isinstance(getattr(pipeline, "components", None), Mapping)):
        raise InputError(f"pipeline must be a pipeline of diffusers or its folder, got {type(pipeline).__name__}")
    return pipeline


def picture_shape(pipeline: Any) -> tuple[int, ...] | None:
    """Shape of one picture, by the configurations; None where they do not tell."""
    parts = pipeline.components
    network, coder = parts.get("unet") or parts.get("transformer"), parts.get("vae") or parts.get("vqvae")
    config = getattr(network, "config", None) or {}
    size, channels = config.get("sample_size"), config.get("out_channels")
    if coder is not None:
        stages = coder.config.get("block_out_channels")
        size = None if not stages or not isinstance(size, int) else size * 2 ** (len(stages) - 1)
        channels = coder.config.get("out_channels")
    if size is None or not isinstance(channels, int):
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    return sides if channels == 1 else (*sides, channels)


def _arguments(
    pipeline: Any,
    name: str,
    n_steps: int | None,
    conditions: Mapping[str, Sequence[Any]] | None,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What every call gets, checked against what the pipeline takes."""
    takes = inspect.signature(type(pipeline).__call__).parameters
    for what in (conditions, options):
        check_kind(what, (Mapping, type(None)), "conditions and options")
    given = dict(options or {})
    for key in (*given, *(conditions or {})):
        if key not in takes or key in ("self", "generator", "output_type", _BATCH, _N_STEPS):
            raise InputError(f"{name} takes no {key} here: it takes {listed(sorted(set(takes) - {'self'}))}")
    for key, values in (conditions or {}).items():
        if isinstance(values, str) or not len(values):
            raise InputError(f"conditions: {key} must be a list of one or more, got {values!r}")
    required = [
        key for key, each in takes.items() if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    needed = [key for key in required if key != "self"] + [key for key in _LISTS if key in takes]
    for key in dict.fromkeys(needed):
        if key not in given and key not in (conditions or {}):
            raise InputError(f"{name}: is conditional and needs {key}: conditions={{'{key}': [...]}} gives one or more")
    if n_steps is not None:
        check_whole(n_steps, "n_steps")
        if _N_STEPS not in takes:
            raise InputError(f"n_steps: {name} takes no number of steps")
        given[_N_STEPS] = n_steps
    return given


def _usual_steps(pipeline: Any) -> int:
    """As many as the pipeline takes by itself; 1 where it does not say."""
    takes = inspect.signature(type(pipeline).__call__).parameters
    usual = takes[_N_STEPS].default if _N_STEPS in takes else 1
    return usual if isinstance(usual, int) else 1


def _called(
    pipeline: Any,
    name: str,
    size: int,
    start: int,
    generator: torch.Generator,
    given: Mapping[str, Any],
    conditions: Mapping[str, Sequence[Any]],
) -> Any:
    """What one call returns as its pictures."""
    takes = inspect.signature(type(pipeline).__call__).parameters
    turn = {key: [values[(start + i) % len(values)] for i in range(size)] for key, values in conditions.items()}
    call: dict[str, Any] = {**given, **turn, "output_type": "np"}
    call |= {_BATCH: size} if _BATCH in takes else {}
    call |= {"generator": generator} if "generator" in takes else {}
    try:
        output = pipeline(**call)
    except MnemoscopeError:
        raise
    except Exception as error:
        why = one_line(str(error).strip().partition("\n")[0] or type(error).__name__, 250)
        raise InputError(f"{name}: cannot be sampled ({why})") from error
    return output[0] if isinstance(output, tuple) else getattr(output, "images", output)


def _pictures(found: Any, name: str, size: int) -> Array:
    """Pictures with values from 0 to 1, as 8 bits."""
    shape = getattr(found, "shape", None)
    if not isinstance(found, np.ndarray) or found.ndim != 4 or len(found) != size or found.dtype.kind != "f":
        got = type(found).__name__ if shape is None else f"shape {tuple(shape)}"
        raise InputError(f"{name}: must return {size} pictures (size, height, width, channels), returned {got}")
    if not np.isfinite(found).all():
        raise InputError(f"{name}: its pictures hold NaN or Inf: its weights, or its number format, are at fault")
    pixels: Array = (np.clip(found, 0, 1) * 255).round().astype(np.uint8)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


@contextmanager
def _sampling(pipeline: Any, seed: int, advance: Callable[[], None]) -> Iterator[None]:
    """Networks in evaluation mode, torch's own draws from the seed, and our bar in place of the pipeline's."""
    networks = [each for each in pipeline.components.values() if isinstance(each, nn.Module)]
    before = vars(pipeline).get("progress_bar")

    def bar(iterable: Iterable[Any] | None = None, total: int | None = None) -> "_Bar":
        del total  # known from the number of steps
        return _Bar(advance, iterable)

    with torch.random.fork_rng(devices=[]), evaluation_mode(*networks):
        torch.manual_seed(seed)  # some pipelines hand their generator on to some draws only
        pipeline.progress_bar = bar
        try:
            yield
        finally:
            del pipeline.progress_bar
            if before is not None:
                pipeline.progress_bar = before


class _Bar:
    """What pipelines use of tqdm: to go through steps, or to count them."""

    def __init__(self, advance: Callable[[], None], items: Iterable[Any] | None) -> None:
        self._advance, self._items = advance, items

    def __iter__(self) -> Iterator[Any]:
        for item in () if self._items is None else self._items:
            yield item
            self._advance()

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, _n: int = 1) -> None:
        self._advance()
