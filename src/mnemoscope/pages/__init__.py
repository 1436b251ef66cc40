"""Self-contained HTML pages: one style, everything shown is escaped, nothing is loaded from outside."""

from mnemoscope.pages.figures import FIGURE_COLOURS, INK, image_uri, new_figure, svg
from mnemoscope.pages.render import interval, percent, render

__all__ = ["FIGURE_COLOURS", "INK", "image_uri", "interval", "new_figure", "percent", "render", "svg"]
