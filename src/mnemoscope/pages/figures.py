"""Figures and pictures for a page: SVG whose ink follows the page's text colour, and PNG data URIs.

The same figure is the same bytes, in whatever process: no date, and ids that are hashes of what they name.
"""

import base64
import io
import re

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from mnemoscope.data import image_layout
from mnemoscope.data.arrays import Array

FIGURE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe & Ito's palette: readable by the colour-blind, and on light and dark ground alike."""

INK = "#010203"
"""Stands for the page's own text colour: draw in it, and ``svg`` turns it into the page's ink."""


LARGEST_PICTURE = 128
"""Pixels, at most, that a page shows of an item in either direction: at any size a page stays small."""


def new_figure(width: float = 7.0, height: float = 3.2) -> tuple[Figure, Axes]:
    """An empty figure (inches) and its axes, on transparent ground, in the page's ink; no global state is touched."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.set_prop_cycle(color=FIGURE_COLOURS)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(INK)
    return figure, axes


def plain_axes(width: float = 7.0, height: float = 3.2) -> Axes:
    """The axes of a figure as matplotlib makes it, outside pages; no global state is touched."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def svg(figure: Figure, description: str) -> Markup:
    """A figure as inline SVG with an accessible description, safe to put into a page as it is; each time the same."""
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "mnemoscope"}):  # left out, the ids are salted anew in each drawing
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :].replace(INK, "currentColor")
    drawing = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawing, count=1)
    drawing = re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 width="100%"', drawing, count=1)
    label = Markup('<svg role="img" aria-label="{}"').format(description)
    return Markup(drawing.replace("<svg", str(label), 1))  # drawn here, its text by matplotlib


def image_uri(item: Array, value_range: tuple[float, float]) -> str | None:
    """An item as a PNG data URI, or None where its shape is no picture; large ones are made smaller."""
    layout = image_layout(item.shape)
    if layout is None:
        return None
    low, high = value_range
    pixels = (np.asarray(item, np.float64) - low) / ((high - low) or 1.0)
    pixels = (255 * pixels.clip(0, 1)).round().astype(np.uint8)
    if layout == "CHW":
        pixels = np.moveaxis(pixels, 0, 2)
    image = Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    image.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
