"""Jinja templates with autoescape, where all that is shown is printable.

A room keeps its own templates in ``templates/`` beside its code.

Pages load nothing and run nothing, with one exception: where a template sets ``sortable``, a click on a column's head
sorts its table. That script stands in the page, and the page's Content-Security-Policy admits it alone, by its hash.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined, TemplateNotFound, select_autoescape
from markupsafe import Markup

from mnemoscope.text import one_name, printable


class _Rooms(BaseLoader):
    """``room/name`` is the template ``name`` of the room ``room``: this room knows no other by name."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        room, _, name = template.partition("/")
        try:
            loader = PackageLoader(f"mnemoscope.{room}")
        except (ImportError, ValueError):  # no such package, or one without templates
            raise TemplateNotFound(template) from None
        return loader.get_source(environment, name)


@cache
def environment() -> Environment:
    """The one template environment: ``pages/base.html.j2`` is the template ``base.html.j2`` of the room ``pages``."""
    environment = Environment(
        loader=_Rooms(),
        autoescape=select_autoescape(("html.j2",), default=True),
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = files("mnemoscope.pages").joinpath("sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Both are ours, nothing of the data's.
    environment.globals["sort_script"] = Markup(script)
    environment.globals["sort_script_source"] = Markup(f"'sha256-{digest}'")
    environment.filters["name"] = one_name
    environment.filters["percent"] = percent
    environment.filters["interval"] = interval
    return environment


def render(template: str, **values: Any) -> str:
    """A page from a template and what it shows."""
    return environment().get_template(template).render(**values)


def _shown(value: Any) -> Any:
    """What a template shows, before it is escaped: bidi marks and control characters would be obeyed in a page, too."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)


def percent(fraction: float) -> str:
    """A rate as a percentage with as many digits as it can bear: 0 %, 0.15 %, 12.3 %, 100 %."""
    value = 100 * fraction
    digits = 0 if value in (0, 100) else 2 if abs(value) < 1 or abs(value) > 99 else 1
    return f"{value:.{digits}f} %".replace("-", "−")


def interval(ends: tuple[float, float]) -> str:
    """An interval of rates: 1.2 % to 3.4 %."""
    return f"{percent(ends[0])} to {percent(ends[1])}"
