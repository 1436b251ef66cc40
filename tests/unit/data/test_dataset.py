import numpy as np
import pytest
import torch

from mnemoscope.data import Dataset, as_array, as_dataset, from_model, image_layout, row_chunks
from mnemoscope.errors import InputError


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.empty((0, 3)), "empty"),
        (np.empty((3, 0)), "empty"),
        (np.zeros(3), r"\(n_samples, \*event\)"),
        (np.zeros((3, 2), dtype=complex), "complex"),
        (np.array([["a"]]), "dtype"),
        (np.array([[0.0], [1.0], [np.nan]]), "item 2 holds NaN"),
        (np.array([[0.0], [-np.inf]], dtype=np.float32), "item 1 holds NaN or Inf"),
    ],
)
def test_unusable_data_is_refused(array: np.ndarray, complaint: str) -> None:
    with pytest.raises(InputError, match=f"mine: .*{complaint}"):
        Dataset(array, "mine")


def test_nan_far_down_a_large_set_is_found() -> None:
    array = np.zeros((200_000, 100), dtype=np.float32)
    array[123_456, 7] = np.nan
    with pytest.raises(InputError, match="item 123456"):
        Dataset(array)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[3, 7]], dtype=np.uint8), (0, 255)),
        (np.array([[True, False]]), (0, 1)),
        (np.array([[-3, 7]], dtype=np.int16), (-3, 7)),
        (np.array([[0.25, 0.5]]), (0.25, 0.5)),
    ],
)
def test_value_range(array: np.ndarray, expected: tuple[float, float]) -> None:
    assert Dataset(array).value_range == expected
    assert Dataset(array, value_range=(-9.0, 9.0)).value_range == (-9, 9)
    with pytest.raises(InputError, match="from low to high"):
        Dataset(array, value_range=(2.0, 1.0))


def test_fingerprint_follows_content_alone() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    one = Dataset(array, "one")
    assert one.fingerprint == Dataset(np.asfortranarray(array), "other").fingerprint
    changed = array.copy()
    changed[2, 3] += 1
    for other in (changed, array.astype(np.float64), array.reshape(3, 2, 2)):
        assert Dataset(other).fingerprint != one.fingerprint


def test_split_is_a_partition_and_seeded() -> None:
    data = Dataset(np.arange(100)[:, None])
    train, holdout = data.split(30, seed=5)
    assert sorted([*train.array[:, 0], *holdout.array[:, 0]]) == list(range(100))
    assert len(holdout) == 30
    again, other = data.split(30, seed=5)[1], data.split(30, seed=6)[1]
    np.testing.assert_array_equal(again.array, holdout.array)
    assert (other.array != holdout.array).any()
    assert train.value_range == holdout.value_range == data.value_range
    for bad in (0, 100, -1):
        with pytest.raises(InputError, match="cannot hold out"):
            data.split(bad, seed=0)


def test_model_scale_and_back() -> None:
    data = Dataset(np.array([[0, 128, 255]], dtype=np.uint8))
    scaled = data.to_model()
    assert scaled.min() == -1
    assert scaled.max() == 1
    np.testing.assert_allclose(from_model(scaled, data.value_range), data.array, atol=1e-4)
    with pytest.raises(InputError, match="nothing to scale"):
        Dataset(np.full((2, 2), 3.0), "flat").to_model()


def test_tensors_and_datasets_are_accepted() -> None:
    tensor = torch.arange(6.0).reshape(3, 2)
    data = as_dataset(tensor, "t")
    assert as_dataset(data, "ignored") is data
    assert np.shares_memory(data.array, as_array(tensor))
    assert as_array(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32


@pytest.mark.parametrize("dtype", ["u1", "u2", ">i4", "u8", "f2", ">f8", "?"])
def test_row_chunks_read_any_dtype(dtype: str) -> None:
    array = (np.arange(24).reshape(6, 2, 2) % 7).astype(dtype)
    array.flags.writeable = False
    chunks = list(row_chunks(array, rows=4))
    assert [where for where, _ in chunks] == [slice(0, 4), slice(4, 6)]
    np.testing.assert_array_equal(torch.cat([rows for _, rows in chunks]).numpy(), array.reshape(6, 4).astype(float))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((8, 8), "HW"), ((3, 8, 8), "CHW"), ((8, 8, 3), "HWC"), ((1, 8, 8), "CHW"), ((5,), None), ((4, 8, 8), None)],
)
def test_image_layout(shape: tuple[int, ...], layout: str | None) -> None:
    assert image_layout(shape) == layout
