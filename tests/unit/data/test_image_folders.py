"""Transparent and turned pictures are read as a viewer shows them, and the report says so."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnemoscope.auditing import audit
from mnemoscope.data import Dataset, load
from mnemoscope.errors import InputError

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (4, 6, 1), dtype=np.uint8)
TURNS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: np.swapaxes(x, 0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.swapaxes(x[::-1, ::-1], 0, 1),
    8: lambda x: np.rot90(x),
}
"""How each EXIF orientation is undone."""


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return 255 - (255.0 - colours) * alpha / 255


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
def test_alpha_is_laid_on_white(tmp_path: Path, channels: int) -> None:
    pixels = COLOURS[..., :channels]
    Image.fromarray(np.concatenate([pixels, ALPHA], axis=2)).save(tmp_path / "a.png")
    loaded = load(tmp_path)
    expected = over_white(pixels, ALPHA)
    np.testing.assert_allclose(loaded.array[0], expected if channels == 3 else expected[..., 0], atol=1.01)
    assert loaded.notes == ("1 of 1 images were laid on white where they are transparent",)


def test_what_is_hidden_under_full_transparency_does_not_show(tmp_path: Path) -> None:
    hidden = np.concatenate([COLOURS, np.zeros_like(ALPHA)], axis=2)
    Image.fromarray(hidden).save(tmp_path / "a.png")
    assert (load(tmp_path).array == 255).all()


def test_opaque_alpha_changes_nothing(tmp_path: Path) -> None:
    opaque = np.concatenate([COLOURS, np.full_like(ALPHA, 255)], axis=2)
    Image.fromarray(opaque).save(tmp_path / "a.png")
    Image.fromarray(COLOURS).save(tmp_path / "b.png")
    loaded = load(tmp_path)
    np.testing.assert_array_equal(loaded.array, [COLOURS, COLOURS])
    assert loaded.notes == ()


@pytest.mark.parametrize("kind", ["palette.png", "palette.gif", "grey.png", "colour.png"])
def test_a_transparent_palette_entry_or_colour(tmp_path: Path, kind: str) -> None:
    """Value 2 is transparent, the others keep their colours."""
    values = RNG.integers(0, 4, (5, 7), dtype=np.uint8)
    colours = np.array([[10, 20, 30], [200, 100, 0], [1, 2, 3], [90, 90, 200]], dtype=np.uint8)
    if kind.startswith("palette"):
        image = Image.fromarray(values)
        image.putpalette(colours.tobytes())
        image.save(tmp_path / kind, transparency=2)
        expected = np.where((values == 2)[..., None], 255, colours[values])
    elif kind.startswith("grey"):
        Image.fromarray(values).save(tmp_path / kind, transparency=2)
        expected = np.where(values == 2, 255, values)
    else:
        Image.fromarray(colours[values]).save(tmp_path / kind, transparency=(1, 2, 3))
        expected = np.where((values == 2)[..., None], 255, colours[values])
    loaded = load(tmp_path)
    np.testing.assert_array_equal(loaded.array[0], expected)
    assert len(loaded.notes) == 1


@settings(max_examples=40, deadline=None)
@given(
    orientations=st.lists(st.sampled_from(list(TURNS)), min_size=1, max_size=4),
    channels=st.sampled_from([1, 3, 4]),
    suffix=st.sampled_from(["png", "webp", "tif"]),
    seed=st.integers(0, 99),
)
def test_every_orientation_is_undone_and_counted(
    tmp_path_factory: pytest.TempPathFactory, orientations: list[int], channels: int, suffix: str, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("turned")
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 5, channels), dtype=np.uint8)
    if channels == 4:
        pixels[..., 3] = 255
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    for index, orientation in enumerate(orientations):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(folder / f"{index}.{suffix}", exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    loaded = load(folder)
    shown = np.asarray(image if channels == 1 and suffix != "webp" else image.convert("RGB"))
    for read, orientation in zip(loaded.array, orientations, strict=True):
        np.testing.assert_array_equal(read, TURNS[orientation](shown))
    turned = sum(orientation != 1 for orientation in orientations)
    assert loaded.notes == (
        (f"{turned} of {len(orientations)} images were turned as their EXIF orientation says",) if turned else ()
    )


def test_a_turned_image_has_its_turned_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif)
    assert load(tmp_path).array.shape == (1, 6, 4, 3)


def test_deep_images_with_transparency_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.arange(24, dtype=np.uint16).reshape(4, 6)).save(tmp_path / "a.png", transparency=3)
    with pytest.raises(InputError, match=r"a\.png: cannot be read as an image \(transparency in an image of more"):
        load(tmp_path)


def test_the_report_repeats_what_was_done(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for index in range(50):
        pixels = rng.integers(0, 256, (4, 4, 4), dtype=np.uint8)
        pixels[..., 3] = 255 if index < 45 else 100
        Image.fromarray(pixels).save(tmp_path / f"{index:02d}.png")
    made = load(tmp_path)
    note = "5 of 50 images were laid on white where they are transparent"
    assert made.take(np.arange(40)).notes == (note,)
    train = Dataset(rng.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8), "train")
    assert f"{tmp_path.name}: {note}" in audit(made, train).warnings
