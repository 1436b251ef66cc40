"""Pictures of any mode keep their bits and colours, or are refused; sizes, channels and ranges come to one form."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnemoscope.auditing.checks import comparable
from mnemoscope.data import Dataset, load, load_together
from mnemoscope.data.resizing import fit
from mnemoscope.errors import InputError

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (4, 6), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 2**16, (4, 6), dtype=np.uint16)


def deep_png(colour_type: int, channels: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow opens but does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + RNG.integers(0, 2**16, 6 * channels).astype(">u2").tobytes() for _ in range(4))
    header = struct.pack(">IIBBBBB", 6, 4, 16, colour_type, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def deep_tiff() -> bytes:
    """Three channels of 16 bits, uncompressed, by hand."""
    values = RNG.integers(0, 2**16, (4, 6, 3)).astype("<u2").tobytes()
    bits = 8 + 2 + 12 * 10 + 4
    tags = [
        *((256, 3, 1, 6), (257, 3, 1, 4), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 1, bits + 6), (277, 3, 1, 3), (278, 3, 1, 4), (279, 4, 1, len(values)), (284, 3, 1, 1)),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, 10) + entries + struct.pack("<I3H", 0, 16, 16, 16) + values


CUT = {
    "colour.png": lambda: deep_png(2, 3),
    "grey-alpha.png": lambda: deep_png(4, 2),
    "colour-alpha.png": lambda: deep_png(6, 4),
    "colour.ppm": lambda: b"P6 6 4 65535\n" + RNG.integers(0, 2**16, 72).astype(">u2").tobytes(),
    "colour.tif": deep_tiff,
}


@pytest.mark.parametrize("name", CUT)
def test_no_image_is_cut_to_8_bits(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CUT[name]())
    with Image.open(tmp_path / name) as image:
        assert np.asarray(image).dtype == np.uint8, "as Pillow alone would give it"
    with pytest.raises(InputError, match=rf"{name}: holds more than 8 bits a channel"):
        load(tmp_path)


def test_deep_jpeg_2000(tmp_path: Path) -> None:
    """Pillow writes 8 bits; the header is made to say 16 for each channel."""
    Image.fromarray(COLOUR).save(tmp_path / "a.jp2", irreversible=False)
    np.testing.assert_array_equal(load(tmp_path).array[0], COLOUR)
    content = bytearray((tmp_path / "a.jp2").read_bytes())
    at = content.index(b"\xff\x51")
    for channel in range(3):
        content[at + 40 + 3 * channel] = 15
    (tmp_path / "a.jp2").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.jp2: holds more than 8 bits a channel"):
        load(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "tif", "jp2", "pgm"])
def test_grey_of_16_bits_is_kept(tmp_path: Path, suffix: str) -> None:
    if suffix == "pgm":
        (tmp_path / "a.pgm").write_bytes(b"P5 6 4 65535\n" + DEEP.astype(">u2").tobytes())
    else:
        Image.fromarray(DEEP).save(tmp_path / f"a.{suffix}", **({"irreversible": False} if suffix == "jp2" else {}))
    np.testing.assert_array_equal(load(tmp_path).array[0], DEEP)


def test_palettes_and_inks(tmp_path: Path) -> None:
    for folder in ("palette", "ink"):
        (tmp_path / folder).mkdir()
    Image.fromarray(COLOUR).quantize(256).save(tmp_path / "palette" / "a.png")
    np.testing.assert_array_equal(
        load(tmp_path / "palette").array[0], np.asarray(Image.fromarray(COLOUR).quantize(256).convert("RGB"))
    )
    assert load(tmp_path / "palette").notes == ()
    ink = Image.fromarray(COLOUR).convert("CMYK")
    ink.save(tmp_path / "ink" / "a.tif")
    loaded = load(tmp_path / "ink")
    np.testing.assert_array_equal(loaded.array[0], COLOUR)
    assert loaded.notes == ("1 of 1 images were brought from CMYK to RGB, without a colour profile",)


def test_frames_after_the_first_are_counted(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((4, 6), value, np.uint8)) for value in (0, 100, 200)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    Image.fromarray(GREY).save(tmp_path / "b.tif")
    assert load(tmp_path).notes == (
        "2 of 4 frames of images were passed over, frames after the first of their image, such as a.tif",
    )


FOREIGN = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7\nsize 12\n", "is a Git LFS pointer"),
    "page": (b"\n<!DOCTYPE html><html>404</html>", r"is a web page \(HTML\)"),
    "annex": (b"/annex/objects/SHA256E-s1--x.png\n", "is a git-annex pointer"),
    "pickle": (b"\x80\x04\x95\x10\x00\x00\x00\x00", "holds pickled Python objects"),
    "hdf": (b"\x89HDF\r\n\x1a\n" + bytes(20), "is an HDF5 file"),
    "nothing": (b"", "is empty"),
    "zeros": (bytes(600), "begins with nothing but zeros"),
}


@pytest.mark.parametrize(
    "suffix", [".npy", ".npz", ".safetensors", ".pt", ".zip", ".tar", "-idx3-ubyte", ".zarr.zip", ".png"]
)
@pytest.mark.parametrize("what", FOREIGN)
def test_what_lies_under_a_false_name_is_called_what_it_is(tmp_path: Path, what: str, suffix: str) -> None:
    content, said = FOREIGN[what]
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a{suffix}: {said}"):
        load(folder if suffix == ".png" else path)


class TestSize:
    @pytest.fixture
    def mixed(self, tmp_path: Path) -> Path:
        for index, (height, width) in enumerate(((8, 8), (16, 16), (12, 20))):
            pixels = np.linspace(0, 255, height * width * 3).reshape(height, width, 3).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{index}.png")
        return tmp_path

    def test_the_refusal_names_the_remedy(self, mixed: Path) -> None:
        with pytest.raises(InputError, match=r"1\.png: is 16×16 .*, but 0\.png is 8×8 .*; --resize SIZE"):
            load(mixed)

    def test_the_remedy(self, mixed: Path) -> None:
        loaded = load(mixed, resize=8)
        assert loaded.array.shape == (3, 8, 8, 3)
        assert loaded.notes == (
            "2 of 3 images were resized to 8×8 (antialiased, Lanczos)",
            "1 of 3 images were cut to their centred square",
        )
        assert loaded.source is not None
        assert loaded.source["resize"] == 8
        with Image.open(mixed / "1.png") as image:
            np.testing.assert_array_equal(loaded.array[1], np.asarray(image.resize((8, 8), Image.Resampling.LANCZOS)))

    @pytest.mark.parametrize("layout", ["HW", "HWC", "CHW"])
    def test_arrays(self, layout: str) -> None:
        shape = {"HW": (5, 12, 12), "HWC": (5, 12, 12, 3), "CHW": (5, 3, 12, 12)}[layout]
        array = RNG.random(shape).astype(np.float32)
        made = load_array(array, resize=6)
        assert made.array.shape == tuple(6 if size == 12 else size for size in shape)
        assert made.array.dtype == np.float32
        first_plane = made.array[0, 0] if layout == "CHW" else made.array[0].reshape(6, 6, -1)[..., 0]
        plane = array[0, 0] if layout == "CHW" else array[0].reshape(12, 12, -1)[..., 0]
        slow = np.asarray(Image.fromarray(plane).resize((6, 6), Image.Resampling.LANCZOS))
        np.testing.assert_allclose(first_plane, np.clip(slow, array[0].min(), array[0].max()), atol=1e-6)
        assert made.notes == ("5 of 5 images were resized to 6×6 (antialiased, Lanczos)",)

    def test_tables_are_no_pictures(self) -> None:
        with pytest.raises(InputError, match=r"items of shape \(7,\) are no pictures"):
            load_array(np.zeros((3, 7)), resize=4)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([0, 3]),
    size=st.integers(1, 40),
    dtype=st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]),
)
def test_fitted_pictures_stay_within_their_values(
    height: int, width: int, channels: int, size: int, dtype: type
) -> None:
    rng = np.random.default_rng(height * 41 + width)
    pixels = rng.integers(0, 200, (height, width, *([channels] if channels else []))).astype(dtype)
    made, done = fit(pixels, size)
    assert made.shape == (size, size, *pixels.shape[2:])
    assert made.dtype == dtype
    assert bool(done) == ((height, width) != (size, size))
    if dtype is not np.uint8:
        assert pixels.min() <= made.min() <= made.max() <= pixels.max()
    flat = np.full_like(pixels, 7)
    np.testing.assert_array_equal(fit(flat, size)[0], np.full(made.shape, 7, dtype))


def load_array(array: np.ndarray, **how: object) -> Dataset:
    from mnemoscope.data.options import Options

    return Options(**how).apply(Dataset(array, "array"))


class TestChannels:
    grey, colour = RNG.random((6, 5, 5)).astype(np.float32), RNG.random((6, 5, 5, 3)).astype(np.float32)

    def refused(self, one: np.ndarray, other: np.ndarray) -> str:
        with pytest.raises(InputError) as raised:
            comparable(Dataset(one, "made"), Dataset(other, "train"), "the generated set")
        return str(raised.value)

    def test_first_against_last(self) -> None:
        first = np.moveaxis(self.colour, 3, 1)
        assert "one is NCHW, the other NHWC: --channels last" in self.refused(first, self.colour)
        for channels in ("first", "last"):
            one, other = (load_array(each, channels=channels) for each in (first, self.colour))
            np.testing.assert_array_equal(one.array, other.array)
            assert len(one.notes) + len(other.notes) == 1

    def test_grey_against_grey_stored_as_colour(self) -> None:
        stored = np.repeat(self.grey[..., None], 3, axis=3)
        assert "--channels grey" in self.refused(self.grey, stored)
        np.testing.assert_array_equal(load_array(stored, channels="grey").array, self.grey)
        np.testing.assert_array_equal(load_array(self.grey, channels="colour").array, stored)
        with pytest.raises(InputError, match="is in colour, which channels='grey' would lose"):
            load_array(self.colour, channels="grey")

    def test_sizes(self) -> None:
        assert "--resize SIZE" in self.refused(self.colour[:, :4], self.colour)
        assert "--" not in self.refused(np.zeros((3, 4)), np.zeros((3, 5)))

    def test_a_folder_of_both(self, tmp_path: Path) -> None:
        Image.fromarray(GREY).save(tmp_path / "a.png")
        Image.fromarray(np.repeat(GREY[..., None], 3, axis=2)).save(tmp_path / "b.png")
        with pytest.raises(InputError, match="--channels colour"):
            load(tmp_path)
        for channels, shape in (("grey", (2, 4, 6)), ("colour", (2, 4, 6, 3))):
            loaded = load(tmp_path, channels=channels)
            assert loaded.array.shape == shape
            np.testing.assert_array_equal(loaded.array[0], loaded.array[1])
            assert loaded.notes == (f"1 of 2 images were read as {channels} though they are stored otherwise",)


class TestRange:
    def test_one_against_the_other(self, tmp_path: Path) -> None:
        train = RNG.integers(0, 256, (50, 8, 8), dtype=np.uint8)
        np.save(tmp_path / "train.npy", train)
        np.save(tmp_path / "made.npy", (train[:20] / 127.5 - 1).astype(np.float32))
        places = f"{tmp_path}/made.npy", f"{tmp_path}/train.npy"
        made, data = (load(place) for place in places)
        with pytest.raises(InputError, match="--value-range LOW HIGH"):
            comparable(made, data, "the generated set")
        sets = load_together({"train": places[1], "made": places[0], "none": None}, value_range=(-1, 1))
        made, data = sets["made"], sets["train"]
        np.testing.assert_allclose(made.array, train[:20], atol=1e-4)
        assert made.notes == ("values were brought from [-1, 1] to [0, 255]",)
        assert made.value_range == data.value_range == (0, 255)
        assert made.source is not None
        assert tuple(made.source["value_range"]) == (-1, 1)

    def test_what_the_option_cannot_mean(self, tmp_path: Path) -> None:
        np.save(tmp_path / "whole.npy", np.zeros((4, 3), np.uint8))
        np.save(tmp_path / "wide.npy", np.linspace(-100, 100, 12).reshape(4, 3))
        whole, wide = f"{tmp_path}/whole.npy", f"{tmp_path}/wide.npy"
        with pytest.raises(InputError, match="no set is of floating point"):
            load_together({"train": whole, "made": whole}, value_range=(-1, 1))
        with pytest.raises(InputError, match=r"wide\.npy: has values from -100 to 100, far beyond \[-1, 1\]"):
            load(wide, value_range=(-1, 1))
        with pytest.raises(InputError, match="must go from low to high"):
            load(wide, value_range=(1, -1))


def test_an_image_in_memory_is_named() -> None:
    from mnemoscope.data.images import read_image

    with pytest.raises(InputError, match=r"^that: cannot be read as an image"):
        read_image(io.BytesIO(b"hello"), "that")
