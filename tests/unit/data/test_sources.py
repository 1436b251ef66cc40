"""Each source gives back the very items that were put into it, and says what it passed over."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import zarr
from torch.utils.data import DataLoader, IterableDataset, WeightedRandomSampler
from torch.utils.data import Dataset as TorchDataset

from mnemoscope.data import SOURCES, Dataset, load, source_paths
from mnemoscope.errors import InputError
from tests.unit.data.built import BUILT, DIGITS, folder, loader, parquet, passed_over, png, shard, torch_dataset


@pytest.mark.parametrize("name", BUILT)
def test_what_was_put_in_comes_out(tmp_path: Path, name: str) -> None:
    write, key, said = BUILT[name]
    source = f"{write(tmp_path / name, DIGITS)}{key}"
    loaded = load(source)
    order = sorted(range(200), key=lambda index: (index % 2, index)) if name == "train" else range(200)
    np.testing.assert_array_equal(np.squeeze(loaded.array), DIGITS[list(order)])
    assert source_paths(source) == [tmp_path / name]
    text = " ".join(loaded.notes)
    assert all(part in text for part in said[1:])
    assert loaded.source is not None
    assert loaded.source["seen"] == loaded.source["read"] + passed_over(loaded.source)
    if said and not said[0].startswith("each"):
        assert passed_over(loaded.source) == (0 if name == "parts" else int(said[0].split()[0]))
    assert loaded.label == f"{name}{key}"


def test_every_source_stands_in_one_table() -> None:
    assert len({source.reads for source in SOURCES}) == len(SOURCES)


def test_classes_of_a_shard(tmp_path: Path) -> None:
    loaded = load(shard(tmp_path / "a.tar", DIGITS[:12]))
    assert loaded.classes == tuple(str(index % 10) for index in range(12))
    assert loaded.take(np.array([3, 11])).classes == ("3", "1")
    assert loaded.names is not None
    assert loaded.names[3] == "000003.png"


def test_classes_of_a_parquet_file_and_pictures_that_are_bytes_alone(tmp_path: Path) -> None:
    loaded = load(parquet(tmp_path / "a.parquet", DIGITS[:12]))
    assert loaded.classes == tuple("abcdefghijab")
    table = pq.read_table(tmp_path / "a.parquet")
    alone = pa.table({"image": table.column("image").combine_chunks().field("bytes")})
    pq.write_table(alone, tmp_path / "b.parquet")
    loaded = load(tmp_path / "b.parquet")
    np.testing.assert_array_equal(np.squeeze(loaded.array), DIGITS[:12])
    assert loaded.classes is None


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"a": [b"x"], "b": [b"y"]}, r"has 2 columns of pictures, a, b: keep one"),
        ({"a": [{"bytes": png(DIGITS[0])}, {"bytes": None}]}, r"row 1 has no picture in it"),
        ({"a": [png(DIGITS[0]), b"no picture"]}, r"row 1: cannot be read as an image"),
        ({"a": pa.array([], pa.binary())}, r"has no rows"),
    ],
)
def test_parquet_files_of_pictures_that_are_refused(tmp_path: Path, table: dict[str, Any], complaint: str) -> None:
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=complaint) as raised:
        load(tmp_path / "a.parquet")
    assert "a.parquet" in str(raised.value)


def test_a_path_in_a_parquet_file_is_not_followed(tmp_path: Path) -> None:
    """It may name any file of the reader's; a data set that the user opened himself is another matter."""
    (tmp_path / "mine.png").write_bytes(png(DIGITS[1]))
    rows = [{"bytes": png(DIGITS[0]), "path": None}, {"bytes": None, "path": str(tmp_path / "mine.png")}]
    pq.write_table(pa.table({"a": rows}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"row 1 has no picture in it"):
        load(tmp_path / "a.parquet")
    opened = datasets.Dataset.from_dict({"a": rows}, features=datasets.Features({"a": datasets.Image()}))
    np.testing.assert_array_equal(np.squeeze(load(opened).array), DIGITS[:2])


def test_several_images_of_a_sample(tmp_path: Path) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for index in range(3):
            for suffix, value in (("png", index), ("mask.png", 200)):
                content = png(np.full((4, 4), value, np.uint8))
                info = tarfile.TarInfo(f"{index}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    with pytest.raises(InputError, match=r"name one as a\.tar:KEY among mask\.png, png"):
        load(tmp_path / "a.tar")
    loaded = load(f"{tmp_path}/a.tar:png")
    assert loaded.array[:, 0, 0].tolist() == [0, 1, 2]
    assert "3 of 6 files were passed over, which were not named" in loaded.notes[0]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_damaged_image_in_an_archive_is_named(tmp_path: Path, kind: str) -> None:
    import io
    import tarfile

    path = tmp_path / f"a.{kind}"
    content = {"1.png": png(DIGITS[0]), "2.png": png(DIGITS[1])[:60]}
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w") as tar:
            for name, data in content.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    with pytest.raises(InputError, match=rf"a\.{kind}/2\.png: cannot be read as an image"):
        load(path)


@pytest.mark.parametrize("end", [1536, 1600, 3000], ids=["between members", "in a header", "in a member"])
def test_a_tar_file_that_is_cut_short(tmp_path: Path, end: int) -> None:
    """Python's tarfile reads the first two of these to their end without a word."""
    whole = shard(tmp_path / "whole.tar", DIGITS[:3]).read_bytes()
    headers = 512 * 2
    (tmp_path / "cut.tar").write_bytes(whole[: end if end != 1536 else 3 * headers])
    with pytest.raises(InputError, match=r"cut\.tar"):
        load(tmp_path / "cut.tar")
    (tmp_path / "joined.tar").write_bytes(whole + whole)
    with pytest.raises(InputError, match="goes on after its end"):
        load(tmp_path / "joined.tar")


def test_links_in_a_tar_file(tmp_path: Path) -> None:
    import io
    import tarfile

    for target in ("1.png", "9.png"):
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            info = tarfile.TarInfo("./x/1.png")
            info.size = len(png(DIGITS[0]))
            tar.addfile(info, io.BytesIO(png(DIGITS[0])))
            link = tarfile.TarInfo("./x/2.png")
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        if target == "1.png":
            assert "links to what is read under another name" in load(tmp_path / "a.tar").notes[0]
        else:
            with pytest.raises(InputError, match=r"2\.png is a link to 9\.png, which is not there"):
                load(tmp_path / "a.tar")


def test_a_name_that_nothing_has_is_refused(tmp_path: Path) -> None:
    for name, said in (("train", "holds images, which have no names"), ("items", r"000\.npy: holds one array")):
        BUILT[name][0](tmp_path / name, DIGITS[:12])
        with pytest.raises(InputError, match=said):
            load(f"{tmp_path / name}:images")


def test_model_weights_are_called_that(tmp_path: Path) -> None:
    weights = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict()
    torch.save(weights, tmp_path / "model.pt")
    torch.save({"epoch": 3, "model": weights}, tmp_path / "checkpoint.pth")
    np.savez(tmp_path / "model.npz", **{key: value.numpy() for key, value in weights.items()})
    for name in ("model.pt", "checkpoint.pth", "model.npz"):
        with pytest.raises(
            InputError, match=rf"{name}: holds the weights of a model \(7 tensors such as .*0\.weight\)"
        ):
            load(tmp_path / name)


class Bomb:
    def __reduce__(self) -> tuple:
        return (pytest.fail, ("a pickle was run",))


def test_torch_files_run_nothing(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(2, 2), "bomb": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(InputError, match=r"bomb\.pt: holds pickled Python objects beside tensors"):
        load(tmp_path / "bomb.pt")
    torch.save(torch.zeros(3, 2).to_sparse(), tmp_path / "sparse.pt")
    with pytest.raises(InputError, match="sparse"):
        load(tmp_path / "sparse.pt")
    torch.save(torch.zeros(1).expand(10**9, 30), tmp_path / "claim.pt")
    with pytest.raises(InputError, match=r"claims 120000000000 bytes, 4 are there"):
        load(tmp_path / "claim.pt")


@pytest.mark.parametrize(
    "dtype",
    [
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2),
        *(torch.float8_e4m3fnuz, torch.float8_e5m2fnuz),
    ],
    ids=str,
)
def test_every_number_format(tmp_path: Path, dtype: torch.dtype) -> None:
    from safetensors.torch import save_file

    values = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    torch.save(values.to(dtype), tmp_path / "x.pt")
    np.testing.assert_array_equal(load(tmp_path / "x.pt").array, values.numpy())
    if "fnuz" not in str(dtype):
        save_file({"x": values.to(dtype)}, tmp_path / "x.safetensors")
        np.testing.assert_array_equal(load(tmp_path / "x.safetensors").array, values.numpy())


def test_chunks_that_were_never_written(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=(40, 3), chunks=(10, 3), dtype="float32", fill_value=7.0)
    with pytest.raises(InputError, match=r"a\.zarr: holds no chunk of its array"):
        load(tmp_path / "a.zarr")
    array[:30] = np.random.default_rng(0).random((30, 3), dtype=np.float32)
    loaded = load(tmp_path / "a.zarr")
    assert loaded.notes == (
        "1 of 2 arrays were passed over, chunks that are not stored, such as 1 of 4 chunks, read as 7.0",
    )


def test_folders_of_arrays_that_do_not_fit_together(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    np.save(tmp_path / "b.npy", np.zeros((3, 5)))
    with pytest.raises(InputError, match=r"b\.npy: holds shape \(3, 5\), but a\.npy holds \(3, 4\)"):
        load(tmp_path)
    np.save(tmp_path / "b.npy", np.zeros((3, 4), np.float32))
    with pytest.raises(InputError, match=r"b\.npy: holds float32, but a\.npy holds float64"):
        load(tmp_path)


def test_two_kinds_of_data_in_one_folder(tmp_path: Path) -> None:
    folder(tmp_path, DIGITS[:30])
    for index in range(4):
        np.save(tmp_path / f"{index}.npy", DIGITS[index])
    with pytest.raises(InputError, match="holds 4 arrays and 30 images"):
        load(tmp_path)
    for index in range(1, 4):
        (tmp_path / f"{index}.npy").unlink()
    assert any("of another kind than nearly all (1 .npy)" in note for note in load(tmp_path).notes)


def test_a_twin_of_another_length_is_refused(tmp_path: Path) -> None:
    write, *_ = BUILT["data"]
    raw = write(tmp_path, DIGITS) / "MNIST" / "raw"
    (raw / "train-images-idx3-ubyte.gz").write_bytes((raw / "t10k-images-idx3-ubyte.gz").read_bytes())
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz: holds 336 bytes, but the file beside it"):
        load(tmp_path)


class TestTorchObjects:
    def test_items_and_classes(self) -> None:
        loaded = load(torch_dataset(DIGITS))
        np.testing.assert_array_equal(loaded.array, DIGITS)
        assert loaded.classes is not None
        assert loaded.classes[13] == "3"
        assert (loaded.name, loaded.value_range, loaded.notes) == ("TensorDataset", (0, 255), ())

    def test_a_loader_that_leaves_items_out(self) -> None:
        loaded = load(loader(DIGITS))
        np.testing.assert_array_equal(loaded.array, DIGITS[:180])
        assert loaded.notes[0].startswith("20 of 200 items were passed over, which the loader does not give")

    def test_a_loader_that_repeats_items(self) -> None:
        sampler = WeightedRandomSampler([1.0] * 200, 300, generator=torch.Generator().manual_seed(0))
        loaded = load(DataLoader(torch_dataset(DIGITS), batch_size=50, sampler=sampler))
        assert loaded.notes == ("the loader gives 300 items of a data set of 200: some more than once",)

    def test_random_transformations_are_said(self) -> None:
        class Noisy(TorchDataset):
            def __init__(self) -> None:
                self.generator = torch.Generator().manual_seed(0)

            def __len__(self) -> int:
                return 5

            def __getitem__(self, index: int) -> tuple:
                return torch.rand(2, 2, generator=self.generator), index, "caption"

        notes = load(Noisy()).notes
        assert notes[0] == "of each item was not read: field 2"
        assert notes[1].startswith("items change from one reading to the next")

    @pytest.mark.parametrize("as_dict", [False, True])
    def test_pictures_and_dictionaries(self, as_dict: bool) -> None:
        from PIL import Image

        class Pictures(TorchDataset):
            def __len__(self) -> int:
                return 6

            def __getitem__(self, index: int) -> object:
                picture = Image.fromarray(DIGITS[index])
                return {"image": picture, "label": index, "text": "x"} if as_dict else (picture, index)

        loaded = load(Pictures())
        np.testing.assert_array_equal(loaded.array, DIGITS[:6])
        assert loaded.classes == tuple("012345")
        assert loaded.notes == (("of each item was not read: text",) if as_dict else ())

    def test_a_stream(self) -> None:
        class Stream(IterableDataset):
            def __iter__(self) -> object:
                return iter(torch.from_numpy(DIGITS[:70]))

        np.testing.assert_array_equal(load(Stream()).array, DIGITS[:70])

    @pytest.mark.parametrize(
        ("items", "culprit"),
        [
            ([torch.zeros(2, 2), torch.zeros(2, 3)], r"item 1 has shape \(2, 3\)"),
            (["text", "text"], "item 0 is a str"),
            ([{"caption": "x"}], "none of them image"),
        ],
    )
    def test_what_does_not_fit(self, items: list, culprit: str) -> None:
        class Listed(TorchDataset):
            def __len__(self) -> int:
                return len(items)

            def __getitem__(self, index: int) -> object:
                return items[index]

        with pytest.raises(InputError, match=culprit):
            load(Listed())


def test_what_nothing_reads() -> None:
    with pytest.raises(InputError, match="dict: unknown format; mnemoscope reads 'digits'"):
        load({})


def test_a_source_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mnemoscope.data import ArrayFile
    from mnemoscope.data.census import Census

    class TextFile(ArrayFile):
        reads, suffixes = ".txt", (".txt",)

        def array(self, path: Path, key: str | None) -> tuple[np.ndarray, Census]:
            census = Census("arrays")
            census.read()
            return np.loadtxt(path), census

    monkeypatch.setattr("mnemoscope.data.sources.SOURCES", (*SOURCES, TextFile()))
    np.savetxt(tmp_path / "a.txt", np.eye(3))
    assert isinstance(load(tmp_path / "a.txt"), Dataset)


class Feature:
    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class Image_(Feature):  # noqa: N801  told by its name
    pass


Image_.__name__ = "Image"


class ClassLabel:
    names = ("zero", "one")


class Rows:
    """What ``datasets.Dataset`` has, as far as it is used."""

    def __init__(self, columns: dict[str, list], features: dict[str, object]) -> None:
        self.columns, self.features, self.column_names = columns, features, list(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, at: int | str) -> object:
        return self.columns[at] if isinstance(at, str) else {name: values[at] for name, values in self.columns.items()}

    def cast_column(self, column: str, feature: Feature) -> "Rows":
        return Rows(self.columns, {**self.features, column: feature})


def rows(**more: tuple[list, object]) -> Rows:
    columns = {
        "image": [{"bytes": png(one), "path": None} for one in DIGITS[:4]],
        "label": [0, 1, 1, 0],
        "text": [*"abcd"],
    }
    features = {"image": Image_(), "label": ClassLabel(), "text": object()}
    return Rows(
        {**columns, **{name: values for name, (values, _) in more.items()}},
        {**features, **{name: feature for name, (_, feature) in more.items()}},
    )


def test_rows_with_images_and_classes() -> None:
    loaded = load(rows())
    np.testing.assert_array_equal(loaded.array, DIGITS[:4])
    assert loaded.classes == ("zero", "one", "one", "zero")
    assert loaded.notes == (
        "1 of 3 columns were passed over, which are neither the items nor their classes, such as text",
    )
    with pytest.raises(InputError, match="name one of its columns image, other"):
        load(rows(other=([None] * 4, Image_())))


Load = Callable[..., Dataset]


def test_a_hub_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from mnemoscope.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mnemoscope\[hub\]'"):
        load("hf:mnist")


def test_real_data_sets_on_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["zero", "one"])})
    content = {"image": [{"bytes": png(one), "path": None} for one in DIGITS[:40]], "label": [0, 1] * 20}
    made = datasets.Dataset.from_dict(content, features=features)
    np.testing.assert_array_equal(load(made).array, DIGITS[:40])
    made.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": made, "test": made.select(range(5))}).save_to_disk(tmp_path / "two")
    np.testing.assert_array_equal(load(f"hf:{tmp_path}/one").array, DIGITS[:40])
    assert load(f"hf:{tmp_path}/one").label == "hf:one"
    with pytest.raises(InputError, match="has splits train, test; name one"):
        load(f"hf:{tmp_path}/two")
    loaded = load(f"hf:{tmp_path}/two:test:image")
    np.testing.assert_array_equal(loaded.array, DIGITS[:5])
    assert loaded.classes == ("zero", "one", "zero", "one", "zero")
