"""Sphinx configuration: MyST pages, furo, and a reference page for each module, read from its docstrings.

Three small things happen at build time. ``write_reference`` writes the pages of ``docs/reference/`` (never committed);
``formulas_as_they_stand`` keeps the line breaks and the symbols of formulas in docstrings; and formulas in pages become
MathML, which browsers draw without JavaScript and without the network.
"""

import html
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import click
from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator
from typer.cli import get_docs_for_click
from typer.main import get_command

import mnemoscope
from mnemoscope.cli import app as command_line

project = "mnemoscope"
author = "The mnemoscope founders"
copyright = "2026, the mnemoscope founders"
release = mnemoscope.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"mnemoscope {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
smartquotes = False  # f' is a derivative
napoleon_use_ivar = True
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
suppress_warnings = ["ref.python"]
# A link to a name of this package that does not exist is an error; names of others, mostly in type hints, are no links.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!mnemoscope\.).*")]

PAGES = Path(__file__).parent / "reference"
log = logging.getLogger(__name__)


def write_reference(_app: Sphinx) -> None:
    """A page for each module, below the page of its room, and one for the commands."""
    found = [module.name for module in pkgutil.walk_packages(mnemoscope.__path__, "mnemoscope.")]
    names = ["mnemoscope", *(name for name in found if "._" not in name)]
    pages = {}
    for name in names:
        below = sorted(other for other in names if other.rpartition(".")[0] == name)
        pages[f"{name}.md"] = reference_page(importlib.import_module(name), below)
    commands = get_command(command_line.app)
    context = click.Context(commands)
    pages["commands.md"] = get_docs_for_click(obj=commands, ctx=context, name="mnemoscope", title="Commands")
    PAGES.mkdir(exist_ok=True)
    for stale in {path.name for path in PAGES.iterdir()} - set(pages):
        (PAGES / stale).unlink()
    for name, text in pages.items():
        page = PAGES / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:  # else Sphinx would read it again
            page.write_text(text, encoding="utf-8")


def reference_page(module: ModuleType, below: list[str]) -> str:
    """Title, docstring, the modules below, and every public class and function that the module defines."""
    name, members = module.__name__, {}
    for member, value in vars(module).items():
        defined_here = getattr(value, "__module__", None) == name and not member.startswith("_")
        if defined_here and (inspect.isclass(value) or inspect.isfunction(value)):
            members[public_name(name, member)] = value
    title = name.removeprefix("mnemoscope.") if "." in name else "Modules"
    lines = [f"# {title}", "", "```{eval-rst}", f".. automodule:: {name}", "   :no-members:"]
    lines += ["   :no-index:", ""] if name in members else [""]  # the module of a function by which it is called
    for member, value in members.items():
        lines += [f".. {'autoclass' if inspect.isclass(value) else 'autofunction'}:: {member}"]
        lines += ["   :show-inheritance:"] if getattr(value, "__bases__", (object,)) != (object,) else []
        lines += [""]
    lines += ["```", ""]
    if below:
        lines += ["```{toctree}", ":maxdepth: 1", "", *below, "```", ""]
    return "\n".join(lines)


def public_name(module: str, member: str) -> str:
    """The name under which users import it: that of the room if the room exports it, else that of the module."""
    value, room = getattr(importlib.import_module(module), member, None), module.rpartition(".")[0]
    while room not in ("", "mnemoscope"):
        face = importlib.import_module(room)
        if member in getattr(face, "__all__", ()) and getattr(face, member) is value:
            return f"{room}.{member}"
        room = room.rpartition(".")[0]
    return f"{module}.{member}"


def formulas_as_they_stand(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Docstrings as comments are read: an indented block after a paragraph is shown as it is, and |x| is a modulus."""
    done: list[str] = []
    block: int | None = None  # the indentation of the paragraph to which the present block belongs
    before = ""  # the last line that was not empty
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.strip():
            if block is not None and indent <= block:
                block = None
            item = re.match(r"\s*(?:(?:[-*]|\d+\.)\s+)?", before)
            content = len(item.group()) if item else 0
            field = before.lstrip().startswith((":", "..")) or before.rstrip().endswith("::")
            new = number > 0 and not lines[number - 1].strip()
            if block is None and new and indent > content and not field and not line.lstrip().startswith((":", "..")):
                done += [" " * content + ".. code-block:: text", ""]
                block = content
            before = line
        done.append(line if block is not None else escape_bars(line))
    lines[:] = done


def escape_bars(line: str) -> str:
    """The bars of a modulus in a line of text, which would otherwise name a substitution; types keep theirs."""
    if re.match(r"\s*:r?type", line):
        return line
    return re.sub(r"(``.*?``)|(?<!\\)\|", lambda found: found.group(1) or "\\|", line)


def resolve_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    """Links to ``mnemoscope.Name``, or to a name where it is defined, lead to where it is documented."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("mnemoscope."):
        return None
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
            owner = getattr(value, parts[length])
            for attribute in parts[length:]:
                value = getattr(value, attribute)
        except (ImportError, AttributeError):
            continue
        name = getattr(owner, "__qualname__", None)  # none: a type variable or an alias, of which there is no page
        full = ".".join([public_name(owner.__module__, name), *parts[length + 1 :]]) if name else target
        python = env.get_domain("py")
        return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], full, node, contnode) or contnode
    return None


def mathml(node: nodes.math | nodes.math_block, block: bool) -> str:
    """The formula as MathML; one that cannot be read is a warning, and so an error of the build."""
    text = node.astext()
    if "\\\\" in text and "\\begin" not in text:
        text = f"\\begin{{aligned}}{text}\\end{{aligned}}"
    # Three habits of docutils: indices below a letter with an accent, accents that browsers without a font for
    # mathematics draw over the letter, and bars of a norm that grow on one side.
    accented = re.sub(r"\\(dot|bar|hat)\s*(\\[A-Za-z]+|[A-Za-z])", r"{{}\\\1{\2}}", text)
    try:
        drawn = tex2mathml(accented, as_block=block).replace('<mover accent="true">', "<mover>")
    except MathError as error:
        log.warning("formula %r: %s", text, error, location=node)
        return f"<code>{html.escape(text)}</code>"
    return re.sub(r'<mo(?: class="mathopen")?>([‖∥|])</mo>', r'<mo stretchy="false">\1</mo>', drawn)


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """A formula in the text."""
    self.body.append(mathml(node, block=False))
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on lines of its own, which scrolls where it is wider than the page."""
    self.body.append(f'<div style="overflow-x: auto">{mathml(node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connect the above; docstrings after napoleon, which turns their sections into fields."""
    app.connect("builder-inited", write_reference)
    app.connect("autodoc-process-docstring", formulas_as_they_stand, priority=600)
    app.connect("missing-reference", resolve_public_name)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
