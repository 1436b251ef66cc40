"""What was built holds what it should: ``python -m tests.release.distributions dist``.

The wheel is the package's files as git knows them, byte for byte, and its metadata; the source distribution is the
checkout. Exit code 1 and a line for each difference otherwise.
"""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADDED = {"PKG-INFO"}  # to the checkout in a source distribution
METADATA = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def tracked(root: Path = ROOT) -> dict[str, bytes]:
    """The files that git knows, by their paths."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True)
    return {name: (root / name).read_bytes() for name in listed.stdout.split("\0") if name}


def wheel_problems(members: Mapping[str, bytes], checkout: Mapping[str, bytes]) -> list[str]:
    """How a wheel's files differ from those of ``src/`` and the metadata."""
    package = {name.removeprefix("src/"): content for name, content in checkout.items() if name.startswith("src/")}
    about = {name: name.partition(".dist-info/")[2] for name in members if ".dist-info/" in name}
    code = {name: content for name, content in members.items() if name not in about}
    return _differences(code, package) + _names("metadata", set(about.values()), METADATA)


def source_problems(members: Mapping[str, bytes], checkout: Mapping[str, bytes]) -> list[str]:
    """How a source distribution's files, without their common folder, differ from the checkout's."""
    own = {name: content for name, content in members.items() if name not in ADDED}
    return _differences(own, checkout)


def read_wheel(path: Path) -> dict[str, bytes]:
    """The members of a wheel."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist() if not name.endswith("/")}


def read_source(path: Path) -> dict[str, bytes]:
    """The members of a source distribution, without the folder that they all lie in."""
    with tarfile.open(path) as file:
        members = [(member.name, file.extractfile(member)) for member in file.getmembers() if member.isfile()]
        return {name.partition("/")[2]: content.read() for name, content in members if content is not None}


def _differences(found: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[str]:
    changed = [f"{name}: differs" for name in sorted(found.keys() & wanted.keys()) if found[name] != wanted[name]]
    return _names("file", found.keys(), wanted.keys()) + changed


def _names(what: str, found: Iterable[str], wanted: Iterable[str]) -> list[str]:
    missing = [f"{name}: {what} is missing" for name in sorted(set(wanted) - set(found))]
    return missing + [f"{name}: {what} does not belong" for name in sorted(set(found) - set(wanted))]


def main(folder: Path) -> int:
    """Print what is wrong with the one wheel and the one source distribution in ``folder``."""
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    checkout = tracked()
    problems = [f"{wheel.name}: {one}" for one in wheel_problems(read_wheel(wheel), checkout)]
    problems += [f"{source.name}: {one}" for one in source_problems(read_source(source), checkout)]
    print("\n".join(problems) or f"{wheel.name} and {source.name} hold what the checkout holds")  # noqa: T201
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
