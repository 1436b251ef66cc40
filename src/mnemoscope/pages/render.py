"""Jinja templates with autoescape. A room keeps its own templates in ``templates/`` beside its code."""

from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, select_autoescape


def environment() -> Environment:
    """The template environment: ``pages/base.html.j2``, ``auditing/…`` and so on, one prefix for each room."""
    rooms = {room: PackageLoader(f"mnemoscope.{room}") for room in ("pages", "auditing", "demo", "studies")}
    environment = Environment(
        loader=PrefixLoader(rooms),
        autoescape=select_autoescape(("html.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["interval"] = interval
    return environment


def render(template: str, **values: Any) -> str:
    """A page from a template and what it shows."""
    return environment().get_template(template).render(**values)


def percent(fraction: float) -> str:
    """A rate as a percentage with as many digits as it can bear: 0 %, 0.15 %, 12.3 %, 100 %."""
    value = 100 * fraction
    digits = 0 if value in (0, 100) else 2 if abs(value) < 1 or abs(value) > 99 else 1
    return f"{value:.{digits}f} %".replace("-", "−")


def interval(ends: tuple[float, float]) -> str:
    """An interval of rates: 1.2 % to 3.4 %."""
    return f"{percent(ends[0])} to {percent(ends[1])}"
