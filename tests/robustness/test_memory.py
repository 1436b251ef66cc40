"""Look before you read: shapes, sizes and memory are compared before anything is decoded or computed."""

import gzip
import os
import resource
import socket
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

import mnemoscope as mn
from mnemoscope import reading
from mnemoscope.cli.options import bytes_of
from mnemoscope.data import load, load_labels, load_together, look
from mnemoscope.errors import InputError
from tests.robustness.command import run

GB = 10**9


def claiming(path: Path, *shape: int) -> Path:
    """A gzipped IDX file whose header claims a shape, and that holds as many zeros."""
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    path.write_bytes(gzip.compress(header + bytes(int(np.prod(shape)))))
    return path


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object, **__: object) -> None:
        raise AssertionError("values are decoded")

    names = {"load_idx", "load_npy", "read_npy_member", "read_image", "decode", "_plain"}
    patched = set()
    for room, module in list(sys.modules.items()):
        for name in names & vars(module).keys() if room.startswith("mnemoscope.data") else ():
            monkeypatch.setattr(module, name, decode)
            patched.add(name)
    assert patched == names


def write_all(folder: Path, height: int) -> dict[str, Path]:
    """Every source, with ten pictures of that height."""
    pixels = np.zeros((10, height, 7), np.uint8)
    folder.mkdir()
    np.save(folder / "a.npy", pixels)
    np.savez(folder / "a.npz", x=pixels)
    save_file({"x": pixels}, folder / "a.safetensors")
    claiming(folder / "a-idx3-ubyte.gz", 10, height, 7)
    (folder / "a-idx3-ubyte").write_bytes(gzip.decompress((folder / "a-idx3-ubyte.gz").read_bytes()))
    (folder / "idx").mkdir()
    claiming(folder / "idx" / "train-idx3-ubyte.gz", 10, height, 7)
    (folder / "pictures").mkdir()
    for index in range(10):
        Image.fromarray(pixels[index]).save(folder / "pictures" / f"{index}.png")
    return {path.name: path for path in folder.iterdir()}


def test_a_look_is_what_load_gives(tmp_path: Path) -> None:
    for path in write_all(tmp_path / "a", 5).values():
        seen, array = look(path), load(path).array
        assert seen is not None
        assert seen.shape == array.shape
        assert seen.n_bytes >= (0 if isinstance(array, np.memmap) else array.nbytes), path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK"])
@pytest.mark.parametrize("turned", [1, 6])
def test_a_look_at_pictures_of_every_kind(tmp_path: Path, mode: str, turned: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turned
    Image.new(mode, (5, 3)).save(tmp_path / "a.tif", exif=exif)
    seen, array = look(tmp_path), load(tmp_path).array
    assert seen is not None
    assert (seen.shape, seen.n_bytes) == (array.shape, array.nbytes)


@pytest.mark.usefixtures("no_decoding")
def test_shapes_are_compared_before_anything_is_decoded(tmp_path: Path) -> None:
    short, long = write_all(tmp_path / "short", 5), write_all(tmp_path / "long", 6)
    for name in short:
        with pytest.raises(InputError, match=r"the held-out set has event shape \(6, 7\), but .* has \(5, 7\)"):
            load_together({"the training set": short["a.npy"], "the held-out set": long[name]})
    ran = run(["audit", str(short["pictures"]), str(short["a.npz"]), "--holdout", str(long["pictures"])])
    assert (ran.code, len(ran.complaints)) == (2, 1)


def test_sets_must_fit_into_memory_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_all(tmp_path / "a", 100)
    one = look(paths["a.npz"])
    assert one is not None
    monkeypatch.setattr(reading, "free_memory", lambda: 2 * one.n_bytes - 1)
    sources = {"train": paths["a.npz"], "generated": paths["a-idx3-ubyte.gz"], "holdout": None}
    with pytest.raises(InputError, match=r"a\.npz, .*ubyte\.gz: needs [0-9.]+ [kM]B of memory"):
        load_together(sources)
    sources["train"] = paths["a.npy"]  # which stays in its file
    assert set(load_together(sources)) == {"train", "generated"}


def test_a_bomb_costs_nothing(tmp_path: Path) -> None:
    """200 MB of zeros in 200 kB, and forty pictures of 16 MB each, beside digits."""
    bomb = claiming(tmp_path / "bomb-idx3-ubyte.gz", 2, 10_000, 10_000)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("L", (4000, 4000)).save(pictures / "0.png")
    for index in range(1, 40):
        os.link(pictures / "0.png", pictures / f"{index}.png")
    np.save(tmp_path / "digits.npy", np.zeros((100, 8, 8)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for source in (bomb, pictures):
        ran = run(["audit", str(tmp_path / "digits.npy"), str(tmp_path / "digits.npy"), "--holdout", str(source)])
        assert ran.code == 2
        assert "has event shape" in ran.err
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kilobytes"


def test_a_limit_is_of_the_whole_process(tmp_path: Path) -> None:
    free = reading.free_memory()
    with reading.memory_limit(64 * GB * 1000):
        assert reading.free_memory() == pytest.approx(free, rel=0.2)
    with reading.memory_limit(1):
        assert reading.free_memory() == 0
        with reading.memory_limit(None):
            assert reading.free_memory() == 0, "None leaves what there is"
    np.savez(tmp_path / "a.npz", x=np.zeros((10, 10)))
    with pytest.raises(InputError, match=r"needs 0\.8 kB of memory, 0 bytes are free of the 1 bytes that it may take"):
        load(tmp_path / "a.npz", max_memory=1)
    assert load(tmp_path / "a.npz").n_samples == 10
    with pytest.raises(InputError, match="max_memory must be at least 1, got 0"):
        load(tmp_path / "a.npz", max_memory=0)


@pytest.mark.parametrize(
    "arguments",
    [
        "audit digits digits",
        "sample empirical:digits --n 5 --out s.npy",
        "train digits --network mlp --out run",
        "predict --data digits --psi-p 1 --time 1 --ridge 1",
    ],
)
def test_no_command_starts_what_cannot_fit(arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run([*arguments.split(), "--max-memory", "1MB"])
    assert (ran.code, len(ran.complaints)) == (2, 1)
    assert "memory, 0 bytes are free of the 1.0 MB that it may take in all" in ran.err
    assert not list(tmp_path.iterdir())
    ran = run([*arguments.split(), "--max-memory", "none"])
    assert ran.code == 2
    assert "a number of bytes from 1" in ran.err


def test_python_calls_that_cannot_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    items = np.random.default_rng(0).random((60, 4)).astype(np.float32)
    process, generator = mn.VariancePreserving(), torch.Generator()
    with pytest.raises(InputError, match=r"an audit of these sets: needs"):
        mn.audit(items, items, max_memory=1)
    score = mn.EmpiricalScore(items, process)
    with pytest.raises(InputError, match=r"1000000000 samples of shape \(4,\): needs 48\.0 GB"):
        mn.sample(score, process, 10**9, generator=generator)
    spec = mn.TrainingSpec(batch_size=10**10)
    with pytest.raises(InputError, match=r"training \(network, batch and noise draws\): needs 640\.0 GB"):
        mn.fit(mn.MLP((4,)), torch.from_numpy(items), process, spec)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("8GB", 8 * GB), ("1.5 GiB", 3 * 2**29), ("2e9", 2 * GB), ("5k", 5000)]
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1.2.3", "GB", "1e999", "8 bananas", "٣"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="--max-memory must be a number of bytes from 1"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        ("0::/a/b", "", ("memory.max", "memory.current", "inactive_file")),
        (
            "4:cpu,memory:/a/b",
            "memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_the_limits_of_control_groups(
    line: str, folder: str, names: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tightest of the groups around the process; what the system keeps of files is given back."""
    (tmp_path / "cgroup").write_text(f"9:pids:/\n{line}\n")
    monkeypatch.setattr(reading, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(reading, "_GROUP_ROOT", tmp_path)
    own = tmp_path / folder / "a" / "b"
    own.mkdir(parents=True)
    limit, use, kept = names
    for group, most in ((own, "max"), (own.parent, "5000")):
        (group / limit).write_text(f"{most}\n")
        (group / use).write_text("4000\n")
        (group / "memory.stat").write_text(f"file 77\n{kept} 1000\n")
    assert reading.free_memory() == 5000 - 4000 + 1000


def test_what_has_no_end_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
    for name in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero")):
        for read in (load, load_labels):
            with pytest.raises(InputError, match="is neither a file nor a folder"):
                read(name)
        ran = run(["compare", str(name), str(name)])
        assert (ran.code, "is neither a file nor a folder" in ran.err) == (2, True)
    (tmp_path / "report.json").symlink_to("/dev/zero")
    assert run(["compare", str(tmp_path), str(tmp_path)]).code == 2
