"""The cache of features: used when nothing has changed, missed when anything has, never trusted."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from mnemoscope.auditing import PCA, Cached, NetworkFeatures, load_torchscript, make_features
from mnemoscope.auditing.features import cache
from mnemoscope.auditing.features.identity import module_identity
from mnemoscope.data import Dataset, load_digits
from mnemoscope.errors import OutputError
from tests.unit.auditing.test_features import save_script

DIGITS = load_digits()
TRAIN, ITEMS = DIGITS.take(np.arange(100)), DIGITS.take(np.arange(100, 120))


def test_features_come_back_whatever_their_strides(tmp_path: Path) -> None:
    """safetensors writes what lies in memory."""
    features = np.arange(12, dtype=np.float32).reshape(4, 3).T
    cache._write(tmp_path / "a.safetensors", "key", features)
    np.testing.assert_array_equal(cache._read(tmp_path / "a.safetensors", "key", 3), features)


def double(x: Tensor) -> Tensor:
    return 2 * x


class Counting(nn.Module):
    """Counts its calls, where the hash does not see it."""

    calls: list[int]

    def __init__(self, shift: float = 0.0, after: Callable[[Tensor], Tensor] = double) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0, 1, 64).reshape(1, 8, 8))
        self.register_buffer("hidden", torch.zeros(3), persistent=False)
        self.pool = nn.AvgPool2d(2)
        self.shift, self.after, self.mean = shift, after, torch.zeros(2)

    def forward(self, batch: Tensor) -> Tensor:
        CALLS.append(len(batch))
        return self.after(self.pool(batch * self.weight)) + self.shift


CALLS: list[int] = []


def calls(space: Any, folder: Path, items: Dataset = ITEMS, train: Dataset = TRAIN) -> int:
    """How often the network was called."""
    CALLS.clear()
    make_features(space, cache=folder).fit(train).embed(items)
    return len(CALLS)


def test_the_second_time_nothing_is_computed(tmp_path: Path) -> None:
    first = make_features(Counting(), cache=tmp_path).fit(TRAIN).embed(ITEMS)
    CALLS.clear()
    again = make_features(Counting(), cache=tmp_path).fit(TRAIN).embed(ITEMS)
    assert not CALLS
    np.testing.assert_array_equal(again.array, first.array)
    assert (again.name, again.notes, again.array.dtype) == (first.name, (), np.float32)
    plain = make_features(Counting()).fit(TRAIN).embed(ITEMS)
    np.testing.assert_array_equal(plain.array, first.array)
    assert len(list(tmp_path.iterdir())) == 1


def test_neither_mode_nor_size_of_batches_nor_the_label_matters(tmp_path: Path) -> None:
    assert calls(Counting(), tmp_path) == 1
    assert calls(NetworkFeatures(Counting().eval(), "mine", batch=3), tmp_path) == 0


def test_another_item_training_range_or_training_set_is_missed(tmp_path: Path) -> None:
    assert calls(Counting(), tmp_path) == 1
    array = ITEMS.array.copy()
    array[-1, -1, -1] ^= 1
    assert calls(Counting(), tmp_path, Dataset(array)) == 1
    assert calls(Counting(), tmp_path, ITEMS.take(np.arange(20)[::-1])) == 1
    assert calls(Counting(), tmp_path, train=Dataset(TRAIN.array, value_range=(0.0, 15.0))) == 1
    assert calls(Counting(), tmp_path, train=TRAIN.take(np.arange(50))) == 0  # networks are not fitted


def _weight(module: Counting) -> None:
    module.weight.data[0, 3, 3] += 1e-7


def _half(module: Counting) -> None:
    module.half()


def _shape(module: Counting) -> None:
    module.mean = torch.zeros(2, 1)


def _hidden(module: Counting) -> None:
    module.hidden[1] = 1


def _mean(module: Counting) -> None:
    module.mean[0] = 1


def _pool(module: Counting) -> None:
    module.pool = nn.AvgPool2d(4)


def _kind_of_pool(module: Counting) -> None:
    module.pool = nn.MaxPool2d(2)  # type: ignore[assignment]


def _hook(module: Counting) -> None:
    module.register_forward_hook(lambda _module, _inputs, output: output + 1)


def _shift(module: Counting) -> None:
    module.shift = 1.0


def _after(module: Counting) -> None:
    module.after = torch.relu


def _closed_over(module: Counting, factor: float = 3.0) -> None:
    module.after = lambda x: factor * x


CHANGES = [_weight, _half, _shape, _hidden, _mean, _pool, _kind_of_pool, _hook, _shift, _after, _closed_over]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_the_network_changes_its_identity(change: Callable[[Counting], None]) -> None:
    module = Counting()
    before = module_identity(module)
    change(module)
    assert module_identity(module) != before
    again = Counting()
    change(again)
    if change is not _hook:  # whose number is that of all hooks so far
        assert module_identity(again) == module_identity(module)


def test_what_a_function_closes_over_or_is_bound_to_counts() -> None:
    def scaled(factor: float) -> Callable[[Tensor], Tensor]:
        return lambda x: factor * x

    for make in (scaled, lambda factor: partial(torch.mul, other=factor), lambda factor: Counting(factor).forward):
        one, other = (module_identity(Counting(after=make(factor))) for factor in (2.0, 3.0))
        assert one != other
        assert one == module_identity(Counting(after=make(2.0)))


def test_another_forward_of_the_same_class_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = module_identity(Counting())
    monkeypatch.setattr(Counting, "forward", lambda self, batch: batch)
    assert module_identity(Counting()) != before


@pytest.mark.slow
def test_the_identity_is_the_same_in_another_process() -> None:
    define = "net = nn.Sequential(nn.BatchNorm2d(3), nn.GELU(), nn.Flatten()); net.of = {'a', 'b', 'c', len, dedent}"
    script = (
        "from textwrap import dedent\nfrom torch import nn\n"
        "from mnemoscope.auditing.features.identity import module_identity\n"
        f"{define}; print(module_identity(net), end='')"
    )
    env = {"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    here: dict[str, Any] = {"nn": nn, "dedent": dedent}
    exec(define, here)
    assert done.stdout == module_identity(here["net"])


def test_pca_is_kept_for_its_training_set_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_features("pca:5", cache=tmp_path).fit(TRAIN).embed(ITEMS)
    for space, train in ((PCA(6), TRAIN), (PCA(5), ITEMS), (PCA(), TRAIN)):
        make_features(space, cache=tmp_path).fit(train).embed(ITEMS)
    assert len(list(tmp_path.iterdir())) == 4
    monkeypatch.setattr("mnemoscope.auditing.features.pca._moments", None)  # not fitted again
    again = make_features("pca:5", cache=tmp_path).fit(TRAIN).embed(ITEMS)
    np.testing.assert_array_equal(again.array, first.array)


def test_torchscript_is_known_by_its_content(tmp_path: Path) -> None:
    script = save_script(nn.Conv2d(1, 2, 3), tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(script.read_bytes())
    other = save_script(nn.Conv2d(1, 2, 3), tmp_path / "c.pt")
    identities = [load_torchscript(path).fit(TRAIN).identity for path in (script, tmp_path / "b.pt", other)]
    assert identities[0] == identities[1] != identities[2]


def test_the_cosine_shares_the_file(tmp_path: Path) -> None:
    make_features("pca:5", cache=tmp_path).fit(TRAIN).embed(ITEMS)
    make_features("cosine:pca:5", cache=tmp_path).fit(TRAIN).embed(ITEMS)
    assert len(list(tmp_path.iterdir())) == 1


def test_pixels_are_not_copied_into_the_cache(tmp_path: Path) -> None:
    make_features("pixels", cache=tmp_path).fit(TRAIN).embed(ITEMS)
    assert not list(tmp_path.iterdir())


def test_a_callable_is_not_cached_and_a_note_says_so(tmp_path: Path) -> None:
    found = make_features(double, cache=tmp_path).fit(TRAIN).embed(ITEMS)
    assert found.notes == ("features double were not cached: a callable does not tell what it computes",)
    assert not list(tmp_path.iterdir())


def test_a_callable_with_a_stated_identity_is_cached(tmp_path: Path) -> None:
    found = make_features(NetworkFeatures(double, identity="double 1"), cache=tmp_path).fit(TRAIN).embed(ITEMS)
    assert not found.notes
    assert len(list(tmp_path.iterdir())) == 1


def _flip(at: float) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(at * (len(content) - 1))] ^= 1
        path.write_bytes(content)

    return damage


def _rewrite(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        save_file({"features": change(load_file(path)["features"])}, path, {"layout": "mnemoscope features 1"})

    return damage


DAMAGE: dict[str, Callable[[Path], None]] = {
    **{f"byte at {at:.0%}": _flip(at) for at in (0, 0.01, 0.02, 0.03, 0.05, 0.5, 1)},
    "empty": lambda path: path.write_bytes(b"") and None,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-4]) and None,
    "foreign": lambda path: save_file({"weights": np.ones(3)}, path),
    "no checksum": _rewrite(lambda features: features),
    "other values": _rewrite(lambda features: 0 * features),
    "fewer rows": _rewrite(lambda features: features[1:]),
    "double": _rewrite(lambda features: features.astype(float)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_or_foreign_file_is_computed_again_and_said(damage: Callable[[Path], None], tmp_path: Path) -> None:
    space = make_features(Counting(), cache=tmp_path).fit(TRAIN)
    first = space.embed(ITEMS)
    (path,) = tmp_path.iterdir()
    damage(path)
    again = space.embed(ITEMS)
    np.testing.assert_array_equal(again.array, first.array)
    assert again.notes == ("cached features Counting were damaged or not of these items, and were computed again",)
    assert not space.embed(ITEMS).notes, "the file was mended"


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    space = make_features("pca:1", cache=tmp_path).fit(TRAIN)
    space.embed(ITEMS)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        np.testing.assert_array_equal(space.embed(ITEMS).array, SMALL, err_msg=str(at))


SMALL = PCA(1).fit(TRAIN).embed(ITEMS).array


def test_another_sets_file_under_this_sets_name_is_noticed(tmp_path: Path) -> None:
    space = make_features(Counting(), cache=tmp_path).fit(TRAIN)
    expected = space.embed(ITEMS).array
    (mine,) = tmp_path.iterdir()
    space.embed(TRAIN.take(np.arange(20)))
    (other,) = set(tmp_path.iterdir()) - {mine}
    other.replace(mine)
    again = space.embed(ITEMS)
    np.testing.assert_array_equal(again.array, expected)
    assert again.notes


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/below: cannot write there"):
        Cached(PCA(2), tmp_path / "file" / "below").fit(TRAIN)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mnemoscope.auditing.features.cache.save_file", full)
    found = make_features("pca:2", cache=tmp_path).fit(TRAIN).embed(ITEMS)
    assert found.array.shape == (20, 2)
    assert found.notes == ("features pca:2 could not be written to the cache",)
