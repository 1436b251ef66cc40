"""Data flows one way through the rooms: an import that runs backwards fails here."""

import ast
from pathlib import Path

import pytest

import mnemoscope

ROOT = Path(mnemoscope.__file__).parent
ORDER = [
    ["_version", "errors"],
    ["output", "progress", "choose", "extras"],
    ["processes"],
    ["data", "residual", "mean_field"],
    ["neighbours", "pages", "theory"],
    ["scores", "auditing"],
    ["networks", "sampling", "random_features"],
    ["training", "monitoring"],
    ["sweeps"],
    ["studies"],
    ["demo"],
    ["cli"],
    ["__main__"],
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(source: str) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mnemoscope."):
            rooms.add(node.module.split(".")[1])
        if isinstance(node, ast.ImportFrom) and node.module == "mnemoscope":
            rooms.update(alias.name for alias in node.names)
        if isinstance(node, ast.Import):
            rooms.update(a.name.split(".")[1] for a in node.names if a.name.startswith("mnemoscope."))
        assert not (isinstance(node, ast.ImportFrom) and node.level), "imports are absolute, so that they can be read"
    return rooms


def backward(room: str, source: str) -> set[str]:
    return {other for other in imported_rooms(source) if other != room and RANK[other] >= RANK[room]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_forward(path: Path) -> None:
    assert not backward(room_of(path), path.read_text(encoding="utf-8"))


def test_every_room_has_its_place() -> None:
    assert {room_of(path) for path in FILES} == set(RANK)


@pytest.mark.parametrize(
    "source", ["from mnemoscope.training import fit", "import mnemoscope.cli", "from mnemoscope import auditing"]
)
def test_a_backward_import_is_caught(source: str) -> None:
    assert backward("processes", source)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 260


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pickle_and_no_global_generator(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for banned in ("torch.load(", "pickle.load", "allow_pickle=True", "np.random.seed(", "np.random.randn("):
        assert banned not in source, banned
