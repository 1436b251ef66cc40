"""Images, wherever they lie, into one array: in memory, or kept on disk where they are many."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import FRAMES, Census
from mnemoscope.data.decoding import Encoded, Expected, batches
from mnemoscope.data.images import read_image
from mnemoscope.data.kept import gathered
from mnemoscope.data.options import DEFAULT, Options
from mnemoscope.progress import progress_bar


def decode(where: str | Path, images: Sequence[Encoded], options: Options = DEFAULT) -> tuple[Array, tuple[str, ...]]:
    """Images of one size and kind, shape ``(n, height, width)`` or ``(n, height, width, 3)``, and notes on them.

    Args:
        where: the source, for messages.
        images: at least one.
        options: the size and channels that are asked for.

    Raises:
        InputError: an image that cannot be read, or whose size or kind is not that of the first; the file is named.
    """
    with images[0].open() as file:
        first = read_image(file, images[0].path, options.resize, options.channels).pixels
    expected = Expected(Path(images[0].name).name, first.shape, first.dtype.str)

    def parts(notes: list[str]) -> Iterator[Array]:
        remarks: Counter[str] = Counter()
        frames = Census("frames of images")
        with progress_bar("reading images", len(images), enabled=options.progress) as advance:
            for batch in batches(images, expected, options):
                yield batch.pixels
                remarks.update(batch.remarks)
                frames.read(len(batch.pixels))
                for name, further in batch.further:
                    frames.pass_over(name, FRAMES, further)
                for _ in batch.pixels:
                    advance()
        notes += [f"{count} of {len(images)} images were {done}" for done, count in remarks.items()]
        notes += frames.notes()

    states = [image.state for image in images if image.state is not None]
    how = ["images", options.resize, options.channels]
    whole = (len(images), *first.shape)
    return gathered(where, states if len(states) == len(images) else None, how, whole, first.dtype, parts)
