"""Every public name is documented, typed and listed."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import mnemoscope

PACKAGES = [module.name for module in pkgutil.iter_modules(mnemoscope.__path__) if module.ispkg]
ROOMS = [mnemoscope, *(importlib.import_module(f"mnemoscope.{name}") for name in PACKAGES)]
NAMES = [(room, name) for room in ROOMS for name in room.__all__ if not name.startswith("__")]
DOCS = Path(__file__).parents[1] / "docs"


def members(value: object) -> list[tuple[str, object]]:
    if not inspect.isclass(value):
        return []
    own = [(name, member) for name, member in vars(value).items() if not name.startswith("_")]
    return [(n, m) for n, m in own if inspect.isfunction(m) or isinstance(m, property | classmethod)]


@pytest.mark.parametrize(("room", "name"), NAMES, ids=lambda part: getattr(part, "__name__", part))
def test_public_names_are_documented(room: object, name: str) -> None:
    value = getattr(room, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    assert inspect.getdoc(value), f"{name} has no docstring"
    for member, function in members(value):
        assert inspect.getdoc(getattr(value, member)), f"{name}.{member} has no docstring"
        assert function is not None


@pytest.mark.parametrize(("room", "name"), NAMES, ids=lambda part: getattr(part, "__name__", part))
def test_public_functions_are_typed(room: object, name: str) -> None:
    value = getattr(room, name)
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        untyped = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
        assert not untyped
        assert signature.return_annotation is not signature.empty


def test_exports_are_sorted_and_real() -> None:
    for room in ROOMS:
        assert len(set(room.__all__)) == len(room.__all__)
        assert all(hasattr(room, name) for name in room.__all__), room.__name__


@pytest.mark.parametrize("name", [name for name in mnemoscope.__all__ if not name.startswith("__")])
def test_top_level_names_are_in_the_reference(name: str) -> None:
    assert name in (DOCS / "reference.md").read_text(encoding="utf-8")


def test_an_undocumented_name_is_caught() -> None:
    def bare() -> None: ...

    assert inspect.getdoc(bare) is None
