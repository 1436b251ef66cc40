"""Transformations of images: what moves, mirrors, turns, cuts or blurs a picture, and what reorders its channels.

Items are images where ``image_layout`` of the data room says so, as it does for the pictures in reports: (h, w), or
three axes of which the first has size 1 or 3 (channels first) or else the last has (channels last). Where a map reads
beyond the edge, the edge is repeated.
"""

from collections.abc import Callable
from functools import partial
from itertools import permutations, product
from typing import TypeAlias

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch.nn.functional import affine_grid, grid_sample

from mnemoscope.auditing.transformations.transformation import Event, Map, Transformation, floating
from mnemoscope.data import image_layout
from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError

Matrix: TypeAlias = list[list[float]]

_CROP_STEP = 0.05


def image_axes(event_shape: Event, name: str) -> tuple[int, int, int | None]:
    """The axes of rows, columns and channels (None in grey images) in an array of such items.

    Raises:
        InputError: such items are no images.
    """
    layout = image_layout(event_shape)
    if layout is None:
        raise InputError(
            f"{name}: needs images, (height, width) or with 1 or 3 channels first or last; items have event shape "
            f"{event_shape}"
        )
    return {"HW": (1, 2, None), "HWC": (1, 2, 3), "CHW": (2, 3, 1)}[layout]


def flips(name: str) -> Transformation:
    """Left-right and up-down."""

    def maps(event_shape: Event) -> tuple[Map, ...]:
        rows, columns, _ = image_axes(event_shape, name)
        return partial(np.flip, axis=columns), partial(np.flip, axis=rows)

    return Transformation(name, maps)


def transposition(name: str) -> Transformation:
    """Rows and columns exchanged; of square images only."""

    def maps(event_shape: Event) -> tuple[Map, ...]:
        rows, columns, _ = image_axes(event_shape, name)
        if event_shape[rows - 1] != event_shape[columns - 1]:
            raise InputError(f"{name}: needs square images; items have event shape {event_shape}")
        return (partial(np.swapaxes, axis1=rows, axis2=columns),)

    return Transformation(name, maps)


def shifts(name: str, largest: float) -> Transformation:
    """All shifts by up to ``largest`` pixels in both directions.

    What a shift brings in at the edge is unknown, so the embedding leaves as many pixels at every edge out of the
    comparison: a shifted copy is at distance zero whatever fills its border.
    """
    reach = range(-int(largest), int(largest) + 1)
    margin = slice(int(largest), -int(largest))

    def axes(event_shape: Event) -> tuple[int, int]:
        rows, columns, _ = image_axes(event_shape, name)
        if min(event_shape[rows - 1], event_shape[columns - 1]) <= 2 * largest:
            raise InputError(f"{name}: leaves nothing of images of event shape {event_shape}")
        return rows, columns

    def maps(event_shape: Event) -> tuple[Map, ...]:
        rows, columns = axes(event_shape)
        return tuple(
            partial(_shifted, steps={rows: down, columns: right})
            for down, right in product(reach, reach)
            if down or right
        )

    def inside(items: Array) -> Array:
        rows, columns = axes(items.shape[1:])
        return items[tuple(margin if axis in (rows, columns) else slice(None) for axis in range(items.ndim))]

    return Transformation(name, maps, inside)


def _shifted(items: Array, steps: dict[int, int]) -> Array:
    for axis, step in steps.items():
        size = items.shape[axis]
        items = items.take(np.clip(np.arange(size) - step, 0, size - 1), axis)
    return items


def crops(name: str, share: float) -> Transformation:
    """Crops that leave out 5 %, 10 %, … up to ``share`` of each side, enlarged to full size.

    Their places lie on a grid of a third of a step, 1.7 % of the side. On images of 28 pixels a grid of half a step
    misses one in seven of the crops from places in between.
    """
    steps = max(1, round(share / _CROP_STEP))
    # In the coordinates of the sampling grid the image is [−1, 1]²: a crop is scaled by 1 − s and moved by up to ± s.
    matrices: list[Matrix] = [
        [[1 - left_out, 0.0, right], [0.0, 1 - left_out, down]]
        for step in range(1, steps + 1)
        for left_out in [share * step / steps]
        for down, right in product(np.linspace(-left_out, left_out, 3 * step + 1).tolist(), repeat=2)
    ]
    return _moves(name, lambda _: matrices)


def rotations(name: str, degrees: float) -> Transformation:
    """By ± ``degrees`` and half as much, about the centre."""
    angles = np.deg2rad(degrees) * np.array([-1, -0.5, 0.5, 1])

    def matrices(aspect: float) -> list[Matrix]:
        turns = zip(np.cos(angles).tolist(), np.sin(angles).tolist(), strict=True)
        return [[[cosine, sine / aspect, 0.0], [-sine * aspect, cosine, 0.0]] for cosine, sine in turns]

    return _moves(name, matrices)


def _moves(name: str, matrices: Callable[[float], list[Matrix]]) -> Transformation:
    """Bilinear resampling; ``matrices``, of width over height, take places in the result to places in the item."""

    def maps(event_shape: Event) -> tuple[Map, ...]:
        rows, columns, channels = image_axes(event_shape, name)
        height, width = event_shape[rows - 1], event_shape[columns - 1]
        return tuple(_resampling(matrix, (height, width), channels) for matrix in matrices(width / height))

    return Transformation(name, maps)


def _resampling(matrix: Matrix, size: tuple[int, int], channels: int | None) -> Map:
    def transform(items: Array) -> Array:
        values = floating(items)
        pictures = values if channels is None else np.moveaxis(values, channels, 1)
        # All pictures are the channels of one: the grid is made, and its weights computed, once.
        stacked = torch.from_numpy(np.array(pictures, order="C")).reshape(1, -1, *size)
        theta = torch.tensor([matrix], dtype=stacked.dtype, device="cpu")
        grid = affine_grid(theta, [1, 1, *size], align_corners=False)
        moved = grid_sample(stacked, grid, mode="bilinear", padding_mode="border", align_corners=False)
        result: Array = moved.reshape(pictures.shape).numpy()
        return result if channels is None else np.moveaxis(result, 1, channels)

    return transform


def _gaussian(items: Array, sigma: float, name: str) -> Array:
    spatial = image_axes(items.shape[1:], name)[:2]
    sigmas = [sigma if axis in spatial else 0.0 for axis in range(items.ndim)]
    return np.asarray(gaussian_filter(floating(items), sigmas, mode="nearest"))


def blurs(name: str, sigma: float) -> Transformation:
    """Gaussian, with a standard deviation of ``sigma`` pixels and of half as many."""

    def maps(event_shape: Event) -> tuple[Map, ...]:
        image_axes(event_shape, name)
        return tuple(partial(_gaussian, sigma=width, name=name) for width in (sigma / 2, sigma))

    return Transformation(name, maps)


def smoothing(name: str, sigma: float) -> Transformation:
    """An embedding: samples and training items both blurred, which averages noise away and forgives small moves."""
    return Transformation(name, embedding=partial(_gaussian, sigma=sigma, name=name))


def channels(name: str) -> Transformation:
    """All orders of the channels of colour images."""

    def maps(event_shape: Event) -> tuple[Map, ...]:
        axis = image_axes(event_shape, name)[2]
        if axis is None or event_shape[axis - 1] == 1:
            raise InputError(f"{name}: needs colour images; items have event shape {event_shape}")
        orders = list(permutations(range(event_shape[axis - 1])))[1:]
        return tuple(partial(np.take, indices=order, axis=axis) for order in orders)

    return Transformation(name, maps)
