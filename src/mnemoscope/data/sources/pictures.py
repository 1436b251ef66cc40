"""Lists of Pillow's images, as a pipeline returns its samples."""

from typing import Any

from PIL import Image

from mnemoscope.data.census import FRAMES, Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.collect import Collected
from mnemoscope.data.sources.contract import Source
from mnemoscope.progress import track


class ListOfPictures(Source):
    """A list or tuple of Pillow's images, of one size and kind."""

    reads = "a list of Pillow's images"

    def recognises(self, where: Any) -> bool:
        return isinstance(where, list | tuple) and any(isinstance(each, Image.Image) for each in where)

    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        name, frames = "list of pictures", Census("frames of images")
        collected = Collected(name, len(where), options)
        for index, picture in enumerate(track(where, "reading pictures", enabled=options.progress)):
            collected.add(picture)
            frames.read()
            if (further := getattr(picture, "n_frames", 1) - 1) > 0:
                frames.pass_over(f"item {index}", FRAMES, further)
        notes = (*frames.notes(), *collected.notes())
        return Dataset(collected.array(), name, notes=notes, source=frames.to_dict())
