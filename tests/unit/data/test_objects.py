"""What Python code holds as data becomes the same data set, whatever holds it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader

from mnemoscope.auditing import audit
from mnemoscope.data import DataLike, as_array, as_dataset, load
from mnemoscope.data.sources.image_files import folder_classes
from mnemoscope.errors import InputError
from tests.unit.data.built import DIGITS, folder, idx, item_folder, mnist, png, shards, torch_dataset

HOLDERS: dict[str, Callable[[np.ndarray], DataLike]] = {
    "array": lambda items: items,
    "tensor": torch.from_numpy,
    "data set": lambda items: as_dataset(items, "other"),
    "torch data set": torch_dataset,
    "loader": lambda items: DataLoader(torch_dataset(items), batch_size=7),
    "pictures": lambda items: [Image.fromarray(item) for item in items],
    "tuple of pictures": lambda items: tuple(Image.fromarray(item) for item in items),
}


def hugging_face(items: np.ndarray) -> DataLike:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image()})
    return datasets.Dataset.from_dict({"image": [{"bytes": png(item), "path": None} for item in items]}, features)


@pytest.mark.parametrize("holder", [*HOLDERS, "datasets.Dataset"])
def test_whatever_holds_the_items_the_data_set_is_the_same(holder: str) -> None:
    expected = as_dataset(DIGITS[:30], "train")
    found = as_dataset(HOLDERS.get(holder, hugging_face)(DIGITS[:30]), "train")
    assert (found.fingerprint, found.value_range) == (expected.fingerprint, expected.value_range)
    assert found.name == ("other" if holder == "data set" else "train")


def test_an_audit_of_objects_is_that_of_their_arrays() -> None:
    train, samples, holdout = DIGITS[:80], DIGITS[20:60], DIGITS[100:160]
    expected = audit(samples, train, holdout=holdout).to_dict()
    hold = [HOLDERS[name] for name in ("pictures", "loader", "torch data set")]
    found = audit(hold[0](samples), hold[1](train), holdout=hold[2](holdout)).to_dict()
    for report in (expected, found):
        report["provenance"].pop("data")  # the counts of what was read
    assert found == expected


def test_pictures_are_read_as_files_are() -> None:
    see_through = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
    data = load([see_through, Image.new("RGB", (3, 2), "red")])
    assert data.array[:, 0, 0].tolist() == [[255, 255, 255], [255, 0, 0]]
    assert data.notes == ("1 of 2 images were laid on white where they are transparent",)
    with pytest.raises(InputError, match=r"list of pictures: item 1 has shape \(2, 4, 3\).*resize=SIZE"):
        load([see_through, Image.new("RGB", (4, 2))])
    with pytest.raises(InputError, match="item 1 is a str"):
        load([see_through, "text"])
    assert load([see_through, Image.new("RGB", (4, 2))], resize=2).event_shape == (2, 2, 3)


def test_arrays_are_not_made_of_loaders() -> None:
    for held in (torch_dataset(DIGITS), DataLoader(torch_dataset(DIGITS))):
        with pytest.raises(InputError, match=r"^train: is a \w+, not an array: mnemoscope\.load reads it"):
            as_array(held, "train")


class TestClasses:
    def test_folders(self, tmp_path: Path) -> None:
        data = load(folder(tmp_path, DIGITS[:10]))
        assert data.classes == ("class-0",) * 5 + ("class-1",) * 5
        for place, items in (("cat", 3), ("dog", 2)):
            (tmp_path / "arrays").mkdir(exist_ok=True)
            item_folder(tmp_path / "arrays" / place, DIGITS[:items])
        assert load(tmp_path / "arrays").classes == ("cat",) * 3 + ("dog",) * 2
        assert load(item_folder(tmp_path / "flat", DIGITS[:3])).classes is None

    def test_shards_are_no_classes(self, tmp_path: Path) -> None:
        assert load(shards(tmp_path / "shards", DIGITS[:6])).classes == tuple("012345")

    @given(names=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=6))
    def test_the_outermost_folder_that_tells_items_apart(self, names: list[list[str]]) -> None:
        paths = ["/".join([*parts, "x.png"]) for parts in names]
        found = folder_classes(tuple(paths))
        assert folder_classes(tuple(f"all/of/them/{path}" for path in paths)) == found
        if found is None:
            shared = {tuple(parts[: min(map(len, names))]) for parts in names}
            assert len(shared) == 1, "only where the folder that all share holds items itself"
        else:
            assert len(set(found)) > 1
            for parts, label in zip(names, found, strict=True):
                assert label in parts
        assert folder_classes((*paths, "x.png")) is None

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_labels_of_idx_files(self, tmp_path: Path, suffix: str) -> None:
        raw = mnist(tmp_path, DIGITS[:30]) / "MNIST" / "raw"
        expected = tuple(str(value) for value in DIGITS[:30, 0, 0])
        assert load(tmp_path).classes == load(raw / f"train-images-idx3-ubyte{suffix}").classes == expected
        for name in ("train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"):
            (raw / name).unlink()
        assert load(raw / f"train-images-idx3-ubyte{suffix}").classes is None
        (raw / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(29, np.uint8)))
        with pytest.raises(InputError, match=r"train-labels-idx1-ubyte: the labels of 30 items"):
            load(raw / f"train-images-idx3-ubyte{suffix}")

    def test_as_strata_of_an_audit(self, tmp_path: Path) -> None:
        train, holdout = (
            load(folder(tmp_path / name, DIGITS[start : start + 80])) for name, start in (("a", 0), ("b", 90))
        )
        given_by_hand = [*(train.classes or ()), *(holdout.classes or ())]
        found, expected = (
            audit(train.array[:40], train, holdout=holdout, classes=classes).to_dict()
            for classes in ("source", given_by_hand)
        )
        assert found == expected
        assert found["extracted"]["classes"] == {"class-0": 40, "class-1": 0}
        with pytest.raises(InputError, match=r"^holdout: its source has no classes"):
            audit(train.array[:40], train, holdout=holdout.array, classes="source")
        with pytest.raises(InputError, match=r"^classes: is a label for each item, or 'source'"):
            audit(train.array[:40], train, holdout=holdout, classes="labels.txt")

    def test_as_units_of_an_audit(self) -> None:
        train = as_dataset(DIGITS[:80], "train").described(groups=tuple(f"p{index // 2}" for index in range(80)))
        holdout = as_dataset(DIGITS[90:170], "holdout").described(groups=tuple(f"q{index // 2}" for index in range(80)))
        report = audit(DIGITS[:40], train, holdout=holdout, groups="source")
        assert report.extracted_by_group is not None
        assert len(report.extracted_by_group) == 20
        assert train.take(np.array([3])).groups == ("p1",)
