"""Feature spaces: what they compute, what a network is handed, and what they refuse."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import decomposition
from torch import Tensor, nn

from mnemoscope.auditing import PCA, Cosine, NetworkFeatures, Pixels, load_torchscript, make_features
from mnemoscope.auditing.features import base, pca
from mnemoscope.data import Dataset, load_digits
from mnemoscope.errors import InputError

DIGITS = load_digits().take(np.arange(300))
FRESH = load_digits().take(np.arange(300, 340))
COLOUR = Dataset(np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), dtype=np.uint8), "colour")


def network() -> nn.Module:
    """Of parts that behave otherwise in training, with statistics that are not the usual ones."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        norm = nn.BatchNorm2d(4)
        torch.nn.init.uniform_(norm.running_mean)  # type: ignore[arg-type]
        return nn.Sequential(nn.Conv2d(1, 4, 3), norm, nn.Dropout(0.5), nn.ReLU(), nn.AvgPool2d(2))


def scripted(module: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(module)


def save_script(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(scripted(module), str(path))
    return path


def embed(features: Any, items: Dataset, train: Dataset = DIGITS) -> np.ndarray:
    return make_features(features).fit(train).embed(items).array


# pixels


def test_pixels_are_the_items_uncopied() -> None:
    found = Pixels().fit(DIGITS).embed(FRESH)
    assert np.shares_memory(found.array, FRESH.array)
    np.testing.assert_array_equal(found.array, FRESH.array)
    assert (found.array.dtype, found.value_range, found.name) == (np.uint8, (0.0, 16.0), "digits")


def test_pixels_keep_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", DIGITS.array)
    mapped = Dataset(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert isinstance(Pixels().fit(mapped).embed(mapped).array, np.memmap)


# principal components


def slow_pca(train: np.ndarray, items: np.ndarray, k: int | float) -> np.ndarray:
    fitted = decomposition.PCA(k, svd_solver="full").fit(train.reshape(len(train), -1).astype(float))
    return np.asarray(fitted.transform(items.reshape(len(items), -1).astype(float)))


def up_to_sign(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return b * np.sign((a * b).sum(axis=0))


@pytest.mark.parametrize("largest", [4096, 10], ids=["exact", "randomized"])
@pytest.mark.parametrize("k", [1, 12, 40])
def test_pca_is_scikit_learns(k: int, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca, "_LARGEST", largest)
    found, slow = embed(f"pca:{k}", FRESH), slow_pca(DIGITS.array, FRESH.array, k)
    np.testing.assert_allclose(found, up_to_sign(found, slow), atol=1e-4)
    assert found.dtype == np.float32


def test_pca_of_items_with_more_values_than_memory_holds_covariances_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca, "_LARGEST", 500)
    rng = np.random.default_rng(1)
    spread = 0.9 ** np.arange(600)
    train, items = (Dataset(rng.normal(size=(n, 600)) * spread + 5) for n in (400, 7))
    found, slow = embed("pca:20", items, train), slow_pca(train.array, items.array, 20)
    np.testing.assert_allclose(found, up_to_sign(found, slow), atol=1e-5)


def test_pca_keeps_95_percent_of_the_variance() -> None:
    assert embed("pca", FRESH).shape == slow_pca(DIGITS.array, FRESH.array, 0.95).shape


def test_pca_keeps_256_components_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca, "MOST", 5)
    assert embed("pca", FRESH).shape == (40, 5)


def test_pca_is_fitted_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = embed("pca:9", FRESH)
    monkeypatch.setattr("mnemoscope.data.arrays.CHUNK_BYTES", 7 * 8 * 64)
    np.testing.assert_allclose(embed("pca:9", FRESH), whole, atol=1e-5)


@given(st.integers(1, 40), st.integers(0, 39), st.integers(0, 39))
def test_pca_brings_items_no_further_apart(k: int, i: int, j: int) -> None:
    features, items = embed(f"pca:{k}", FRESH), FRESH.array.reshape(40, -1).astype(float)
    assert np.linalg.norm(features[i] - features[j]) <= np.linalg.norm(items[i] - items[j]) + 1e-4


@pytest.mark.parametrize(
    ("k", "train", "words"),
    [
        (0, DIGITS, "at least one component"),
        (63, DIGITS, r"pca:63: digits varies in \d\d directions only"),
        (3, Dataset(np.eye(3), "three"), "three varies in 2 directions only"),
        (None, Dataset(np.ones((4, 3)), "flat"), "features pca: all items of flat are the same"),
    ],
)
def test_pca_that_cannot_be(k: int | None, train: Dataset, words: str) -> None:
    with pytest.raises(InputError, match=words):
        PCA(k).fit(train).embed(train)


# networks


class Seen(nn.Module):
    """Keeps what it is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Tensor] = []

    def forward(self, batch: Tensor) -> Tensor:
        self.batches.append(batch)
        return batch.flatten(1)


def handed_over(items: Dataset, train: Dataset | None = None) -> Tensor:
    seen = Seen()
    NetworkFeatures(seen, batch=7).fit(train or items).embed(items)
    return torch.cat(seen.batches)


def test_grey_items_have_one_channel_and_go_from_0_to_1() -> None:
    batch = handed_over(DIGITS)
    assert (batch.shape, batch.dtype) == ((300, 1, 8, 8), torch.float32)
    np.testing.assert_array_equal(batch[:, 0].numpy(), DIGITS.array / np.float32(16))


def test_channels_come_first() -> None:
    expected = np.moveaxis(COLOUR.array, 3, 1) / np.float32(255)
    np.testing.assert_array_equal(handed_over(COLOUR).numpy(), expected)
    first = Dataset(np.ascontiguousarray(np.moveaxis(COLOUR.array, 3, 1)))
    np.testing.assert_array_equal(handed_over(first).numpy(), expected)


def test_what_is_no_picture_keeps_its_shape() -> None:
    assert handed_over(Dataset(np.random.default_rng(0).normal(size=(9, 4)))).shape == (9, 4)
    signed = Dataset(np.random.default_rng(0).uniform(-1, 1, (9, 4, 4)), value_range=(-1.0, 1.0))
    np.testing.assert_allclose(handed_over(signed)[:, 0].numpy(), (signed.array + 1) / 2, rtol=1e-6)


def test_every_set_is_scaled_by_the_training_sets_range() -> None:
    half = Dataset(np.array([[1.0, 6.0], [4.0, 5.0]]))
    train = Dataset(np.array([[0.0, 4.0], [2.0, 1.0]]))
    np.testing.assert_array_equal(handed_over(half, train), half.array / 4)


def test_axes_of_size_one_do_not_matter() -> None:
    same = Dataset(FRESH.array[:, None], "x", FRESH.value_range)
    for features in ("pixels", "pca:5", network()):
        np.testing.assert_array_equal(embed(features, same), embed(features, FRESH))


def test_a_network_runs_in_evaluation_mode_without_gradients_and_comes_back_as_it_was() -> None:
    module = network().train()
    module[2].eval()
    modes, buffers = [m.training for m in module.modules()], [b.clone() for b in module.buffers()]
    graphs = []
    module.register_forward_hook(lambda _module, _inputs, output: graphs.append(output.requires_grad))
    found = embed(module, FRESH)
    np.testing.assert_array_equal(found, embed(module, FRESH))  # dropout would differ
    assert [m.training for m in module.modules()] == modes
    assert all(torch.equal(a, b) for a, b in zip(module.buffers(), buffers, strict=True))
    assert graphs == [False, False]
    images = torch.from_numpy(FRESH.array / np.float32(16))[:, None]
    np.testing.assert_allclose(found, module.eval()(images).detach().flatten(1).numpy(), atol=1e-6)


def test_the_mode_is_restored_after_an_error() -> None:
    module = network().train()
    with pytest.raises(InputError):
        embed(module, COLOUR, COLOUR)
    assert all(m.training for m in module.modules())


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def encode(self, batch: Tensor) -> Tensor:
        return self.drop(batch)


def test_a_modules_method_runs_in_evaluation_mode_too() -> None:
    encoder = Encoder()
    np.testing.assert_array_equal(embed(encoder.encode, FRESH), FRESH.array.reshape(40, -1) / np.float32(16))
    assert encoder.drop.training
    assert make_features(encoder.encode).name == "Encoder.encode"


@given(st.integers(1, 41))
def test_the_size_of_batches_does_not_matter(batch: int) -> None:
    one = NetworkFeatures(network()).fit(DIGITS).embed(FRESH).array
    np.testing.assert_allclose(
        NetworkFeatures(network(), batch=batch).fit(DIGITS).embed(FRESH).array, one, rtol=1e-5, atol=1e-6
    )


def test_a_callable_may_return_an_array() -> None:
    np.testing.assert_array_equal(
        embed(lambda batch: batch.numpy()[:, 0, 0], FRESH), FRESH.array[:, 0] / np.float32(16)
    )


def test_names_and_notes_come_along() -> None:
    items = Dataset(FRESH.array[:2], "two", FRESH.value_range, ("a.png", "b.png"), ("read",))
    for features in ("pixels", "pca:5", network(), "cosine:pixels"):
        found = make_features(features).fit(DIGITS).embed(items)
        assert (found.name, found.names, found.notes) == ("two", ("a.png", "b.png"), ("read",))


def test_a_grey_image_for_a_network_that_wants_colour() -> None:
    with pytest.raises(
        InputError, match=r"features RGB: failed on a float32 batch of shape \(40, 1, 8, 8\) on cpu"
    ) as e:
        NetworkFeatures(nn.Conv2d(3, 4, 3), "RGB").fit(DIGITS).embed(FRESH)
    assert "to have 3 channels" in str(e.value)
    assert "\n" not in str(e.value)
    assert isinstance(e.value.__cause__, RuntimeError)


def not_finite_in_7(batch: Tensor) -> Tensor:
    batch[7, 0, 0, 0] = torch.inf
    return batch


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda batch: (batch, batch), "features <lambda>: returned tuple for 20 items, not one tensor"),
        (
            lambda batch: batch.sum(),
            r"returned torch.float32 of shape \(\) for 20 items, not real numbers of shape \(20, ",
        ),
        (lambda batch: batch.flatten(1).sum(1), r"of shape \(20,\)"),
        (lambda batch: batch[1:], r"of shape \(19, 1, 8, 8\) for 20 items"),
        (lambda batch: batch[:, :0], r"of shape \(20, 0, 8, 8\)"),
        (lambda batch: batch * 1j, r"returned torch.complex64"),
        (lambda batch: batch.numpy().astype(str), "returned <U"),
        (not_finite_in_7, "features not_finite_in_7: digits, item 7 has features that are not finite"),
        (lambda batch: batch.double() * 1e300, "item 0 has features that are not finite"),
        (lambda batch: batch.flatten(1)[:, : len(batch)], "returned 15 values for each item from 20 on, and 20 for"),
    ],
)
def test_what_is_no_feature_vector(function: Callable[[Tensor], Any], words: str) -> None:
    items = FRESH.take(np.arange(35))
    with pytest.raises(InputError, match=words):
        NetworkFeatures(function, batch=20).fit(DIGITS).embed(items)


def test_a_defect_of_the_function_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        embed(lambda batch: 1 / 0, FRESH)


@pytest.mark.parametrize("features", ["pixels", "pca:3", lambda batch: batch])
def test_another_event_shape(features: Any) -> None:
    with pytest.raises(InputError, match=r"colour has event shape \(6, 5, 3\), the training set \(8, 8\)"):
        embed(features, COLOUR)


def test_a_training_set_of_one_value() -> None:
    with pytest.raises(InputError, match=r"every value of black is 0\.0"):
        make_features(network()).fit(Dataset(np.zeros((3, 8, 8)), "black"))


def test_batches_of_nothing() -> None:
    with pytest.raises(InputError, match="features Sequential: needs batches of at least one item, got batch=0"):
        NetworkFeatures(network(), batch=0)


def test_torchs_defaults_do_not_matter() -> None:
    spaces = ["pca:5", network(), "cosine:pca:5"]
    usual = [embed(space, FRESH) for space in spaces]
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            other = [embed(space, FRESH) for space in spaces]
    finally:
        torch.set_default_dtype(torch.float32)
    for before, now in zip(usual, other, strict=True):
        np.testing.assert_array_equal(before, now)


# TorchScript


@pytest.mark.parametrize("frozen", [False, True])
def test_torchscript_is_the_module_it_was_made_from(frozen: bool, tmp_path: Path) -> None:
    module = network().eval() if frozen else network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.freeze(scripted(module)) if frozen else scripted(module)
        torch.jit.save(script, str(tmp_path / "net.pt"))
    np.testing.assert_allclose(embed(f"torchscript:{tmp_path}/net.pt", FRESH), embed(module, FRESH), atol=1e-6)
    assert load_torchscript(tmp_path / "net.pt").name == "torchscript:net.pt"


def test_an_error_within_torchscript_is_one_line(tmp_path: Path) -> None:
    path = save_script(network(), tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"net\.pt: failed .* to have 1 channels, but got 3") as error:
        embed(f"torchscript:{path}", COLOUR, COLOUR)
    assert "\n" not in str(error.value)


def test_what_is_not_torchscript(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(network().state_dict(), path)
    script = save_script(network(), tmp_path / "net.pt").read_bytes()
    for content in (path.read_bytes(), b"", b"text", script[: len(script) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"^\S*weights\.pt: is not a TorchScript file") as error:
            load_torchscript(path)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"nowhere\.pt: cannot be read \(No such file"):
        load_torchscript(tmp_path / "nowhere.pt")


# the cosine


@pytest.mark.parametrize("features", ["pixels", "pca:9"])
def test_distances_on_the_sphere_are_those_of_the_cosine(features: str) -> None:
    plain, sphere = embed(features, FRESH).reshape(40, -1).astype(float), embed(f"cosine:{features}", FRESH)
    lengths = np.linalg.norm(plain, axis=1)
    cosines = plain @ plain.T / np.outer(lengths, lengths)
    distances = np.linalg.norm(sphere[:, None].astype(float) - sphere[None], axis=2)
    np.testing.assert_allclose(distances**2, 2 * (1 - cosines), atol=1e-6)
    assert sphere.dtype == np.float32


def test_features_too_small_to_be_squared_have_a_direction() -> None:
    tiny = Dataset(np.array([[3e-300, 4e-300], [1.0, 0.0]]))
    np.testing.assert_allclose(Cosine(Pixels()).fit(tiny).embed(tiny).array, [[0.6, 0.8], [1, 0]], rtol=1e-6)


def test_a_black_image_has_no_direction() -> None:
    items = Dataset(np.concatenate([FRESH.array[:3], np.zeros((1, 8, 8), np.uint8)]), "mine")
    with pytest.raises(InputError, match=r"features cosine:pixels: mine, item 3 is all zero"):
        embed("cosine:pixels", items)


# names


@pytest.mark.parametrize("text", ["pixels", "pca", "pca:7", "cosine:pca:7"])
def test_by_name(text: str) -> None:
    assert make_features(text).name == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sscd", "features: unknown name 'sscd', choose one of pixels, z-scores, pca, torchscript"),
        ("", "features: unknown name ''"),
        ("cosine", "features: unknown name 'cosine'"),
        ("pixels:3", "pixels take no setting, got '3'"),
        ("pca:", "must be a whole number, as in pca:64"),
        ("pca:2.5", "must be a whole number"),
        ("pca:-1", "must be a whole number"),
        ("pca:0", "needs at least one component"),
        ("torchscript", "needs the file, as in"),
        ("torchscript:", "needs the file, as in"),
    ],
)
def test_unknown_names(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_features(text)


def test_a_feature_space_passes_through() -> None:
    space = PCA(3)
    assert make_features(space) is space


# bars


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    "features", ["pca:2", "z-scores", network(), "cosine"], ids=["pca", "z-scores", "network", "cosine"]
)
def test_a_bar_is_shown_where_it_is_asked_for(
    features: Any, cached: bool, asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, usual = [], base.progress_bar

    def progress_bar(description: str, total: int, *, enabled: bool = True) -> Any:
        shown.append(enabled)
        return usual(description, total, enabled=False)

    monkeypatch.setattr(base, "progress_bar", progress_bar)
    space = Cosine(make_features(network())) if features == "cosine" else make_features(features)
    make_features(space, cache=tmp_path if cached else None).fit(DIGITS, **({"progress": True} if asked else {})).embed(
        FRESH
    )
    assert set(shown) == {asked}
