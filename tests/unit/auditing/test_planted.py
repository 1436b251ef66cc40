"""Planted copies: what each kind does, by hand; what it needs; and that it is drawn from the generator it is given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.auditing.planted import KINDS, STANDARD_KINDS, planted
from mnemoscope.errors import InputError
from tests.tolerances import EXACT

RANGE = (0.0, 255.0)
SHAPES = [(12, 10), (12, 10, 3), (3, 12, 10), (12, 10, 1)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def images(shape: tuple[int, ...] = (12, 10), n: int = 6, dtype: str = "u1") -> np.ndarray:
    """Smooth ones, in the middle of the range."""
    waves = np.sin(np.arange(n * np.prod(shape)).reshape(n, *shape) / 17 + np.arange(n).reshape(-1, *[1] * len(shape)))
    return (128 + 60 * waves).astype(dtype)


@every_shape
@pytest.mark.parametrize("kind", [*KINDS, *STANDARD_KINDS])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_copies_are_stored_as_the_items_are(kind: str, shape: tuple[int, ...], dtype: str) -> None:
    items = images(shape, dtype=dtype)
    before = items.copy()
    copies = planted(kind, items, rng(), RANGE)
    assert (copies.shape, copies.dtype) == (items.shape, items.dtype)
    assert 0 <= copies.min() <= copies.max() <= 255
    np.testing.assert_array_equal(items, before)
    np.testing.assert_array_equal(copies, planted(kind, items, rng(), RANGE))
    assert np.array_equal(copies, items) == (kind == "exact")


@pytest.mark.parametrize("kind", [*KINDS, *STANDARD_KINDS])
def test_the_unit_and_the_zero_of_values_do_not_matter(kind: str) -> None:
    """The same copies in any value range, black and the size of noise included, up to single precision."""
    items = images((12, 10, 3), dtype="f8")
    scaled = planted(kind, items / 127.5 - 1, rng(), (-1.0, 1.0))
    np.testing.assert_allclose(127.5 * (scaled + 1), planted(kind, items, rng(), RANGE), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["flip", "jpeg", "blur", "shift", "crop", "rotation"])
def test_channels_first_and_last_are_the_same_images(kind: str) -> None:
    items = images((12, 10, 3), dtype="f8")
    first = planted(kind, np.moveaxis(items, 3, 1), rng(), RANGE)
    np.testing.assert_array_equal(np.moveaxis(first, 1, 3), planted(kind, items, rng(), RANGE))


@pytest.mark.parametrize("kind", [name for name, one in KINDS.items() if one.images])
@pytest.mark.parametrize("shape", [(24,), (2, 3, 4), (2, 3, 4, 5)], ids=str)
def test_kinds_for_images_refuse_other_items(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=f"^planted copies '{kind}': needs images; items have event shape"):
        planted(kind, np.ones((3, *shape)), rng(), RANGE)


@pytest.mark.parametrize("kind", [name for name, one in KINDS.items() if not one.images])
def test_the_others_take_any_items(kind: str) -> None:
    items = np.random.default_rng(0).standard_normal((50, 7))
    assert planted(kind, items, rng(), (-1.0, 1.0)).shape == (50, 7)


class TestKinds:
    def test_noise_and_smoothed_have_the_deviation_they_say(self) -> None:
        """50,000 values: the relative error of a standard deviation is 0.3 %, and 2 % are allowed."""
        items = np.random.default_rng(0).normal(5, (1, 10), (25_000, 2))
        noise = planted("noise:0.1", items, rng(), (0.0, 40.0)) - items
        np.testing.assert_allclose(noise.std(axis=0), [4, 4], rtol=0.02)
        smoothed = planted("smoothed:0.7", items, rng(), (0.0, 40.0)) - items
        np.testing.assert_allclose(smoothed.std(axis=0), [0.7, 7], rtol=0.02)

    def test_bytes_of_a_table_end_at_255(self) -> None:
        items = np.full((4, 3), 250, np.uint8)
        assert (planted("brightness:0.5", items, rng(), (0.0, 255.0)) == 255).all()

    def test_tables_are_not_clipped_and_integers_are_rounded(self) -> None:
        items = np.random.default_rng(0).integers(0, 9, (500, 4))
        copies = planted("noise:0.5", items, rng(), (0.0, 8.0))
        assert copies.dtype == items.dtype
        assert copies.min() < 0 < 8 < copies.max()

    def test_brightness_and_contrast(self) -> None:
        items = images(dtype="f8")
        np.testing.assert_allclose(planted("brightness:0.1", items, rng(), RANGE), items + 25.5, rtol=EXACT)
        for copy, item in zip(planted("contrast:0.2", items, rng(), RANGE), items, strict=True):
            np.testing.assert_allclose(copy - item.mean(), 1.2 * (item - item.mean()), atol=1e-9)

    def test_pictures_are_clipped(self) -> None:
        assert planted("brightness:1", images(), rng(), RANGE).min() == 255

    def test_flip_and_inversion(self) -> None:
        items = images()
        np.testing.assert_array_equal(planted("flip", items, rng(), RANGE), items[:, :, ::-1])
        np.testing.assert_array_equal(planted("inversion", items, rng(), RANGE), 255 - items)

    def test_shifts_go_one_pixel_in_every_direction_and_bring_in_black(self) -> None:
        items = images(n=200) / 7  # not whole numbers: nothing is interpolated
        copies = planted("shift:1", items, rng(), RANGE)
        seen = set()
        for copy, item in zip(copies, items, strict=True):
            framed = np.pad(item, 1)
            near = {(y, x): framed[1 - y : 13 - y, 1 - x : 11 - x] for y in (-1, 0, 1) for x in (-1, 0, 1)}
            seen |= {step for step, moved in near.items() if np.array_equal(moved, copy)}
        assert seen == {(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)} - {(0, 0)}

    def test_a_crop_of_a_slope_is_a_gentler_slope(self) -> None:
        slope = np.tile(np.arange(20.0), (40, 20, 1))
        copies = planted("crop:0.2", slope, rng(), (0.0, 19.0))
        np.testing.assert_allclose(np.diff(copies[:, :, 2:-2], axis=2), 0.8, atol=1e-5)
        left = copies[:, 10, 10]
        assert 8 < left.min() + 0.5 < 9.5 < left.max() + 0.5 < 12.5
        assert len(np.unique(left.round(6))) == 40  # each from another place

    def test_jpeg_quality(self) -> None:
        items = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
        error = [np.abs(planted(f"jpeg:{q}", items, rng(), RANGE).astype(int) - items).mean() for q in (20, 75, 100)]
        assert error[0] > error[1] > error[2] > 0

    @given(st.floats(0.3, 3), st.floats(1, 45))
    def test_blur_and_rotation_keep_what_is_constant(self, sigma: float, degrees: float) -> None:
        flat = np.full((2, 12, 12), 90.0)
        np.testing.assert_allclose(planted(f"blur:{sigma}", flat, rng(), RANGE), flat, rtol=EXACT)
        turned = planted(f"rotation:{degrees}", flat, rng(), RANGE)
        np.testing.assert_allclose(turned[:, 4:-4, 4:-4], 90, rtol=EXACT)
        assert turned[:, 0, 0].max() < 90  # black came in at the corner

    def test_a_turned_pixel_lies_between_its_four_neighbours(self) -> None:
        steps = np.where(np.add.outer(np.arange(24), np.arange(24)) // 3 % 2, 80.0, 120.0)
        turned = planted("rotation", np.stack([steps] * 4), rng(), RANGE)[:, 6:-6, 6:-6]
        np.testing.assert_allclose([turned.min(), turned.max()], [80, 120], rtol=EXACT)

    @pytest.mark.parametrize(
        "usual",
        [
            *("noise:0.05", "smoothed:0.7", "brightness:0.1", "contrast:0.2", "jpeg:75", "blur:1", "shift:1"),
            *("crop:0.1", "rotation:5"),
        ],
    )
    def test_what_is_left_out_is_usual(self, usual: str) -> None:
        items = images((12, 10, 3))
        kind = usual.partition(":")[0]
        np.testing.assert_array_equal(planted(kind, items, rng(), RANGE), planted(usual, items, rng(), RANGE))


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("copy", "planted copies: unknown name 'copy', choose one of exact, noise, .*rotation$"),
        ("exact:1", "planted copies 'exact:1': exact takes no parameter"),
        ("noise:-1", r"planted copies 'noise:-1': after the colon comes a standard deviation as a share"),
        ("jpeg:0.5", "planted copies 'jpeg:0.5': after the colon comes a quality, whole, from 1 to 100"),
        ("shift:0", "planted copies 'shift:0': after the colon comes a whole number of pixels"),
        ("crop:0.9", "planted copies 'crop:0.9': after the colon comes a share of each side"),
    ],
)
def test_errors(kind: str, complaint: str) -> None:
    with pytest.raises(InputError, match=f"^{complaint}") as raised:
        planted(kind, images(), rng(), RANGE)
    assert "\n" not in str(raised.value)
