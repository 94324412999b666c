"""NIfTI: read in the plane of DICOM, written in RAS, and what is damaged."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.nifti import Nifti, write_nifti
from fieldglass_medical.volume import Volume


def nifti(path, values, affine=None):
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0]) if affine is None else affine), path)
    return path


class TestNifti(LoaderContract):
    loader = "med/nifti"

    def source(self, folder):
        nifti(folder / "a.nii.gz", np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32))
        nifti(folder / "b.nii", np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7))
        return folder


def one(root, **options):
    loader = Nifti(**options)
    (item,) = loader.scan(root)
    return item, (next(loader.read([item], root)) if isinstance(item, Item) else item)


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_a_volume_comes_in_the_plane_of_dicom_whatever_its_axes(tmp_path, signs):
    """A voxel at the right, the front and the head is first in rows and columns and last in slices."""
    values = np.zeros((4, 5, 6), np.int16)
    values[tuple(-1 if sign > 0 else 0 for sign in signs)] = 100
    axes = np.diag([*(sign * mm for sign, mm in zip(signs, (1, 2, 3), strict=True)), 1.0])
    path = nifti(tmp_path / "a.nii", values, axes)
    _, sample = one(path, units="hu")
    assert sample.content.shape == (6, 5, 4, 1) and sample.spacing == (3.0, 2.0, 1.0)
    assert np.argwhere(sample.content[..., 0] == 100).tolist() == [[5, 0, 0]]


def test_scaling_and_what_is_not_finite(tmp_path):
    values = np.full((3, 3, 3), 2, np.float32)
    values[0, 0, 0] = np.nan
    image = nibabel.Nifti1Image(values, np.eye(4))
    nibabel.save(image, tmp_path / "a.nii")
    _, sample = one(tmp_path / "a.nii", units="hu")
    assert sample.mask.sum() == 26 and np.isfinite(sample.content).all()


def test_one_volume_of_a_series_over_time(tmp_path):
    values = np.zeros((3, 3, 3, 4), np.int16) + np.arange(4, dtype=np.int16)
    path = nifti(tmp_path / "a.nii", values)
    assert one(path, units="hu", volume=2)[1].content.max() == 2
    assert one(path, volume=4)[1].code == "nifti-shape"


def test_what_is_written_is_read_again(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    affine = np.diag([0.5, 0.7, 2.0, 1.0])
    affine[:3, 3] = -10, -20, 30
    write_nifti(Volume(values, None, "HU", (2.0, 0.7, 0.5), affine), tmp_path / "a.nii.gz")
    _, sample = one(tmp_path / "a.nii.gz", units="hu")
    assert np.array_equal(sample.content[..., 0], values)
    assert sample.spacing == pytest.approx((2.0, 0.7, 0.5))
    written = nibabel.load(tmp_path / "a.nii.gz")
    assert written.affine[:3, 3].tolist() == [10, 20, 30] and nibabel.aff2axcodes(written.affine) == ("L", "P", "S")


def test_limits_and_damage(tmp_path):
    path = nifti(tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 999, (20, 20, 20)).astype(np.int16))
    assert one(path, max_bytes=100)[1].code == "nifti-too-large"
    path.write_bytes(path.read_bytes()[:2000])
    item, answer = one(path)
    assert isinstance(answer, Problem) and answer.code.startswith("nifti-")
    assert item.id if isinstance(item, Item) else item.subject


def test_what_does_not_say_how_it_lies_is_warned_of(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((3, 3, 3), np.int16), None)
    nibabel.save(image, tmp_path / "a.nii")
    item, warning = sorted(Nifti().scan(tmp_path / "a.nii"), key=lambda each: isinstance(each, Problem))
    assert (warning.code, warning.severity) == ("nifti-no-orientation", "warning")
    assert isinstance(next(Nifti().read([item], tmp_path / "a.nii")), Sample)


@pytest.mark.parametrize(("least", "measured"), [(0, {"doubt": "no-negative-hu"}), (-1000, {})])
def test_hounsfield_units_without_air_are_doubted(tmp_path, least, measured):
    path = nifti(tmp_path / "a.nii", np.linspace(least, 2000, 27).reshape(3, 3, 3).astype(np.float32))
    assert one(path, units="hu")[1].measured == measured


def test_the_path_of_a_root_stays_beside_the_key(tmp_path):
    nifti(tmp_path / "Jane.nii", np.zeros((3, 3, 3), np.int16))
    kept = Nifti().conceal(tmp_path)
    assert "Jane" not in str(kept) and kept.name.startswith("private-")
    (item,) = Nifti().scan(kept)
    assert isinstance(next(Nifti().read([item], kept)), Sample)
