"""Figures: one drawing, four files. Light and dark, PNG and SVG, in the Okabe-Ito palette.

The palette (Okabe & Ito, 2008, "Color Universal Design") keeps its colours apart for the common forms of colour
blindness. Dashes vary along with the colours, so that no curve hangs on colour alone.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

from mnemoscope.output import atomic_file
from mnemoscope.pages.figures import FIGURE_COLOURS
from mnemoscope.studies.study import Plot

_DASHES = ("-", "--", "-.", ":", "-", "--")

THEMES = {"light": ("#ffffff", "#1a1a1a", "#d9d9d9"), "dark": ("#16181d", "#e8e8e8", "#3a3d44")}
"""Paper, ink and grid of each variant."""


def style(theme: str) -> dict[str, Any]:
    """Matplotlib's settings for one theme, ``light`` or ``dark``."""
    paper, ink, faint = THEMES[theme]
    return {
        "axes.prop_cycle": cycler(color=FIGURE_COLOURS) + cycler(linestyle=_DASHES),
        "axes.facecolor": paper,
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": paper,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "grid.color": faint,
        "image.cmap": "cividis",
        "legend.edgecolor": faint,
        "legend.facecolor": paper,
        "savefig.dpi": 150,
        "svg.hashsalt": "mnemoscope",
        "text.color": ink,
        "xtick.color": ink,
        "ytick.color": ink,
    }


def save_plots(plots: Sequence[Plot], directory: Path) -> tuple[list[Path], list[dict[str, bytes]]]:
    """Draw every plot into ``directory``.

    Returns:
        The files, and for each plot a theme's PNG, for pages that embed it.

    Raises:
        OutputError: a file cannot be written.
    """
    paths, pictures = [], []
    for plot in plots:
        pictures.append(dict.fromkeys(THEMES, b""))
        for theme in THEMES:
            stem = plot.name if theme == "light" else f"{plot.name}-{theme}"
            with mpl.rc_context(style(theme)):  # type: ignore[arg-type]  # its keys are a long Literal
                figure = Figure(figsize=(6.4, 4.0))
                plot.draw(figure)
                for kind, metadata in (("png", {}), ("svg", {"Date": None})):
                    buffer = BytesIO()
                    figure.savefig(buffer, format=kind, metadata=metadata)
                    paths.append(directory / f"{stem}.{kind}")
                    with atomic_file(paths[-1]) as temporary:
                        temporary.write_bytes(buffer.getvalue())
                    if kind == "png":
                        pictures[-1][theme] = buffer.getvalue()
    return paths, pictures
