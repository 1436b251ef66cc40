"""Self-contained HTML pages: one style, everything shown is escaped, nothing is loaded from outside.

Figures are in ``pages.figures``, imported where they are drawn: matplotlib is slow to import.
"""

from mnemoscope.pages.render import interval, percent, render

__all__ = ["interval", "percent", "render"]
