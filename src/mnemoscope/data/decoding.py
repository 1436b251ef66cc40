"""Images decoded batch by batch, in their order, by this process and by helpers beside it.

A helper is a process of its own that is told names of files, a line of JSON for each batch, and answers with pixels. It
ends with the process that started it, however that ends, since nobody writes to it any more; where one fails, its
batches are decoded here. (Threads would not do: what libraries warn of is one setting for all of them. Nor would a
fork: this process may have threads.) They take seconds to start, so that there are none where the images that were
timed first say that it is not worth it.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import torch

from mnemoscope.data.arrays import Array
from mnemoscope.data.images import read_image
from mnemoscope.data.kept import State
from mnemoscope.data.options import Options
from mnemoscope.errors import InputError
from mnemoscope.reading import reading

_IMAGES, _BYTES = 256, 2**22
"""Of a batch, at most."""
_TIMED = 2
"""So many batches are timed."""
WORTH = 15.0
"""Seconds of work that make a helper worth its start."""
_CODE = "from mnemoscope.data.decoding import help_out; help_out()"


class Encoded(NamedTuple):
    """An encoded image.

    Attributes:
        name: within its source.
        path: what errors call it.
        open: gives its content as a file that can seek.
        state: of the file that it lies in, by which its pixels can be kept.
        file: its own, if it has one, which other processes can open.
    """

    name: str
    path: str | Path
    open: Callable[[], BufferedIOBase]
    state: State | None = None
    file: Path | None = None

    @classmethod
    def of_file(cls, name: str, path: Path) -> "Encoded":
        """A file of its own.

        Raises:
            InputError: it is not there.
        """

        def opened() -> BufferedIOBase:
            with reading(path):
                return path.open("rb")

        with reading(path):
            return cls(name, path, opened, State.of(path), path)


class Expected(NamedTuple):
    """What every image is to be: as the first, which has a name."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Batch(NamedTuple):
    """Images of one form.

    Attributes:
        pixels: shape ``(images, height, width)`` or ``(images, height, width, 3)``.
        remarks: what was done to how many.
        further: names of those with more frames than one, and how many more.
    """

    pixels: Array
    remarks: dict[str, int]
    further: list[tuple[str, int]]


def decode_batch(images: Sequence[Encoded], expected: Expected, options: Options) -> Batch:
    """Decode some images.

    Raises:
        InputError: one cannot be read, or is of another size or kind; the file is named.
    """
    pixels = np.empty((len(images), *expected.shape), np.dtype(expected.dtype))
    remarks, further = Counter[str](), []
    for index, image in enumerate(images):
        with image.open() as file:
            picture = read_image(file, image.path, options.resize, options.channels)
        if picture.pixels.shape != expected.shape or picture.pixels.dtype != pixels.dtype:
            raise InputError(
                f"{image.path}: is {_describe(picture.pixels.shape, picture.pixels.dtype)}, but {expected.name} is "
                f"{_describe(expected.shape, pixels.dtype)}{_remedy(picture.pixels, expected)}"
            )
        pixels[index] = picture.pixels
        remarks.update(picture.remarks)
        if picture.further_frames:
            further.append((image.name, picture.further_frames))
    return Batch(pixels, dict(remarks), further)


def batches(images: Sequence[Encoded], expected: Expected, options: Options) -> Iterator[Batch]:
    """All images in their order, a batch at a time.

    Raises:
        InputError: as ``decode_batch``, for the first image of which it is true.
    """
    n_bytes = int(np.prod(expected.shape)) * np.dtype(expected.dtype).itemsize
    size = max(1, min(_IMAGES, _BYTES // max(1, n_bytes)))
    groups = [images[start : start + size] for start in range(0, len(images), size)]
    can_help = all(image.file is not None for image in images) and bool(sys.executable)
    timed = 0 if options.workers is not None else _TIMED
    start = time.perf_counter()
    for group in groups[:timed]:
        yield decode_batch(group, expected, options)
    left = groups[timed:]
    if options.workers is not None:
        n_helpers = options.workers
    else:
        seconds = (time.perf_counter() - start) / max(1, timed) * len(left)
        n_helpers = min(int(seconds // WORTH), torch.get_num_threads())
    if can_help and n_helpers > 1 and len(left) > 1:
        yield from _shared(left, expected, options, min(n_helpers, len(left)))
        return
    for group in left:
        yield decode_batch(group, expected, options)


def _shared(groups: list[Sequence[Encoded]], expected: Expected, options: Options, n: int) -> Iterator[Batch]:
    helpers = [_Helper(expected, options) for _ in range(n)]
    free: SimpleQueue[_Helper] = SimpleQueue()
    for helper in helpers:
        free.put(helper)

    def ask(group: Sequence[Encoded]) -> Batch | None:
        helper = free.get()
        try:
            return helper.decode(group)
        finally:
            free.put(helper)

    waiting: deque[tuple[Sequence[Encoded], Future[Batch | None]]] = deque()
    threads = ThreadPoolExecutor(n)
    try:
        for group in groups:
            waiting.append((group, threads.submit(ask, group)))
            if len(waiting) > 2 * n:
                first, found = waiting.popleft()
                yield found.result() or decode_batch(first, expected, options)
        for first, found in waiting:
            yield found.result() or decode_batch(first, expected, options)
    finally:
        for helper in helpers:
            helper.end()
        threads.shutdown(cancel_futures=True)


class _Helper:
    """A process that decodes batches."""

    def __init__(self, expected: Expected, options: Options) -> None:
        root = str(Path(__file__).parents[2])
        paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is of this process, which ends them
        )
        self._expected = expected
        self._order = {"expected": expected, "resize": options.resize, "channels": options.channels}

    def decode(self, images: Sequence[Encoded]) -> Batch | None:
        """As ``decode_batch``; None where it cannot."""
        request = {**self._order, "images": [[image.name, str(image.file)] for image in images]}
        try:
            to, back = self._process.stdin, self._process.stdout
            if to is None or back is None:
                return None
            to.write(json.dumps(request).encode() + b"\n")
            to.flush()
            answer = json.loads(back.readline())
            if "error" in answer:
                raise InputError(answer["error"])
            pixels = np.empty((len(images), *self._expected.shape), np.dtype(self._expected.dtype))
            content = back.read(pixels.nbytes)
            if len(content) < pixels.nbytes:
                return None
            pixels.reshape(-1).view(np.uint8)[:] = np.frombuffer(content, np.uint8)
        except (OSError, json.JSONDecodeError):  # it is gone
            return None
        return Batch(pixels, answer["remarks"], [(name, n) for name, n in answer["further"]])

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def help_out() -> None:
    """Answer requests on standard input until it ends: what a helper does."""
    for line in sys.stdin.buffer:
        request: dict[str, Any] = json.loads(line)
        name, shape, dtype = request["expected"]
        expected, options = Expected(name, tuple(shape), dtype), Options(request["resize"], request["channels"])
        answer: dict[str, Any]
        try:
            images = [Encoded.of_file(each, Path(path)) for each, path in request["images"]]
            batch = decode_batch(images, expected, options)
        except InputError as error:
            answer, content = {"error": Exception.__str__(error)}, b""
        else:
            answer, content = {"remarks": batch.remarks, "further": batch.further}, batch.pixels.tobytes()
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + content)
        sys.stdout.buffer.flush()


def _remedy(pixels: Array, expected: Expected) -> str:
    if pixels.shape[:2] != expected.shape[:2]:
        return "; --resize SIZE, or load(..., resize=SIZE), brings all to one size"
    if pixels.dtype == np.dtype(expected.dtype) and pixels.ndim != len(expected.shape):
        return "; --channels colour, or load(..., channels='colour'), reads grey images as colour too"
    return "; save them all with the same bits and channels"


def _describe(shape: tuple[int, ...], dtype: Any) -> str:
    return f"{shape[1]}×{shape[0]} {'grey' if len(shape) == 2 else 'colour'} {np.dtype(dtype)}"
