"""An item keeps the name of its file from ``load`` to the report, the page and the terminal."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnemoscope.auditing import audit
from mnemoscope.auditing.reports.terminal import pair_lines
from mnemoscope.data import Dataset, load, load_digits
from mnemoscope.errors import InputError

DIGITS = (load_digits().array * 15).astype(np.uint8)


def folder_of(path: Path, images: np.ndarray, names: list[str]) -> Path:
    for name, image in zip(names, images, strict=True):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / name)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Training images whose names sort otherwise than their numbers, and copies of the first forty of them."""
    numbers = [f"class-{i % 3}/{i}.png" for i in range(200)]
    train = folder_of(tmp_path / "train", DIGITS[:200], numbers)
    return folder_of(tmp_path / "made", DIGITS[:40], [f"copy of {i}.png" for i in range(40)]), train


def test_names_come_from_the_folder_and_stay_with_their_items(folders: tuple[Path, Path]) -> None:
    train = load(folders[1])
    by_name = {f"class-{i % 3}/{i}.png": DIGITS[i] for i in range(200)}
    mask = np.arange(200) % 7 == 3
    parts = [train, train.take(np.array([5, 3, 199, -1])), train.take(mask), *train.split(60, seed=1)]
    for part in parts:
        assert part.names is not None
        assert len(part.names) == len(part)
        for name, image in zip(part.names, part.array, strict=True):
            np.testing.assert_array_equal(image, by_name[name])


def test_arrays_have_no_names() -> None:
    data = load_digits()
    assert data.names is None
    assert data.take(np.arange(3)).names is None
    assert data.name_of(2) is None
    with pytest.raises(InputError, match="mine: has 2 names for 3 items"):
        Dataset(np.zeros((3, 2)), "mine", names=("a", "b"))


def test_the_report_names_both_sides_of_a_pair(folders: tuple[Path, Path], tmp_path: Path) -> None:
    made, train = (load(folder) for folder in folders)
    report = audit(made, train)
    report.to_json(tmp_path / "report.json")
    flagged = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["flagged"]
    copies = [pair for pair in flagged if pair["distance"] == 0]
    assert len(copies) == 40
    for pair in copies:
        assert pair["generated_name"] == made.names[pair["generated"]]
        assert pair["train_name"] == train.names[pair["train"]]
        assert pair["train_name"].split("/")[1] == pair["generated_name"].removeprefix("copy of ")
    report.to_html(tmp_path / "report.html")
    first = report.closest[0]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"generated {first.generated_name} · training {first.train_name}<br>" in page
    assert f"copy: generated {first.generated_name} of training {first.train_name} (" in pair_lines(report)[0]


def test_without_names_there_are_numbers_and_nulls(tmp_path: Path) -> None:
    report = audit(DIGITS[:40], Dataset(DIGITS[:200], "train"))
    entry = report.to_dict()["flagged"][0]
    names = ["generated_name", "train_name"]
    assert list(entry) == ["generated", "train", *names, "distance", "ratio", "p", "listed", "unit"]
    assert entry["generated_name"] is entry["train_name"] is None
    report.to_html(tmp_path / "report.html")
    assert f"generated {entry['generated']} · training {entry['train']}<br>" in (tmp_path / "report.html").read_text()
    assert f"copy: generated {entry['generated']} of training {entry['train']} (" in pair_lines(report)[0]


def test_only_flagged_pairs_are_framed(tmp_path: Path) -> None:
    """Ten copies and thirty honest digits: the page shows 24 pairs and frames those that a measure calls copies."""
    made = Dataset(np.concatenate([DIGITS[:10], DIGITS[1000:1030]]), "made")
    report = audit(made, Dataset(DIGITS[:200], "train"), measures=["distance-ratio"])
    assert 10 <= len(report.flagged) < 24
    report.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('<figure class="pair copy">') == len(report.flagged)
    assert page.count(" · copy</figcaption>") == len(report.flagged)
    assert page.count('<figure class="pair">') == 24 - len(report.flagged)


def test_names_that_are_no_text_or_would_steer_a_terminal(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "odd", DIGITS[:40], [f"{i:03d}.png" for i in range(40)])
    os.rename(os.fsencode(folder / "000.png"), os.fsencode(folder) + b"/\xff0.png")  # noqa: PTH104
    report = audit(load(folder), Dataset(DIGITS[:200], "train"))
    report.to_json(tmp_path / "report.json")
    report.to_html(tmp_path / "report.html")
    assert "\ufffd0.png" in {pair.generated_name for pair in report.flagged}
    steering = Dataset(DIGITS[:40], "made", names=("[red]\x1b[2J",) * 40)
    assert "[red]\\x1b[2J" in pair_lines(audit(steering, Dataset(DIGITS[:200], "train")))[0]
