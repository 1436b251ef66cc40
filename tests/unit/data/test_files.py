import gzip
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mnemoscope.data import load, load_digits, save_array
from mnemoscope.errors import InputError, OutputError


def idx_bytes(array: np.ndarray) -> bytes:
    codes = {"|u1": 0x08, "|i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
    key = array.dtype.str if array.dtype.itemsize == 1 else array.dtype.str[1:]
    header = struct.pack(f">HBB{array.ndim}I", 0, codes[key], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)


def test_digits_are_the_real_ones() -> None:
    digits = load("digits")
    assert digits.array.shape == (1797, 8, 8)
    assert digits.value_range == (0, 16)
    assert digits.fingerprint == load_digits().fingerprint
    assert digits.fingerprint.startswith("fb1df7c07cb1")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
def test_arrays_come_back_as_saved(tmp_path: Path, images: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"images{suffix}"
    save_array(path, images)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.array, images)
    assert loaded.array.dtype == images.dtype
    assert loaded.value_range == (0, 255)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
@pytest.mark.parametrize("layout", [np.asfortranarray, lambda array: array[::-1], lambda array: array[:, :, ::2]])
def test_arrays_of_any_strides_come_back_as_saved(
    tmp_path: Path, images: np.ndarray, suffix: str, layout: Callable[[np.ndarray], np.ndarray]
) -> None:
    """safetensors alone writes other values, without a word."""
    array = layout(images)
    save_array(tmp_path / f"x{suffix}", array)
    np.testing.assert_array_equal(load(tmp_path / f"x{suffix}").array, array)


def test_npy_is_memory_mapped(tmp_path: Path, images: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", images)
    assert isinstance(load(tmp_path / "x.npy").array, np.memmap)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("compressed", [False, True])
def test_idx(tmp_path: Path, dtype: str, compressed: bool) -> None:
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(dtype)
    path = tmp_path / ("x-idx3-ubyte.gz" if compressed else "x-idx3-ubyte")
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if compressed else content)
    np.testing.assert_array_equal(load(path).array, array)


def test_a_folder_of_idx_files_is_its_training_images(tmp_path: Path, images: np.ndarray) -> None:
    for name, array in [("train-images", images), ("t10k-images", images[:2]), ("train-labels", images[:, 0, 0])]:
        (tmp_path / f"{name}-idx{array.ndim}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
    np.testing.assert_array_equal(load(tmp_path).array, images)


def test_real_fashion_mnist(fashion: Path) -> None:
    train, test = load(fashion), load(fashion / "t10k-images-idx3-ubyte.gz")
    assert train.array.shape == (60_000, 28, 28)
    assert test.array.shape == (10_000, 28, 28)
    assert round(float(train.array.mean()) / 255, 4) == 0.2860  # the mean that everybody normalises with


@pytest.mark.parametrize(("mode", "shape"), [("L", (3, 4, 6)), ("RGB", (3, 4, 6, 3)), ("P", (3, 4, 6, 3))])
def test_image_folders(tmp_path: Path, mode: str, shape: tuple[int, ...]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").write_text("not an image")
    colours = np.random.default_rng(1).integers(0, 256, (3, 4, 6, 3), dtype=np.uint8)
    for name, pixels in zip(["b.png", "a.png", "sub/c.png"], colours, strict=True):
        Image.fromarray(pixels).convert(mode).save(tmp_path / name)
    loaded = load(tmp_path)
    assert loaded.array.shape == shape
    first = Image.fromarray(colours[1]).convert(mode)
    np.testing.assert_array_equal(loaded.array[0], np.asarray(first.convert("L" if mode == "L" else "RGB")))


def test_one_array_of_several_is_chosen_by_name(tmp_path: Path, images: np.ndarray) -> None:
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(7))
    np.testing.assert_array_equal(load(f"{tmp_path}/x.npz:images").array, images)
    with pytest.raises(InputError, match=r"2 arrays.*x\.npz:KEY among images, labels"):
        load(tmp_path / "x.npz")
    with pytest.raises(InputError, match="'nothing'"):
        load(f"{tmp_path}/x.npz:nothing")


def test_bfloat16(tmp_path: Path) -> None:
    save_file({"x": torch.ones(3, 2, dtype=torch.bfloat16)}, tmp_path / "x.safetensors")
    assert load(tmp_path / "x.safetensors").array.dtype == np.float32


class Bomb:
    def __reduce__(self) -> tuple:
        return (pytest.fail, ("a pickle was loaded",))


def write_bad(path: Path, images: np.ndarray, kind: str) -> Path:
    whole = path / "whole.npz"
    np.savez(whole, images=images)
    contents = {
        "pickle.npy": pickle.dumps(Bomb()),
        "short.npy": b"\x93NUMPY\x01\x00",
        "empty.npy": b"",
        "short.npz": whole.read_bytes()[:200],
        "noise.npz": b"PK\x03\x04" + bytes(100),
        "short.safetensors": b"\x10\x00\x00\x00\x00\x00\x00\x00{",
        "short-idx3-ubyte": idx_bytes(images)[:-1],
        "long-idx3-ubyte": idx_bytes(images) + b"x",
        "header-idx3-ubyte": idx_bytes(images)[:7],
        "text-idx3-ubyte": b"hello world",
        "short-idx3-ubyte.gz": gzip.compress(idx_bytes(images))[:-12],
        "plain-idx3-ubyte.gz": idx_bytes(images),
        "notes.txt": b"hello",
    }
    target = path / kind
    if kind == "objects.npy":
        np.save(target, np.array([Bomb(), {}], dtype=object), allow_pickle=True)
    elif kind == "objects.npz":
        np.savez(target, x=np.array([Bomb(), {}], dtype=object), allow_pickle=True)
    else:
        target.write_bytes(contents[kind])
    whole.unlink()
    return target


BAD = [
    "pickle.npy",
    "short.npy",
    "empty.npy",
    "short.npz",
    "noise.npz",
    "short.safetensors",
    "short-idx3-ubyte",
    "long-idx3-ubyte",
    "header-idx3-ubyte",
    "text-idx3-ubyte",
    "short-idx3-ubyte.gz",
    "plain-idx3-ubyte.gz",
    "notes.txt",
    "objects.npy",
    "objects.npz",
]


@pytest.mark.parametrize("kind", BAD)
def test_damaged_files_are_named(tmp_path: Path, images: np.ndarray, kind: str) -> None:
    path = write_bad(tmp_path, images, kind)
    source = f"{path}:x" if kind == "objects.npz" else str(path)
    with pytest.raises(InputError) as raised:
        load(source)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert ("pickle" in message) == kind.startswith(("pickle", "objects"))


def test_what_does_not_belong_in_an_image_folder_is_named(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("hello")
    assert load(tmp_path).notes == ("1 of 2 files were passed over, no images (1 .txt), such as notes.txt",)
    (tmp_path / "notes.png").write_text("hello")
    with pytest.raises(InputError, match=r"notes\.png: cannot be read as an image"):
        load(tmp_path)
    (tmp_path / "notes.png").unlink()
    Image.new("L", (4, 5)).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"b\.png: is 4×5 grey uint8, but a\.png is 4×4"):
        load(tmp_path)
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"b\.png"):
        load(tmp_path)


@pytest.mark.parametrize("source", ["nowhere.npy", "digits2", "nowhere.npz:x"])
def test_missing_files_are_named(source: str) -> None:
    with pytest.raises(InputError, match=source.split(":")[0]):
        load(source)


def test_empty_and_ambiguous_folders_are_named(tmp_path: Path, images: np.ndarray) -> None:
    with pytest.raises(InputError, match="holds no images"):
        load(tmp_path)
    for name in ("a-idx3-ubyte", "b-idx3-ubyte"):
        (tmp_path / name).write_bytes(idx_bytes(images))
    with pytest.raises(InputError, match="a-idx3-ubyte, b-idx3-ubyte"):
        load(tmp_path)


def test_saving_is_all_or_nothing(tmp_path: Path, images: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\.png"):
        save_array(tmp_path / "x.png", images)
    with pytest.raises(OutputError, match="missing"):
        save_array(tmp_path / "missing" / "x.npy", images)
    with pytest.raises(ValueError, match="pickle"):
        save_array(tmp_path / "x.npz", np.array([{}], dtype=object))
    assert not list(tmp_path.iterdir())
