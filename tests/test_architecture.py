"""Data flows one way through the rooms: what a room may know of others is written down, and nothing else passes.

A room is a module or package of ``mnemoscope``; ``mnemoscope`` itself is the package's face. It knows another room by
an import (inside functions and under TYPE_CHECKING as well), by a template, or by a string with a module's name.
"""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

import mnemoscope

MAY_KNOW: dict[str, set[str]] = {
    "text": set(),
    "errors": {"text"},
    "_version": set(),
    "choose": {"errors"},
    "extras": {"errors"},
    "output": {"errors", "text"},
    "reading": {"choose", "errors", "text"},
    "records": {"errors", "output", "reading", "text"},
    "progress": {"text"},
    "torch_state": {"errors", "extras", "text"},
    "processes": {"choose", "errors"},
    "data": {
        *("_version", "choose", "errors", "extras", "output", "processes", "progress", "reading", "records", "text"),
    },
    "neighbours": {"choose", "data", "errors", "extras", "progress", "reading", "torch_state"},
    "pages": {"data", "text"},
    "mean_field": {"choose", "errors", "processes"},
    "theory": {"choose", "errors", "mean_field", "processes", "text"},
    "scores": {"choose", "data", "errors", "neighbours", "processes", "torch_state"},
    "residual": {"choose", "errors", "processes", "torch_state"},
    "random_features": {"choose", "errors", "processes", "progress", "scores"},
    "networks": {"choose", "data", "errors", "extras", "processes", "reading", "residual", "scores", "torch_state"},
    "sampling": {"choose", "errors", "processes", "progress", "reading", "scores"},
    "training": {
        *("_version", "choose", "data", "errors", "extras", "networks", "output", "processes", "progress"),
        *("random_features", "reading", "records", "scores", "text", "torch_state"),
    },
    "auditing": {
        *("_version", "choose", "data", "errors", "neighbours", "output", "pages", "progress", "reading", "text"),
        *("sweeps", "torch_state"),
    },
    "monitoring": {
        *("_version", "auditing", "choose", "data", "errors", "neighbours", "networks", "output", "pages", "processes"),
        *("progress", "reading", "sampling", "scores", "text", "torch_state", "training"),
    },
    "metrics": {"auditing", "data", "errors"},
    "pipelines": {
        *("auditing", "choose", "data", "errors", "extras", "processes", "progress", "reading", "scores", "text"),
        "torch_state",
    },
    "testing": {"auditing", "errors", "processes", "scores"},
    "sweeps": {"_version", "errors", "extras", "output", "reading", "records", "text"},
    "studies": {
        *("auditing", "choose", "data", "errors", "mean_field", "monitoring", "neighbours", "networks", "output"),
        *("pages", "processes", "random_features", "residual", "sampling", "scores", "sweeps", "text", "theory"),
        *("torch_state", "training"),
    },
    "demo": {
        *("_version", "auditing", "data", "monitoring", "networks", "output", "pages", "processes", "sampling"),
        *("scores", "training"),
    },
    "cli": {
        *("_version", "auditing", "choose", "data", "demo", "errors", "monitoring", "networks", "output", "pipelines"),
        "processes",
        *("random_features", "reading", "sampling", "scores", "studies", "sweeps", "text", "theory"),
        *("torch_state", "training"),
    },
    "__main__": {"cli"},
    "mnemoscope": {
        *("_version", "auditing", "data", "errors", "monitoring", "neighbours", "networks", "pipelines", "processes"),
        *("sampling", "scores", "theory", "training"),
    },
}
KNOW_THE_THEORY = {"studies", "cli", "mnemoscope"}
"""A wall: prediction and experiment meet in these rooms only."""

ROOT = Path(mnemoscope.__file__).parent
TENSORS_ONLY = 'torch.load(path, map_location="cpu", weights_only=True)'
"""The one way in which torch reads a file: tensors and plain containers, and nothing is run."""
BANNED = ("torch.load(", "pickle.load", "allow_pickle=True", "np.random.seed(", "np.random.randn(")
LONGEST = 260

_TEMPLATE_USE = re.compile(r"{%-?\s*(?:extends|import|include|from)\s+[\"']([^\"']+)[\"']")
_TEMPLATE_NAME = re.compile(r"(\w+)/[\w./]+\.j2")
_MODULE_NAME = re.compile(r"\bmnemoscope\.(\w+)")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


HOUSE = {module_of(path): path.read_text(encoding="utf-8") for path in sorted(ROOT.rglob("*.py"))}
TEMPLATES = {
    f"{path.relative_to(ROOT).parts[0]}/{path.name}": path.read_text(encoding="utf-8")
    for path in sorted(ROOT.rglob("*.j2"))
}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "mnemoscope"


def imports(source: str, house: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Every module of the house that is imported, and whether it is when the code runs."""
    return _imports(ast.parse(source), house, True)


def _imports(node: ast.AST, house: dict[str, str], runs: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.body:
            yield from _imports(child, house, False)
        for child in node.orelse:
            yield from _imports(child, house, runs)
        return
    if isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute, so that they can be read"
        if (node.module or "").split(".")[0] == "mnemoscope":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in house else str(node.module)), runs
    if isinstance(node, ast.Import):
        yield from ((a.name, runs) for a in node.names if a.name.split(".")[0] == "mnemoscope")
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, house, runs)


def named_rooms(source: str, house: dict[str, str]) -> set[str]:
    """Rooms whose module or template some string names, docstrings included."""
    rooms = {room_of(module) for module in house}
    strings = [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    found = {name for text in strings for name in _MODULE_NAME.findall(text) + _TEMPLATE_NAME.findall(text)}
    return found & rooms


def known_rooms(house: dict[str, str], templates: dict[str, str]) -> dict[str, set[str]]:
    """For each room the other rooms that it knows."""
    known: dict[str, set[str]] = {room_of(module): set() for module in house}
    for module, source in house.items():
        known[room_of(module)] |= {room_of(other) for other, _ in imports(source, house)} | named_rooms(source, house)
    for name, text in templates.items():
        known[name.split("/")[0]] |= {used.split("/")[0] for used in _TEMPLATE_USE.findall(text)}
    return {room: others - {room} for room, others in known.items()}


def differences(known: dict[str, set[str]], may_know: dict[str, set[str]]) -> list[str]:
    """What a room knows and may not, and what it may know and need not."""
    forbidden = [f"{r} may not know {o}" for r in sorted(known) for o in sorted(known[r] - may_know.get(r, set()))]
    unused = [f"{r} does not need {o}" for r in sorted(may_know) for o in sorted(may_know[r] - known.get(r, set()))]
    return forbidden + unused


def file_graph(house: dict[str, str]) -> dict[str, set[str]]:
    """For each file the files that it imports when it runs, inside functions too."""
    return {
        module: {other for other, runs in imports(source, house) if runs and other in house} - {module}
        for module, source in house.items()
    }


def a_circle(graph: dict[str, set[str]]) -> list[str]:
    """Files, or rooms, that import each other in turn; empty if there are none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def imports_from_above(house: dict[str, str]) -> list[str]:
    """Files that import from the ``__init__`` of a package they are in, which imports them."""
    return [
        f"{module} imports {other}"
        for module, others in file_graph(house).items()
        for other in sorted(others)
        if module.startswith(f"{other}.")
    ]


def banned(source: str) -> list[str]:
    return [words for words in BANNED if words in source.replace(TENSORS_ONLY, "")]


def test_rooms_know_what_they_may_and_need() -> None:
    assert not differences(known_rooms(HOUSE, TEMPLATES), MAY_KNOW)


def test_rooms_are_in_order() -> None:
    assert not a_circle(MAY_KNOW)


def test_the_theory_is_behind_a_wall() -> None:
    assert {room for room, others in MAY_KNOW.items() if "theory" in others} == KNOW_THE_THEORY


def test_no_circle_of_files() -> None:
    assert not a_circle(file_graph(HOUSE))


def test_no_file_imports_its_own_package() -> None:
    assert not imports_from_above(HOUSE)


@pytest.mark.parametrize("module", HOUSE)
def test_files_stay_readable(module: str) -> None:
    assert len(HOUSE[module].splitlines()) <= LONGEST


@pytest.mark.parametrize("module", HOUSE)
def test_no_pickle_and_no_global_generator(module: str) -> None:
    assert not banned(HOUSE[module])


class TestTheRulesThemselves:
    """Each rule on a small house that breaks it."""

    MAY_KNOW: ClassVar = {"low": set(), "high": {"low"}, "mnemoscope": set()}
    HOUSE: ClassVar = {
        "mnemoscope": "",
        "mnemoscope.low": "",
        "mnemoscope.low.file": "",
        "mnemoscope.high": "import mnemoscope.low",
    }

    def test_the_house_is_in_order(self) -> None:
        assert not differences(known_rooms(self.HOUSE, {}), self.MAY_KNOW)

    @pytest.mark.parametrize(
        "source",
        [
            "import mnemoscope.high",
            "from mnemoscope import high",
            "from mnemoscope.high import thing",
            "if TYPE_CHECKING:\n    from mnemoscope.high import thing",
            "def f():\n    from mnemoscope.high import thing",
            "import_module('mnemoscope.high.file')",
            "'''See ``mnemoscope.high``.'''",
            "render('high/page.html.j2')",
        ],
    )
    def test_a_room_that_knows_too_much(self, source: str) -> None:
        known = known_rooms(self.HOUSE | {"mnemoscope.low.file": source}, {})
        assert differences(known, self.MAY_KNOW) == ["low may not know high"]

    @pytest.mark.parametrize("use", ["extends", "import", "include", "from"])
    def test_a_template_that_knows_too_much(self, use: str) -> None:
        known = known_rooms(self.HOUSE, {"low/page.html.j2": f'{{% {use} "high/base.html.j2" %}}'})
        assert differences(known, self.MAY_KNOW) == ["low may not know high"]

    def test_a_room_that_imports_the_face(self) -> None:
        known = known_rooms(self.HOUSE | {"mnemoscope.low.file": "from mnemoscope import audit"}, {})
        assert differences(known, self.MAY_KNOW) == ["low may not know mnemoscope"]

    def test_a_permission_that_nothing_needs(self) -> None:
        assert differences(known_rooms(self.HOUSE, {}), self.MAY_KNOW | {"mnemoscope": {"low"}})

    def test_a_room_that_is_not_listed(self) -> None:
        known = known_rooms(self.HOUSE | {"mnemoscope.new": "import mnemoscope.low"}, {})
        assert differences(known, self.MAY_KNOW) == ["new may not know low"]

    def test_rooms_in_a_circle(self) -> None:
        assert a_circle({"low": {"high"}, "high": {"low"}})

    @pytest.mark.parametrize("late", ["", "def f():\n    "])
    def test_files_in_a_circle(self, late: str) -> None:
        house = {"mnemoscope.a": "import mnemoscope.b", "mnemoscope.b": f"{late}from mnemoscope.a import x"}
        assert a_circle(file_graph(house))
        typed = house | {"mnemoscope.b": "if TYPE_CHECKING:\n    from mnemoscope.a import x"}
        assert not a_circle(file_graph(typed))

    def test_a_file_that_imports_its_own_package(self) -> None:
        house = self.HOUSE | {"mnemoscope.low.file": "from mnemoscope.low import thing"}
        assert imports_from_above(house) == ["mnemoscope.low.file imports mnemoscope.low"]
        assert not imports_from_above(house | {"mnemoscope.low.file": "from mnemoscope.low import file"})

    def test_a_relative_import(self) -> None:
        with pytest.raises(AssertionError, match="absolute"):
            list(imports("from . import x", self.HOUSE))

    def test_tensors_alone_may_be_loaded(self) -> None:
        assert not banned(TENSORS_ONLY)
        assert banned(TENSORS_ONLY.replace("True", "False"))

    @pytest.mark.parametrize("words", BANNED)
    def test_what_is_banned(self, words: str) -> None:
        assert banned(f"x = {words}")
