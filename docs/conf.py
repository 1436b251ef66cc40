"""Sphinx configuration: MyST pages, furo, and the reference read from the docstrings."""

from mnemoscope import __version__

project = "mnemoscope"
author = "The mnemoscope founders"
copyright = "2026, the mnemoscope founders"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "deflist"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"mnemoscope {release}"
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
suppress_warnings = ["ref.python"]
