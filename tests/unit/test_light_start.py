"""What starts fast: neither the package nor any ``--help`` loads the numerical libraries."""

import ast
import inspect
import json
import pkgutil
import subprocess
import sys
from typing import Any

import pytest
import typer

import mnemoscope
from mnemoscope.cli.app import app

HEAVY = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "pandas", "xarray", "zarr", "dask", "distributed")

PRELUDE = """
import json, sys

def loaded():
    return [name for name in HEAVY if name in sys.modules]

def run(*arguments):
    from contextlib import redirect_stdout
    from io import StringIO

    from mnemoscope.cli import main

    sys.argv = ["mnemoscope", *arguments]
    with redirect_stdout(StringIO()) as out:
        try:
            main()
        except SystemExit as stopped:
            assert not stopped.code, stopped.code
    assert out.getvalue()
"""


def fresh(body: str) -> Any:
    """What ``body`` prints, as JSON, in a process that has imported nothing yet."""
    script = f"HEAVY = {HEAVY}\n{PRELUDE}\n{body}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def commands() -> list[list[str]]:
    """Every command and group, as a person types it."""
    found: list[list[str]] = []

    def visit(command: Any, path: list[str]) -> None:
        found.append(path)
        for name, child in getattr(command, "commands", {}).items():
            visit(child, [*path, name])

    visit(typer.main.get_command(app), [])
    return found


def test_importing_loads_nothing_heavy() -> None:
    assert fresh("import mnemoscope; mnemoscope.__all__; dir(mnemoscope); print(json.dumps(loaded()))") == []


def test_no_help_loads_anything_heavy() -> None:
    calls = [["--version"], *([*command, "--help"] for command in commands())]
    assert ["audit", "--help"] in calls
    assert ["study", "run", "--help"] in calls
    told = fresh(f"print(json.dumps([(run(*call), loaded())[1] for call in {calls}]))")
    assert dict(zip(map(" ".join, calls), told, strict=True)) == {" ".join(call): [] for call in calls}


def test_rooms_need_no_import_of_their_own() -> None:
    same, heavy = fresh(
        "import mnemoscope as mn; same = mn.scores.EmpiricalScore is mn.EmpiricalScore; "
        "print(json.dumps([same, loaded()]))"
    )
    assert same
    assert "torch" in heavy, "the tests above could tell"


def test_all_names_come_with_a_star_and_are_listed() -> None:
    names: dict[str, object] = {}
    exec("from mnemoscope import *", names)
    assert set(mnemoscope.__all__) <= set(names)
    assert set(mnemoscope.__all__) <= set(dir(mnemoscope))


def test_an_unknown_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'mnemoscope' has no attribute 'nonsense'"):
        mnemoscope.nonsense  # noqa: B018
    assert not hasattr(mnemoscope, "nonsense")


def test_type_checkers_see_the_same_names() -> None:
    (guard,) = (node for node in ast.parse(inspect.getsource(mnemoscope)).body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in guard.body for alias in node.names}  # type: ignore[attr-defined]
    assert set(seen) | {"__version__"} == set(mnemoscope.__all__)
    assert seen == {name: f"mnemoscope.{room}" for name, room in mnemoscope._ROOM_OF.items()}


def test_no_public_name_is_also_a_module() -> None:
    """Importing the module would put it in the name's place."""
    assert not {module.name for module in pkgutil.iter_modules(mnemoscope.__path__)} & set(mnemoscope.__all__)
