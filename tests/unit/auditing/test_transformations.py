"""Each transformation finds what it should: against moves done by hand, by other libraries, and by least squares."""

import math
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from mnemoscope.auditing.transformations import TRANSFORMATIONS, make_transformation, make_transformations
from mnemoscope.errors import InputError
from mnemoscope.reading import memory_limit
from tests.tolerances import EXACT, FLOAT32

SHAPES = [(12, 10), (12, 10, 3), (3, 12, 10), (12, 10, 1), (1, 12, 10)]
OF_IMAGES = ("flips", "shifts", "shifts:2", "crops", "crops:0.2", "rotations", "rotations:8", "blurs", "blurs:2")
DTYPES = ("u1", "f4", "f8", "i4", ">i2", "f2", "?")


def images(shape: tuple[int, ...], n: int = 3, dtype: str = "u1", seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 2 if dtype == "?" else 256, (n, *shape))
    return drawn.astype(dtype)


def planes(items: np.ndarray) -> np.ndarray:
    """As ``(planes, height, width)``, whatever the order of the channels."""
    if items.ndim == 3:
        return items
    first = items.shape[1] in (1, 3)
    return (items if first else np.moveaxis(items, 3, 1)).reshape(-1, 12, 10)


def found(words: str, items: np.ndarray) -> list[np.ndarray]:
    return list(make_transformation(words).variants(items))


every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


class TestVariants:
    @pytest.mark.parametrize("words", OF_IMAGES)
    @pytest.mark.parametrize(("shape", "dtype"), list(zip(SHAPES * 2, DTYPES, strict=False)))
    def test_shapes_counts_and_dtypes(self, words: str, shape: tuple[int, ...], dtype: str) -> None:
        items = images(shape, dtype=dtype)
        before = items.copy()
        variants = found(words, items)
        assert len(variants) == make_transformation(words).n_variants(shape)
        moves = words.startswith(("flips", "shifts"))
        wanted = items.dtype if moves else np.float64 if dtype in ("f8", "i4") else np.float32
        assert {(v.shape, v.dtype) for v in variants} == {(items.shape, np.dtype(wanted))}
        np.testing.assert_array_equal(items, before)

    @every_shape
    @pytest.mark.parametrize("words", [words for words in OF_IMAGES if ":" not in words])
    def test_items_do_not_see_each_other(self, words: str, shape: tuple[int, ...]) -> None:
        """Block by block is the same as all at once."""
        items = images(shape, 5)
        for whole, first, rest in zip(
            found(words, items), found(words, items[:2]), found(words, items[2:]), strict=True
        ):
            np.testing.assert_allclose(whole, np.concatenate([first, rest]), rtol=FLOAT32)

    @every_shape
    def test_flips_bit_for_bit(self, shape: tuple[int, ...]) -> None:
        items = images(shape)
        left_right, up_down = found("flips", items)
        np.testing.assert_array_equal(planes(left_right), planes(items)[:, :, ::-1])
        np.testing.assert_array_equal(planes(up_down), planes(items)[:, ::-1])

    @pytest.mark.parametrize("shape", [(9, 9), (9, 9, 3), (3, 9, 9)])
    def test_transposition_bit_for_bit(self, shape: tuple[int, ...]) -> None:
        items = images(shape)
        (turned,) = found("transposition", items)
        order = {(9, 9): (0, 2, 1), (9, 9, 3): (0, 2, 1, 3), (3, 9, 9): (0, 1, 3, 2)}[shape]
        np.testing.assert_array_equal(turned, items.transpose(order))

    @every_shape
    @pytest.mark.parametrize("reach", [1, 2, 3])
    def test_shifts_are_those_of_scipy(self, shape: tuple[int, ...], reach: int) -> None:
        items = images(shape)
        steps = [(y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1) if (y, x) != (0, 0)]
        variants = found(f"shifts:{reach}", items)
        assert len(variants) == (2 * reach + 1) ** 2 - 1
        for variant, step in zip(variants, steps, strict=True):
            slow = ndimage.shift(planes(items), (0, *step), order=0, mode="nearest")
            np.testing.assert_array_equal(planes(variant), slow)

    @every_shape
    def test_a_shifted_copy_is_at_distance_zero_whatever_fills_its_border(self, shape: tuple[int, ...]) -> None:
        items, transformation = images(shape), make_transformation("shifts:2")
        for down, right in [(0, 1), (-1, 2), (2, -2)]:
            step = (
                (0, down, right) if len(shape) == 2 else (0, down, right, 0) if shape[0] == 12 else (0, 0, down, right)
            )
            query = transformation.embed(ndimage.shift(items, step, order=0, cval=77))
            same = [np.array_equal(transformation.embed(variant), query) for variant in transformation.variants(items)]
            assert sum(same) == 1

    def test_the_comparison_leaves_the_border_out(self) -> None:
        items = images((12, 10, 3))
        np.testing.assert_array_equal(make_transformation("shifts:2").embed(items), items[:, 2:-2, 2:-2])

    @every_shape
    def test_crops_are_those_of_pillow(self, shape: tuple[int, ...]) -> None:
        """At the edge Pillow and the sampling grid differ in what lies beyond it."""
        items = images(shape, dtype="f4")
        variants = found("crops:0.1", items)
        assert len(variants) == 16 + 49
        grids = {0.05: np.arange(4) / 3, 0.1: np.arange(7) / 6}
        places = [(share, y, x) for share, grid in grids.items() for y in grid for x in grid]
        for variant, (share, y, x) in zip(variants, places, strict=True):
            height, width = (1 - share) * 12, (1 - share) * 10
            left, top = x * share * 10, y * share * 12
            box = (left, top, left + width, top + height)
            slow = [Image.fromarray(p).resize((10, 12), Image.Resampling.BILINEAR, box) for p in planes(items)]
            np.testing.assert_allclose(planes(variant)[:, 1:-1, 1:-1], np.stack(slow)[:, 1:-1, 1:-1], atol=0.01)

    @every_shape
    def test_rotations_are_those_of_scipy(self, shape: tuple[int, ...]) -> None:
        items = images(shape, dtype="f8")
        for variant, angle in zip(found("rotations:8", items), (8, 4, -4, -8), strict=True):
            slow = ndimage.rotate(planes(items), angle, (1, 2), reshape=False, order=1, mode="nearest")
            np.testing.assert_allclose(planes(variant), slow, atol=1e-9)

    @every_shape
    def test_blurs_are_those_of_one_plane_at_a_time(self, shape: tuple[int, ...]) -> None:
        items = images(shape, dtype="f8")
        for variant, sigma in zip(found("blurs:2", items), (1, 2), strict=True):
            slow = [ndimage.gaussian_filter(plane, sigma, mode="nearest") for plane in planes(items)]
            np.testing.assert_allclose(planes(variant), slow, rtol=EXACT)
        np.testing.assert_array_equal(make_transformation("smoothing:2").embed(items), found("blurs:2", items)[1])

    @pytest.mark.parametrize("first", [False, True])
    def test_channels_in_every_order(self, first: bool) -> None:
        items = images((12, 10, 3))
        variants = found("channels", np.moveaxis(items, 3, 1) if first else items)
        last = [np.moveaxis(v, 1, 3) if first else v for v in variants]
        wanted = [items[..., list(order)] for order in permutations(range(3)) if order != (0, 1, 2)]
        assert {v.tobytes() for v in last} == {v.tobytes() for v in wanted}
        assert len(variants) == 5

    def test_three_rows_are_channels_first(self) -> None:
        """The rule of the pictures in reports, where both readings are possible."""
        items = images((3, 12, 3))
        np.testing.assert_array_equal(found("flips", items)[0], items[:, :, :, ::-1])


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([*SHAPES, (7, 7)]), st.sampled_from(["u1", "f4", "i2"]))
def test_involutions(seed: int, shape: tuple[int, ...], dtype: str) -> None:
    items = images(shape, 2, dtype, seed)
    words = ["flips", "inversion", *(["transposition"] if shape == (7, 7) else [])]
    for transformation in map(make_transformation, words):
        for place, once in enumerate(transformation.variants(items)):
            np.testing.assert_array_equal(list(transformation.variants(once))[place], items)


class TestAffine:
    @given(
        st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.sampled_from([(5,), (4, 3), (2, 4, 3)])
    )
    def test_distance_is_that_of_the_best_fit(self, seed: int, a: float, b: float, shape: tuple[int, ...]) -> None:
        """√(2(1 − ρ)) with ρ from the residual of a least-squares fit; zero for a·x + b."""
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((2, *shape))
        embedded = make_transformation("affine").embed(np.stack([x, y, a * x + b]))
        design = np.stack([x.ravel(), np.ones(x.size)], axis=1)
        slope, residual = (found := np.linalg.lstsq(design, y.ravel(), rcond=None))[0][0], found[1][0]
        explained = max(0.0, 1 - residual / ((y - y.mean()) ** 2).sum())
        correlation = math.copysign(math.sqrt(explained), slope)
        assert np.linalg.norm(embedded[0] - embedded[1]) == pytest.approx(math.sqrt(2 - 2 * correlation), abs=1e-7)
        assert np.linalg.norm(embedded[0] - embedded[2]) < 1e-6

    @pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e9, 255])
    @pytest.mark.parametrize("dtype", ["f8", "f4", "u1"])
    def test_constant_items_go_to_zero(self, value: float, dtype: str) -> None:
        if dtype == "u1" and value not in (0, 255):
            return
        items = np.full((1, 28, 28), value, dtype)
        assert not make_transformation("affine").embed(items).any()

    def test_faint_items_do_not(self) -> None:
        faint = np.full((1, 28, 28), 1e6)
        faint[0, 3, 3] += 1e-3
        assert np.linalg.norm(make_transformation("affine").embed(faint)) == pytest.approx(1)

    @pytest.mark.parametrize(("dtype", "wanted"), [("u1", "f4"), ("f4", "f4"), ("?", "f4"), ("f8", "f8"), ("i8", "f8")])
    def test_dtypes(self, dtype: str, wanted: str) -> None:
        embedded = make_transformation("affine").embed(images((6,), dtype=dtype))
        assert (embedded.shape, embedded.dtype) == ((3, 6), np.dtype(wanted))

    def test_it_has_no_variants(self) -> None:
        assert found("affine", images((6,))) == []


class TestInversion:
    @pytest.mark.parametrize("shape", [(6,), (5, 4), (5, 4, 3)])
    @pytest.mark.parametrize("dtype", ["u1", "f4", "i1", "?"])
    def test_any_negative_is_at_distance_zero(self, shape: tuple[int, ...], dtype: str) -> None:
        items = images(shape, 2, "?" if dtype == "?" else "u1").astype(dtype)
        transformation = make_transformation("inversion")
        (variant,) = transformation.variants(items)
        assert variant.dtype == items.dtype
        negative = 41.0 - items.astype(float)
        np.testing.assert_allclose(transformation.embed(negative), transformation.embed(variant), atol=1e-4)
        assert not np.allclose(transformation.embed(negative), transformation.embed(items))


class TestUnion:
    def test_variants_one_after_the_other(self) -> None:
        items = images((12, 10))
        both = make_transformations(["shifts:1", "flips"])
        assert both.n_variants((12, 10)) == 2 + 8
        wanted = [*found("flips", items), *found("shifts:1", items)]
        for variant, alone in zip(both.variants(items), wanted, strict=True):
            np.testing.assert_array_equal(variant, alone)

    @pytest.mark.parametrize("words", list(permutations(["affine", "smoothing:2", "shifts:1"])))
    def test_unit_norm_comes_last_in_whatever_order_it_was_asked(self, words: tuple[str, ...]) -> None:
        items = images((12, 10))
        alone = [make_transformation(one) for one in ("shifts:1", "smoothing:2", "affine")]
        wanted = alone[2].embed(alone[1].embed(alone[0].embed(items)))
        np.testing.assert_array_equal(make_transformations(words).embed(items), wanted)
        assert np.linalg.norm(wanted.reshape(3, -1), axis=1) == pytest.approx(np.ones(3))

    def test_nothing_asked_is_the_identity(self) -> None:
        items = images((6,))
        none = make_transformations([])
        assert (none.n_variants((6,)), list(none.variants(items))) == (0, [])
        assert none.embed(items) is items

    def test_names(self) -> None:
        assert make_transformations(["affine", "flips"]).name == "flips affine"
        assert repr(make_transformation("shifts:2")) == "Transformation(name='shifts:2')"


class TestErrors:
    @pytest.mark.parametrize("words", [*OF_IMAGES, "transposition", "channels"])
    @pytest.mark.parametrize("shape", [(64,), (4, 5, 6), (2, 3, 4, 5), (12, 10, 4)], ids=str)
    def test_no_images(self, words: str, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match=rf"^{words}: needs images.*\({', '.join(map(str, shape))}") as raised:
            found(words, images(shape))
        assert "\n" not in str(raised.value)
        with pytest.raises(InputError, match=rf"^{words}: needs images"):
            make_transformation(words).n_variants(shape)

    @pytest.mark.parametrize("words", ["smoothing:2", "shifts:1"])
    def test_no_images_to_embed(self, words: str) -> None:
        with pytest.raises(InputError, match=f"^{words}: needs images"):
            make_transformation(words).embed(images((64,)))

    @pytest.mark.parametrize(
        ("words", "shape", "complaint"),
        [
            ("transposition", (12, 10), r"transposition: needs square images; items have event shape \(12, 10\)"),
            ("channels", (12, 10), r"channels: needs colour images; items have event shape \(12, 10\)"),
            ("channels", (12, 10, 1), "channels: needs colour images"),
            ("shifts:5", (12, 10), r"shifts:5: leaves nothing of images of event shape \(12, 10\)"),
        ],
    )
    def test_images_that_do_not_fit(self, words: str, shape: tuple[int, ...], complaint: str) -> None:
        with pytest.raises(InputError, match=f"^{complaint}"):
            found(words, images(shape))

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            ("mirror", "transformation: unknown name 'mirror', choose one of flips, transposition, .*, affine$"),
            ("", "transformation: unknown name ''"),
            ("flips:2", "transformation 'flips:2': flips takes no parameter"),
            ("affine:", "transformation 'affine:': affine takes no parameter"),
            *(
                (
                    f"shifts:{bad}",
                    f"transformation 'shifts:{bad}': after the colon comes a whole number of pixels from 1",
                )
                for bad in ("0", "-1", "1.5", "x", "", "inf", "nan", "2:3")
            ),
            ("crops:0.6", r"transformation 'crops:0.6': after the colon comes a share of each side in \(0, 0.5\]"),
            ("crops:0", "transformation 'crops:0': after the colon"),
            ("rotations:46", r"transformation 'rotations:46': after the colon comes degrees in \(0, 45\]"),
            ("blurs:0", "transformation 'blurs:0': after the colon comes a standard deviation in pixels"),
            ("smoothing:-1", "transformation 'smoothing:-1': after the colon"),
        ],
    )
    def test_words(self, words: str, complaint: str) -> None:
        with pytest.raises(InputError, match=f"^{complaint}"):
            make_transformation(words)

    def test_a_name_twice(self) -> None:
        with pytest.raises(InputError, match=r"^transformations: each may be named once, got shifts:1"):
            make_transformations(["shifts:1", "flips", "shifts:2"])


@pytest.mark.parametrize(("name", "default"), [("shifts", "1"), ("crops", "0.1"), ("rotations", "5"), ("blurs", "1")])
def test_defaults(name: str, default: str) -> None:
    items = images((12, 10))
    for left_out, said in zip(found(name, items), found(f"{name}:{default}", items), strict=True):
        np.testing.assert_array_equal(left_out, said)


SQUARE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "flips": lambda x: x[:, :, ::-1],
    "transposition": lambda x: x.swapaxes(1, 2),
    "shifts": lambda x: np.roll(x, (1, -1), (1, 2)),
    "crops": lambda x: np.stack(
        [np.asarray(Image.fromarray(i).resize((16, 16), 2, (0.8, 0.8, 15.2, 15.2))) for i in x]
    ),
    "rotations": lambda x: ndimage.rotate(x, 5, (1, 2), reshape=False, order=1, mode="nearest"),
    "blurs": lambda x: ndimage.gaussian_filter(x, (0, 1, 1)),
    "channels": lambda x: x[..., [2, 0, 1]],
    "inversion": lambda x: 1 - x,
    "smoothing": lambda x: x + np.random.default_rng(1).normal(0, 0.4, x.shape),
    "affine": lambda x: 3 * x + 7,
}


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_each_brings_its_copies_nearer(name: str) -> None:
    """The copies' share of the distance to another item falls to less than 70 % of what it is unsearched."""
    items = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((20, 16, 16, 3)), (0, 1, 1, 0))
    items = items if name == "channels" else items[..., 0].astype(np.float32)
    copies, transformation = SQUARE[name](items), make_transformation(name)

    def ratio(queries: np.ndarray, variants: list[np.ndarray]) -> float:
        flat = [v.reshape(20, -1) for v in variants]
        table = np.min([np.linalg.norm(queries.reshape(20, 1, -1) - v, axis=2) for v in flat], axis=0)
        own = np.diag(table)
        return float(np.median(own / np.where(np.eye(20) == 1, np.inf, table).min(axis=1)))

    variants = [transformation.embed(v) for v in (items, *transformation.variants(items))]
    assert ratio(transformation.embed(copies), variants) < 0.7 * ratio(copies, [items])


def test_variants_that_do_not_fit_are_refused() -> None:
    items = images((8, 8), n=1000)
    with memory_limit(1), pytest.raises(InputError, match=r"^transformations flips: needs 0.1 MB of memory, "):
        make_transformation("flips").variants(items)
