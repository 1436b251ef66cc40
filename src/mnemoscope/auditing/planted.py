"""Copies planted on purpose: how a test, a benchmark or an audit learns what a rule can see in the data at hand.

Each kind turns items into copies of them as image software, or a generator, would. The images' kinds share no code with
the transformations that are searched, so that what is found is not found by construction.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from mnemoscope.auditing.parameters import Parameter, name_and_number
from mnemoscope.data import image_layout
from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError

Range = tuple[float, float]
Draw = np.random.Generator


@dataclass(frozen=True)
class Kind:
    """One kind of copy.

    Attributes:
        copy: from float64 items (images as ``(n, height, width, channels)``), the number after the colon, a generator
            and the value range.
        parameter: what the number is; None where there is none.
        images: whether the kind is for images only.
    """

    copy: Callable[[Array, float, Draw, Range], Array]
    parameter: Parameter | None = None
    images: bool = True


def planted(kind: str, items: Array, rng: np.random.Generator, value_range: Range) -> Array:
    """Copies of the items, one each.

    They are stored as the items are: pictures (items with more than one axis) are clipped to the value range, as image
    files are, and integers are rounded. New pixels at an edge are black, the lower end of the range.

    Args:
        kind: one of ``KINDS``, with its number after a colon: ``noise:0.05``.
        items: shape ``(n, *event)``.
        rng: draws noise, directions and places.
        value_range: the values that black and white (or the extremes) stand for.

    Returns:
        Shape and dtype of ``items`` (booleans and half precision become float32).

    Raises:
        InputError: an unknown kind, a number out of its bounds, or a kind for images where items are none.
    """
    name, number = name_and_number(kind, {name: one.parameter for name, one in KINDS.items()}, "planted copies")
    layout = image_layout(items.shape[1:])
    if not KINDS[name].images:
        copies = KINDS[name].copy(items.astype(np.float64), number or 0.0, rng, value_range)
    elif layout is None:
        raise InputError(f"planted copies {kind!r}: needs images; items have event shape {items.shape[1:]}")
    else:
        images = np.moveaxis(items, 1, -1) if layout == "CHW" else items[..., None] if layout == "HW" else items
        copies = KINDS[name].copy(images.astype(np.float64), number or 0.0, rng, value_range)
        copies = np.moveaxis(copies, -1, 1) if layout == "CHW" else copies.reshape(items.shape)
    return _stored(copies, items, value_range)


def _stored(copies: Array, items: Array, value_range: Range) -> Array:
    if items.ndim > 2:
        copies = copies.clip(*value_range)
    if items.dtype.kind in "iu":
        limits = np.iinfo(items.dtype)
        return np.asarray(copies.round().clip(limits.min, limits.max).astype(items.dtype))
    return np.asarray(copies.astype(np.result_type(items.dtype, np.float32)))


def _noise(items: Array, share: float, rng: Draw, value_range: Range) -> Array:
    return np.asarray(items + share * (value_range[1] - value_range[0]) * rng.standard_normal(items.shape))


def _smoothed(items: Array, deviations: float, rng: Draw, _: Range) -> Array:
    return np.asarray(items + deviations * items.std(axis=0) * rng.standard_normal(items.shape))


def _brightness(items: Array, share: float, _: Draw, value_range: Range) -> Array:
    return items + share * (value_range[1] - value_range[0])


def _contrast(items: Array, share: float, _: Draw, __: Range) -> Array:
    means = items.mean(axis=tuple(range(1, items.ndim)), keepdims=True)
    return np.asarray(means + (1 + share) * (items - means))


def _jpeg(images: Array, quality: float, _: Draw, value_range: Range) -> Array:
    low, high = value_range
    span = (high - low) or 1.0
    pixels = (255 * ((images - low) / span).clip(0, 1)).round().astype(np.uint8)
    copies = np.empty_like(images)
    for copy, image in zip(copies, pixels, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(buffer, "JPEG", quality=int(quality))
        copy[:] = np.asarray(Image.open(buffer)).reshape(image.shape) / 255 * span + low
    return copies


def _blur(images: Array, sigma: float, _: Draw, __: Range) -> Array:
    return np.asarray(ndimage.gaussian_filter(images, (0, sigma, sigma, 0), mode="nearest"))


def _shift(images: Array, pixels: float, rng: Draw, value_range: Range) -> Array:
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
    chosen = pixels * np.array(steps)[rng.integers(len(steps), size=len(images))]
    pairs = zip(images, chosen, strict=True)
    moved = [ndimage.shift(image, (*step, 0), order=0, cval=value_range[0]) for image, step in pairs]
    return np.stack(moved)


def _flip(images: Array, _: float, __: Draw, ___: Range) -> Array:
    return np.flip(images, axis=2)


def _crop(images: Array, share: float, rng: Draw, _: Range) -> Array:
    height, width, n_channels = images.shape[1:]
    copies = np.empty_like(images)
    for copy, image, (down, right) in zip(copies, images, rng.uniform(0, share, (len(images), 2)), strict=True):
        box = (right * width, down * height, (right + 1 - share) * width, (down + 1 - share) * height)
        for channel in range(n_channels):
            whole = Image.fromarray(image[:, :, channel].astype(np.float32))
            copy[:, :, channel] = np.asarray(whole.resize((width, height), Image.Resampling.BILINEAR, box))
    return copies


def _rotation(images: Array, degrees: float, rng: Draw, value_range: Range) -> Array:
    signs = rng.choice([-1, 1], len(images))
    turned = [
        ndimage.rotate(image, sign * degrees, reshape=False, order=1, cval=value_range[0])
        for image, sign in zip(images, signs, strict=True)
    ]
    return np.stack(turned)


def _inversion(items: Array, _: float, __: Draw, value_range: Range) -> Array:
    return value_range[0] + value_range[1] - items


def _positive(default: float, meaning: str, largest: float) -> Parameter:
    return Parameter(default, f"{meaning} in (0, {largest:g}]", lambda value: 0 < value <= largest)


KINDS: dict[str, Kind] = {
    "exact": Kind(lambda items, *_: items, images=False),
    "noise": Kind(_noise, _positive(0.05, "a standard deviation as a share of the value range", 10), images=False),
    "smoothed": Kind(_smoothed, _positive(0.7, "noise in standard deviations of each value", 10), images=False),
    "brightness": Kind(_brightness, _positive(0.1, "what is added, as a share of the value range", 1), images=False),
    "contrast": Kind(_contrast, _positive(0.2, "what is added to the contrast, as a share of it", 10), images=False),
    "inversion": Kind(_inversion, images=False),
    "jpeg": Kind(_jpeg, Parameter(75, "a quality, whole, from 1 to 100", lambda q: 1 <= q <= 100 and q == int(q))),
    "blur": Kind(_blur, _positive(1, "a standard deviation in pixels", 100)),
    "shift": Kind(_shift, Parameter(1, "a whole number of pixels from 1", lambda k: k >= 1 and k == int(k))),
    "flip": Kind(_flip),
    "crop": Kind(_crop, _positive(0.1, "a share of each side", 0.5)),
    "rotation": Kind(_rotation, _positive(5, "degrees", 45)),
}
"""The kinds by name, and what each needs. ``smoothed`` takes the standard deviations from the items it is given."""

STANDARD_KINDS = (
    *("exact", "noise:0.05", "noise:0.1", "jpeg:75", "blur:1", "shift:1", "flip", "crop:0.1", "brightness:0.1"),
    *("contrast:0.2", "smoothed:0.7"),
)
"""The kinds that hit rates are published for."""

TABLE_KINDS = ("exact", "smoothed:0.05", "smoothed:0.2", "smoothed:0.7")
"""Those that mean something in a table, whose columns have no common range."""
