"""Scans as people have them, written with the libraries that write them: nibabel and pydicom."""

import sys
from pathlib import Path

import numpy as np
import pytest

from mnemoscope.auditing import audit
from mnemoscope.data import load
from mnemoscope.errors import InputError, MissingExtraError
from tests.unit.data.built import DIGITS, dicom, dicom_file

nibabel = pytest.importorskip("nibabel", reason="needs the extra 'medical'")
pydicom = pytest.importorskip("pydicom", reason="needs the extra 'medical'")

RNG = np.random.default_rng(2)
VOLUMES = RNG.integers(-1000, 1000, (4, 3, 4, 5)).astype(np.int16)


def save(path: Path, volume: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4) if affine is None else affine), path)
    return path


class TestNifti:
    def test_a_folder_has_a_volume_an_item_and_subjects_are_groups(self, tmp_path: Path) -> None:
        for index, volume in enumerate(VOLUMES):
            save(tmp_path / f"sub-{index // 2}" / "anat" / f"{index}_T1w.nii.gz", volume)
        (tmp_path / "participants.tsv").write_text("x")
        data = load(tmp_path)
        np.testing.assert_array_equal(data.array, VOLUMES)
        assert data.array.dtype == np.int16
        assert data.names is not None
        assert data.names[3] == "sub-1/anat/3_T1w.nii.gz"
        assert data.groups is not None
        assert [data.groups.index(group) for group in data.groups] == [0, 0, 2, 2]
        assert not any("sub-" in group for group in data.groups)
        assert "items are of 2 patients" in data.notes[-1]
        save(tmp_path / "other.nii.gz", VOLUMES[0])
        assert load(tmp_path).groups is None
        assert load(tmp_path).notes[-1] == "1 of 5 items do not tell their patient: no groups"

    def test_time_is_an_axis_of_items(self, tmp_path: Path) -> None:
        data = load(save(tmp_path / "bold.nii", np.moveaxis(VOLUMES, 0, 3)))
        np.testing.assert_array_equal(data.array, VOLUMES)
        assert data.names is not None
        assert data.names[2] == "bold.nii at time 2"

    def test_every_orientation_is_the_same_volume(self, tmp_path: Path) -> None:
        flipped = save(tmp_path / "a.nii.gz", VOLUMES[0][::-1], np.diag([-1, 1, 1, 1.0]))
        turned = save(tmp_path / "b.nii.gz", VOLUMES[0].transpose(1, 0, 2), np.eye(4)[[1, 0, 2, 3]])
        for path in (flipped, turned):
            data = load(path)
            np.testing.assert_array_equal(data.array, np.moveaxis(VOLUMES[0], 2, 0))
            assert "1 of 1 files were turned to the nearest canonical orientation" in data.notes

    def test_voxels_are_scaled_as_the_header_says(self, tmp_path: Path) -> None:
        nibabel.save(nibabel.Nifti1Image(VOLUMES[0] * 0.5 + 7, np.eye(4), dtype=np.int16), tmp_path / "s.nii.gz")
        data = load(tmp_path / "s.nii.gz")
        assert data.array.dtype == np.float32
        np.testing.assert_allclose(data.array, np.moveaxis(VOLUMES[0] * 0.5 + 7, 2, 0), atol=0.1)
        assert "1 of 1 files were scaled as their headers say" in data.notes

    def test_what_does_not_fit(self, tmp_path: Path) -> None:
        save(tmp_path / "a.nii.gz", VOLUMES[0])
        save(tmp_path / "b.nii.gz", VOLUMES[1][:2])
        with pytest.raises(InputError, match=r"b\.nii\.gz: holds volumes of \(2, 4, 5\).*resample them to one grid"):
            load(tmp_path)
        content = (tmp_path / "a.nii.gz").read_bytes()
        (tmp_path / "a.nii.gz").write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match=r"a\.nii\.gz: "):
            load(tmp_path / "a.nii.gz")
        save(tmp_path / "flat.nii", VOLUMES[0][0])
        with pytest.raises(InputError, match=r"flat\.nii: has 2 axes"):
            load(tmp_path / "flat.nii")


class TestDicom:
    def test_patients_are_units_of_an_audit(self, tmp_path: Path) -> None:
        train, holdout = (
            load(dicom(tmp_path / name, part)) for name, part in (("a", DIGITS[:80]), ("b", DIGITS[80:160]))
        )
        assert train.groups is not None
        assert len(set(train.groups)) == 40
        assert not any("smith" in group for group in train.groups)
        with pytest.raises(InputError, match=r"^groups: 40 of them are in train and in the held-out set"):
            audit(DIGITS[:40], train, holdout=holdout, groups="source")
        other = holdout.described(groups=tuple(f"other {group}" for group in holdout.groups or ()))
        report = audit(DIGITS[:40], train, holdout=other, groups="source")
        assert report.extracted_by_group is not None
        assert len(report.extracted_by_group) == 20

    def test_frames_and_colours(self, tmp_path: Path) -> None:
        many = dicom_file(tmp_path / "many.dcm", DIGITS[:5], "x")
        data = load(many)
        np.testing.assert_array_equal(data.array, DIGITS[:5])
        assert data.names is not None
        assert data.names[4] == "many.dcm frame 4"
        colour = np.stack([DIGITS[0], DIGITS[1], DIGITS[2]], axis=-1)
        found = load(dicom_file(tmp_path / "colour" / "a.dcm", colour, "x", "RGB"))
        np.testing.assert_array_equal(found.array[0], colour)

    def test_units_and_brightness(self, tmp_path: Path) -> None:
        pixels = RNG.integers(0, 4000, (8, 8)).astype(np.uint16)
        ct = load(dicom_file(tmp_path / "ct.dcm", pixels, "x", RescaleSlope=1, RescaleIntercept=-1024))
        np.testing.assert_array_equal(ct.array[0], pixels.astype(np.float32) - 1024)
        assert "1 of 1 images were rescaled to the units of their modality" in ct.notes
        plain = load(dicom_file(tmp_path / "plain.dcm", pixels, "x"))
        assert plain.array.dtype == np.uint16
        turned = load(dicom_file(tmp_path / "turned.dcm", (65535 - pixels).astype(np.uint16), "x", "MONOCHROME1"))
        np.testing.assert_array_equal(turned.array, plain.array)

    def test_sizes_that_differ(self, tmp_path: Path) -> None:
        dicom_file(tmp_path / "a.dcm", DIGITS[0], "x")
        dicom_file(tmp_path / "b.dcm", np.kron(DIGITS[1], np.ones((2, 2), np.uint8)), "x")
        with pytest.raises(InputError, match=r"b\.dcm: is \(16, 16\) of uint8.*--resize SIZE"):
            load(tmp_path)
        assert load(tmp_path, resize=8).event_shape == (8, 8)
        (tmp_path / "b.dcm").write_bytes((tmp_path / "b.dcm").read_bytes()[:-40])
        with pytest.raises(InputError, match=r"b\.dcm: "):
            load(tmp_path, resize=8)


def test_without_the_extra_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nifti, scan = save(tmp_path / "a.nii", VOLUMES[0]), dicom_file(tmp_path / "a.dcm", DIGITS[0], "x")
    for module in ("nibabel", "pydicom"):
        monkeypatch.setitem(sys.modules, module, None)
    for path in (nifti, scan):
        with pytest.raises(MissingExtraError, match=r"pip install 'mnemoscope\[medical\]'"):
            load(path)
