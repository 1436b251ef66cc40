"""Self-contained HTML pages: one style, everything shown is escaped, nothing is loaded from outside."""

from mnemoscope.pages.figures import FIGURE_COLOURS, image_uri, new_figure, svg
from mnemoscope.pages.render import environment, render

__all__ = ["FIGURE_COLOURS", "environment", "image_uri", "new_figure", "render", "svg"]
